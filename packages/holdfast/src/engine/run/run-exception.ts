/** The exception of a run as a whole: its code has failed, or an effect of it has failed for good. */
import { HoldfastError, type ErrorCode } from "../../core/error.ts";
import type { ClosedHead, JournalRecord, OpenedHead } from "../../core/journal.ts";
import { PAUSED_BY_HAND } from "../../core/pause.ts";
import type { RunState } from "../../core/run-state.ts";
import { EffectFailed, StepFailed } from "../../workflow/run.ts";
import { announceOpened } from "../exceptions/announce.ts";
import { exceptionHead, groupNamesOf } from "../exceptions/exceptions.ts";
import type { LiveRun } from "./live-run.ts";
import { headOf, standsBeside } from "./recovery.ts";
import { stackJson } from "../exceptions/stack-text.ts";
import type { Wait } from "../steps/step-slot.ts";
import { thrownText, type ThrownText } from "../exceptions/thrown-text.ts";

/** A person lets a run go on. */
export interface Resumption {
  readonly by: string;
  readonly reason: string;
  /** Its id in the inbox; null if it was given to this process. */
  readonly command: string | null;
}

export class RunException {
  readonly wait: Wait;
  readonly #run: LiveRun;
  readonly #seq: number;
  readonly #head: OpenedHead;

  private constructor(run: LiveRun, seq: number, head: OpenedHead) {
    this.#run = run;
    this.#seq = seq;
    this.#head = head;
    this.wait = { state: standingState(head), reason: head.because, wakeAtMs: null };
  }

  /** Who has stopped the run by hand; null if that is not why it stands still. */
  get pausedBy(): string | null {
    return this.#head.rule === PAUSED_BY_HAND ? (this.#head.assignee ?? null) : null;
  }

  /** The one that the journal holds open, if there is one: recovery opens no second. */
  static recorded(run: LiveRun, ofRun: readonly JournalRecord[]): RunException | null {
    const closed = new Set<number>();
    for (const record of ofRun) {
      if (record.kind === "closed") closed.add(headOf<ClosedHead>(record).opened);
    }
    const open = ofRun.findLast(
      (record) => record.kind === "opened" && !closed.has(record.seq) && !standsBeside(record),
    );
    return open === undefined ? null : new RunException(run, open.seq, headOf<OpenedHead>(open));
  }

  /** @param stack - JSON text of where the code threw. */
  static open(run: LiveRun, head: OpenedHead, stack: string | null = null): RunException {
    const record = run.append("opened", "", head, stack);
    const { run: number, workflow, key } = run.row;
    announceOpened(run.host, { run: number, workflow, key, step: "" }, head);
    return new RunException(run, record.seq, head);
  }

  /** Number of the record that opened it. */
  get seq(): number {
    return this.#seq;
  }

  close(
    resolution: ClosedHead["resolution"],
    by: string,
    reason: string,
    command: string | null = null,
  ): void {
    this.#run.append("closed", "", {
      opened: this.#seq,
      resolution,
      by,
      reason,
      groups: groupNamesOf(this.#head),
      class: this.#head.class,
      ...(command === null ? {} : { command }),
    });
  }

  /**
   * Lets the run go on: the steps by which its code failed are done again, and the code runs anew
   * from the journal. What the code itself has caught stays as it is.
   */
  resume(resumption: Resumption, again: readonly string[]): void {
    const { by, reason } = resumption;
    this.close("resumed", by, reason, resumption.command);
    for (const step of again) {
      this.#run.append("resumed", step, { by, reason, steps: [] });
    }
    this.#reload(`resumed by ${by}`);
  }

  /** The same where what its code has failed by is on record otherwise now. */
  letGo(resolution: ClosedHead["resolution"], { by, reason, command }: Resumption): void {
    this.close(resolution, by, reason, command);
    this.#reload(`repaired by ${by}`);
  }

  #reload(reason: string): void {
    this.#run.changeState(this.#run.isLent ? "waiting" : "running", reason);
    this.#run.leave({ kind: "reload" });
  }
}

/** In which state the run stands still. */
function standingState({ class: failureClass, rule }: OpenedHead): RunState {
  if (rule === PAUSED_BY_HAND) return "paused";
  return failureClass === "defect" ? "held" : "exception";
}

/** Opens the exception of a run whose code ended with this error. */
export function openRunException(run: LiveRun, error: unknown): RunException {
  const { owner } = run.row;
  if (error instanceof EffectFailed) {
    const { failure } = error;
    return RunException.open(
      run,
      exceptionHead(run, {
        class: failure.class,
        effect: failure.effect,
        scope: "item",
        origin: "remote",
        reasonCode: failure.code,
        rule: "workflow",
        message: failure.message,
        because: `${failure.effectName} has failed for good and the workflow does not handle it: ${failure.because}`,
        owner,
        step: "",
      }),
    );
  }
  const { name, message } = describeError(error, (text) => run.sensitive.mask(text));
  const stack = isOwnError(error) ? null : stackJson(error, (text) => run.sensitive.mask(text));
  return RunException.open(
    run,
    exceptionHead(run, {
      class: "defect",
      effect: "never",
      scope: "item",
      origin: "code",
      reasonCode: error instanceof HoldfastError ? error.code : `CODE:${name}`,
      rule: "fallback/user-code@1",
      message,
      because: becauseOf(error, name, message),
      confidence: isOwnError(error) ? "known" : "guessed",
      owner,
      step: "",
      stack,
    }),
    stack,
  );
}

/** Why the run is held. An error of ours says that itself, and what to do. */
function becauseOf(error: unknown, name: string, message: string): string {
  if (error instanceof HoldfastError && (isOfDeployment(error.code) || error.code === "HF1108")) {
    return `${error.code}: ${message} ${error.remedy}`;
  }
  const where = error instanceof StepFailed ? ` in step "${error.step}"` : "";
  return `The code threw ${name}${where}: ${message}${/[.!?]$/.test(message) ? "" : "."} It is held until the code is mended.`;
}

/** What does not fit was found by the engine: its own frames say nothing about the code. */
function isOwnError(error: unknown): boolean {
  return error instanceof HoldfastError && isOfDeployment(error.code);
}

/** Nothing was thrown by the workflow's code: what is deployed does not fit the run. */
function isOfDeployment(code: ErrorCode): boolean {
  return code === "HF1111" || code === "HF2104" || code === "HF2105" || code === "HF2106";
}

function describeError(error: unknown, mask: (text: string) => string): ThrownText {
  if (error instanceof HoldfastError) return { name: error.code, message: mask(error.message) };
  const text = thrownText(error, mask);
  return error instanceof StepFailed ? { ...text, name: error.errorName } : text;
}
