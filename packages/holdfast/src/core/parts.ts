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

/**
 * What is known of each part after one more attempt. What was done stays done; of an attempt that does
 * not say what became of each part, nobody knows of all the others.
 *
 * @param ended - null for an attempt of which nothing is on record.
 */
export function partsAfter(
  before: readonly Part[],
  ended: Pick<Failure, "effect" | "parts"> | null,
): readonly Part[] {
  const now = new Map((ended?.parts ?? []).map((part) => [part.name, part]));
  const isSilent = ended === null || (ended.parts === undefined && ended.effect !== "never");
  const known = before.map((part): Part => {
    if (part.effect === "surely") return part;
    const next = now.get(part.name) ?? (isSilent ? { name: part.name, effect: "maybe" } : part);
    // That this attempt has not done it says nothing of those before.
    return part.effect === "maybe" && next.effect === "never" ? part : next;
  });
  const names = new Set(before.map(({ name }) => name));
  return [...known, ...[...now.values()].filter(({ name }) => !names.has(name))];
}

/** @param isOfAttempt - false for what is decided anew, or ends late: that tells of what was done alone. */
export function partsByOutcome(
  before: readonly Part[],
  failure: Pick<Failure, "effect" | "parts"> | undefined,
  isOfAttempt: boolean,
): readonly Part[] {
  if (failure === undefined) return before;
  if (isOfAttempt) return partsAfter(before, failure);
  const done = failure.parts?.filter(({ effect }) => effect === "surely") ?? [];
  return partsAfter(before, { effect: "never", parts: done });
}

/** The same after somebody has found out: those that were done by name, and no others. */
export function partsKnown(before: readonly Part[], done: readonly string[]): readonly Part[] {
  return before.map(({ name }) => ({ name, effect: done.includes(name) ? "surely" : "never" }));
}

/** "3 of the 5 parts that were named were done; not done: line 3 (closed account), line 5". Nobody knows of others. */
export function partsText(parts: readonly Part[]): string {
  const of = (proof: Part["effect"]) => parts.filter(({ effect }) => effect === proof);
  return [
    `${String(of("surely").length)} of the ${String(parts.length)} parts that were named were done`,
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
