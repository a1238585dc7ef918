/**
 * What `await` would wait for. A promise that was made in another realm (a test runner gives each file one of
 * its own) is no instance of ours, and a query builder is none at all.
 */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (value instanceof Promise) return true;
  const isObject = typeof value === "object" || typeof value === "function";
  return isObject && value !== null && "then" in value && typeof value.then === "function";
}
