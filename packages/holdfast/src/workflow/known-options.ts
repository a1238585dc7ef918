/**
 * Options of definitions, of apps and of a run's verbs, for callers whom no compiler tells: a name
 * that is not known is refused where it is written, because what it was meant to say would silently
 * not hold.
 */
import { HoldfastError } from "../core/error.ts";
import { didYouMean } from "../core/nearest.ts";
import { durationMs } from "../core/duration.ts";

type Kind = "text" | "function" | "truth value" | "number" | "duration" | "object" | "any";

/** What each option that may be given has to be; `any` is looked at elsewhere. */
export type OptionKinds = Readonly<Record<string, Kind | readonly string[]>>;

/** Names of which one message lists the known ones. */
const NAMED_MAX = 30;

/**
 * @param what - names the definition, for example `effect "charge-card"`.
 * @param options - whatever was given; an option that is `undefined` counts as not given.
 * @throws {HoldfastError} HF1001 for an option that is not known, or of another kind.
 */
export function checkOptions(what: string, options: unknown, kinds: OptionKinds): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new HoldfastError(
      "HF1001",
      `${what} is not valid: expected an object of options, got ${kindOf(options)}.`,
      `Write { ... } with: ${namesOf(kinds)}.`,
    );
  }
  for (const name of Object.keys(options)) {
    const value = (options as Readonly<Record<string, unknown>>)[name];
    if (value === undefined) continue;
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    if (kind === undefined) throw unknownOption(what, name, kinds);
    checkKind(what, name, kind, value);
  }
}

function unknownOption(what: string, name: string, kinds: OptionKinds): HoldfastError {
  return new HoldfastError(
    "HF1001",
    `${what} has no option ${JSON.stringify(name.slice(0, 80))}.`,
    `${didYouMean(name, Object.keys(kinds))}It takes: ${namesOf(kinds)}.`,
  );
}

function namesOf(kinds: OptionKinds): string {
  return Object.keys(kinds).slice(0, NAMED_MAX).join(", ");
}

function checkKind(what: string, name: string, kind: OptionKinds[string], value: unknown): void {
  if (kind === "duration") {
    // It refuses what is no text in the same words.
    durationMs(value as string, `${name} of ${what}`);
    return;
  }
  if (isA(kind, value)) return;
  const expected = typeof kind === "string" ? EXPECTED[kind] : kind.join(", ");
  const got = typeof value === "string" ? JSON.stringify(value.slice(0, 40)) : kindOf(value);
  throw new HoldfastError(
    "HF1001",
    `${what}: "${name}" is not valid: expected ${expected}, got ${got}.`,
    typeof kind === "string"
      ? `Give ${expected}, or leave it out.`
      : `Choose: ${kind.join(" | ")}; or leave it out.`,
  );
}

const EXPECTED: Readonly<Record<Exclude<Kind, "duration">, string>> = {
  text: "a text that is not empty",
  function: "a function",
  "truth value": "true or false",
  number: "a number",
  object: "an object",
  any: "anything",
};

function isA(kind: Exclude<OptionKinds[string], "duration">, value: unknown): boolean {
  if (typeof kind !== "string") return kind.some((word) => word === value);
  switch (kind) {
    case "text":
      return typeof value === "string" && value !== "";
    case "function":
      return typeof value === "function";
    case "truth value":
      return typeof value === "boolean";
    case "number":
      return typeof value === "number";
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    case "any":
      return true;
  }
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "number" || typeof value === "boolean" ? String(value) : typeof value;
}
