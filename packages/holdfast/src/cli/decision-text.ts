/** A decision as it is typed: one JSON value, or `key=value` pairs. */
import { HoldfastError } from "../core/error.ts";
import type { JsonChange } from "../core/json-edit.ts";
import { parseJsonText } from "../core/parse-json.ts";
import { quoted } from "../operate/find-run.ts";

/**
 * The decision in the words after the review's id: one word of JSON, or `key=value` pairs that make
 * an object. A value that is JSON is taken as such (`approve=true`, `cents=120`), any other as text
 * (`note=looks fine`); `note="120"` with its quotes is text.
 *
 * @throws {HoldfastError} HF4102 if there is nothing, or it is neither; HF4103 for numbers that
 *   would be rounded; HF4105 for deep nesting.
 */
export function decisionOf(words: readonly string[]): unknown {
  const [first] = words;
  if (first === undefined) throw badDecision("got nothing");
  if (words.length === 1) {
    const whole = parsedJson(first, "decision");
    if (whole !== undefined) return whole.value;
  }
  // An object made from entries keeps an own property even where it is named `__proto__`.
  return Object.fromEntries(words.map(pairOf));
}

function pairOf(word: string): readonly [string, unknown] {
  const at = word.indexOf("=");
  if (at < 1) throw badDecision(`got ${quoted(word)}`);
  const text = word.slice(at + 1);
  const name = word.slice(0, at);
  const parsed = parsedJson(text, `value of ${quoted(name)}`);
  return [name, parsed === undefined ? text : parsed.value];
}

/**
 * A change of one field, `/pointer=value`: a value that is JSON is taken as such, any other as text.
 *
 * @throws {HoldfastError} HF4102 if it is none; HF4103 or HF4105 for what cannot be kept.
 */
export function changeOf(word: string): JsonChange {
  const end = word.indexOf("=");
  if (end < 1 || !word.startsWith("/")) {
    throw new HoldfastError(
      "HF4102",
      `--set takes /pointer=value, got ${quoted(word)}.`,
      "For example: --set '/street=High Street 1' --set '/lines/0/cents=1200'",
    );
  }
  const text = word.slice(end + 1);
  const at = word.slice(0, end);
  const parsed = parsedJson(text, `value of ${quoted(at)}`);
  return { at, value: parsed === undefined ? text : parsed.value };
}

/**
 * A value given as JSON.
 *
 * @param option - its name, for the error.
 * @throws {HoldfastError} HF4102 if it is not JSON, HF4103 or HF4105 if it cannot be kept.
 */
export function jsonValueOf(text: string, option: string): unknown {
  const parsed = parsedJson(text, option);
  if (parsed !== undefined) return parsed.value;
  throw new HoldfastError(
    "HF4102",
    `${option} must be JSON, got ${quoted(text)}.`,
    `Quote it for the shell, for example: ${option} '{"chargeId":"ch_91"}'. Text needs its own quotes: ${option} '"yes"'.`,
  );
}

function parsedJson(text: string, what: string): { readonly value: unknown } | undefined {
  try {
    return { value: parseJsonText(text, what) };
  } catch (error) {
    // Not JSON is an answer here; a number that would come back another one is not.
    if (error instanceof HoldfastError && error.code === "HF4102") return undefined;
    throw error;
  }
}

function badDecision(got: string): HoldfastError {
  return new HoldfastError(
    "HF4102",
    `A decision is one JSON value or key=value pairs, ${got}.`,
    `For example: holdfast answer rev_... approve=true note="as agreed", or: holdfast answer rev_... --json '{"approve":true}'`,
  );
}
