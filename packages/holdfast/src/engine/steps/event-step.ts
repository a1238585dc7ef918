/** `run.wait`: an event with a key; one that came before is taken. */
import { parseJson } from "../../core/json-text.ts";
import { durationMs } from "../../core/duration.ts";
import { checkSensitive } from "../../core/sensitive.ts";
import type { AwaitedHead, EventHead, JournalRecord } from "../../core/journal.ts";
import type { EventType } from "../../workflow/run.ts";
import { parse, problemText, type Schema } from "../../workflow/schema.ts";
import { requireText } from "../journal/checked-values.ts";
import { Deferred } from "../run/deferred.ts";
import { announceOpened } from "../exceptions/announce.ts";
import { exceptionHead } from "../exceptions/exceptions.ts";
import type { LiveRun } from "../run/live-run.ts";
import { headOf } from "../run/recovery.ts";
import { stepDrift } from "./step-drift.ts";
import {
  APPLIED,
  refused,
  type CommandAnswer,
  type StepCommand,
  type StepSlot,
  type StepVerb,
  type TakingBack,
} from "./step-slot.ts";

/** Characters of a sender's id in a sentence. */
const ID_CHARS_SHOWN = 80;

export class EventStep implements StepVerb {
  readonly #run: LiveRun;
  readonly #path: string;
  readonly #event: EventType<Schema>;
  readonly #key: string;
  readonly #withinMs: number | null;
  readonly #deferred = new Deferred<unknown>();
  #slot: StepSlot | null = null;

  constructor(
    run: LiveRun,
    path: string,
    event: EventType<Schema>,
    options: { readonly key: string; readonly within?: string },
  ) {
    this.#run = run;
    this.#path = path;
    this.#event = event;
    this.#key = requireText(options.key, `key of ${event.name} in step "${path}"`);
    checkSensitive(`event "${event.name}"`, event.sensitive);
    run.host.declarations.declare("event", event.name, event, event);
    this.#withinMs = options.within === undefined ? null : durationMs(options.within, "within");
    run.enter(path, this);
  }

  get what(): string {
    return `event ${this.#event.name}`;
  }

  get promise(): Promise<unknown> {
    return this.#deferred.promise;
  }

  misfit(records: readonly JournalRecord[]): string | null {
    const { name } = this.#event;
    const misfit = stepDrift(this.#path, records, { verb: "wait", target: name, digest: null });
    const awaited = records[0];
    if (misfit !== null || awaited?.kind !== "awaited") return misfit;
    const { key } = headOf<AwaitedHead>(awaited);
    return key === this.#key
      ? null
      : `The journal says step "${this.#path}" waited for the event "${name}" with key "${key}"; your code asks with key "${this.#key}".`;
  }

  settle(record: JournalRecord): void | Promise<void> {
    if (headOf<EventHead>(record).timedOut === true) {
      this.#deferred.resolve("timeout");
      return;
    }
    const recorded = parseJson(record.data ?? "null");
    this.#run.sensitive.learn(this.#event, recorded);
    const parsed = parse(this.#event.schema, recorded);
    return parsed instanceof Promise ? parsed.then((p) => this.#hand(p)) : this.#hand(parsed);
  }

  #hand(parsed: Awaited<ReturnType<typeof parse>>): void {
    if (parsed.ok) this.#deferred.resolve(parsed.value);
    else {
      this.#run.ending.drift(
        `The recorded event of "${this.#path}" no longer fits its schema: ${problemText(parsed.problems)}.`,
      );
    }
  }

  live(slot: StepSlot): void {
    this.#slot = slot;
    const recorded = slot.records[0];
    const nowMs = this.#run.host.clock.nowMs();
    const dueAtMs =
      recorded === undefined
        ? this.#withinMs === null
          ? null
          : nowMs + this.#withinMs
        : headOf<AwaitedHead>(recorded).dueAtMs;
    if (recorded === undefined) {
      const head: AwaitedHead = { event: this.#event.name, key: this.#key, dueAtMs };
      this.#run.append("awaited", this.#path, head);
    }
    this.#run.host.background(this.#takeKept(slot, dueAtMs));
  }

  /** Looks for an event that came before, once the wait itself is on record. */
  async #takeKept(slot: StepSlot, dueAtMs: number | null): Promise<void> {
    const { host, row } = this.#run;
    const address = { namespace: row.namespace, event: this.#event.name, key: this.#key };
    // Ends with the kept events: each turn takes one away, to the code or into an exception.
    for (;;) {
      const kept = await host.keptEvent(address);
      if (kept === null) break;
      const { seq, id, data } = kept;
      const answer = await this.command({ kind: "event", data, origin: { kept: seq, id } });
      const isMisfit = answer.kind === "refused" && answer.code === "HF4102";
      host.keptEventOffered(seq, answer.kind === "applied" || isMisfit);
      if (!isMisfit) break;
    }
    if (!slot.ended && !this.#run.isGone) this.#wait(slot, dueAtMs);
  }

  #wait(slot: StepSlot, dueAtMs: number | null): void {
    if (dueAtMs !== null && dueAtMs <= this.#run.host.clock.nowMs()) {
      const head: EventHead = { end: "value", timedOut: true };
      this.#run.deliver(slot, this.#run.append("event", this.#path, head));
      return;
    }
    this.#run.setWait(slot, {
      state: "waiting",
      reason: `waits for event "${this.#event.name}" with key "${this.#key}"`,
      wakeAtMs: dueAtMs,
      onWake: () => {
        this.#wait(slot, dueAtMs);
      },
    });
  }

  /** Its scope is undone: no event is for it any more. */
  unwind(by?: TakingBack): void {
    const slot = this.#run.slots.get(this.#path);
    if (slot === undefined) return;
    const isAwaited = this.#slot !== null || slot.records.length > 0;
    if (by === undefined || !isAwaited) {
      this.#run.end(slot);
      return;
    }
    const head: EventHead = { end: "value", timedOut: true };
    this.#run.deliver(slot, this.#run.append("event", this.#path, head));
  }

  awaits(event: string, key: string): boolean {
    return event === this.#event.name && key === this.#key;
  }

  async command(command: StepCommand): Promise<CommandAnswer> {
    const slot = this.#slot;
    if (command.kind !== "event" || slot === null || slot.ended || this.#run.isGone) {
      return refused("HF6003", `"${this.#path}" does not wait for an event.`);
    }
    const { data, origin } = command;
    const payload = parseJson(data ?? "null");
    this.#run.sensitive.learn(this.#event, payload);
    const parsed = await parse(this.#event.schema, payload);
    if (slot.ended || this.#run.isGone)
      return refused("HF6003", `"${this.#path}" has its event already.`);
    if (!parsed.ok) {
      const problems = this.#run.sensitive.mask(problemText(parsed.problems));
      if ("kept" in origin) this.#openMisfit(origin, problems, data);
      return refused("HF4102", `The event is not valid: ${problems}.`);
    }
    const head: EventHead = {
      end: "value",
      event: this.#event.name,
      ...("kept" in origin ? { kept: origin.kept } : { accepted: origin.accepted }),
    };
    this.#run.deliver(slot, this.#run.append("event", this.#path, head, data));
    return APPLIED;
  }

  /**
   * An early event that breaks the schema: its sender has long had its answer, so it is given to
   * the owner of the run that waits, and makes room for the next. No step waits for what is decided.
   */
  #openMisfit(
    { kept, id }: { readonly kept: number; readonly id: string },
    problems: string,
    data: string | null,
  ): void {
    const run = this.#run;
    const { name } = this.#event;
    const { owner, run: number, key } = run.row;
    const head = exceptionHead(run, {
      class: "data",
      effect: "never",
      scope: "item",
      origin: "remote",
      reasonCode: "HF4102",
      rule: "engine/event-misfit@1",
      message: `The event does not fit: ${problems}`,
      because: `Event ${JSON.stringify(name)} with id ${JSON.stringify(id.slice(0, ID_CHARS_SHOWN))} came early and does not fit what step "${this.#path}" waits for: ${problems}. It was not delivered; the step goes on waiting.`,
      owner,
      step: "",
      at: `event ${name}`,
      beside: { subject: `misfit ${String(kept)}`, kept, event: name },
    });
    run.append("opened", "", head, data);
    announceOpened(
      run.host,
      { run: number, workflow: run.workflow.name, key, step: "", beside: true },
      head,
    );
  }
}
