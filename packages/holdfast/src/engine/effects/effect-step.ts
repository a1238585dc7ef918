/**
 * `run.do` and `run.try`: one effect, from the first intent to its end.
 *
 * A loop over the fold of its own records: look where the step stands, do the one thing that is due,
 * record it, look again. Nothing is kept beside the records, so a crash between any two lines goes
 * on from the last of them.
 */
import { declaredNow } from "./declared-now.ts";
import { parseJson } from "../../core/json-text.ts";
import type { JournalRecord, OpenedHead, OutcomeHead, SettledHead } from "../../core/journal.ts";
import { contractDrift } from "../../core/contract-drift.ts";
import { undoingOf, type AnyEffect } from "../../workflow/effect.ts";
import { EffectFailed } from "../../workflow/run.ts";
import { parse, problemText, type Parsed } from "../../workflow/schema.ts";
import { isoText } from "../clock.ts";
import { Deferred } from "../run/deferred.ts";
import { doneBefore, doneOtherwise, isUndoneSince, keepResult, repeatNow } from "./effect-again.ts";
import { inputAsSeen, outputAsSeen } from "./effect-as-seen.ts";
import { commandEffect, refusedResume } from "./effect-commands.ts";
import { EffectCalls } from "./effect-calls.ts";
import { interrupted, type EffectMode } from "./effect-decisions.ts";
import { brokenDefinition, failureView, lateAnswer } from "./effect-failures.ts";
import { EffectJournal } from "./effect-journal.ts";
import type { Gate } from "../gates/gate.ts";
import { mayTry } from "./gate-entry.ts";
import { closeException, openException, personNeeded } from "./effect-exception.ts";
import type { LiveRun } from "../run/live-run.ts";
import { toJson } from "../journal/payload.ts";
import { endsStep, headOf } from "../run/recovery.ts";
import { isStandIn } from "./stand-in-effect.ts";
import { stayingOf, type StayingEffect } from "./staying-effects.ts";
import { stepDrift } from "../steps/step-drift.ts";
import type {
  CommandAnswer,
  Refused,
  ResumeCommand,
  StepCommand,
  StepSlot,
  StepVerb,
  Wait,
} from "../steps/step-slot.ts";
import { thrownText } from "../exceptions/thrown-text.ts";

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
  /** JSON of what the code asks with. */
  readonly askedText: string;
  /** The value in the record of this number, parsed when that was written: it is not parsed again. */
  answer: { readonly seq: number; readonly value: unknown } | null = null;
  /** Where the journal holds the value that this step ended with; null while it has none. */
  endSeq: number | null = null;
  /** What a person said after the code had its answer: it happened, with this value (JSON). */
  settledLater: { readonly seq: number; readonly text: string } | null = null;
  /** Who has ended an undoing: it was done by hand, or what it was to undo stays. */
  saidByHand: { readonly happened: boolean; readonly by: string } | null = null;
  /** It ended with a value that a person gave, and nothing was done outside. */
  isSupplied = false;
  /** Why the last decision was made, for the exception that it may open. */
  lastBecause: string | null = null;
  openedHead: OpenedHead | null = null;
  readonly calls: EffectCalls;
  readonly #deferred = new Deferred<unknown>();
  #error: EffectFailed | null = null;

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
    this.askedText = toJson(input, run.host.limits, `input of ${path}`);
    // Found to be plain JSON just now: it has the canonical form that its text would have.
    this.journal = new EffectJournal(run, path, effect, input === undefined ? null : input);
    this.calls = new EffectCalls(this);
    const { definition } = effect;
    // Of what only stands in, nobody knows what it declares: what is on record of it stays.
    if (!isStandIn(effect)) {
      run.host.declarations.declareEffect(effect);
      if (mode !== "undo" && effect.isInline !== true) run.host.effects.note(effect);
    }
    run.sensitive.learn(definition, input);
    run.enter(path, this);
  }

  /** JSON of what is sent: what the code asks with, or what a person has corrected that to. */
  get inputText(): string {
    return this.journal.editedText ?? this.askedText;
  }

  get what(): string {
    return `effect ${this.path}`;
  }

  get promise(): Promise<unknown> {
    return this.#deferred.promise;
  }

  misfit(records: readonly JournalRecord[]): string | null {
    const asked = {
      verb: "effect" as const,
      target: this.effect.name,
      digest: this.journal.digest,
    };
    const { sensitive = [] } = this.effect.definition;
    const declared = declaredNow(this.effect);
    return (
      stepDrift(this.path, records, asked, {
        text: this.askedText,
        sensitive,
        check: this.run.host.check,
      }) ?? contractDrift(this.path, records, declared)
    );
  }

  /** Gives the code its answer from the record that ended the step. */
  settle(record: JournalRecord): void | Promise<void> {
    if (this.slot === null) {
      this.slot = this.run.slots.get(this.path) ?? null;
      const records = this.run.recorded(this.path);
      this.#loadJournal(records);
      const later = records.findLast((r) => r.kind === "settled" && r.seq > record.seq);
      if (later?.data != null) this.settledLater = { seq: later.seq, text: later.data };
    }
    if (this.mode === "undo" && record.kind === "settled") {
      // A person has done it, or leaves it undone: either way nobody reads an answer.
      const { happened, by } = headOf<SettledHead>(record);
      this.saidByHand = { happened, by };
      if (happened) this.endSeq = record.seq;
      this.#deferred.resolve(null);
      return undefined;
    }
    if (this.journal.endIn(record) === "failed") {
      const { move } = headOf<OutcomeHead>(record);
      const view = failureView(this.effect.name, this.journal.state, move ?? null);
      if (this.mode === "do" || this.mode === "undo") {
        this.#error = new EffectFailed(view);
        this.#deferred.reject(this.#error);
      } else this.#deferred.resolve({ ok: false, failure: view });
      return undefined;
    }
    // Of what a person gave nothing was done by us, unless it was done before and still is.
    const { proof } = this.journal.state;
    this.isSupplied = record.kind === "supplied" && (proof !== "surely" || isUndoneSince(this));
    if (!this.isSupplied) this.endSeq = record.seq;
    if (this.answer?.seq === record.seq) {
      this.#hand({ ok: true, value: this.answer.value });
      return undefined;
    }
    this.run.sensitive.learnText(this.effect.definition, record.data);
    const parsed = parse(this.effect.definition.output, parseJson(record.data ?? "null"));
    return parsed instanceof Promise ? parsed.then((p) => this.#hand(p)) : this.#hand(parsed);
  }

  /** An input or answer, before anything is said about it. */
  learn(value: unknown): void {
    this.run.sensitive.learn(this.effect.definition, value);
  }

  #hand(parsed: Parsed<unknown>): void {
    if (!parsed.ok) {
      this.run.ending.drift(
        `The recorded answer of "${this.path}" no longer fits its schema: ${problemText(parsed.problems)}.`,
      );
      return;
    }
    this.learn(parsed.value);
    this.output = parsed.value;
    const tried = this.mode === "try" || this.mode === "tryHandOver";
    this.#deferred.resolve(tried ? { ok: true, value: parsed.value } : parsed.value);
  }

  /** What an accepted request came to is told once: it is taken although the run stands still. */
  standBy(slot: StepSlot): void {
    this.#load(slot);
    this.go();
  }

  #load(slot: StepSlot): void {
    // It has stood by, and more may have been written since.
    if (this.slot !== null) return;
    this.slot = slot;
    this.#loadJournal(slot.records);
    this.calls.recovered();
  }

  /** What it did before its run was done again comes first: that stays done. */
  #loadJournal(records: readonly JournalRecord[]): void {
    const before = this.run.superseded.get(this.path) ?? [];
    this.journal.load(before);
    // Under its key they would answer that it is undone, and what was done since would stay.
    if (this.mode === "undo" && this.journal.provenSeq > 0) this.journal.beginAnew();
    const done = doneBefore(before);
    if (done !== null) this.settledLater = { seq: done.seq, text: done.data ?? "null" };
    this.journal.load(records);
  }

  live(slot: StepSlot): void {
    this.#load(slot);
    // It was woken: the gate says anew whether it may pass. Also in a run that is taken back, as long
    // as it has to be found out what happened.
    const isGivenUp = this.cancelRequested && this.#mayBeGivenUp();
    if (this.journal.state.next.kind === "parked" && !isGivenUp) this.#tryPassing(slot);
    else this.go();
  }

  /** Does what is due. Called whenever something may have changed. */
  go(): void {
    const { slot } = this;
    if (slot === null || slot.ended || this.calls.isUnderWay || this.run.mode === "gone") return;
    // The run stands still for its owner: what this step does next waits with it.
    if (this.run.ending.isFrozen) {
      this.run.setWait(slot, { state: "exception", reason: "waits for its owner", wakeAtMs: null });
      return;
    }
    const { next } = this.journal.state;
    if (this.cancelRequested && this.#mayBeGivenUp()) {
      const why = this.run.ending.isTakingBack ? "the run was cancelled" : "its scope is undone";
      closeException(this, "cancelled", this.run.ending.takenBackBy, why);
      this.calls.giveUp();
      return;
    }
    if (isStandIn(this.effect) && this.#wouldSend()) {
      this.calls.fail(interrupted(`effect "${this.effect.name}" ${this.effect.missing}`));
      return;
    }
    switch (next.kind) {
      case "fresh":
        if (this.cancelRequested) this.drop(slot);
        else this.#attempt(slot);
        return;
      case "due":
        this.#whenDue(slot, next.atMs, next.action);
        return;
      case "inDoubt":
        // Only after a crash: a call of our own that is under way has `#calling` set.
        this.calls.fail(interrupted(`the engine stopped during attempt ${String(next.attempt)}`));
        return;
      case "pending":
        this.#whenDue(slot, next.dueAtMs, "pending");
        return;
      case "again":
        if (this.cancelRequested) this.drop(slot);
        else this.#repeat(slot);
        return;
      case "parked":
        this.park(slot);
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

  #repeat(slot: StepSlot): void {
    const { kind, because } = repeatNow(this);
    if (kind === "redo") this.#attempt(slot);
    else if (kind === "adopt") this.#probe(slot);
    else if (kind === "ask") this.calls.fail(doneOtherwise(this, because));
    else keepResult(this, slot, because);
  }

  /** True if what comes next would be sent once more, now or when it is let through. */
  #wouldSend(): boolean {
    const { next } = this.journal.state;
    return next.kind === "parked" || (next.kind === "due" && next.action === "attempt");
  }

  #attempt(slot: StepSlot): void {
    this.calls.attempt(slot).catch((error: unknown) => {
      const { run, journal } = this;
      // A store that has failed ends the engine, and has been reported.
      if (run.isGone || run.host.committer.hasFailed) return;
      const isSent = journal.state.next.kind === "inDoubt";
      this.calls.fail(brokenDefinition(error, isSent), this.calls.stackOf(error));
    });
  }

  #probe(slot: StepSlot): void {
    this.calls.probe(slot).catch((error: unknown) => {
      if (this.run.isGone || this.run.host.committer.hasFailed) return;
      this.calls.couldNotTell(thrownText(error).message);
    });
  }

  #whenDue(slot: StepSlot, atMs: number, action: "attempt" | "probe" | "pending"): void {
    if (this.run.host.clock.nowMs() < atMs) {
      this.#waitUntil(slot, atMs, action);
      return;
    }
    if (action === "pending") this.calls.fail(lateAnswer(this.journal.state.ref));
    else if (action === "probe") this.#probe(slot);
    else this.#attempt(slot);
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

  get gate(): Gate {
    return this.run.host.gates.of(this.effect.definition, this.run.row.namespace);
  }

  park(slot: StepSlot): void {
    const { gate } = this;
    const tryAgain = () => {
      if (slot.ended || this.calls.isUnderWay || this.run.isGone) return;
      slot.wait = null;
      this.#tryPassing(slot);
    };
    const { notBeforeMs } = this.journal;
    if (notBeforeMs !== null && this.run.host.clock.nowMs() < notBeforeMs) {
      // The other system has said how long at least: not even an open gate lets it through sooner.
      const reason = `"${this.path}" waits until ${isoText(notBeforeMs)}: ${gate.name} asked for it`;
      this.run.setWait(slot, { state: "parked", reason, wakeAtMs: notBeforeMs, onWake: tryAgain });
      return;
    }
    const wait: Wait = {
      state: "parked",
      reason: `"${this.path}" waits for ${gate.name}: ${gate.reason}`,
      // Where calls pass it waits by itself, each time longer; a gate that was shut wakes it.
      wakeAtMs: Math.max(gate.parkedUntilMs, gate.isClosed ? (this.journal.aloneUntilMs ?? 0) : 0),
      dependency: gate.name,
      onWake: tryAgain,
    };
    this.run.setWait(slot, wait);
    gate.whenOpen(this.run.row.run, this.path, mayTry(this), () => {
      // It may have looked again by itself, and wait for something else by now.
      if (slot.wait === wait) tryAgain();
    });
  }

  /** What was kept from passing the gate: the next attempt, or a look-up that was due. */
  #tryPassing(slot: StepSlot): void {
    const { next } = this.journal.state;
    const { notBeforeMs } = this.journal;
    if (next.kind === "parked" && notBeforeMs !== null && this.run.host.clock.nowMs() < notBeforeMs)
      this.park(slot);
    else if (next.kind === "due" && next.action === "probe") this.#probe(slot);
    else if (next.kind === "again") this.go();
    else this.#attempt(slot);
  }

  #waitForPerson(slot: StepSlot): void {
    if (this.journal.state.opened === null) openException(this);
    this.run.setWait(slot, {
      state: this.journal.state.next.kind === "held" ? "held" : "exception",
      reason: `"${this.path}" needs ${this.effect.plan.owner}: ${this.journal.state.failure?.message ?? ""}`,
      wakeAtMs: null,
    });
  }

  /** The run is being taken back and nothing of this effect can have happened. */
  #mayBeGivenUp(): boolean {
    const { state } = this.journal;
    if (personNeeded(state)) return false;
    const { next } = state;
    if (next.kind === "due") return next.action === "attempt";
    return ["parked", "person", "held", "givingUp"].includes(next.kind);
  }

  /** Ends a step that has nothing open outside and whose answer nobody will read. */
  drop(slot: StepSlot): void {
    this.run.end(slot);
    this.run.recheck();
  }

  /** For a step whose end was recorded while it was not in memory. */
  #endRecord(): JournalRecord {
    const record = this.slot?.records.findLast(endsStep);
    if (record === undefined) throw new Error(`step ${this.path} has ended without a record`);
    return record;
  }

  refusesResume(command: ResumeCommand): Refused | null {
    return refusedResume(this, command);
  }

  command(command: StepCommand): Promise<CommandAnswer> {
    return commandEffect(this, command);
  }

  unwind(): void {
    // An undoing of a scope goes on: the run needs it undone all the more.
    if (this.mode === "undo") return;
    this.cancelRequested = true;
    if (this.slot === null || this.slot.wait === null) {
      if (this.slot === null) this.run.recheck();
      return;
    }
    this.slot.wait = null;
    this.go();
  }

  isOutside(): boolean {
    return this.calls.outside.count > 0;
  }

  isUnderWay(): boolean {
    return this.calls.isUnderWay;
  }

  isOpen(): boolean {
    if (this.slot === null || this.slot.ended) return false;
    if (this.effect.plan.contract.kind === "read") return false;
    return this.calls.isUnderWay || this.journal.state.next.kind !== "fresh";
  }

  /** Where the journal says that it happened; null if there is nothing to undo. */
  get doneSeq(): number | null {
    const isSure = this.journal.state.proof === "surely" && !isUndoneSince(this);
    return this.endSeq ?? (isSure ? (this.settledLater?.seq ?? null) : null);
  }

  get staying(): StayingEffect | null {
    return stayingOf(this);
  }

  /** The value that it ended with, also if a person said so after the code had its answer. */
  outputAsSeen(): Promise<unknown> {
    return outputAsSeen(this);
  }

  /** True if it would have to be undone, and whether or with what it happened is not known. */
  get blocksUndoing(): boolean {
    if (this.undoes !== null || undoingOf(this.effect.definition) === null) return false;
    if (this.slot?.ended !== true || this.doneSeq !== null) return false;
    const { proof } = this.journal.state;
    return proof !== null && proof !== "never" && !isUndoneSince(this);
  }

  /** The input as the call saw it; a step that was recovered has not parsed it yet. */
  inputAsSeen(): Promise<unknown> {
    return inputAsSeen(this);
  }

  threw(): Error | null {
    return this.#error;
  }

  /** Asked after `settle`. Only a value that nothing undoes leaves nothing to be done. */
  isOver(): boolean {
    return (this.endSeq !== null || this.isSupplied) && undoingOf(this.effect.definition) === null;
  }
}
