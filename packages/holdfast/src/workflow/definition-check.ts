/**
 * What the compiler checks, checked again for callers in JavaScript: a definition that misses a
 * part is refused where it is written, not when its first run comes to it.
 */
import { HoldfastError } from "../core/error.ts";
import { checkSensitive } from "../core/sensitive.ts";

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
