/**
 * What the compiler checks, checked again for callers in JavaScript: a definition that misses a
 * part is refused where it is written, not when its first run comes to it.
 */
import { HoldfastError } from "../core/error.ts";
import { checkSensitive } from "../core/sensitive.ts";
import { checkName } from "../core/step-path.ts";

export type Part = "text" | "schema" | "function" | "integration";

const EXPECTED: Readonly<Record<Part, string>> = {
  text: "a text that is not empty",
  schema: "a Standard Schema (zod, valibot, arktype ...)",
  function: "a function",
  integration: "an integration",
};

/** What a part is for, where its name alone does not tell. */
const MEANT: Readonly<Record<string, string>> = {
  owner: 'the team that gets what needs a person, for example owner: "team-payments"',
  by: 'the role or team that may answer, for example by: "finance"',
  key: "a function that gives each input its business key, under which it runs once",
};

type DefinitionKind = "workflow" | "effect" | "integration" | "review";

/**
 * What every definition begins with.
 *
 * @throws {HoldfastError} HF1001 for a name that is none, and for options that are no object.
 */
export function checkNamed(kind: DefinitionKind, name: unknown, options: unknown): void {
  checkName(name, kind === "workflow" || kind === "review" ? `a ${kind}` : `an ${kind}`);
  if (typeof options === "object" && options !== null) return;
  throw new HoldfastError(
    "HF1001",
    `${kind} "${String(name)}" is not valid: expected an object of options, got ${kindOf(options)}.`,
    `Write ${kind}("${String(name)}", { ... }).`,
  );
}

/**
 * A definition where one is used: in a list of an app, or by a verb.
 *
 * @param where - for example `workflows[0] of holdfast()`.
 * @throws {HoldfastError} HF1001 for anything else.
 */
export function requireDefinition(kind: DefinitionKind, value: unknown, where: string): void {
  if (typeof value === "object" && value !== null && "kind" in value && value.kind === kind) return;
  throw new HoldfastError(
    "HF1001",
    `${where} is not valid: expected what ${kind}(...) has made, got ${kindOf(value)}.`,
    value === undefined
      ? "Is there an import that goes in a circle? Then it is not made yet where it is used. Else look for a slip in its name."
      : `Give what ${kind}("name", { ... }) has made.`,
  );
}

/** @throws {HoldfastError} HF1001 for what is no event. */
export function requireEventType(value: unknown, where: string): void {
  const isObject = typeof value === "object" && value !== null;
  if (!isObject || !("name" in value) || !("schema" in value) || !isA("schema", value.schema)) {
    throw new HoldfastError(
      "HF1001",
      `${where} is not valid: expected an event, got ${kindOf(value)}.`,
      'Give { name: "paid", schema: ... }, with a Standard Schema. If it is undefined: is there an import that goes in a circle?',
    );
  }
  checkName(value.name, "an event");
}

/** @throws {HoldfastError} HF1001 for what is no function. */
export function requireFunction(value: unknown, where: string): void {
  if (typeof value === "function") return;
  throw new HoldfastError(
    "HF1001",
    `${where} is not valid: expected a function, got ${kindOf(value)}.`,
    "Give a function.",
  );
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : typeof value;
}

/**
 * @param what - names the definition, for example `workflow "place-order"`.
 * @param sensitive - its JSON pointers, if it declares any.
 * @throws {HoldfastError} HF1001 for the first part that is missing or of another kind, and for
 *   pointers that are none.
 */
export function checkDefinition(
  what: string,
  parts: Readonly<Record<string, readonly [kind: Part, value: unknown]>>,
  sensitive?: unknown,
): void {
  checkSensitive(what, sensitive);
  for (const [name, [kind, value]] of Object.entries(parts)) {
    if (isA(kind, value)) continue;
    throw new HoldfastError(
      "HF1001",
      `${what} needs "${name}": expected ${EXPECTED[kind]}, got ${value === "" ? "an empty text" : typeof value}.`,
      MEANT[name] === undefined ? `Give ${name}.` : `Give ${name}: ${MEANT[name]}.`,
    );
  }
}

function isA(kind: Part, value: unknown): boolean {
  switch (kind) {
    case "text":
      return typeof value === "string" && value !== "";
    case "function":
      return typeof value === "function";
    case "schema":
      // A schema may itself be callable (arktype).
      return (
        (typeof value === "object" || typeof value === "function") &&
        value !== null &&
        "~standard" in value
      );
    case "integration":
      return (
        typeof value === "object" &&
        value !== null &&
        "kind" in value &&
        value.kind === "integration"
      );
  }
}
