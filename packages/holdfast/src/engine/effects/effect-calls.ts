/**
 * The outside calls of one effect step: attempts and look-ups, each through the gate, under a
 * deadline, with its intent durable before it leaves and its end recorded after.
 */
import { parseJson } from "../../core/json-text.ts";
import type { ProbeAnswer } from "../../core/after-probe.ts";
import { immediateDelayMs } from "../../core/backoff.ts";
import { durationMs } from "../../core/duration.ts";
import type { Failure } from "../../core/failure.ts";
import type { JournalRecord, OutcomeHead } from "../../core/journal.ts";
import { CallFailed, DeadlinePassed, type Attempt } from "../../workflow/attempt.ts";
import { parse, problemText, type Parsed } from "../../workflow/schema.ts";
import { isPending, type Pending, type Seen } from "../../workflow/seen.ts";
import { withRules } from "../../core/rule-book.ts";
import { classifyThrown } from "./classification.ts";
import { checkedDescription, requireText } from "../journal/checked-values.ts";
import { makeCall, type CallEnd, type OutsideCall } from "./effect-attempt.ts";
import {
  interrupted,
  isStillWanted,
  recheckBeforeSend,
  recordFailure,
  recordProbe,
  type Circumstances,
} from "./effect-decisions.ts";
import { openException, personNeeded } from "./effect-exception.ts";
import { badAnswer, maskedFailure } from "./effect-failures.ts";
import { trialOf } from "./trial.ts";
import type { EffectStep } from "./effect-step.ts";
import type { ItemOfStep } from "./refusals.ts";
import { entryOf } from "./gate-entry.ts";
import type { Gate, Pass } from "../gates/gate.ts";
import { answerOf, foundInstead, foundRef } from "./look-answer.ts";
import { toJson } from "../journal/payload.ts";
import { headOf } from "../run/recovery.ts";
import { stackJson } from "../exceptions/stack-text.ts";
import type { StepSlot } from "../steps/step-slot.ts";
import { thrownText } from "../exceptions/thrown-text.ts";

/**
 * Calls of one look-up that may fail before it is said that it could not tell. The schedule of look-ups
 * (R28) spaces answers; it reaches minutes with the fourth, and a lost packet is no answer.
 */
const LOOK_TRIES_MAX = 4;

/** What a look-up has come to. */
interface Look {
  readonly seen: Seen<unknown>;
  /** Of the call itself; null if it was answered. */
  readonly failure: Failure | null;
  /** When the question was put that was answered, or that was the last. */
  readonly askedAtMs: number;
}

export class EffectCalls {
  readonly #step: EffectStep;
  #calling = false;
  /** Calls that have left and not come back. */
  readonly outside = { count: 0 };
  /** The input that was looked at last, as JSON: a correction is looked at anew. */
  #parsed: string | null = null;
  /** Ordinal of the attempt under way, or of the last one. */
  #number = 1;

  constructor(step: EffectStep) {
    this.#step = step;
  }

  /** True while an attempt or a look-up is under way. */
  get isUnderWay(): boolean {
    return this.#calling;
  }

  get #circumstances(): Circumstances {
    const { mode, cancelRequested, run } = this.#step;
    // Null where the run, or a scope of it, is undone: that has to be done, however late it is.
    const deadlineAtMs = mode === "undo" ? null : run.deadline.atMs;
    return { mode, cancelRequested, deadlineAtMs };
  }

  /** What its events are about. */
  get #named() {
    const { row, workflow } = this.#step.run;
    return { run: row.run, workflow: workflow.name, key: row.key, step: this.#step.path };
  }

  /** The step was recovered: attempts count on from those in the journal. */
  recovered(): void {
    this.#number = Math.max(1, this.#step.journal.state.attempt);
  }

  async attempt(slot: StepSlot): Promise<void> {
    this.#calling = true;
    slot.wait = null;
    const trial = trialOf(this.#step);
    if (trial !== null) await trial;
    // Awaited only where there is something to wait for: a promise of its own for each of these took
    // a fifth of an effect's time.
    const entered = this.#gate.enter(entryOf(this.#step, "attempt"));
    const pass = this.#admitted(entered instanceof Promise ? await entered : entered, slot);
    if (pass === null) return;
    let end: CallEnd | null = null;
    try {
      if (this.#step.run.host.committer.backlog.isFull && !(await this.#roomComes())) return;
      const fits = this.#parseInput();
      if (!(fits instanceof Promise ? await fits : fits)) return;
      if (!this.#declare()) return;
      if (this.#step.effect.plan.contract.kind !== "read") {
        await this.#step.run.host.committer.durable();
        if (!this.#maySend()) return;
      }
      end = await this.#call((input, attempt) =>
        this.#step.run.host.outside.run(this.#step.effect, input, attempt),
      );
    } finally {
      pass.leave();
      this.#calling = false;
    }
    if (this.#step.run.isGone) return;
    if (end.ok) {
      const accepted = this.#answered(end.value, pass);
      if (accepted instanceof Promise) await accepted;
    } else {
      this.#threw(end, pass);
    }
    this.#step.run.host.suspects.progressed(this.#step.run.row.run);
  }

  /** Waits until the end of a call can be written. False if the call is not wanted any more. */
  async #roomComes(): Promise<boolean> {
    const { run } = this.#step;
    await new Promise<void>((resolve) => {
      run.host.committer.backlog.whenRoom(resolve);
    });
    return !run.isGone && !run.host.drains(run.shard);
  }

  /** The run is being taken back: records that this effect is not tried again. */
  giveUp(): void {
    const { run, effect, journal } = this.#step;
    const decided = recheckBeforeSend(run, effect, journal, this.#circumstances);
    if (decided !== null) this.#afterDecision(decided.record);
    else if (this.#step.slot !== null) this.#step.drop(this.#step.slot);
  }

  get #gate(): Gate {
    return this.#step.gate;
  }

  /** The pass, if there is one and it is still wanted. Null if the step waits at the gate now. */
  #admitted(pass: Pass | null, slot: StepSlot): Pass | null {
    const { run } = this.#step;
    const { isFrozen } = run.ending;
    if (pass !== null && !run.isGone && !run.host.drains(run.shard) && !isFrozen) return pass;
    pass?.leave();
    this.#calling = false;
    // An engine that ends declares nothing that it would not send: the next one does both.
    if (run.isGone || run.host.drains(run.shard)) return null;
    if (isFrozen) this.#step.go();
    else if (this.#step.cancelRequested && !this.#step.isOpen()) this.#step.drop(slot);
    else this.#step.park(slot);
    return null;
  }

  /** Declares the attempt. False if it must not be sent. */
  #declare(): boolean {
    // It may have come to stand still while this waited for room, or for a schema.
    if (this.#step.run.ending.isFrozen) {
      this.#calling = false;
      this.#step.go();
      return false;
    }
    const circumstances = this.#circumstances;
    const instead = recheckBeforeSend(
      this.#step.run,
      this.#step.effect,
      this.#step.journal,
      circumstances,
    );
    if (instead !== null) {
      this.#afterDecision(instead.record);
      return false;
    }
    this.#number = this.#step.journal.state.attempt + 1;
    if (this.#step.effect.plan.contract.kind === "read") return true;
    const { describe } = this.#step.effect.definition;
    const described = describe === undefined ? undefined : describe(this.#step.input);
    const checked = checkedDescription(described, this.#step.what);
    const { inputText, undoes } = this.#step;
    const unsent = this.#step.journal.writeIntent(inputText, checked, undoes);
    if (unsent !== null) this.fail(unsent);
    return unsent === null;
  }

  /** Asked when the intent is durable. */
  #maySend(): boolean {
    if (this.#step.run.isGone) return false;
    if (isStillWanted(this.#step)) return true;
    // Nothing has left: say so, instead of leaving an intent that nobody can judge.
    this.fail({ ...interrupted("it was stopped before it was sent"), effect: "never" });
    return false;
  }

  /** Once for each input. False if it does not fit, which is on record then. */
  #parseInput(): boolean | Promise<boolean> {
    if (this.#parsed === this.#step.inputText) return true;
    const parsed = parse(this.#step.effect.definition.input, parseJson(this.#step.inputText));
    return parsed instanceof Promise
      ? parsed.then((late) => this.#takeInput(late))
      : this.#takeInput(parsed);
  }

  #takeInput(parsed: Parsed<unknown>): boolean {
    this.#parsed = this.#step.inputText;
    if (parsed.ok) {
      this.#step.learn(parsed.value);
      this.#step.input = parsed.value;
      return true;
    }
    this.fail(badAnswer("input", this.#step.path, problemText(parsed.problems)));
    return false;
  }

  #call(call: OutsideCall): Promise<CallEnd> {
    const { journal } = this.#step;
    const { state, key } = journal;
    const { host, row } = this.#step.run;
    host.emit({ type: "attempt.started", ...this.#named, attempt: this.#number });
    return makeCall(
      {
        host,
        outside: this.outside,
        key,
        wholeKey: () => journal.wholeKey,
        number: this.#number,
        correlationId: row.correlationId,
        firstSentAtMs: state.firstSentAtMs,
        partsDone: state.partsDone,
        timeoutMs: this.#step.effect.plan.timeoutMs,
      },
      call,
      this.#step.input,
    );
  }

  #answered(value: unknown, pass: Pass): boolean | Promise<boolean> {
    pass.succeeded();
    this.#step.run.host.refusals.seen(null, this.#item);
    if (!isPending(value)) return this.acceptValue(value, null);
    this.#accepted(value);
    return true;
  }

  /** Records a value as the step's end, if it fits. Else the answer is lost: a defect. */
  acceptValue(value: unknown, ref: string | null): boolean | Promise<boolean> {
    this.#step.learn(value);
    let text: string;
    try {
      text = toJson(value, this.#step.run.host.limits, `answer of ${this.#step.path}`);
    } catch (error) {
      this.fail(badAnswer("answer", this.#step.path, thrownText(error).message));
      return false;
    }
    // Its JSON has to fit: that is what the code sees, now and on recovery.
    const validated = parse(this.#step.effect.definition.output, parseJson(text));
    return validated instanceof Promise
      ? validated.then((parsed) => this.#endWith(parsed, text, ref))
      : this.#endWith(validated, text, ref);
  }

  #endWith(parsed: Parsed<unknown>, text: string, ref: string | null): boolean {
    if (!parsed.ok) {
      this.fail(badAnswer("answer", this.#step.path, problemText(parsed.problems)));
      return false;
    }
    const { slot } = this.#step;
    if (slot === null || slot.ended) return false;
    const { state } = this.#step.journal;
    const head = {
      operation: state.operation ?? 0,
      effect: this.#step.effect.name,
      proof: "surely",
      end: "value",
      ...(ref === null ? {} : { ref }),
    };
    const record = this.#step.journal.write("outcome", this.#number, head, text);
    const { host } = this.#step.run;
    host.emit({ type: "attempt.succeeded", ...this.#named, attempt: this.#number });
    this.#step.answer = { seq: record.seq, value: parsed.value };
    this.#step.run.deliver(slot, record);
    return true;
  }

  #accepted({ ref, within }: Pending): void {
    const { run, journal, effect } = this.#step;
    const dueAtMs = run.host.clock.nowMs() + durationMs(within, "pending within");
    const { attempt, operation } = journal.state;
    const integration = effect.definition.on.name;
    requireText(ref, `reference of the late answer to ${this.#step.what}`);
    journal.write("pending", attempt, { operation: operation ?? 0, integration, ref, dueAtMs });
    run.host.pendingWritten(integration, ref);
    this.#step.go();
  }

  #threw(end: Extract<CallEnd, { ok: false }>, pass: Pass): void {
    const { refusals, committer } = this.#step.run.host;
    const failure = this.#ruled(refusals.seen(this.#classify(end), this.#item));
    committer.strain.saw(failure);
    pass.failed(failure);
    // What a rule knows needs no stack: an outage would otherwise write one for every attempt.
    this.fail(failure, failure.rule.source === "fallback" ? this.stackOf(end.error) : null);
  }

  get #item(): ItemOfStep {
    const { row, workflow, host } = this.#step.run;
    const { name } = this.#step.effect;
    return { workflow: workflow.name, effect: name, run: row.run, atMs: host.clock.nowMs() };
  }

  /** Where in the code it was thrown; null for what a connector says, which is no error of the code. */
  stackOf(error: unknown): string | null {
    if (error instanceof CallFailed || error instanceof DeadlinePassed) return null;
    return stackJson(error, (text) => this.#step.run.sensitive.mask(text));
  }

  #classify({ error, attempt }: Extract<CallEnd, { ok: false }>): Failure {
    const { effect, journal, run } = this.#step;
    // A read leaves nothing that could answer for it.
    const maybeBefore = journal.state.maybeBefore && effect.plan.contract.kind !== "read";
    return maskedFailure(run, classifyThrown(error, effect, attempt, maybeBefore, run));
  }

  /** As the operators' rules have it, from what is journalled of it. Look-ups are not their business. */
  #ruled(failure: Failure): Failure {
    if (failure.ruled !== undefined || failure.shadowed !== undefined) return failure;
    const { run, effect } = this.#step;
    const { namespace } = run.row;
    const integration = effect.definition.on.name;
    const of = { namespace, workflow: run.workflow.name, effect: effect.name, integration };
    return withRules(failure, { ...of, attempt: this.#number }, run.host.rules.book);
  }

  /** Decides what follows a failure, records it, and goes on. */
  fail(unmasked: Failure, stack: string | null = null): void {
    const failure = this.#ruled(maskedFailure(this.#step.run, unmasked));
    const circumstances = this.#circumstances;
    const { record, move } = recordFailure(
      this.#step.run,
      this.#step.effect,
      this.#step.journal,
      failure,
      this.#number,
      circumstances,
      stack,
    );
    const { host } = this.#step.run;
    host.emit({ type: "attempt.failed", ...this.#named, attempt: this.#number, failure, move });
    this.#afterDecision(record);
  }

  #afterDecision(record: JournalRecord): void {
    const { slot } = this.#step;
    this.#calling = false;
    this.#step.lastBecause = headOf<OutcomeHead>(record).move?.because ?? null;
    if (slot === null || slot.ended) return;
    const { next } = this.#step.journal.state;
    if (next.kind !== "ended") {
      this.#step.go();
      return;
    }
    if (headOf<OutcomeHead>(record).end === "failed" && personNeeded(this.#step.journal.state)) {
      openException(this.#step);
    }
    this.#step.run.deliver(slot, record);
  }

  async probe(slot: StepSlot): Promise<void> {
    const { effect, run } = this.#step;
    if (effect.definition.probe === undefined) {
      this.couldNotTell("it has no look-up");
      return;
    }
    this.#calling = true;
    slot.wait = null;
    const pass = this.#admitted(await this.#gate.enter(entryOf(this.#step, "look-up")), slot);
    if (pass === null) return;
    let look: Look;
    try {
      const input = this.#parseInput();
      if (!(input instanceof Promise ? await input : input)) return;
      look = await this.#look((asked, attempt) => run.host.outside.probe(effect, asked, attempt));
    } finally {
      pass.leave();
      this.#calling = false;
    }
    if (this.#step.run.isGone) return;
    const { seen, failure, askedAtMs } = look;
    if (failure === null) pass.succeeded();
    else pass.failed(failure);
    if (failure?.class === "unavailable") {
      // Nobody was there to be asked: that is no answer, and uses up none of the schedule.
      this.#step.park(slot);
      return;
    }
    await this.#seen(seen, askedAtMs);
  }

  /** A look-up is a read: one that does not get through is tried again before it counts as an answer. */
  async #look(probe: (input: unknown, attempt: Attempt) => Promise<unknown>): Promise<Look> {
    const { host } = this.#step.run;
    for (let tries = 1; ; tries += 1) {
      const askedAtMs = host.clock.nowMs();
      const end = await this.#call((input, attempt) => probe(input, attempt));
      // The cast is the probe's declared type; what it found is parsed by the output schema.
      if (end.ok) return { seen: end.value as Seen<unknown>, failure: null, askedAtMs };
      const failure = this.#classify(end);
      const goesOn =
        tries < LOOK_TRIES_MAX && !host.drains(this.#step.run.shard) && !this.#step.run.isGone;
      if (!goesOn || failure.class === "unavailable") {
        const why = thrownText(end.error).message;
        return { seen: { seen: "cannotTell", why }, failure, askedAtMs };
      }
      await new Promise<void>((resolve) => {
        host.clock.after(immediateDelayMs(host.random.next()), resolve);
      });
    }
  }

  couldNotTell(why: string, askedAtMs = this.#step.run.host.clock.nowMs()): void {
    this.#recordAnswer({ says: "cannotTell", askedAtMs, why }, null);
  }

  async #seen(seen: Seen<unknown>, askedAtMs: number): Promise<void> {
    if (seen.seen === "done" || seen.seen === "conflict") this.#step.learn(seen.value);
    this.#step.run.host.emit({ type: "probe.answered", ...this.#named, says: seen.seen });
    if (seen.seen !== "done") {
      const mask = (text: string) => this.#step.run.sensitive.mask(text);
      const instead = foundInstead(seen, this.#step.run.host.limits, this.#step.path);
      this.#recordAnswer(answerOf(seen, askedAtMs, mask), instead);
      return;
    }
    const parsed = await parse(this.#step.effect.definition.output, seen.value);
    if (!parsed.ok) {
      this.couldNotTell(
        `what it found breaks the output schema: ${problemText(parsed.problems)}`,
        askedAtMs,
      );
      return;
    }
    const value = toJson(seen.value, this.#step.run.host.limits, `answer of ${this.#step.path}`);
    const ref = foundRef(seen.ref, this.#step.what);
    this.#recordAnswer({ says: "done", askedAtMs }, { value, ref });
  }

  #recordAnswer(
    unmasked: ProbeAnswer,
    found: { readonly value: string; readonly ref: string | null } | null,
  ): void {
    const why =
      unmasked.why === undefined ? {} : { why: this.#step.run.sensitive.mask(unmasked.why) };
    const answer = { ...unmasked, ...why };
    const { record } = recordProbe(
      this.#step.run,
      this.#step.effect,
      this.#step.journal,
      answer,
      found,
      this.#circumstances,
    );
    this.#afterDecision(record);
  }
}
