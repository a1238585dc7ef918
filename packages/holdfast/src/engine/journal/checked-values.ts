/**
 * Values that become columns of the store: texts that code and other systems make. One of another
 * type would be refused by the store in the middle of a flush, and a failed flush ends the process.
 */
import { HoldfastError } from "../../core/error.ts";
import { EFFECT_PROOFS, FAILURE_CLASSES, type Classified } from "../../core/failure.ts";
import type { Described } from "../../core/journal.ts";
import { isNobody } from "../../core/person.ts";
import { PART_CHARS_MAX, PART_PROOFS, PARTS_MAX, type Part } from "../../core/parts.ts";
import { isWellFormed } from "../../core/well-formed.ts";

/** Characters of a key, a lane, a reference, a name. */
const TEXT_CHARS_MAX = 512;
/** Characters of a reason. */
const REASON_CHARS_MAX = 10_000;
/** Longest wait for what may still come. */
const MAY_COME_MS_MAX = 7 * 86_400_000;
/** Business keys of one description. */
const KEYS_MAX = 64;

/**
 * @param what - names the value in the message, for example `lane of workflow "order"`.
 * @throws {HoldfastError} HF4102 unless it is a text of 1 to 512 whole characters without NUL.
 */
export function requireText(value: unknown, what: string): string {
  if (typeof value === "string" && value !== "" && value.length <= TEXT_CHARS_MAX) {
    if (isStorable(value)) return value;
  }
  throw new HoldfastError(
    "HF4102",
    `The ${what} is not valid: expected a text of 1 to ${String(TEXT_CHARS_MAX)} whole characters without NUL, got ${kindOf(value)}.`,
    "Mend what makes it; nothing was done with it.",
  );
}

/**
 * The name of who does something, as it goes on record.
 *
 * @param does - for example `answers a review`.
 * @throws {HoldfastError} HF4102 unless it is a text as `requireText` has it, of which something is
 *   to be seen: a name that is none would be another person than everybody that a rule excludes.
 */
export function requireName(value: unknown, does: string): string {
  const name = requireText(value, `name of who ${does}`);
  if (!isNobody(name)) return name;
  throw new HoldfastError(
    "HF4102",
    `The name of who ${does} is not valid: there is nothing to be seen in it.`,
    "Say who it is; the name goes on record. Nothing was done.",
  );
}

/**
 * Why somebody does something, as it goes on record; it may be empty.
 *
 * @throws {HoldfastError} HF4102 unless it is a text of at most 10,000 whole characters without NUL.
 */
export function requireReason(value: unknown, does: string): string {
  if (typeof value === "string" && value.length <= REASON_CHARS_MAX && isStorable(value))
    return value;
  throw new HoldfastError(
    "HF4102",
    `The reason of who ${does} is not valid: expected a text of at most ${String(REASON_CHARS_MAX)} whole characters without NUL, got ${kindOf(value)}.`,
    "Give a reason as a text. Nothing was done.",
  );
}

/** @throws {HoldfastError} HF4102 unless it is true or false: "false" would count as true. */
export function requireTruth(value: unknown, what: string): boolean {
  if (typeof value === "boolean") return value;
  throw new HoldfastError(
    "HF4102",
    `The ${what} is not valid: expected true or false, got ${kindOf(value)}.`,
    "Give true or false. Nothing was done.",
  );
}

/**
 * Half a surrogate pair would be stored as another text, and two keys would be one. A NUL ends a
 * text that Node 22 reads from SQLite, and PostgreSQL keeps none: a run would come back with another
 * key than it was started with.
 */
export function isStorable(text: string): boolean {
  return isWellFormed(text) && !text.includes("\u0000");
}

function kindOf(value: unknown): string {
  if (typeof value === "string") return `one of ${String(value.length)} characters`;
  return value === null ? "null" : `a value of type ${typeof value}`;
}

/** What is agreed of a description, and nothing else of it. */
export function checkedDescription(value: unknown, what: string): Described {
  if (value === undefined) return {};
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw notDescribed(what);
  if (value instanceof Promise) throw notDescribed(what);
  // An object whose properties are looked at one by one below.
  const { amount, currency, keys } = value as Readonly<Record<keyof Described, unknown>>;
  return {
    ...(amount === undefined ? {} : { amount: requireText(amount, `amount of ${what}`) }),
    ...(currency === undefined ? {} : { currency: requireText(currency, `currency of ${what}`) }),
    ...(keys === undefined ? {} : { keys: checkedKeys(keys, what) }),
  };
}

function checkedKeys(keys: unknown, what: string): Readonly<Record<string, string>> {
  if (typeof keys !== "object" || keys === null) throw notDescribed(what);
  const entries = Object.entries(keys);
  if (entries.length > KEYS_MAX) throw notDescribed(what);
  return Object.fromEntries(
    entries.map(([name, key]): [string, string] => [
      requireText(name, `name of a key of ${what}`),
      requireText(key, `key "${name.slice(0, 40)}" of ${what}`),
    ]),
  );
}

function notDescribed(what: string): HoldfastError {
  return new HoldfastError(
    "HF4102",
    `The description of ${what} is not valid: expected { amount?, currency?, keys? } with texts, at most ${String(KEYS_MAX)} keys.`,
    "Mend the describe function.",
  );
}

/** @throws {HoldfastError} HF1001 for what a `classify` function may not say. */
export function checkedClassified(says: Classified | undefined, id: string): Classified | null {
  if (says === undefined || says === null) return null;
  const { class: failureClass, effect, reasonCode, message, mayComeWithinMs = 0 } = says;
  const isAgreed =
    typeof says === "object" &&
    FAILURE_CLASSES.includes(failureClass) &&
    (effect === undefined || EFFECT_PROOFS.includes(effect)) &&
    (reasonCode === undefined || typeof reasonCode === "string") &&
    (message === undefined || typeof message === "string") &&
    (mayComeWithinMs === 0 || failureClass === "data") &&
    Number.isFinite(mayComeWithinMs) &&
    mayComeWithinMs >= 0 &&
    mayComeWithinMs <= MAY_COME_MS_MAX;
  if (isAgreed) return says.parts === undefined ? says : { ...says, parts: parts(says.parts, id) };
  throw new HoldfastError(
    "HF1001",
    `classify of ${id} answered something that is no classification.`,
    "Answer { class, effect?, reasonCode?, message?, parts?, mayComeWithinMs? } with the words of the reference, or undefined; mayComeWithinMs goes with class data and is 7 days at most.",
  );
}

function parts(given: unknown, id: string): readonly Part[] {
  const list: readonly unknown[] = Array.isArray(given) ? given : [];
  const checked = list.slice(0, PARTS_MAX).map(partOf);
  const names = new Set(checked.map((part) => part?.name));
  const isAgreed = list.length > 0 && list.length <= PARTS_MAX && names.size === list.length;
  if (isAgreed && checked.every((part) => part !== null)) return checked;
  throw new HoldfastError(
    "HF1001",
    `classify of ${id} answered parts that are none: expected 1 to ${String(PARTS_MAX)} of { name, effect, reason? }, each with a name of its own of at most ${String(PART_CHARS_MAX)} characters.`,
    `Name each part alike on each attempt, for example "line 3"; effect is one of ${PART_PROOFS.join(", ")}.`,
  );
}

function partOf(given: unknown): Part | null {
  if (typeof given !== "object" || given === null) return null;
  // An object whose properties are looked at one by one below.
  const { name, effect, reason } = given as Readonly<Record<keyof Part, unknown>>;
  const proof = PART_PROOFS.find((one) => one === effect);
  const isNamed = typeof name === "string" && name !== "" && name.length <= PART_CHARS_MAX;
  if (!isNamed || !isStorable(name) || proof === undefined) return null;
  if (reason === undefined) return { name, effect: proof };
  if (typeof reason !== "string" || !isStorable(reason)) return null;
  return { name, effect: proof, reason: reason.slice(0, PART_CHARS_MAX) };
}
