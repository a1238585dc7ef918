/** What a run does: made from the seed, and carried out by one workflow that reads it. */
import type { SeededRandom } from "#src/testing/seeded-random.ts";

/** Effects by what they are for; each has a system that keeps its contract. */
const EFFECTS = [
  "look", // read
  "set", // idempotent, undone by a call
  "charge", // keyed, undone by a call
  "order", // keyed, accepted now and done later
  "invoice", // probeable, undone by another effect
  "mail", // once, nobody can look
  "stamp", // once, somebody can look; undone by another effect
] as const;
export type EffectName = (typeof EFFECTS)[number];

export type Node =
  | { readonly kind: "do"; readonly effect: EffectName; readonly as: string }
  | { readonly kind: "try"; readonly effect: EffectName; readonly as: string }
  | { readonly kind: "all"; readonly of: readonly Node[] }
  | { readonly kind: "sleep"; readonly seconds: number; readonly as: string }
  | { readonly kind: "step"; readonly as: string; readonly durable: boolean }
  | { readonly kind: "ask"; readonly as: string }
  | { readonly kind: "wait"; readonly as: string; readonly seconds: number | null }
  | {
      readonly kind: "call";
      readonly as: string;
      readonly child: Program;
      /** The code goes on if the child has not completed. */
      readonly isGuarded: boolean;
    }
  | { readonly kind: "scope"; readonly as: string; readonly of: readonly Node[] }
  | { readonly kind: "stop"; readonly compensate: boolean }
  /** Ends its process, whenever it comes there. */
  | { readonly kind: "crash" };

/** An effect under this name ends its process in its call. */
export const DEADLY_STEP = "deadly";

export interface Program {
  readonly key: string;
  /** Of the workflow that carries it out. */
  readonly workflow: "flow" | "laned" | "strict";
  readonly lane: string | null;
  readonly nodes: readonly Node[];
}

const STEPS_MAX = 6;

export function programOf(random: SeededRandom, key: string, depth = 0): Program {
  const draw = random.next();
  const workflow = draw < 0.5 ? "flow" : draw < 0.75 ? "laned" : "strict";
  const lane = workflow === "laned" ? `lane${String(random.integer(2))}` : null;
  const count = 1 + random.integer(depth === 0 ? STEPS_MAX : 3);
  const name = { next: 0 };
  const nodes = nodesOf(random, key, count, depth, name);
  const isStopped = random.next() < 0.12;
  const last: readonly Node[] = isStopped
    ? [{ kind: "stop", compensate: random.next() < 0.8 }]
    : [];
  return { key, workflow, lane, nodes: [...nodes, ...last] };
}

function nodesOf(
  random: SeededRandom,
  key: string,
  count: number,
  depth: number,
  name: { next: number },
): Node[] {
  return Array.from({ length: count }, () => nodeOf(random, key, depth, name));
}

function nodeOf(random: SeededRandom, key: string, depth: number, name: { next: number }): Node {
  name.next += 1;
  const as = `s${String(name.next)}`;
  const draw = random.next();
  if (draw < 0.5) return { kind: "do", effect: random.pick(EFFECTS), as };
  if (draw < 0.54) return { kind: "try", effect: random.pick(EFFECTS), as };
  if (draw < 0.62 && depth < 2)
    return { kind: "all", of: nodesOf(random, key, 2 + random.integer(2), depth + 1, name) };
  if (draw < 0.7) return { kind: "sleep", seconds: 1 + random.integer(300), as };
  if (draw < 0.76) return { kind: "step", as, durable: random.next() < 0.3 };
  if (draw < 0.83) return { kind: "ask", as };
  if (draw < 0.9)
    return { kind: "wait", as, seconds: random.next() < 0.5 ? null : 60 + random.integer(600) };
  if (draw < 0.95 && depth < 1)
    return {
      kind: "call",
      as,
      child: programOf(random, `${key}.${as}`, depth + 1),
      isGuarded: random.next() < 0.6,
    };
  if (draw < 0.98 && depth < 2)
    return { kind: "scope", as, of: nodesOf(random, key, 1 + random.integer(2), depth + 1, name) };
  return { kind: "do", effect: random.pick(EFFECTS), as };
}

/** As another one, and then it brings down whoever carries it out. */
export function poisonOf(random: SeededRandom, key: string): Program {
  const { nodes, ...program } = programOf(random, key);
  const before = nodes.slice(0, random.integer(2));
  const call = { kind: "do", effect: "invoice", as: DEADLY_STEP } as const;
  return { ...program, nodes: [...before, random.next() < 0.4 ? call : { kind: "crash" }] };
}

/** All programs that carrying out this one may start, itself first. */
export function family(program: Program): readonly Program[] {
  return [program, ...program.nodes.flatMap(childrenOf)];
}

function childrenOf(node: Node): readonly Program[] {
  if (node.kind === "call") return family(node.child);
  return node.kind === "all" || node.kind === "scope" ? node.of.flatMap(childrenOf) : [];
}

/** Events that a program waits for, by their key. */
export function awaitedBy(nodes: readonly Node[], key: string): readonly string[] {
  return nodes.flatMap((node) => {
    if (node.kind === "wait") return [`${key}.${node.as}`];
    return node.kind === "all" || node.kind === "scope" ? awaitedBy(node.of, key) : [];
  });
}
