/** Ends a `switch` over a closed union: a word added to the list is a compile error here. */
export function assertNever(value: never): never {
  throw new TypeError(`not a member of the closed list: ${JSON.stringify(value)}`);
}
