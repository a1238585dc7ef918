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

export async function setRouting(
  reader: StoreReader,
  rules: readonly RoutingRule[],
  { by, reason }: { readonly by: string; readonly reason: string },
  patience: Patience,
): Promise<Receipt> {
  const { current } = await routingHistory(reader);
  const body = { run: STORE, rules, version: current?.version ?? 0, reason };
  return await giveCommand(reader, { topic: "route", by, body }, patience);
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
