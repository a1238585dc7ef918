/**
 * What is sensitive in a value: JSON pointers (RFC 6901), declared on a definition, in which a
 * segment `*` stands for every element of an array and every member of an object. Masking is typed:
 * it shows that a value is there and of which JSON type it is, and never a part of it.
 *
 * Where a value has another shape than the pointer expects, more is masked and not less: an array
 * that the pointer would go into by name is masked whole, and so is a text or number that it would
 * go into at all.
 */
import { HoldfastError } from "./error.ts";

/** Pointers of one definition. */
const POINTERS_MAX = 100;
/** Characters of one pointer. */
const POINTER_CHARS_MAX = 500;

/** Every element, every member. */
const EVERY = "*";
const INDEX = /^(?:0|[1-9]\d*|-)$/;

/** Segments, unescaped. */
export type Segments = readonly string[];

type Cover = (value: unknown, pointer: string) => unknown;

/**
 * @param what - names the definition, for example `effect "charge-card"`.
 * @throws {HoldfastError} HF1001 if it is not a list of JSON pointers.
 */
export function checkSensitive(what: string, sensitive: unknown): void {
  checkPointers(what, "sensitive", sensitive);
}

/** The same for another option that lists places. */
export function checkPointers(what: string, option: string, pointers: unknown): void {
  if (pointers === undefined) return;
  if (!Array.isArray(pointers) || pointers.length > POINTERS_MAX) {
    const expected = `a list of at most ${String(POINTERS_MAX)} JSON pointers`;
    const got = Array.isArray(pointers) ? `${String(pointers.length)} of them` : typeof pointers;
    throw malformed(what, option, expected, got);
  }
  for (const pointer of pointers) {
    const problem = problemOf(pointer);
    if (problem !== null) throw malformed(what, option, problem, shown(pointer));
  }
}

function problemOf(pointer: unknown): string | null {
  if (typeof pointer !== "string") return "a JSON pointer, which is text";
  if (pointer.length > POINTER_CHARS_MAX)
    return `a JSON pointer of at most ${String(POINTER_CHARS_MAX)} characters`;
  if (pointer !== "" && !pointer.startsWith("/")) return 'a JSON pointer, which begins with "/"';
  if (/~(?![01])/.test(pointer)) return 'a JSON pointer, in which "~" is written "~0"';
  return null;
}

function shown(pointer: unknown): string {
  return typeof pointer === "string" ? JSON.stringify(pointer.slice(0, 80)) : typeof pointer;
}

function malformed(what: string, option: string, expected: string, got: string): HoldfastError {
  return new HoldfastError(
    "HF1001",
    `${what}: "${option}" is not valid: expected ${expected}, got ${got}.`,
    `Write, for example: ${option}: ["/iban", "/lines/*/price"]. "" is the whole value, "/" in a name is "~1".`,
  );
}

/** The value with everything that is sensitive covered. What is not is taken over as it is. */
export function masked(value: unknown, pointers: readonly string[]): unknown {
  return covering(value, pointers.map(segmentsOf), maskOf);
}

/**
 * The value with what `cover` gives in the place of everything that is sensitive; `cover` also gets
 * where that is, as a pointer without `*`.
 */
export function coverSensitive(value: unknown, pointers: readonly string[], cover: Cover): unknown {
  return covering(value, pointers.map(segmentsOf), cover);
}

/** Stands for a sealed value where the key is not at hand. */
export function sealedMark(keyId: string): string {
  return `[sealed: key ${keyId}]`;
}

/** Stands for a payload that lies in a file where its directory is not at hand. */
export function fileMark(sizeBytes: number): string {
  return `[in a file of ${String(sizeBytes)} bytes]`;
}

/** Stands for a payload that cannot be read, whatever is at hand. */
export const UNREADABLE_MARK = "[cannot be read: run holdfast store verify]";

const APART_MARK = /^\[(?:sealed: key [\w.-]{1,32}|in a file of \d{1,10} bytes)\]$/u;

/**
 * Stands for a value: its JSON type, and nothing of it. What is kept apart, where nobody can open
 * it, has no type to show, and its mark stays.
 */
export function maskOf(value: unknown): string {
  if (value === UNREADABLE_MARK) return UNREADABLE_MARK;
  if (typeof value === "string" && APART_MARK.test(value)) return value;
  return `[masked ${jsonTypeOf(value)}]`;
}

/** True if a part of the value could not be read here, and a mark stands in its place. */
export function hasMark(value: unknown): boolean {
  if (typeof value === "string") return value === UNREADABLE_MARK || APART_MARK.test(value);
  return typeof value === "object" && value !== null && Object.values(value).some(hasMark);
}

/** Texts and numbers that are sensitive in the value, as they may turn up in a message. */
export function sensitiveTexts(value: unknown, pointers: readonly string[]): readonly string[] {
  const found: string[] = [];
  covering(value, pointers.map(segmentsOf), (covered) => {
    collect(covered, found);
    return covered;
  });
  return found;
}

/** The segments of a pointer, unescaped. */
export function segmentsOf(pointer: string): Segments {
  return pointer
    .split("/")
    .slice(1)
    .map((segment) => segment.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function covering(
  value: unknown,
  pointers: readonly Segments[],
  cover: Cover,
  at: string = "",
): unknown {
  if (pointers.length === 0) return value;
  if (pointers.some((pointer) => pointer.length === 0)) return cover(value, at);
  if (value === null || value === undefined) return value;
  if (typeof value !== "object") return cover(value, at);
  if (!Array.isArray(value)) {
    // An object made from entries keeps an own property even where it is named `__proto__`.
    return Object.fromEntries(
      Object.entries(value).map(([key, member]) => [
        key,
        covering(member, within(pointers, key), cover, `${at}/${escaped(key)}`),
      ]),
    );
  }
  if (isNamedInside(pointers)) return cover(value, at);
  return value.map((element: unknown, index) =>
    covering(element, within(pointers, String(index)), cover, `${at}/${String(index)}`),
  );
}

/** True if they go on by a name, which no element of an array has. */
export function isNamedInside(pointers: readonly Segments[]): boolean {
  return pointers.some(([head = ""]) => head !== EVERY && !INDEX.test(head));
}

function escaped(segment: string): string {
  return segment.replaceAll("~", "~0").replaceAll("/", "~1");
}

/** What the pointers say of one member. */
export function within(pointers: readonly Segments[], key: string): readonly Segments[] {
  return pointers.filter(([head]) => head === key || head === EVERY).map(([, ...rest]) => rest);
}

function collect(value: unknown, into: string[]): void {
  if (typeof value === "string") into.push(value);
  else if (typeof value === "number" || typeof value === "bigint") into.push(String(value));
  else if (typeof value === "object" && value !== null) {
    for (const member of Object.values(value)) collect(member, into);
  }
}

function jsonTypeOf(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value;
}
