/** Errors that are looked through for the one that a step ended with. */
const CAUSES_MAX = 100;

/** The error itself, what it wraps, and what that wraps. */
export function causesOf(error: unknown): readonly unknown[] {
  const causes: unknown[] = [error];
  for (let index = 0; index < causes.length && index < CAUSES_MAX; index += 1) {
    const one = causes[index];
    if (one instanceof AggregateError) causes.push(...(one.errors as unknown[]));
    if (one instanceof Error && one.cause !== undefined) causes.push(one.cause);
  }
  return causes;
}
