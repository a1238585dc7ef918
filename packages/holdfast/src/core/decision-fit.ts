/**
 * Whether a decision can be an answer at all, by what is on record of its review, or of the effect
 * whose answer it is: enough to refuse a
 * slip where no engine is there to say so. What is not told for certain fits; the schema decides.
 */
import { isOpenEnded, isWhole, type DecisionField } from "./decision-fields.ts";

/** What does not fit, as a sentence's end ("approve is missing"); null if nothing is known not to. */
export function decisionMisfit(
  decision: unknown,
  fields: readonly DecisionField[] | null,
): string | null {
  if (fields === null) return null;
  const [only] = fields;
  if (fields.length === 1 && only !== undefined && isWhole(only)) {
    return fits(only.expects, decision) ? null : `expected ${only.expects}`;
  }
  if (typeof decision !== "object" || decision === null || Array.isArray(decision)) {
    // A review that has told only what it misses may take something else than an object.
    return isOpenEnded(fields) ? null : "expected an object";
  }
  for (const { name, expects, isRequired } of fields) {
    const value: unknown = Object.hasOwn(decision, name) ? Reflect.get(decision, name) : undefined;
    if (value === undefined) {
      if (isRequired && !isOpenEnded(fields)) return `"${name}" is missing, expected ${expects}`;
    } else if (!fits(expects, value)) return `"${name}" is not ${expects}`;
  }
  return null;
}

/** Alternatives with their bounds; a text among them may hold any sign. */
const ALTERNATIVE = /("(?:[^"\\]|\\.)*"|[^|"(]+)(?:\([^)]*\))?(?:\||$)/gy;

const KINDS: Readonly<Record<string, (value: unknown) => boolean>> = {
  TEXT: (value) => typeof value === "string",
  NUMBER: (value) => typeof value === "number",
  "WHOLE-NUMBER": (value) => Number.isInteger(value),
  "JSON-LIST": Array.isArray,
  "JSON-OBJECT": (value) => typeof value === "object" && value !== null && !Array.isArray(value),
};

function fits(expects: string, value: unknown): boolean {
  let read = 0;
  for (const match of expects.matchAll(ALTERNATIVE)) {
    read += match[0].length;
    const word = match[1] ?? "";
    const kind = KINDS[word];
    if (kind !== undefined ? kind(value) : isLiteral(word, value)) return true;
    if (kind === undefined && !LITERAL.test(word)) return true;
  }
  // Words of a form that is not known say nothing against it.
  return read !== expects.length;
}

const LITERAL = /^(?:true|false|null|-?\d+(?:\.\d+)?|".*")$/su;

function isLiteral(word: string, value: unknown): boolean {
  return word === JSON.stringify(value);
}
