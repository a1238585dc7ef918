/** `run.call`: another workflow, waited for. The child is a run of its own with this one as parent. */
import { parseJson } from "../../core/json-text.ts";
import { HoldfastError } from "../../core/error.ts";
import type { CalledHead, JournalRecord, ReturnedHead } from "../../core/journal.ts";
import { formatRunId } from "../../core/run-number.ts";
import { parse, problemText } from "../../workflow/schema.ts";
import { StepFailed } from "../../workflow/run.ts";
import type { AnyWorkflow } from "../../workflow/workflow.ts";
import { Deferred } from "../run/deferred.ts";
import type { LiveRun } from "../run/live-run.ts";
import type { ChildEnd } from "../run-host.ts";
import { headOf } from "../run/recovery.ts";
import { EngineEnds } from "../journal/store-reads.ts";
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

/**
 * A waiting parent looks after its child again after this time at the latest, and then after twice
 * as long: the process may have died between the child's end and the parent's hearing of it. Only the
 * first look is on record. Later ones are this engine's own, or a parent whose child waits for months
 * would have a record for each hour of them; the next engine looks at once.
 */
const LOOK_FIRST_MS = 60_000;
const LOOK_MS_MAX = 3_600_000;

export class CallStep implements StepVerb {
  readonly #run: LiveRun;
  readonly #path: string;
  readonly #workflow: AnyWorkflow;
  readonly #input: unknown;
  readonly #deferred = new Deferred<unknown>();
  #slot: StepSlot | null = null;
  #child: number | null = null;
  #calledAtMs = 0;
  #isStarting = false;
  #takenBack: TakingBack | null = null;
  /** What the code got instead of a run; it may be asked for anew. */
  #refusal: HoldfastError | null = null;

  constructor(run: LiveRun, path: string, workflow: AnyWorkflow, input: unknown) {
    this.#run = run;
    this.#path = path;
    this.#workflow = workflow;
    this.#input = input;
    run.sensitive.learn(workflow.definition, input);
    run.enter(path, this);
  }

  get what(): string {
    return `call ${this.#workflow.name}`;
  }

  get promise(): Promise<unknown> {
    return this.#deferred.promise;
  }

  misfit(records: readonly JournalRecord[]): string | null {
    // One that was refused has returned without having been called.
    if (records[0]?.kind === "returned") return null;
    const target = this.#workflow.name;
    return stepDrift(this.#path, records, { verb: "call", target, digest: null });
  }

  settle(record: JournalRecord): void | Promise<void> {
    const head = headOf<ReturnedHead>(record);
    if (head.child === 0) {
      const { code, message, remedy } = parseJson(record.data ?? "null") as HoldfastError;
      this.#refusal = new HoldfastError(code, message, remedy);
      this.#deferred.reject(this.#refusal);
      return undefined;
    }
    if (head.end === "failed") {
      const why = `workflow "${this.#workflow.name}" (${formatRunId(head.child)}) was ${head.state}: ${head.reason ?? ""}`;
      this.#deferred.reject(new StepFailed(this.#path, "ChildFailed", why));
      return;
    }
    const recorded = parseJson(record.data ?? "null");
    this.#run.sensitive.learn(this.#workflow.definition, recorded);
    const parsed = parse(this.#workflow.definition.output, recorded);
    return parsed instanceof Promise ? parsed.then((p) => this.#hand(p)) : this.#hand(parsed);
  }

  #hand(parsed: Awaited<ReturnType<typeof parse>>): void {
    if (parsed.ok) this.#deferred.resolve(parsed.value);
    else {
      this.#run.ending.drift(
        `The recorded result of "${this.#path}" no longer fits its schema: ${problemText(parsed.problems)}.`,
      );
    }
  }

  /** A call that was refused is made anew where its run is resumed by it. */
  threw(): Error | null {
    return this.#refusal;
  }

  live(slot: StepSlot): void {
    this.#slot = slot;
    const called = slot.records.findLast(({ kind }) => kind === "called");
    if (called !== undefined) {
      this.#child = headOf<CalledHead>(called).child;
      this.#calledAtMs = called.atMs;
    }
    if (this.#takenBack !== null) this.unwind(this.#takenBack);
    else this.#run.host.background(this.#callAndWait(slot));
  }

  /** The run, or its scope, is taken back: its child first, if what it has done is undone too. */
  unwind(by: TakingBack = this.#run.ending): void {
    const slot = this.#slot;
    this.#takenBack = by;
    // Recovery has not come through: `live` follows.
    if (slot === null || slot.ended) return;
    if (!by.undoes) {
      this.#drop(slot);
      return;
    }
    slot.wait = null;
    // Else the start of the child is under way, and goes on to take it back.
    if (!this.#isStarting) this.#run.host.background(this.#takeBack(slot));
  }

  isOpen(): boolean {
    // Also before it has gone live: a child may have been started of which nothing is on record.
    return this.#takenBack !== null && this.#slot?.ended !== true;
  }

  #drop(slot: StepSlot): void {
    this.#run.end(slot);
    this.#run.recheck();
  }

  async #takeBack(slot: StepSlot): Promise<void> {
    const { host, row } = this.#run;
    const { reason } = this.#takenBack ?? this.#run.ending;
    const child = this.#child ?? (await this.#found(slot));
    if (this.#isOver(slot) || child === undefined) return;
    if (child === null) {
      this.#drop(slot);
      return;
    }
    this.#child = child;
    const waiter = { run: row.run, step: this.#path };
    const taken = await host.takeBackChild(child, waiter, reason);
    if (this.#isOver(slot)) return;
    if (taken.kind === "ended") this.#returned(slot, child, taken.end);
    else if (taken.kind === "not ours") this.#drop(slot);
    else this.#waitForChild(slot, child, taken.why);
  }

  /**
   * The child that was started although the process died before that was written down; null if
   * there is none. Undefined: that cannot be known, and the run is held for it.
   */
  async #found(slot: StepSlot): Promise<number | null | undefined> {
    try {
      return await this.#run.host.findChild(this.#workflow, this.#input);
    } catch (error) {
      if (error instanceof EngineEnds) throw error;
      // With such a key its start would have been refused.
      if (error instanceof HoldfastError) return null;
      this.#broken(slot, error);
      return undefined;
    }
  }

  /** A definition of the child that throws (its key, its lane) breaks this run, and no other. */
  #broken(slot: StepSlot, error: unknown): void {
    if (this.#isOver(slot)) return;
    this.#run.guarded(slot, () => {
      throw error;
    });
  }

  #isOver(slot: StepSlot): boolean {
    return slot.ended || this.#run.isGone;
  }

  #waitForChild(slot: StepSlot, child: number, why: string): void {
    const who = `workflow "${this.#workflow.name}" (${formatRunId(child)})`;
    this.#run.setWait(slot, {
      state: "waiting",
      reason: `waits until ${who} has been taken back; ${why}`,
      ...this.#looks(),
      onWake: () => {
        this.#run.host.background(this.#takeBack(slot));
      },
    });
  }

  /**
   * A wrong input of a child is the caller's to handle, and on record, so that code which handles
   * it takes the same path on recovery. Anything else is no answer.
   */
  #refused(slot: StepSlot, error: unknown): void {
    if (!(error instanceof HoldfastError)) {
      this.#broken(slot, error);
      return;
    }
    const { code, message, remedy } = error;
    const head: ReturnedHead = { child: 0, end: "failed", state: "stopped", reason: message };
    const data = JSON.stringify({ code, message, remedy });
    this.#run.deliver(slot, this.#run.append("returned", this.#path, head, data));
  }

  async #callAndWait(slot: StepSlot): Promise<void> {
    const { host, row } = this.#run;
    if (this.#child === null) {
      const parent = {
        run: row.run,
        step: this.#path,
        correlationId: row.correlationId,
        deadlineAtMs: this.#run.deadline.atMs,
        lanes: this.#run.heldLanes,
        restoredFromMs: this.#run.restored()?.fromMs ?? null,
      };
      try {
        this.#isStarting = true;
        this.#child = await host.startChild(this.#workflow, this.#input, parent);
        this.#isStarting = false;
      } catch (error) {
        this.#isStarting = false;
        // An engine that ends starts nothing: the next one does, and the code hears nothing of it.
        if (host.drains(this.#run.shard)) return;
        this.#refused(slot, error);
        return;
      }
      if (this.#isOver(slot)) return;
      const head = { workflow: this.#workflow.name, child: this.#child };
      this.#calledAtMs = this.#run.append("called", this.#path, head).atMs;
    }
    if (this.#takenBack !== null) {
      await this.#takeBack(slot);
      return;
    }
    // The child may have ended before this run listened.
    const end = await this.#end(slot, this.#child);
    // Its child is asked after anew if the run is being taken back by now.
    if (end === undefined || this.#isOver(slot) || this.isOpen()) return;
    if (end !== null) {
      this.#returned(slot, this.#child, end);
      return;
    }
    this.#run.setWait(slot, {
      state: "waiting",
      reason: `waits for workflow "${this.#workflow.name}" (${formatRunId(this.#child)})`,
      ...this.#looks(),
      onWake: () => {
        this.#run.host.background(this.#callAndWait(slot));
      },
    });
  }

  /** Undefined: the child would wait for this run in its lane, and the code has been told. */
  async #end(slot: StepSlot, child: number): Promise<ChildEnd | null | undefined> {
    const { host, row, heldLanes: held } = this.#run;
    try {
      return await host.childEnd(child, { run: row.run, step: this.#path, held });
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      // An engine that ends has asked nobody: the next one does, and the code hears nothing of it.
      if (host.drains(this.#run.shard)) return undefined;
      if (!this.#isOver(slot) && !this.isOpen()) this.#refused(slot, error);
      return undefined;
    }
  }

  /** The child tells of its end, and of needing a person; this is for what was lost in a crash. */
  #looks(): Pick<NonNullable<StepSlot["wait"]>, "wakeAtMs" | "lookAtMs"> {
    const { row, host } = this.#run;
    const nowMs = host.clock.nowMs();
    const wakeAtMs = row.wakeAtMs ?? Number.POSITIVE_INFINITY;
    const isOver = wakeAtMs <= nowMs;
    const sinceMs = isOver ? nowMs - Math.max(this.#calledAtMs, row.updatedAtMs) : 0;
    const lookAtMs = nowMs + Math.min(LOOK_MS_MAX, Math.max(LOOK_FIRST_MS, sinceMs));
    // Loaded for something else meanwhile, it goes on waiting as it is on record.
    return isOver ? { wakeAtMs, lookAtMs } : { wakeAtMs: Math.min(wakeAtMs, lookAtMs) };
  }

  #returned(
    slot: StepSlot,
    child: number,
    end: {
      readonly state: ReturnedHead["state"];
      readonly reason: string;
      readonly data: string | null;
    },
  ): void {
    const head: ReturnedHead = {
      child,
      end: end.state === "completed" ? "value" : "failed",
      state: end.state,
      reason: end.reason,
    };
    this.#run.deliver(slot, this.#run.append("returned", this.#path, head, end.data));
  }

  command(command: StepCommand): Promise<CommandAnswer> {
    const slot = this.#slot;
    if (
      command.kind !== "returned" ||
      slot === null ||
      slot.ended ||
      command.child !== this.#child
    ) {
      return Promise.resolve(refused("HF6003", `"${this.#path}" does not wait for that run.`));
    }
    this.#returned(slot, command.child, command);
    return Promise.resolve(APPLIED);
  }
}
