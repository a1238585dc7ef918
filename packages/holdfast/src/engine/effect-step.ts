/**
 * `run.do` and `run.try`: one effect, from the first intent to its end.
 *
 * A loop over the fold of its own records: look where the step stands, do the one thing that is due,
 * record it, look again. Nothing is kept beside the records, so a crash between any two lines goes
 * on from the last of them.
 */
import type { ProbeAnswer } from "../core/after-probe.ts";
import { driftOf } from "../core/drift.ts";
import type { Failure } from "../core/failure.ts";
import type { IntentHead, JournalRecord, OpenedHead, OutcomeHead } from "../core/journal.ts";
import type { AnyEffect } from "../workflow/effect.ts";
import { EffectFailed } from "../workflow/run.ts";
import { parse, problemText, type Parsed } from "../workflow/schema.ts";
import { isPending, type Pending, type Seen } from "../workflow/seen.ts";
import { durationMs, type Duration } from "../core/duration.ts";
import { classifyThrown } from "./classification.ts";
import { isoText } from "./clock.ts";
import { Deferred } from "./deferred.ts";
import { makeCall, type CallEnd } from "./effect-attempt.ts";
import { commandEffect } from "./effect-commands.ts";
import {
  interrupted,
  recheckBeforeSend,
  recordFailure,
  recordProbe,
  type EffectMode,
} from "./effect-decisions.ts";
import { badAnswer, failureView } from "./effect-failures.ts";
import { EffectJournal } from "./effect-journal.ts";
import { closeException, openException, personNeeded } from "./effect-exception.ts";
import type { Pass } from "./gate.ts";
import type { LiveRun } from "./live-run.ts";
import { toJson } from "./payload.ts";
import { headOf } from "./recovery.ts";
import type { CommandAnswer, StepCommand, StepSlot, StepVerb } from "./step-slot.ts";

export class EffectStep implements StepVerb {
  readonly run: LiveRun;
  readonly path: string;
  readonly effect: AnyEffect;
  readonly mode: EffectMode;
  readonly journal: EffectJournal;
  readonly undoes: string | null;
  slot: StepSlot | null = null;
  cancelRequested = false;
  /** The input as the call sees it; set before the first attempt. */
  input: unknown = undefined;
  /** The value as the code sees it, once there is one: compensation needs it. */
  output: unknown = undefined;
  readonly inputText: string;
  /** Where the journal holds the value that this step ended with; null while it has none. */
  endSeq: number | null = null;
  /** Why the last decision was made, for the exception that it may open. */
  lastBecause: string | null = null;
  openedHead: OpenedHead | null = null;
  readonly #deferred = new Deferred<unknown>();
  #calling = false;
  #parsed = false;

  constructor(
    run: LiveRun,
    path: string,
    effect: AnyEffect,
    input: unknown,
    mode: EffectMode,
    undoes: string | null = null,
  ) {
    this.run = run;
    this.path = path;
    this.effect = effect;
    this.mode = mode;
    this.undoes = undoes;
    this.inputText = toJson(input, run.host.limits, `input of ${path}`);
    this.journal = new EffectJournal(run, path, effect, JSON.parse(this.inputText));
    run.enter(path, this);
  }

  get what(): string {
    return `effect ${this.path}`;
  }

  get promise(): Promise<unknown> {
    return this.#deferred.promise;
  }

  misfit(records: readonly JournalRecord[]): string | null {
    const asked = { verb: "effect" as const, target: this.effect.name, digest: this.journal.digest };
    const intent = records.find((record) => record.kind === "intent");
    if (intent !== undefined) {
      const { effect, digest } = headOf<IntentHead>(intent);
      return driftOf(this.path, { verb: "effect", target: effect, digest }, asked);
    }
    const outcome = records.find((record) => record.kind === "outcome");
    if (outcome === undefined) return null;
    const { effect } = headOf<OutcomeHead>(outcome);
    return driftOf(this.path, { verb: "effect", target: effect, digest: null }, asked);
  }

  /** Gives the code its answer from the record that ended the step. */
  settle(record: JournalRecord): void | Promise<void> {
    if (this.slot === null) {
      this.slot = this.run.slots.get(this.path) ?? null;
      this.journal.load(this.run.recorded(this.path));
    }
    const head = headOf<OutcomeHead>(record);
    if (head.end === "failed") {
      const view = failureView(this.effect.name, this.journal.state, head.move ?? null);
      if (this.mode === "do" || this.mode === "undo") this.#deferred.reject(new EffectFailed(view));
      else this.#deferred.resolve({ ok: false, failure: view });
      return undefined;
    }
    this.endSeq = record.seq;
    const parsed = parse(this.effect.definition.output, JSON.parse(record.data ?? "null"));
    return parsed instanceof Promise ? parsed.then((p) => this.#hand(p)) : this.#hand(parsed);
  }

  #hand(parsed: Parsed<unknown>): void {
    if (!parsed.ok) {
      this.run.ending.drift(
        `The recorded answer of "${this.path}" no longer fits its schema: ${problemText(parsed.problems)}.`,
      );
      return;
    }
    this.output = parsed.value;
    const tried = this.mode === "try" || this.mode === "tryHandOver";
    this.#deferred.resolve(tried ? { ok: true, value: parsed.value } : parsed.value);
  }

  live(slot: StepSlot): void {
    this.slot = slot;
    this.journal.load(slot.records);
    this.go();
  }

  /** Does what is due. Called whenever something may have changed. */
  go(): void {
    const { slot } = this;
    if (slot === null || slot.ended || this.#calling || this.run.mode === "gone") return;
    const { next } = this.journal.state;
    switch (next.kind) {
      case "fresh":
        if (this.cancelRequested) this.#drop(slot);
        else void this.#attempt(slot);
        return;
      case "due":
        this.#whenDue(slot, next.atMs, next.action);
        return;
      case "inDoubt":
        // Only after a crash: a call of our own that is under way has `#calling` set.
        this.fail(interrupted(`the engine stopped during attempt ${String(next.attempt)}`));
        return;
      case "pending":
        this.#whenDue(slot, next.dueAtMs, "pending");
        return;
      case "parked":
        this.#park(slot, next.dependency ?? this.effect.definition.on.name);
        return;
      case "person":
      case "held":
      case "givingUp":
        this.#waitForPerson(slot);
        return;
      case "ended":
        this.run.deliver(slot, this.#endRecord());
        return;
    }
  }

  #whenDue(slot: StepSlot, atMs: number, action: "attempt" | "probe" | "pending"): void {
    if (this.run.host.clock.nowMs() < atMs && !(this.cancelRequested && action === "attempt")) {
      this.#waitUntil(slot, atMs, action);
      return;
    }
    if (action === "pending") this.fail(lateAnswer(this.journal.state.ref));
    else if (action === "probe") void this.#probe(slot);
    else void this.#attempt(slot);
  }

  #waitUntil(slot: StepSlot, atMs: number, action: "attempt" | "probe" | "pending"): void {
    const what = {
      attempt: `next attempt of "${this.path}" at`,
      probe: `outcome of "${this.path}" is unknown; it is looked up at`,
      pending: `"${this.path}" was accepted (${this.journal.state.ref ?? ""}) and is answered by`,
    }[action];
    this.run.setWait(slot, {
      state: action === "probe" ? "parked" : "waiting",
      reason: `${what} ${isoText(atMs)}`,
      wakeAtMs: atMs,
      onWake: () => {
        this.go();
      },
    });
  }

  #park(slot: StepSlot, dependency: string): void {
    const gate = this.run.host.gate(this.effect.definition.on);
    if (gate.isOpenFor(this.run.row.run)) {
      void this.#attempt(slot);
      return;
    }
    this.run.setWait(slot, {
      state: "parked",
      reason: `"${this.path}" waits for ${dependency}: ${gate.reason}`,
      wakeAtMs: null,
      dependency,
    });
    gate.whenOpen(this.run.row.run, () => {
      if (!slot.ended && slot.wait !== null) {
        slot.wait = null;
        this.go();
      }
    });
  }

  #waitForPerson(slot: StepSlot): void {
    if (this.cancelRequested && !personNeeded(this.journal.state)) {
      closeException(this, "cancelled", "(engine)", "the run was cancelled");
      this.#drop(slot);
      return;
    }
    if (this.journal.state.opened === null) openException(this);
    this.run.setWait(slot, {
      state: this.journal.state.next.kind === "held" ? "held" : "exception",
      reason: `"${this.path}" needs ${this.effect.plan.owner}: ${this.journal.state.failure?.message ?? ""}`,
      wakeAtMs: null,
    });
  }

  /** Ends a step that has nothing open outside and whose answer nobody will read. */
  #drop(slot: StepSlot): void {
    slot.ended = true;
    slot.wait = null;
    this.run.recheck();
  }

  async #attempt(slot: StepSlot): Promise<void> {
    this.#calling = true;
    slot.wait = null;
    const pass = await this.#enterGate(slot);
    if (pass === null) return;
    let end: CallEnd | null = null;
    try {
      if (!(await this.#prepare(slot))) return;
      end = await this.#call((input, attempt) => this.effect.definition.run(input, attempt));
    } finally {
      pass.leave();
      this.#calling = false;
    }
    if (this.run.mode === "gone") return;
    if (end.ok) await this.#answered(end.value);
    else this.#threw(end);
    this.run.host.progressed(this.run.row.run);
  }

  /** Null if the step waits at the gate now. */
  async #enterGate(slot: StepSlot): Promise<Pass | null> {
    const gate = this.run.host.gate(this.effect.definition.on);
    const entered = gate.enter(this.run.row.run);
    const pass = entered instanceof Promise ? await entered : entered;
    if (pass !== null && this.run.mode !== "gone") return pass;
    pass?.leave();
    this.#calling = false;
    if (this.run.mode === "gone") return null;
    if (this.cancelRequested && !this.isOpen()) this.#drop(slot);
    else this.#park(slot, this.effect.definition.on.name);
    return null;
  }

  /** Declares the attempt and waits until that is durable. False if it must not be sent. */
  async #prepare(slot: StepSlot): Promise<boolean> {
    if (!this.#parsed && !(await this.#parseInput())) return false;
    const circumstances = { mode: this.mode, cancelRequested: this.cancelRequested };
    const instead = recheckBeforeSend(this.run, this.effect, this.journal, circumstances);
    if (instead !== null) {
      this.#afterDecision(instead.record);
      return false;
    }
    if (this.effect.plan.contract.kind === "read") return true;
    const described = this.effect.definition.describe?.(this.input);
    this.journal.writeIntent(this.inputText, described, this.undoes);
    await this.run.host.committer.durable();
    if (this.run.mode === "gone") return false;
    if (!this.cancelRequested && !this.run.host.draining) return true;
    // Nothing has left: say so, instead of leaving an intent that nobody can judge.
    this.fail({ ...interrupted("it was stopped before it was sent"), effect: "never" });
    void slot;
    return false;
  }

  async #parseInput(): Promise<boolean> {
    const parsed = await parse(this.effect.definition.input, JSON.parse(this.inputText));
    this.#parsed = true;
    if (parsed.ok) {
      this.input = parsed.value;
      return true;
    }
    this.fail(badAnswer("input", this.path, problemText(parsed.problems)));
    return false;
  }

  #call(call: (input: unknown, attempt: Parameters<Parameters<typeof makeCall>[1]>[0]) => Promise<unknown>): Promise<CallEnd> {
    const { state, key } = this.journal;
    const { host, row } = this.run;
    const { workflow } = this.run;
    const number = Math.max(1, state.attempt);
    host.emit({
      type: "attempt.started",
      run: row.run,
      workflow: workflow.name,
      key: row.key,
      step: this.path,
      attempt: number,
    });
    return makeCall(
      {
        clock: host.clock,
        key,
        number,
        correlationId: row.correlationId,
        firstSentAtMs: state.firstSentAtMs,
        timeoutMs: this.effect.plan.timeoutMs,
      },
      (attempt) => call(this.input, attempt),
    );
  }

  async #answered(value: unknown): Promise<void> {
    if (isPending(value)) {
      this.#accepted(value);
      return;
    }
    this.run.host.gate(this.effect.definition.on).succeeded();
    await this.acceptValue(value, null, "outcome", {});
  }

  /** Records a value as the step's end, if it fits. Else the answer is lost: a defect. */
  async acceptValue(
    value: unknown,
    ref: string | null,
    kind: "outcome" | "settled",
    extra: object,
  ): Promise<boolean> {
    let text: string;
    try {
      text = toJson(value, this.run.host.limits, `answer of ${this.path}`);
    } catch (error) {
      this.fail(badAnswer("answer", this.path, error instanceof Error ? error.message : String(error)));
      return false;
    }
    const validated = parse(this.effect.definition.output, value);
    const parsed = validated instanceof Promise ? await validated : validated;
    if (!parsed.ok) {
      this.fail(badAnswer("answer", this.path, problemText(parsed.problems)));
      return false;
    }
    const { slot } = this;
    if (slot === null || slot.ended) return false;
    const { state } = this.journal;
    const head = {
      operation: state.operation ?? 0,
      effect: this.effect.name,
      proof: "surely",
      end: "value",
      ...(ref === null ? {} : { ref }),
      ...extra,
    };
    const record = this.journal.write(kind, Math.max(1, state.attempt), head, text);
    const { run, key } = this.run.row;
    this.run.host.emit({
      type: "attempt.succeeded",
      run,
      workflow: this.run.workflow.name,
      key,
      step: this.path,
      attempt: state.attempt,
    });
    this.run.deliver(slot, record);
    return true;
  }

  #accepted(pending: Pending): void {
    const { state } = this.journal;
    const dueAtMs = this.run.host.clock.nowMs() + durationMs(pending.within as Duration, "pending within");
    this.journal.write("pending", state.attempt, {
      operation: state.operation ?? 0,
      integration: this.effect.definition.on.name,
      ref: pending.ref,
      dueAtMs,
    });
    this.go();
  }

  #threw(end: Extract<CallEnd, { ok: false }>): void {
    const { state } = this.journal;
    const failure = classifyThrown(
      end.error,
      this.effect,
      end.attempt,
      state.openMaybe,
      this.run.host.foreign,
    );
    this.run.host.gate(this.effect.definition.on).failed(failure);
    this.fail(failure);
  }

  /** Decides what follows a failure, records it, and goes on. */
  fail(failure: Failure): void {
    const circumstances = { mode: this.mode, cancelRequested: this.cancelRequested };
    const { record, move } = recordFailure(this.run, this.effect, this.journal, failure, circumstances);
    const { run, key } = this.run.row;
    this.run.host.emit({
      type: "attempt.failed",
      run,
      workflow: this.run.workflow.name,
      key,
      step: this.path,
      attempt: this.journal.state.attempt,
      failure,
      move,
    });
    if (move.kind === "park") this.run.host.gate(this.effect.definition.on).park(failure, move.because);
    this.#afterDecision(record);
  }

  #afterDecision(record: JournalRecord): void {
    const { slot } = this;
    this.#calling = false;
    this.lastBecause = headOf<OutcomeHead>(record).move?.because ?? null;
    if (slot === null || slot.ended) return;
    const { next } = this.journal.state;
    if (next.kind !== "ended") {
      this.go();
      return;
    }
    if (headOf<OutcomeHead>(record).end === "failed" && personNeeded(this.journal.state)) openException(this);
    this.run.deliver(slot, record);
  }

  async #probe(slot: StepSlot): Promise<void> {
    const probe = this.effect.definition.probe;
    if (probe === undefined) {
      this.#recordAnswer({ says: "cannotTell", askedAtMs: this.run.host.clock.nowMs(), why: "it has no look-up" }, null);
      return;
    }
    this.#calling = true;
    slot.wait = null;
    const pass = await this.#enterGate(slot);
    if (pass === null) return;
    const askedAtMs = this.run.host.clock.nowMs();
    let end: CallEnd;
    try {
      if (!this.#parsed && !(await this.#parseInput())) return;
      end = await this.#call((input, attempt) => probe(input, attempt));
    } finally {
      pass.leave();
      this.#calling = false;
    }
    if (this.run.mode === "gone") return;
    // The cast is the probe's declared type; what it found is parsed by the output schema below.
    const seen: Seen<unknown> = end.ok
      ? (end.value as Seen<unknown>)
      : { seen: "cannotTell", why: end.error instanceof Error ? end.error.message : String(end.error) };
    await this.#seen(seen, askedAtMs);
  }

  async #seen(seen: Seen<unknown>, askedAtMs: number): Promise<void> {
    const { run, key } = this.run.row;
    const workflow = this.run.workflow.name;
    this.run.host.emit({ type: "probe.answered", run, workflow, key, step: this.path, says: seen.seen });
    switch (seen.seen) {
      case "done": {
        const parsed = await parse(this.effect.definition.output, seen.value);
        if (!parsed.ok) {
          const why = `what it found breaks the output schema: ${problemText(parsed.problems)}`;
          this.#recordAnswer({ says: "cannotTell", askedAtMs, why }, null);
          return;
        }
        const value = toJson(seen.value, this.run.host.limits, `answer of ${this.path}`);
        this.#recordAnswer({ says: "done", askedAtMs }, { value, ref: seen.ref ?? null });
        return;
      }
      case "conflict":
        this.#recordAnswer({ says: "conflict", askedAtMs }, null);
        return;
      case "notDone":
        this.#recordAnswer({ says: "notDone", askedAtMs, fenced: seen.final }, null);
        return;
      case "cannotTell":
        this.#recordAnswer({ says: "cannotTell", askedAtMs, why: seen.why }, null);
        return;
    }
  }

  #recordAnswer(answer: ProbeAnswer, found: { readonly value: string; readonly ref: string | null } | null): void {
    const circumstances = { mode: this.mode, cancelRequested: this.cancelRequested };
    const { record } = recordProbe(this.run, this.effect, this.journal, answer, found, circumstances);
    this.#afterDecision(record);
  }

  /** For a step whose end was recorded while it was not in memory. */
  #endRecord(): JournalRecord {
    const record = this.slot?.records.findLast((r) => headOf<OutcomeHead | null>(r)?.end !== undefined);
    if (record === undefined) throw new Error(`step ${this.path} has ended without a record`);
    return record;
  }

  command(command: StepCommand): Promise<CommandAnswer> {
    return commandEffect(this, command);
  }

  unwind(): void {
    this.cancelRequested = true;
    if (this.slot === null || this.slot.wait === null) {
      if (this.slot === null) this.run.recheck();
      return;
    }
    this.slot.wait = null;
    this.go();
  }

  isOpen(): boolean {
    if (this.slot === null || this.slot.ended) return false;
    if (this.effect.plan.contract.kind === "read") return false;
    return this.#calling || this.journal.state.next.kind !== "fresh";
  }

  /** True while an attempt or a look-up is under way. */
  get isCalling(): boolean {
    return this.#calling;
  }

  endedBadly(): boolean {
    return this.slot?.ended === true && this.endSeq === null;
  }
}

function lateAnswer(ref: string | null): Failure {
  return {
    effect: "maybe",
    class: "ambiguous",
    scope: "key",
    origin: "remote",
    reasonCode: "CALL:NO_LATE_ANSWER",
    message: `it was accepted (${ref ?? "no reference"}) and no answer came in time`,
    evidence: {},
    rule: { source: "table", id: "call/NO_LATE_ANSWER", version: 1 },
  };
}
