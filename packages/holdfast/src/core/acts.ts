/**
 * Which acts of a person would be accepted for a run: the one place that says so. `why` and the lists
 * offer what this allows; a command is refused where it does not, before it is left for the engine.
 */
import type { ErrorCode } from "./error.ts";
import {
  ANSWER_SCHEMA,
  EFFECT_STAYS,
  PROBE_CONFLICT,
  type EffectProof,
  type FailureClass,
} from "./failure.ts";
import { maySendAgain, type UnknownEffect, type UnknownOutcome } from "./sent-again.ts";
import { isUndoPath } from "./step-path.ts";
import { isFinal, type RunState } from "./run-state.ts";

/** An open exception. */
export interface ActException {
  readonly step: string;
  /** The operation that it is about; null for none. */
  readonly operation: number | null;
  readonly class: FailureClass;
  /** What was proven of the operation when it was opened. */
  readonly effect: EffectProof;
  readonly reasonCode: string;
  /** Null for one that its run waits for; else it stands beside the run. */
  readonly subject: string | null;
}

interface ActEffect extends UnknownEffect {
  readonly operation: number;
  /** False while the run waits for its end. */
  readonly ended: boolean;
}

/**
 * True if what happened outside is not known: nobody could tell, or something else was found there.
 */
export function isOutcomeOpen({
  class: failureClass,
  reasonCode,
}: Pick<ActException, "class" | "reasonCode">): boolean {
  return failureClass === "ambiguous" || reasonCode === PROBE_CONFLICT;
}

/** True if something may have happened outside that has to be settled before the run goes on. */
export function isUnknown(exception: ActException): boolean {
  return isOutcomeOpen(exception) && exception.operation !== null;
}

function isOfRun({ step, subject }: ActException): boolean {
  return step === "" && subject === null;
}

/** With what tells whether its effect may be sent again. */
export type WaitingException = ActException & UnknownOutcome;

/** Of one run. */
export interface SettleFacts<E extends WaitingException = WaitingException> {
  readonly exceptions: readonly E[];
  readonly effects: readonly ActEffect[];
  readonly nowMs: number;
}

/**
 * What has to be settled before this may be resumed; null if it may.
 *
 * @param step - null for the run without naming a step.
 */
export function settleFirst<E extends WaitingException>(
  { exceptions, effects, nowMs }: SettleFacts<E>,
  step: string | null,
): E | null {
  // The exception of the run as a whole is what a resume without a step is about.
  if (step === null && exceptions.some(isOfRun)) return null;
  const isHarmless = (one: E) => {
    const effect = effects.find(({ operation }) => operation === one.operation);
    return effect !== undefined && maySendAgain(one, effect, nowMs);
  };
  const inTheWay = (one: E) =>
    isUnknown(one) && (step === null || one.step === step) && !isHarmless(one);
  return exceptions.find(inTheWay) ?? null;
}

/** True for an undoing that has failed: that it was not done is known, and its run waits for it. */
function isFailedUndoing(exception: ActException): boolean {
  const { step, subject } = exception;
  return subject === null && isUndoPath(step) && !isOutcomeOpen(exception);
}

/** True if closing it says that what was to be undone stays: its run goes on without undoing it. */
export function closesAsStaying(exception: ActException, state: RunState): boolean {
  return !isFinal(state) && isFailedUndoing(exception);
}

/**
 * What `settle` takes about this exception: either outcome, only that it happened, or nothing. Of an
 * undoing that has failed, that it happened means that somebody has undone it by hand. Of an effect
 * whose answer alone is lost it is proven, and to deny that would do it a second time; but one whose
 * answer is not what it declares may have been answered with an error.
 */
export function settleOf(exception: ActException): "either" | "happened" | null {
  if (exception.operation === null) return null;
  if (exception.reasonCode === EFFECT_STAYS) return "happened";
  // That nothing happened would be false, and would have the whole done once more.
  if (exception.effect === "partial") return "happened";
  if (isUnknown(exception)) return isProven(exception) ? "happened" : "either";
  return isFailedUndoing(exception) ? "happened" : null;
}

function isProven({ effect, reasonCode }: ActException): boolean {
  return effect === "surely" && reasonCode !== ANSWER_SCHEMA;
}

export interface ActFacts extends SettleFacts {
  readonly state: RunState;
}

/** What `resume` takes about this exception: the run as a whole, its step alone, or nothing. */
export function resumeOf(exception: WaitingException, facts: ActFacts): "run" | "step" | null {
  const { state, exceptions, effects } = facts;
  if (isFinal(state) || exception.subject !== null) return null;
  if (isOfRun(exception)) return "run";
  // While the run as a whole stands still, none of its steps goes on by itself.
  if (exceptions.some(isOfRun)) return null;
  if (settleFirst(facts, exception.step) !== null) return null;
  // The code has had its answer already: no step waits.
  const hasEnded = effects.some(
    ({ operation, ended }) => operation === exception.operation && ended,
  );
  return hasEnded ? null : "step";
}

/** What has to be so before a run can do anything whose code, or whose journal, does not serve. */
const ONLY_ONCE: Readonly<Record<string, string>> = {
  HF1108: "once code is deployed that does not ask it to exclude the starter",
  HF2104: "once code that fits is deployed",
  HF2105: "once an app with its workflow runs",
  HF2106: "once its journal can be read",
};

/**
 * True if the same would come of it: who started a run is on record from its beginning or never. It is
 * accepted, for who has deployed other code.
 */
export function resumesInVain(exception: ActException): boolean {
  return isOfRun(exception) && exception.reasonCode === ("HF1108" satisfies ErrorCode);
}

/** `cancel` takes runs without fitting code by their journal, and so none whose journal cannot be read. */
export function cancels(exceptions: readonly ActException[]): boolean {
  return !exceptions.some((one) => isOfRun(one) && one.reasonCode === "HF2106");
}

/** `resume` in words, once for each use of it that would be accepted. */
export function resumesOf(facts: ActFacts): readonly string[] {
  const { state, exceptions } = facts;
  const unfit = exceptions.find((one) => isOfRun(one) && one.reasonCode in ONLY_ONCE);
  if (unfit !== undefined && !isFinal(state))
    return [`resume (${ONLY_ONCE[unfit.reasonCode] ?? ""})`];
  const offers = exceptions.map((exception) => ({
    step: exception.step,
    what: resumeOf(exception, facts),
  }));
  const steps = offers.filter(({ what }) => what === "step").map(({ step }) => step);
  if (offers.some(({ what }) => what === "run")) return ["resume"];
  // Without a step all that waits goes on, unless one of them has to be settled first.
  if (settleFirst(facts, null) === null)
    return steps.length > 0 || state === "parked" || state === "held" ? ["resume"] : [];
  return [...new Set(steps)].map((step) => `resume --step ${step}`);
}
