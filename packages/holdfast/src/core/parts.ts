/**
 * The parts of one operation that have ended differently: three of five lines were posted. Which of
 * them were done is on record by name, so that only the rest is ever sent again. Source: failure
 * model 2.1 (`partial`) and R37.
 */
import type { EffectProof, Failure } from "./failure.ts";

/** Parts of one operation. A batch with more of them is split before it is sent. */
export const PARTS_MAX = 1_000;
/** Characters of the name of a part, and of the reason why it was not done. */
export const PART_CHARS_MAX = 100;
/** Parts of a kind that a sentence names. */
const NAMED_MAX = 5;

export const PART_PROOFS = ["never", "maybe", "surely"] as const satisfies readonly EffectProof[];

export interface Part {
  /** The same on each attempt, for example `line 3`. No customer's data: it is shown everywhere. */
  readonly name: string;
  readonly effect: (typeof PART_PROOFS)[number];
  /** Why it was not done, in a few words. */
  readonly reason?: string;
}

/** What they come to together; null for none. */
export function proofOfParts(parts: readonly Part[]): EffectProof | null {
  const [first] = parts;
  if (first === undefined) return null;
  if (parts.every(({ effect }) => effect === first.effect)) return first.effect;
  return parts.some(({ effect }) => effect === "surely") ? "partial" : "maybe";
}

/** Names of all that were done, with those of earlier attempts. */
export function partsDone(
  before: readonly string[],
  parts: readonly Part[] = [],
): readonly string[] {
  const now = parts.filter(({ effect }) => effect === "surely").map(({ name }) => name);
  return now.length === 0 ? before : [...new Set([...before, ...now])];
}

/** "3 of 5 parts were done; not done: line 3 (closed account), line 5". */
export function partsText(parts: readonly Part[]): string {
  const of = (proof: Part["effect"]) => parts.filter(({ effect }) => effect === proof);
  return [
    `${String(of("surely").length)} of ${String(parts.length)} parts were done`,
    ...named("not done", of("never")),
    ...named("nobody knows of", of("maybe")),
  ].join("; ");
}

/** What an operation came to that was done in part. Of an attempt at the rest its parts are not all. */
export function inPartText({ parts, effect }: Pick<Failure, "parts" | "effect">): string {
  return parts === undefined || effect !== "partial"
    ? "Some of it happened and some did not"
    : partsText(parts);
}

/** The same after what was said of the whole; nothing where nobody has said anything of its parts. */
export function partsEnd(parts: readonly Part[] | undefined): string {
  return parts === undefined ? "" : `; ${partsText(parts)}`;
}

function named(what: string, parts: readonly Part[]): readonly string[] {
  if (parts.length === 0) return [];
  const shown = parts.slice(0, NAMED_MAX).map(({ name, reason }) => {
    return reason === undefined ? name : `${name} (${reason})`;
  });
  const rest = parts.length - shown.length;
  return [`${what}: ${shown.join(", ")}${rest > 0 ? ` and ${String(rest)} more` : ""}`];
}
