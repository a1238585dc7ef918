/**
 * Which values may be kept: plain JSON that comes back the same (settled point 10). Everything that
 * would be lost or changed on its way through the journal is refused here, with its place, instead
 * of being found out on recovery.
 */
import { HoldfastError, type ErrorCode } from "./error.ts";
import { isWellFormed } from "./well-formed.ts";

export interface JsonLimits {
  /** Largest size as UTF-8 JSON, in bytes. */
  readonly bytesMax: number;
  /** Deepest nesting of arrays and objects. */
  readonly depthMax: number;
}

/** Source: settled point 28. */
export const JSON_LIMITS: JsonLimits = { bytesMax: 8 * 1024 * 1024, depthMax: 128 };

/**
 * Refuses a value that is not plain JSON. Properties that are `undefined` are allowed and dropped
 * by `JSON.stringify`; an own property named `__proto__` is data like any other.
 *
 * Runs on every step's result: one walk, and nothing is allocated if the value is clean.
 *
 * @param what - names the value in errors, for example `result of step "total"`.
 * @throws {HoldfastError} HF4103 for what JSON cannot keep, HF4105 for nesting beyond the limit,
 * HF4104 for a value that must be larger than the limit; each with a JSON pointer.
 */
export function assertJsonValue(
  value: unknown,
  what: string,
  limits: JsonLimits = JSON_LIMITS,
): void {
  const walk: Walk = { left: limits.bytesMax };
  const found = problemOf(value, limits.depthMax, walk);
  if (found !== null) throw refused(value, what, found, limits);
}

interface Walk {
  /**
   * Bytes that the value may still have. Each part takes at least what is subtracted for it; this
   * is what bounds the walk over a small graph with very many paths.
   */
  left: number;
}

type ProblemKind = "value" | "depth" | "size";

interface Problem {
  readonly kind: ProblemKind;
  readonly got: string;
  /** Where, as keys from the inside out; filled on the way back from a problem only. */
  readonly path: (string | number)[];
}

function problemOf(value: unknown, depthLeft: number, walk: Walk): Problem | null {
  walk.left -= 1;
  if (walk.left < 0) return problem("size", "more");
  switch (typeof value) {
    case "string":
      walk.left -= value.length + 1;
      if (walk.left < 0) return problem("size", "more");
      return isWellFormed(value) ? null : problem("value", "text with a lone surrogate");
    case "number":
      return problemOfNumber(value);
    case "boolean":
      return null;
    case "object":
      if (value === null) return null;
      if (depthLeft <= 0) return problem("depth", "more");
      return Array.isArray(value)
        ? problemOfArray(value, depthLeft, walk)
        : problemOfObject(value, depthLeft, walk);
    case "undefined":
    case "bigint":
    case "function":
    case "symbol":
      break;
  }
  return problem("value", value === undefined ? "undefined" : `a ${typeof value}`);
}

function problemOfNumber(value: number): Problem | null {
  // Above 2^53 two different integers are the same number: an order number would change silently.
  if (value <= Number.MAX_SAFE_INTEGER && value >= -Number.MAX_SAFE_INTEGER) return null;
  return problem("value", Number.isFinite(value) ? "an integer beyond 2^53" : String(value));
}

function problemOfArray(value: unknown[], depthLeft: number, walk: Walk): Problem | null {
  if (!isPlainArray(value)) return problem("value", instanceName(value));
  for (let index = 0; index < value.length; index += 1) {
    const found = problemOf(value[index], depthLeft - 1, walk);
    if (found !== null) return at(found, index);
  }
  return null;
}

function problemOfObject(value: object, depthLeft: number, walk: Walk): Problem | null {
  if (!isPlain(value)) return problem("value", instanceName(value));
  // No array of keys is made, unlike with Object.keys; a plain object inherits nothing enumerable.
  for (const key in value) {
    if (!Object.hasOwn(value, key)) continue;
    // A plain object is a record of unknown values; `key` is one of its own.
    const item = (value as Readonly<Record<string, unknown>>)[key];
    if (item === undefined) continue;
    walk.left -= key.length + 3;
    const found = isWellFormed(key)
      ? problemOf(item, depthLeft - 1, walk)
      : problem("value", "a property name with a lone surrogate");
    if (found !== null) return at(found, key);
  }
  return null;
}

/** Made by `[]` or `JSON.parse`, in this realm or another one: only such a prototype is an array itself. */
function isPlainArray(value: unknown[]): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Array.prototype || (Array.isArray(prototype) && hasRoot(prototype));
}

/** True for a prototype right below that of objects. */
function hasRoot(prototype: object): boolean {
  const above: unknown = Object.getPrototypeOf(prototype);
  return typeof above === "object" && above !== null && Object.getPrototypeOf(above) === null;
}

/** Made by `{}`, `JSON.parse` or `Object.create(null)`, in this realm or another one. */
export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return true;
  return (
    typeof prototype === "object" &&
    Object.getPrototypeOf(prototype) === null &&
    Object.hasOwn(prototype, "hasOwnProperty")
  );
}

function problem(kind: ProblemKind, got: string): Problem {
  return { kind, got, path: [] };
}

function at(found: Problem, key: string | number): Problem {
  found.path.push(key);
  return found;
}

function instanceName(value: object): string {
  // A class instance has a constructor function; what claims one that is none gets no name.
  const { constructor } = value as { readonly constructor?: unknown };
  const name = typeof constructor === "function" ? constructor.name : "";
  return name === "" ? "an object of a class" : `an instance of ${name}`;
}

const REFUSAL: Readonly<Record<ProblemKind, { code: ErrorCode; remedy: string }>> = {
  value: {
    code: "HF4103",
    remedy:
      "Keep plain JSON: text for dates and large numbers, null for nothing, arrays and objects.",
  },
  depth: { code: "HF4105", remedy: "Flatten the value." },
  size: { code: "HF4104", remedy: "Keep large content elsewhere and pass a reference to it." },
};

function refused(value: unknown, what: string, found: Problem, limits: JsonLimits): HoldfastError {
  const pointer = jsonPointer(found.path.toReversed());
  const circular = found.kind === "depth" && isCircular(value, found.path.toReversed());
  const kind = circular ? "value" : found.kind;
  const { code, remedy } = REFUSAL[kind];
  const where = pointer === "" ? "at its top" : `at ${shorten(pointer)}`;
  const says = circular
    ? `cannot be kept: it contains itself`
    : {
        value: `cannot be kept: expected JSON, got ${found.got}, ${where}`,
        depth: `is nested too deep: expected at most ${String(limits.depthMax)} levels, got ${found.got}`,
        size: `is too large: expected at most ${String(limits.bytesMax)} bytes, got ${found.got}`,
      }[kind];
  return new HoldfastError(code, `The ${what} ${says}.`, remedy, { where: shorten(pointer) });
}

/** Follows the path on which the depth ran out and looks for an object that comes twice. */
function isCircular(value: unknown, path: readonly (string | number)[]): boolean {
  const seen = new Set<unknown>();
  let here = value;
  for (const key of path) {
    if (seen.has(here)) return true;
    seen.add(here);
    // The walk went down here by this key, so it is an object that has it.
    here = (here as Readonly<Record<string | number, unknown>>)[key];
  }
  return seen.has(here);
}

/** RFC 6901. */
export function jsonPointer(path: readonly (string | number)[]): string {
  return path.map((key) => `/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

function shorten(pointer: string): string {
  return pointer.length <= 200 ? pointer : `${pointer.slice(0, 200)}...`;
}
