/**
 * By which commands an exception can be dealt with, as far as its class and the rows of its run tell.
 * What only the code knows (which fields are editable, what fits a schema) is not asked here.
 */
import {
  cancels,
  closesAsStaying,
  isUnknown,
  resumeOf,
  resumesInVain,
  settleOf,
  type ActFacts,
  type WaitingException,
} from "./acts.ts";
import { INTEGRATION_AWAY, INTEGRATION_PARKED, type FailureClass } from "./failure.ts";
import { isFinal } from "./run-state.ts";
import { isUndoPath } from "./step-path.ts";
import { UNFIT_MESSAGE } from "./received.ts";

export type ActName =
  | "settle"
  | "resume"
  | "edit"
  | "correct"
  | "again"
  | "supply"
  | "skip"
  | "admit"
  | "unpark"
  | "park"
  | "close"
  | "anew"
  | "cancel";

/** What was sent, or the run's input, may be what is wrong: another one helps where the same does not. */
const INPUT_AT_FAULT: readonly FailureClass[] = ["data", "policy", "permanent"];

/** In the order in which they are tried. */
export function offeredActs(exception: WaitingException, facts: ActFacts): readonly ActName[] {
  if (exception.subject !== null) return besideActs(exception);
  const settles: readonly ActName[] = settleOf(exception) === null ? [] : ["settle"];
  if (isFinal(facts.state)) return [...settles, "close", "anew"];
  const closes: readonly ActName[] = closesAsStaying(exception, facts.state) ? ["close"] : [];
  const cancel: readonly ActName[] = cancels(facts.exceptions) ? ["cancel"] : [];
  return [...settles, ...goingOn(exception, facts), ...closes, ...cancel];
}

/** What stands beside a run, or beside the store: nobody waits for it. */
export function besideActs({ reasonCode }: { readonly reasonCode: string }): readonly ActName[] {
  switch (reasonCode) {
    case UNFIT_MESSAGE:
      return ["admit", "close"];
    case INTEGRATION_PARKED:
      return ["unpark", "close"];
    case INTEGRATION_AWAY:
      return ["unpark", "park", "close"];
    default:
      return ["close"];
  }
}

function goingOn(exception: WaitingException, facts: ActFacts): readonly ActName[] {
  const resumes = resumeOf(exception, facts);
  if (resumes === null || resumesInVain(exception)) return [];
  // Whatever is done again could do again what nobody knows of; an undoing is not repaired.
  const isInPart = exception.effect === "partial";
  if (facts.exceptions.some(isUnknown) || isInPart || isUndoPath(exception.step)) return ["resume"];
  const isAtFault = INPUT_AT_FAULT.includes(exception.class);
  const again: readonly ActName[] = exception.class === "defect" ? ["again"] : [];
  if (resumes === "run" || exception.operation === null)
    return ["resume", ...(isAtFault ? (["correct"] as const) : []), ...again];
  const edits: readonly ActName[] = isAtFault ? ["edit", "correct"] : [];
  return ["resume", ...edits, ...again, "supply", "skip"];
}
