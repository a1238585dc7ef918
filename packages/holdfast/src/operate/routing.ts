/** Routing rules: what is in force, new ones, and what they would have done to what was there. */
import { HoldfastError } from "../core/error.ts";
import { parseRouting, routeOf, type RoutingRule, type RoutingVersion } from "../core/routing.ts";
import { formatItemId } from "../core/run-number.ts";
import type { StoreReader } from "../store/store.ts";
import { giveCommand, type Patience, type Receipt } from "./command.ts";
import { STORE } from "./exception-acts.ts";
import { PAGE_LIMIT_MAX } from "./paging.ts";

/** Versions that are shown, the newest first. */
const VERSIONS_MAX = 20;
/** Exceptions of the past that rules are tried on. */
const TRIED_MAX = 10_000;
/** Those that are named. */
const NAMED_MAX = 20;

export interface RoutingHistory {
  /** In force; null if none were ever set. */
  readonly current: RoutingVersion | null;
  readonly before: readonly RoutingVersion[];
}

export interface RoutingTrial {
  readonly tried: number;
  readonly changed: number;
  /** By rule: how many would go where it says. */
  readonly byRule: readonly { readonly rule: string; readonly count: number }[];
  /** The first of those that would change. */
  readonly examples: readonly {
    readonly exception: string;
    readonly from: string;
    readonly to: string;
    readonly rule: string;
  }[];
  /** True if the store holds more than were tried. */
  readonly isPart: boolean;
}

export async function routingHistory(reader: StoreReader): Promise<RoutingHistory> {
  const [current = null, ...before] = await reader.routings(VERSIONS_MAX);
  return { current, before };
}

/** @throws {HoldfastError} HF4102 for a text that is no list of rules. */
export function rulesOf(text: string): readonly RoutingRule[] {
  try {
    return parseRouting(JSON.parse(text));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new HoldfastError(
      "HF4102",
      `The routing rules are no JSON: ${error.message}. Nothing was changed.`,
      "Mend the file; the form is in docs/operate/exceptions.md.",
      { cause: error },
    );
  }
}

interface Doing {
  readonly by: string;
  readonly reason: string;
}

/** Another person has to put them in force; what they would have done is shown to both. */
export async function proposeRouting(
  reader: StoreReader,
  rules: readonly RoutingRule[],
  { by, reason }: Doing,
  patience: Patience,
): Promise<{ readonly receipt: Receipt; readonly trial: RoutingTrial; readonly version: number }> {
  const { current } = await routingHistory(reader);
  const trial = await tryRouting(reader, rules);
  const { tried, changed } = trial;
  const version = current?.version ?? 0;
  const body = { run: STORE, rules, version, tried, changed, reason };
  const receipt = await giveCommand(reader, { topic: "route", by, body }, patience);
  return { receipt, trial, version: version + 1 };
}

/**
 * @param version - of the proposal that was looked at: no other is put in force.
 * @throws {HoldfastError} HF6003 if that is not what is proposed, and the engine's refusals.
 */
export async function approveRouting(
  reader: StoreReader,
  version: number,
  { by, reason }: Doing,
  patience: Patience,
): Promise<{ readonly receipt: Receipt; readonly trial: RoutingTrial }> {
  const { current } = await routingHistory(reader);
  const proposed = current?.version === version ? current.proposed : undefined;
  if (proposed === undefined) {
    throw new HoldfastError(
      "HF6003",
      `No routing rules are proposed as version ${String(version)}. Nothing was changed.`,
      "Look at what is proposed with: holdfast routing show",
    );
  }
  const { rules } = proposed;
  const trial = await tryRouting(reader, rules);
  const body = { run: STORE, rules, version, reason };
  return { receipt: await giveCommand(reader, { topic: "route", by, body }, patience), trial };
}

/** Which of the exceptions that there are, also closed ones, would have had another owner. */
export async function tryRouting(
  reader: StoreReader,
  rules: readonly RoutingRule[],
): Promise<RoutingTrial> {
  const byRule = new Map<string, number>();
  const examples: RoutingTrial["examples"][number][] = [];
  let tried = 0;
  let changed = 0;
  for (let afterRun = -1; tried < TRIED_MAX;) {
    const page = await reader.exceptions({ afterRun, limit: PAGE_LIMIT_MAX, all: true });
    for (const row of page) {
      const { namespace, ownership } = row.record;
      const subject = { ...row, namespace, effect: row.effectName };
      const routed = routeOf({ rules }, subject);
      const to = routed?.owner ?? ownership.declared;
      const rule = routed?.name ?? "code";
      tried += 1;
      if (routed !== null) byRule.set(rule, (byRule.get(rule) ?? 0) + 1);
      if (to === ownership.owner) continue;
      changed += 1;
      if (examples.length < NAMED_MAX) {
        examples.push({ exception: formatItemId("exc", row), from: ownership.owner, to, rule });
      }
    }
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE_LIMIT_MAX) {
      return { tried, changed, byRule: counted(byRule), examples, isPart: false };
    }
    afterRun = last.run;
  }
  return { tried, changed, byRule: counted(byRule), examples, isPart: true };
}

function counted(byRule: ReadonlyMap<string, number>): RoutingTrial["byRule"] {
  return [...byRule].map(([rule, count]) => ({ rule, count }));
}
