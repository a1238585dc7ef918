/** Changing single members of a JSON value, by JSON pointers (RFC 6901), where that is allowed. */
import { HoldfastError } from "./error.ts";
import { segmentsOf, type Segments } from "./sensitive.ts";

export interface JsonChange {
  /** JSON pointer of a member that is there, or of a new member of an object that is. */
  readonly at: string;
  readonly value: unknown;
}

/** Changes of one edit. */
export const CHANGES_MAX = 100;

/** True if the pointer is one of these or lies below one; `*` stands for every member. */
export function isWithin(pointer: string, pointers: readonly string[]): boolean {
  const at = segmentsOf(pointer);
  return pointers.some((one) => covers(segmentsOf(one), at));
}

/** True if a change there touches what one of these names: it is that, or lies below or above it. */
export function touches(pointer: string, pointers: readonly string[]): boolean {
  const at = segmentsOf(pointer);
  return pointers.some((one) => {
    const segments = segmentsOf(one);
    return covers(segments, at) || covers(at, segments.slice(0, at.length));
  });
}

function covers(pointer: Segments, at: Segments): boolean {
  return (
    pointer.length <= at.length &&
    pointer.every((segment, index) => segment === "*" || at[index] === "*" || segment === at[index])
  );
}

/**
 * A copy of the value with the changes in it.
 *
 * @throws {HoldfastError} HF4102 for a place that is not there.
 */
export function edited(value: unknown, changes: readonly JsonChange[]): unknown {
  let after = value;
  for (const { at, value: member } of changes)
    after = withMember(after, segmentsOf(at), member, at);
  return after;
}

/** What stands at a pointer; undefined where nothing does. */
export function memberAt(value: unknown, at: string): unknown {
  let member = value;
  for (const name of segmentsOf(at)) {
    if (typeof member !== "object" || member === null || !Object.hasOwn(member, name))
      return undefined;
    member = Reflect.get(member, name);
  }
  return member;
}

function withMember(value: unknown, path: Segments, member: unknown, at: string): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return member;
  if (Array.isArray(value)) {
    const index = /^(?:0|[1-9]\d{0,9})$/.test(name) ? Number(name) : value.length;
    if (index >= value.length) throw nowhere(at);
    return value.with(index, withMember(value[index], rest, member, at));
  }
  if (typeof value !== "object" || value === null) throw nowhere(at);
  const has = Object.hasOwn(value, name);
  if (!has && rest.length > 0) throw nowhere(at);
  const before: unknown = has ? Reflect.get(value, name) : undefined;
  // An object made from entries keeps an own property even where it is named `__proto__`.
  const others = Object.entries(value).filter(([key]) => key !== name);
  const changed = [name, withMember(before, rest, member, at)] as const;
  return Object.fromEntries(
    has
      ? Object.entries(value).map((entry) => (entry[0] === name ? changed : entry))
      : [...others, changed],
  );
}

function nowhere(at: string): HoldfastError {
  return new HoldfastError(
    "HF4102",
    `There is nothing at ${JSON.stringify(at.slice(0, 100))} that could be changed. Nothing was done.`,
    "Name a member that is there, or a new one of an object that is: see the input with holdfast show RUN --payloads.",
  );
}
