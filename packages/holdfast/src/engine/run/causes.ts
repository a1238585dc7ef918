/** Which steps of a run its code has failed by. */
import type { StepSlot } from "../steps/step-slot.ts";

/** Steps that ended with this error, or with one that it came from. */
export function stepsThatThrew(slots: Iterable<StepSlot>, error: unknown): readonly string[] {
  const causes = causesOf(error);
  const threw: string[] = [];
  for (const slot of slots) {
    const own = slot.verb.threw?.() ?? null;
    if (own !== null && causes.includes(own)) threw.push(slot.path);
  }
  return threw;
}

/** Errors that are looked through for the one that a step ended with. */
const CAUSES_MAX = 100;

/** The error itself, what it wraps, and what that wraps. */
function causesOf(error: unknown): readonly unknown[] {
  const causes: unknown[] = [error];
  for (let index = 0; index < causes.length && index < CAUSES_MAX; index += 1) {
    const one = causes[index];
    if (one instanceof AggregateError) causes.push(...(one.errors as unknown[]));
    if (one instanceof Error && one.cause !== undefined) causes.push(one.cause);
  }
  return causes;
}
