/**
 * JSON Canonicalization Scheme (RFC 8785): one text per value, whatever the order of properties.
 * For request digests and audit only; the journal keeps plain JSON.
 */
import { HoldfastError } from "./error.ts";
import { JSON_LIMITS, isPlain } from "./json-value.ts";
import { isWellFormed } from "./well-formed.ts";

/**
 * The canonical text of a value. `undefined` properties are left out, as in JSON.stringify.
 *
 * @throws {HoldfastError} HF4103 for what is not I-JSON (NaN, lone surrogates, functions, class
 * instances ...), HF4105 beyond 128 levels, which is also how a value that contains itself ends.
 */
export function canonicalJson(value: unknown): string {
  return textOf(value, JSON_LIMITS.depthMax);
}

function textOf(value: unknown, depthLeft: number): string {
  switch (typeof value) {
    case "string":
      return textOfString(value);
    case "number":
      // ECMAScript's number form is the one that RFC 8785 prescribes (section 3.2.2.3).
      if (!Number.isFinite(value)) throw notJson(String(value));
      return String(value);
    case "boolean":
      return value ? "true" : "false";
    case "object":
      if (value === null) return "null";
      if (depthLeft <= 0) throw tooDeep();
      return Array.isArray(value) ? textOfArray(value, depthLeft) : textOfObject(value, depthLeft);
    case "undefined":
    case "bigint":
    case "function":
    case "symbol":
      break;
  }
  throw notJson(value === undefined ? "undefined" : `a ${typeof value}`);
}

/** Printable ASCII without quote and backslash: its JSON is itself in quotes. */
const PLAIN = /^[ !#-[\]-~]*$/;

function textOfString(value: string): string {
  if (PLAIN.test(value)) return `"${value}"`;
  if (!isWellFormed(value)) throw notJson("text with a lone surrogate");
  return JSON.stringify(value);
}

function textOfArray(value: readonly unknown[], depthLeft: number): string {
  let text = "";
  for (let index = 0; index < value.length; index += 1) {
    text += (index === 0 ? "" : ",") + textOf(value[index], depthLeft - 1);
  }
  return `[${text}]`;
}

function textOfObject(value: object, depthLeft: number): string {
  if (!isPlain(value)) throw notJson("an object of a class");
  let text = "";
  // Sorting by UTF-16 units is what RFC 8785 prescribes, and what sort() does without an argument.
  for (const key of sorted(Object.keys(value))) {
    // A plain object is a record of unknown values; `key` is one of its own.
    const item = (value as Readonly<Record<string, unknown>>)[key];
    if (item === undefined) continue;
    text += `${text === "" ? "" : ","}${textOfString(key)}:${textOf(item, depthLeft - 1)}`;
  }
  return `{${text}}`;
}

/** Most objects are written in one order for ever, and looking is cheaper than sorting. */
function sorted(keys: readonly string[]): readonly string[] {
  const isSorted = keys.every((key, index) => index === 0 || (keys[index - 1] ?? "") < key);
  return isSorted ? keys : keys.toSorted();
}

function notJson(got: string): HoldfastError {
  return new HoldfastError(
    "HF4103",
    `A value has no canonical form: expected JSON, got ${got}.`,
    "Keep plain JSON: text for dates and large numbers, null for nothing, arrays and objects.",
  );
}

function tooDeep(): HoldfastError {
  return new HoldfastError(
    "HF4105",
    `A value is nested too deep: expected at most ${String(JSON_LIMITS.depthMax)} levels, got more.`,
    "Flatten the value.",
  );
}
