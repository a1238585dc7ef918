/** Where two JSON values differ: as JSON pointers (RFC 6901), and never a value. */
import { isNamedInside, segmentsOf, within, type Segments } from "./sensitive.ts";

/** Places that are named; of more, only that there are more is said. */
const POINTERS_MAX = 5;
/** Characters of one pointer that are said. */
const POINTER_CHARS_MAX = 100;

/**
 * The places as a sentence's end, "at /cents, /lines/0/price"; null if nothing differs.
 *
 * @param sensitive - pointers of the definition: what lies below one is not named, because the names
 *   in there may say as much as the values.
 */
export function differenceText(
  a: unknown,
  b: unknown,
  sensitive: readonly string[] = [],
): string | null {
  const found: string[] = [];
  collect(a, b, "", sensitive.map(segmentsOf), found);
  if (found.length === 0) return null;
  const named = found.slice(0, POINTERS_MAX).map((pointer) => shown(pointer));
  return `at ${named.join(", ")}${found.length > POINTERS_MAX ? " and more" : ""}`;
}

function shown(pointer: string): string {
  if (pointer === "") return "the whole value";
  return pointer.length > POINTER_CHARS_MAX ? `${pointer.slice(0, POINTER_CHARS_MAX)}...` : pointer;
}

function collect(
  a: unknown,
  b: unknown,
  pointer: string,
  sensitive: readonly Segments[],
  into: string[],
): void {
  if (into.length > POINTERS_MAX || Object.is(a, b)) return;
  if (!isContainer(a) || !isContainer(b) || Array.isArray(a) !== Array.isArray(b)) {
    into.push(pointer);
    return;
  }
  const isCovered = sensitive.some((segments) => segments.length === 0);
  if (isCovered || (Array.isArray(a) && isNamedInside(sensitive))) {
    if (JSON.stringify(sorted(a)) !== JSON.stringify(sorted(b))) into.push(pointer);
    return;
  }
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const at = `${pointer}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    collect(memberOf(a, key), memberOf(b, key), at, within(sensitive, key), into);
  }
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** `undefined` for a member that is not there, which no JSON value is. */
function memberOf(value: object, key: string): unknown {
  return Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
}

/** The order of members makes no difference. */
function sorted(value: unknown): unknown {
  if (!isContainer(value)) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const entries = Object.entries(value).map(([key, member]) => [key, sorted(member)] as const);
  return entries.toSorted(([one], [other]) => (one < other ? -1 : 1));
}
