/**
 * How a run ends: its code returns, stops, fails or is cancelled; and what then has to be settled
 * and undone before it is over. Effects whose end is not known always come first.
 */
import { parseJson } from "../../core/json-text.ts";
import type { CancelHead, ClosedHead, JournalRecord, OpenedHead } from "../../core/journal.ts";
import {
  needsPerson,
  type Compensated,
  type FinalRunState,
  type RunState,
} from "../../core/run-state.ts";
import { formatError, HoldfastError } from "../../core/error.ts";
import { EffectFailed } from "../../workflow/run.ts";
import { parse, problemText } from "../../workflow/schema.ts";
import { stepsThatThrew } from "./causes.ts";
import { Compensation, stepThatBlocksUndoing } from "../effects/compensation.ts";
import type { LiveRun } from "./live-run.ts";
import { toJson } from "../journal/payload.ts";
import { pausedHead, type Pausing } from "./pausing.ts";
import { openRunException, RunException, type Resumption } from "./run-exception.ts";
import { leftBehind, openStaying } from "../effects/staying-effects.ts";
import type { Wait } from "../steps/step-slot.ts";
import { begunUnwinding, onFailureOf, wasUndoing, type Unwinding } from "./unwinding.ts";
import { textOf } from "../exceptions/thrown-text.ts";

/** Characters of the reason that code gives for a stop. */
const REASON_CHARS_MAX = 500;

export class RunEnding {
  readonly #run: LiveRun;
  readonly #ofRun: readonly JournalRecord[];
  #result: { readonly value: unknown } | null = null;
  #stop: { readonly reason: string; readonly compensate: boolean } | null = null;
  #unwinding: Unwinding | null = null;
  #compensation: Compensation | null = null;
  #exception: RunException | null = null;
  /** True once the exception that the journal held was closed: another cause is another one. */
  #hasClosed = false;
  /** What the code threw: the step that failed by it is done again on resume. */
  #cause: unknown = null;
  /** Thrown before recovery had come through: only then is it told apart from drift. */
  #early: { readonly error: unknown } | null = null;
  #frozen = false;
  #unfit = false;
  /** An effect that the code had its answer of, and that has to be settled before the undoing. */
  #unknownStep: string | null = null;

  constructor(run: LiveRun, ofRun: readonly JournalRecord[]) {
    this.#run = run;
    this.#ofRun = ofRun;
  }

  get unwinding(): boolean {
    return this.#unwinding !== null;
  }

  /** True if what the run has done is undone, and its children are taken back with it. */
  get undoes(): boolean {
    return this.#unwinding?.compensate === true;
  }

  /** Why it is taken back; empty if it is not. */
  get reason(): string {
    return this.#unwinding?.reason ?? "";
  }

  /** Who takes it back: a person, or the engine by the run's own rules. */
  get takenBackBy(): string {
    return this.#unwinding?.by ?? "(engine)";
  }

  /** True from the moment in which its code has stopped it: a catch in the code does not undo that. */
  get hasStopped(): boolean {
    return this.#stop !== null;
  }

  /** True from the moment in which it is decided that the run is taken back. */
  get isTakingBack(): boolean {
    return this.#stop !== null || this.#unwinding !== null;
  }

  /** True if it was found just now that its code does not fit its journal. */
  get isUnfit(): boolean {
    return this.#unfit;
  }

  /** What the run as a whole waits for, apart from its steps. */
  get runWait(): Wait | null {
    if (this.#exception !== null) return this.#exception.wait;
    if (this.#unknownStep === null) return null;
    const reason = `"${this.#unknownStep}" may have happened: settle it, then the run is undone`;
    return { state: "exception", reason, wakeAtMs: null };
  }

  get exception(): RunException | null {
    return this.#exception;
  }

  /**
   * True if the journal holds an open exception of this run and its code no longer runs into it:
   * it was mended, and a person has to say that the run goes on.
   */
  get isFrozen(): boolean {
    return this.#frozen;
  }

  /** A person has stopped it: not even its deadline does anything before they let it go on. */
  get isPaused(): boolean {
    return typeof this.#exception?.pausedBy === "string";
  }

  /** The process may have died before it was on record what the run waits for. */
  standStill(): void {
    const run = this.#run;
    const wait = this.#exception?.wait;
    if (wait === undefined || needsPerson(run.state)) return;
    run.changeState(wait.state, wait.reason);
  }

  /** A run being undone stays in that state while it waits, unless a person is needed. */
  suspendedState(wanted: RunState): RunState {
    if (needsPerson(wanted)) return wanted;
    return this.#compensation === null ? "cancelling" : "compensating";
  }

  /** The input as the code sees it; null if it no longer fits its schema (the run is then held). */
  parseInput(
    text: string,
  ): { readonly value: unknown } | null | Promise<{ readonly value: unknown } | null> {
    const parsed = parse(this.#run.workflow.definition.input, parseJson(text));
    return parsed instanceof Promise ? parsed.then((p) => this.#checked(p)) : this.#checked(parsed);
  }

  #checked(parsed: Awaited<ReturnType<typeof parse>>): { readonly value: unknown } | null {
    if (parsed.ok) return { value: parsed.value };
    this.drift(`The recorded input no longer fits the schema: ${problemText(parsed.problems)}.`);
    return null;
  }

  /** Watches the code. Its end is acted on once the run is at rest. */
  follow(body: () => Promise<unknown>): void {
    started(body).then(
      (value) => {
        this.#result ??= { value };
        this.#run.recheck();
      },
      (error: unknown) => {
        this.#failed(error);
        this.#run.recheck();
      },
    );
  }

  /** The code has called `run.stop`. */
  stop(reason: string, compensate: boolean | undefined): void {
    const byDefault = this.#run.workflow.definition.onFailure === "compensate";
    const text = textOf(reason, REASON_CHARS_MAX, (whole) => this.#run.sensitive.mask(whole));
    this.#stop ??= { reason: text, compensate: compensate ?? byDefault };
    this.#run.recheck();
  }

  #failed(error: unknown): void {
    if (this.#run.mode === "recovering") {
      this.#early ??= { error };
      return;
    }
    // Code that is being taken back has no more say; nor has one that has said it already.
    const { mode } = this.#run;
    if (this.#unwinding !== null || mode === "gone" || mode === "byRecord") return;
    if (this.#stop !== null || this.#exception !== null) return;
    if (error instanceof EffectFailed) {
      const onFailure = onFailureOf(this.#run, error);
      if (onFailure === "ask") this.#open(error);
      else this.#stop = { reason: error.message, compensate: onFailure === "compensate" };
      return;
    }
    this.#open(error);
  }

  /** How the code has ended so far, where nothing has come of it yet; null if it has not. */
  get said(): { readonly value: unknown } | { readonly because: string } | null {
    if (this.#result !== null) return this.#result;
    // A stop is thrown, too.
    if (this.#stop !== null) return { because: `stops: ${this.#stop.reason}` };
    return this.#early === null ? null : { because: `throws: ${String(this.#early.error)}` };
  }

  /** Recovery has come through. The run is frozen if it waits for a person and may not move. */
  recovered(): void {
    // What the code threw while it was being taken back says nothing new: it was told of the end.
    if (this.#early !== null && !this.#isBeingUndone) this.#failed(this.#early.error);
    if (this.#exception === null) {
      this.#exception = this.#recorded;
      this.#frozen = this.#exception !== null;
    }
    if (this.#exception === null && this.#run.deadline.isUnasked) this.#askOwner();
  }

  /** The deadline has passed: what the workflow says for that is done. */
  late(): void {
    const run = this.#run;
    const { sentence, onLate } = run.deadline;
    const head = run.deadline.lateHead();
    run.deadline.disarm();
    if (onLate === "ask") {
      run.append("late", "", head);
      this.#askOwner();
      return;
    }
    // The state first: a crash between the two must find the run.
    run.changeState("cancelling", sentence);
    run.append("late", "", head);
    this.#close("superseded", "(engine)", sentence);
    this.#takeBack({
      state: "stopped",
      reason: sentence,
      compensate: onLate === "compensate",
    });
  }

  /** Its code hangs: its owner is asked, and it leaves memory. */
  still(): void {
    this.#standStill(this.#run.stillness.exceptionHead());
    this.#run.recheck();
  }

  /** A person stops it. */
  pause(pausing: Pausing): void {
    this.#standStill(pausedHead(this.#run, pausing));
    this.#run.recheck();
  }

  /** The same for a run that is not at work; false if it waits for a person as a whole already. */
  pauseByRecord(pausing: Pausing): boolean {
    if (this.#recorded !== null) return false;
    this.#standStill(pausedHead(this.#run, pausing));
    return true;
  }

  /** One question at a time is enough. */
  #askOwner(): void {
    const { deadline } = this.#run;
    this.#standStill(deadline.exceptionHead(), deadline.sentence);
  }

  /** Its code has no more say, and no step goes on, before its owner has decided. */
  #standStill(head: OpenedHead, because = head.because): void {
    const run = this.#run;
    // First: what is written now is no going on.
    this.#frozen = true;
    this.#exception ??= RunException.open(run, head);
    run.changeState(this.#exception.wait.state, because);
    run.mode = "unwinding";
  }

  /** True if the journal says that the run was being taken back. */
  get #isBeingUndone(): boolean {
    return begunUnwinding(this.#ofRun) !== null || wasUndoing(this.#ofRun);
  }

  /** True between two undoings: the run is at work although no step of it is. */
  get isUndoing(): boolean {
    return this.#compensation !== null && !this.#compensation.isDone && this.#exception === null;
  }

  /** Lets a run that waits for a person go on, from its journal. */
  resume(resumption: Resumption): void {
    const { slots, scopes } = this.#run;
    // What failed in a scope that was undone is not done again: the scope is over.
    const again = stepsThatThrew(slots.values(), this.#cause);
    this.#exception?.resume(
      resumption,
      again.filter((path) => !scopes.haveUndone(path)),
    );
  }

  /** Steps by whose errors its code has failed, while the run waits because of them. */
  get failedSteps(): readonly string[] {
    if (this.#exception === null || this.#frozen || this.isTakingBack) return [];
    return stepsThatThrew(this.#run.slots.values(), this.#cause);
  }

  /** What such a step ended with is on record otherwise now: the code runs anew from the journal. */
  repaired({ by, reason }: Pick<Resumption, "by" | "reason">): void {
    this.#exception?.letGo("repaired", { by, reason, command: null });
  }

  /** The run needs somebody: an effect has failed for good, or the code itself has. */
  #open(error: unknown): void {
    this.#cause = error;
    this.#exception = this.#recorded ?? openRunException(this.#run, error);
    this.#run.recheck();
  }

  get #recorded(): RunException | null {
    return this.#hasClosed ? null : RunException.recorded(this.#run, this.#ofRun);
  }

  #close(resolution: ClosedHead["resolution"], by: string, reason: string): void {
    if (this.#exception === null) return;
    this.#exception.close(resolution, by, reason);
    this.#exception = null;
    this.#hasClosed = true;
  }

  /** The code does not fit the journal. Nothing is executed; the run waits for another version. */
  drift(said: string): void {
    const run = this.#run;
    if (run.mode === "recovering" && this.#ofRun.some(({ kind }) => kind === "cancel")) {
      run.goByRecord();
      return;
    }
    this.#unfit = true;
    const sentence = run.sensitive.mask(said);
    const error = new HoldfastError(
      "HF2104",
      `This code does not fit run ${run.id} (started on version ${run.row.version}): ${sentence} Nothing was executed.`,
      "Deploy the version it fits, or make the code ask for the recorded steps, then resume the run.",
      { where: `workflow ${run.workflow.name}` },
    );
    this.hold(error);
  }

  /** Gives the run to its owner, before anything of it is executed, and takes it out of memory. */
  hold(error: HoldfastError): void {
    const run = this.#run;
    if (run.host.check !== null) {
      run.host.check.misfits(run, error);
      return;
    }
    run.mode = "live";
    const { run: number, workflow, key } = run.row;
    run.host.emit({ type: "run.drift", run: number, workflow, key, message: formatError(error) });
    this.#open(error);
    const wait = this.runWait;
    if (wait === null) return;
    // Also if only a time to wake it is on record: that would come again at each start.
    if (run.state !== wait.state || run.row.wakeAtMs !== null)
      run.changeState(wait.state, wait.reason);
    run.leave({ kind: "suspended", state: wait.state, wakeAtMs: null });
  }

  /** A person or the parent asks for the end. */
  cancel(by: string, reason: string): void {
    if (this.#unwinding !== null) return;
    this.#writeCancel(by, reason);
    this.#takeBack({ state: "cancelled", reason, compensate: true, by });
  }

  /** The same for a run that is not at work: it is taken back when it comes back. */
  cancelByRecord(by: string, reason: string, how: Pick<CancelHead, "withoutCode"> = {}): void {
    this.#exception = this.#recorded;
    this.#writeCancel(by, reason, how);
  }

  #writeCancel(by: string, reason: string, how: Pick<CancelHead, "withoutCode"> = {}): void {
    // The state first: a crash between the two must find the run.
    this.#run.changeState("cancelling", reason);
    this.#run.append("cancel", "", { by, reason, ...how });
    this.#close("cancelled", by, reason);
  }

  /** Also of a run that stands still: its steps go on, to be settled. */
  #takeBack(unwinding: Unwinding): void {
    const stoodStill = this.#frozen;
    // First: a step that is told of it while the run stands still goes on waiting, for nobody.
    this.#frozen = false;
    this.#beginUnwinding(unwinding);
    // Those that recovery has left open have not gone live.
    if (stoodStill) this.#run.wakeSteps();
  }

  /** After recovery: goes on with taking back what was begun. */
  resumeUnwinding(): void {
    if (this.#unwinding !== null) return;
    const begun = begunUnwinding(this.#ofRun);
    if (begun !== null) this.#beginUnwinding(begun);
    // A stop that had begun to undo goes on even if the code would decide otherwise now.
    else if (wasUndoing(this.#ofRun) && this.#stop === null)
      this.#stop = { reason: "it was being undone", compensate: true };
  }

  #beginUnwinding(unwinding: Unwinding): void {
    const run = this.#run;
    this.#unwinding = unwinding;
    run.mode = "unwinding";
    run.deadline.disarm();
    if (run.state !== "compensating" && run.state !== "cancelling") {
      run.changeState("cancelling", unwinding.reason);
    }
    const begun = [...run.open];
    for (const slot of begun) {
      if (slot.verb.unwind === undefined) run.end(slot);
      else slot.verb.unwind();
    }
    run.recheck();
  }

  /** Called when the run is at rest. True if the run is over. */
  tryEnd(): boolean {
    const run = this.#run;
    if (this.#frozen) return false;
    if (this.#stop !== null && this.#unwinding === null) {
      this.#beginUnwinding({ state: "stopped", ...this.#stop });
      return false;
    }
    if (this.#unwinding !== null) return this.#tryUnwound(this.#unwinding);
    if (this.#result === null || run.hasOpenEffects) return false;
    return this.#complete(this.#result.value);
  }

  #complete(value: unknown): boolean {
    const run = this.#run;
    run.sensitive.learn(run.workflow.definition, value);
    try {
      const text = toJson(value, run.host.limits, `result of workflow ${run.workflow.name}`);
      const parsed = parse(run.workflow.definition.output, value);
      if (parsed instanceof Promise) {
        void parsed.then((p) => {
          // It may have been cancelled, or left memory, while the schema was asked.
          if (!run.isGone && !this.isTakingBack) this.#finishIfFit(p, text);
        });
        this.#result = null;
        return false;
      }
      return this.#finishIfFit(parsed, text);
    } catch (error) {
      // Translated, not swallowed: a result that cannot be kept is a defect of the code.
      this.#result = null;
      this.#open(error);
      return false;
    }
  }

  #finishIfFit(parsed: Awaited<ReturnType<typeof parse>>, text: string): boolean {
    if (!parsed.ok) {
      this.#result = null;
      this.#open(
        new HoldfastError(
          "HF4102",
          `The result of workflow "${this.#run.workflow.name}" is not valid: ${problemText(parsed.problems)}.`,
          "Mend the code or the output schema, deploy, and resume the run.",
        ),
      );
      return false;
    }
    openStaying(this.#run, leftBehind(this.#run), "completed");
    this.#finish("completed", "its code has returned", text, "no");
    return true;
  }

  #tryUnwound(unwinding: Unwinding): boolean {
    const run = this.#run;
    if (run.hasOpenEffects) return false;
    if (unwinding.compensate && this.#compensation === null) {
      this.#unknownStep = stepThatBlocksUndoing(run);
      if (this.#unknownStep !== null) return false;
      this.#compensation = new Compensation(run);
      if (this.#compensation.isNeeded && run.state !== "compensating") {
        run.changeState("compensating", unwinding.reason);
      }
      this.#compensation.start();
    }
    if (this.#compensation !== null && !this.#compensation.isDone) return false;
    const stays = this.#compensation?.stays ?? [];
    openStaying(run, [...stays, ...leftBehind(run)], unwinding.state);
    const reason = `${unwinding.reason}${this.#compensation?.words ?? ""}`;
    this.#finish(unwinding.state, reason, null, this.#compensation?.compensated ?? "no");
    return true;
  }

  /** A definition of the run's own code has thrown outside of any attempt. */
  broken(error: unknown): void {
    if (this.#exception === null) this.#open(error);
  }

  /** An undoing cannot even be tried: the run is held until somebody mends that. */
  holdUndo(error: unknown): void {
    this.#open(error);
  }

  #finish(
    state: FinalRunState,
    reason: string,
    data: string | null,
    compensated: Compensated,
  ): void {
    const run = this.#run;
    const { workflow, lane } = run.row;
    const head = {
      from: run.state,
      state,
      reason,
      workflow,
      lane,
      ...(compensated === "no" ? {} : { compensated }),
    };
    run.append("finished", "", head, data);
    run.state = state;
    run.leave({ kind: "finished", state, reason, data });
  }
}

/** Code that throws before its first `await` fails like code that throws after. */
async function started(body: () => Promise<unknown>): Promise<unknown> {
  return await body();
}
