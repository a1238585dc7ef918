/**
 * Code that hangs: nothing of a run is outside, it waits for nobody, and nothing comes of it. It would be
 * `running` for ever, in no list of open work, with its lane held. Source: P2 of the reliability page;
 * decision 0045.
 *
 * What waits for something that the journal knows (a time, an event, a person, a child, another system
 * with its own timeout) is not still. A run with a deadline is looked at when that passes, and sooner where its
 * workflow says so (`stillAfter`).
 */
import { durationMs, durationText } from "../../core/duration.ts";
import type { OpenedHead } from "../../core/journal.ts";
import { exceptionHead } from "../exceptions/exceptions.ts";
import type { StepSlot } from "../steps/step-slot.ts";
import type { LiveRun } from "./live-run.ts";

export class Stillness {
  readonly #run: LiveRun;
  #cancelWatch: (() => void) | null = null;

  constructor(run: LiveRun) {
    this.#run = run;
  }

  /** The code is at rest and the run stays in memory: if it is still for too long, its owner is asked. */
  watch(): void {
    const limitMs = this.#limitMs;
    if (this.#cancelWatch !== null || limitMs === null || !this.#isStill) return;
    const seq = this.#run.nextSeq;
    this.#cancelWatch = this.#run.host.clock.after(limitMs, () => {
      this.#cancelWatch = null;
      if (!this.#isStill) return;
      // Something was written meanwhile: it is looked at anew from here.
      if (this.#run.nextSeq === seq) this.#run.ending.still();
      else this.watch();
    });
  }

  close(): void {
    this.#cancelWatch?.();
    this.#cancelWatch = null;
  }

  exceptionHead(): OpenedHead {
    const hanging = [...this.#run.open].find(isOwnCode);
    const what =
      hanging === undefined
        ? "its code waits for something that is no step of it"
        : `step "${hanging.path}" has not come back`;
    const message = `Nothing of it has moved for ${durationText(this.#limitMs ?? 0)}: ${what}.`;
    return exceptionHead(this.#run, {
      class: "defect",
      effect: "never",
      scope: "item",
      origin: "rule",
      reasonCode: "HF2108",
      rule: "run/STILL@1",
      message,
      because: `${message} It is held. Resumed, the code runs anew from its journal and what hangs is done again.`,
      owner: this.#run.row.owner,
      step: "",
    });
  }

  /** Null if its workflow has said that it may be still for as long as it likes. */
  get #limitMs(): number | null {
    const { stillAfter } = this.#run.workflow.definition;
    if (stillAfter === "never") return null;
    if (stillAfter === undefined) return this.#run.host.limits.stillMs;
    return durationMs(stillAfter, `stillAfter of workflow "${this.#run.workflow.name}"`);
  }

  get #isDeclared(): boolean {
    return this.#run.workflow.definition.stillAfter !== undefined;
  }

  get #isStill(): boolean {
    const { mode, ending, deadline, open } = this.#run;
    if (mode !== "live" || ending.isTakingBack || ending.isFrozen || ending.exception !== null)
      return false;
    // Its author has said when somebody has to look; both hold where both are said.
    if (deadline.atMs !== null && !this.#isDeclared) return false;
    // Looked at whenever a run comes to rest, so nothing is made for it. With nothing open it is the code
    // itself that does not come back.
    let isBusy = open.size === 0;
    for (const slot of open) {
      if (slot.wait === null) {
        if (!isOwnCode(slot)) return false;
        isBusy = true;
      } else if (slot.wait.wakeAtMs !== null) {
        // A time that comes wakes the code, which may be its own watch over what hangs.
        return false;
      }
    }
    return isBusy;
  }
}

/** Work in this process, which nothing else ends: everything else that is busy has a time of its own. */
function isOwnCode({ verb, wait }: StepSlot): boolean {
  return wait === null && verb.isOwnCode === true;
}
