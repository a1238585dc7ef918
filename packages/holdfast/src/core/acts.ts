/**
 * Which acts of a person would be accepted for a run: the one place that says so. `why` and the lists
 * offer what this allows; a command is refused where it does not, before it is left for the engine.
 */
import { EFFECT_STAYS, type FailureClass } from "./failure.ts";
import { isUndoPath } from "./step-path.ts";
import { isFinal, type RunState } from "./run-state.ts";

/** An open exception. */
export interface ActException {
  readonly step: string;
  /** The operation that it is about; null for none. */
  readonly operation: number | null;
  readonly class: FailureClass;
  readonly reasonCode: string;
  /** Null for one that its run waits for; else it stands beside the run. */
  readonly subject: string | null;
}

interface ActEffect {
  readonly operation: number;
  /** False while the run waits for its end. */
  readonly ended: boolean;
}

/** True if something may have happened outside that has to be settled before the run goes on. */
function isUnknown(exception: ActException): boolean {
  return exception.class === "ambiguous" && exception.operation !== null;
}

function isOfRun({ step, subject }: ActException): boolean {
  return step === "" && subject === null;
}

/**
 * What has to be settled before this may be resumed; null if it may.
 *
 * @param step - null for the run without naming a step.
 */
export function settleFirst<E extends ActException>(
  exceptions: readonly E[],
  step: string | null,
): E | null {
  // The exception of the run as a whole is what a resume without a step is about.
  if (step === null && exceptions.some(isOfRun)) return null;
  const inTheWay = (one: E) => isUnknown(one) && (step === null || one.step === step);
  return exceptions.find(inTheWay) ?? null;
}

/** True for an undoing that has failed: that it was not done is known, and its run waits for it. */
function isFailedUndoing(exception: ActException): boolean {
  const { step, subject } = exception;
  return subject === null && isUndoPath(step) && exception.class !== "ambiguous";
}

/** True if closing it says that what was to be undone stays: its run goes on without undoing it. */
export function closesAsStaying(exception: ActException, state: RunState): boolean {
  return !isFinal(state) && isFailedUndoing(exception);
}

/**
 * What `settle` takes about this exception: either outcome, only that it happened, or nothing. Of an
 * undoing that has failed, that it happened means that somebody has undone it by hand.
 */
export function settleOf(exception: ActException): "either" | "happened" | null {
  if (exception.operation === null) return null;
  if (exception.reasonCode === EFFECT_STAYS) return "happened";
  if (isUnknown(exception)) return "either";
  return isFailedUndoing(exception) ? "happened" : null;
}

export interface ActFacts {
  readonly state: RunState;
  readonly exceptions: readonly ActException[];
  readonly effects: readonly ActEffect[];
}

/** What `resume` takes about this exception: the run as a whole, its step alone, or nothing. */
export function resumeOf(exception: ActException, facts: ActFacts): "run" | "step" | null {
  const { state, exceptions, effects } = facts;
  if (isFinal(state) || exception.subject !== null) return null;
  if (isOfRun(exception)) return "run";
  // While the run as a whole stands still, none of its steps goes on by itself.
  if (exceptions.some(isOfRun)) return null;
  if (settleFirst(exceptions, exception.step) !== null) return null;
  // The code has had its answer already: no step waits.
  const hasEnded = effects.some(
    ({ operation, ended }) => operation === exception.operation && ended,
  );
  return hasEnded ? null : "step";
}

/** `resume` in words, once for each use of it that would be accepted. */
export function resumesOf(facts: ActFacts): readonly string[] {
  const { state, exceptions } = facts;
  const offers = exceptions.map((exception) => ({
    step: exception.step,
    what: resumeOf(exception, facts),
  }));
  const steps = offers.filter(({ what }) => what === "step").map(({ step }) => step);
  if (offers.some(({ what }) => what === "run")) return ["resume"];
  // Without a step all that waits goes on, unless one of them has to be settled first.
  if (settleFirst(exceptions, null) === null)
    return steps.length > 0 || state === "parked" || state === "held" ? ["resume"] : [];
  return [...new Set(steps)].map((step) => `resume --step ${step}`);
}
