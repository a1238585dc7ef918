/**
 * Versions of the app's code: what each makes of a program. Version 2 does one thing more, and asks since
 * when; version 3 has changed a step that is there already, and asks nothing.
 */
import type { SeededRandom } from "#src/testing/seeded-random.ts";
import type { EffectName, Node, Program } from "./programs.ts";

const VERSIONS = ["1", "2", "3"] as const;
export type CodeVersion = (typeof VERSIONS)[number];

/** That all workers run from some time on, one after the other. */
export interface Deployment {
  readonly atMs: number;
  readonly version: CodeVersion;
}

/** The effect step that code of a version asks for under a name. */
export interface AskedEffect {
  readonly effect: EffectName;
  readonly id: string;
}

/** Share of the worlds in which something is deployed. */
const WORLDS = 0.25;
const DEPLOYMENTS_MAX = 3;
/** What version 2 does more. */
export const ADDED = { effect: "set", as: "v2" } as const;

/** Forward and back, in any order. */
export function deploymentsOf(random: SeededRandom, untilMs: number): readonly Deployment[] {
  if (random.next() >= WORLDS) return [];
  const count = 1 + random.integer(DEPLOYMENTS_MAX);
  return Array.from({ length: count }, () => ({
    atMs: random.next() * untilMs,
    version: random.pick(VERSIONS),
  })).toSorted((one, other) => one.atMs - other.atMs);
}

export function earlierThan(version: CodeVersion): readonly CodeVersion[] {
  return VERSIONS.slice(0, VERSIONS.indexOf(version));
}

/** Whether code of this version asks whether its run began before version 2. */
export function asksSince(version: CodeVersion): boolean {
  return version !== "1";
}

/** What code of this version asks for at the effect step that a program has under a name. */
export function askedAt(version: CodeVersion, program: Program, as: string): AskedEffect | null {
  if (as === ADDED.as)
    return asksSince(version) ? { effect: ADDED.effect, id: `${program.key}.${as}` } : null;
  const effect = effectAt(program.nodes, as);
  if (effect === null) return null;
  const asked = { effect, id: `${program.key}.${as}` };
  return version === "3" && as === firstEffect(program.nodes) ? changed(program, asked) : asked;
}

/** Half of the programs ask for another effect there, half for the same with another input. */
function changed({ nodes }: Program, { effect, id }: AskedEffect): AskedEffect {
  if (nodes.length % 2 === 0) return { effect, id: `${id}.new` };
  return { effect: effect === "look" ? "set" : "look", id };
}

function effectAt(nodes: readonly Node[], as: string): EffectName | null {
  for (const node of nodes) {
    if ((node.kind === "do" || node.kind === "try") && node.as === as) return node.effect;
    const inside = node.kind === "all" || node.kind === "scope" ? effectAt(node.of, as) : null;
    if (inside !== null) return inside;
  }
  return null;
}

function firstEffect(nodes: readonly Node[]): string | null {
  for (const node of nodes) {
    if (node.kind === "do" || node.kind === "try") return node.as;
    const inside = node.kind === "all" || node.kind === "scope" ? firstEffect(node.of) : null;
    if (inside !== null) return inside;
  }
  return null;
}
