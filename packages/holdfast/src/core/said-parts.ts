/**
 * What somebody says of the parts of one operation: which have happened, and which have not. Whoever
 * forgets one would have it done twice, or not at all; so each of which nobody knows has to be named.
 * Source: failure model R28 and R37.
 */
import { didYouMean } from "./nearest.ts";
import type { Part } from "./parts.ts";

const PART_SAYINGS = ["happened", "not"] as const;

/** By the name of the part. */
export type SaidParts = Readonly<Record<string, (typeof PART_SAYINGS)[number]>>;

/** What follows: names of all parts that were done, or why it cannot be so. */
export type PartsVerdict =
  | { readonly kind: "done"; readonly done: readonly string[] }
  | { readonly kind: "problem"; readonly problem: string };

/** Names in a sentence. */
const NAMED_MAX = 5;

export function isSaidParts(value: unknown): value is SaidParts {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const said: readonly unknown[] = Object.values(value);
  return said.length > 0 && said.every((one) => PART_SAYINGS.some((known) => known === one));
}

/** @param known - what is on record of each part. */
export function partsBySaid(known: readonly Part[], said: SaidParts): PartsVerdict {
  const saidOf = new Map(Object.entries(said));
  const names = known.map(({ name }) => name);
  const stranger = [...saidOf.keys()].find((name) => !names.includes(name));
  if (stranger !== undefined) {
    const near = didYouMean(stranger, names);
    return problem(`no part is called ${JSON.stringify(stranger)}. ${near}It has ${listed(names)}`);
  }
  for (const { name, effect } of known) {
    const one = saidOf.get(name);
    if (effect === "surely" && one === "not")
      return problem(`${name} was done, and that is proven`);
    if (effect === "never" && one === "happened")
      return problem(`${name} was not done, and that is proven`);
  }
  const open = known.filter(({ name, effect }) => effect === "maybe" && !saidOf.has(name));
  if (open.length > 0)
    return problem(
      `nothing is said of ${listed(open.map(({ name }) => name))}, and nobody knows of it`,
    );
  const done = names.filter((name, at) => {
    return known[at]?.effect === "surely" || saidOf.get(name) === "happened";
  });
  if (done.length === names.length)
    return problem(
      `then each of the ${String(names.length)} parts that were named was done: if nothing else was to be done, say that it happened, with what it would have answered`,
    );
  if (done.length === 0)
    return problem(
      `then none of the ${String(names.length)} parts that were named was done: if nothing else of it was either, say that it did not happen`,
    );
  return { kind: "done", done };
}

function problem(text: string): PartsVerdict {
  return { kind: "problem", problem: text };
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, NAMED_MAX).join(", ");
  return names.length > NAMED_MAX ? `${shown} and ${String(names.length - NAMED_MAX)} more` : shown;
}
