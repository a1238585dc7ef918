/** Routing rules: what is in force, new ones, and what they would have done to what was there. */
import { HoldfastError } from "../core/error.ts";
import {
  parseRouting,
  routeOf,
  type RoutingRule,
  type RoutingTried,
  type RoutingVersion,
} from "../core/routing.ts";
import { isOpenProposal } from "../core/routing-acts.ts";
import { formatItemId } from "../core/run-number.ts";
import type { InboxRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";
import { giveCommand, type Patience, type Receipt } from "./command.ts";
import { STORE } from "./exception-acts.ts";
import { bodyOf, COMMANDS_MAX } from "./kept-command.ts";
import { PAGE_LIMIT_MAX } from "./paging.ts";
import { isoText } from "./views.ts";

/** Versions that are looked through for what is in force; and of those before it, how many are shown. */
const VERSIONS_MAX = 200;
const BEFORE_MAX = 20;
/** Exceptions of the past that rules are tried on. */
const TRIED_MAX = 10_000;
/** Those that are named. */
const NAMED_MAX = 20;

/** Rules as they came into force, or were proposed. */
export interface RoutingView {
  readonly version: number;
  readonly rules: readonly RoutingRule[];
  /** Who has written them. */
  readonly by: string;
  readonly reason: string;
  readonly at: string;
  /** Who has put them in force, and why; null for a proposal. */
  readonly approved: { readonly by: string; readonly reason: string } | null;
}

/** Rules that somebody else may put in force. */
export interface RoutingProposalView extends RoutingView, RoutingTried {
  /** From when on it lapses. */
  readonly isOpen: boolean;
}

/** A command that no engine has taken yet. */
export interface KeptRouting {
  readonly id: string;
  readonly by: string;
  readonly at: string;
  readonly reason: string;
  /** Of the version that it would make, or put in force. */
  readonly version: number;
  readonly act: "proposes" | "approves";
  readonly ruleCount: number;
}

export interface RoutingHistory {
  /** In force; null if none were ever. */
  readonly current: RoutingView | null;
  /** Proposed, and not in force; null if nothing newer than what is in force is. */
  readonly proposed: RoutingProposalView | null;
  /** What was in force before, the newest first. */
  readonly before: readonly RoutingView[];
  readonly kept: readonly KeptRouting[];
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

export async function routingHistory(reader: StoreReader, nowMs: number): Promise<RoutingHistory> {
  const all = await reader.routings(VERSIONS_MAX);
  const [newest] = all;
  const [current = null, ...before] = all
    .filter(({ proposed }) => proposed === undefined)
    .map(viewOf);
  return {
    current,
    proposed: newest?.proposed === undefined ? null : proposalOf(newest, newest.proposed, nowMs),
    before: before.slice(0, BEFORE_MAX),
    kept: (await reader.inbox(COMMANDS_MAX)).flatMap(keptRouting),
  };
}

function viewOf({ version, rules, by, reason, atMs, approved }: RoutingVersion): RoutingView {
  return { version, rules, by, reason, at: isoText(atMs), approved: approved ?? null };
}

function proposalOf(
  of: RoutingVersion,
  { rules, tried, changed }: NonNullable<RoutingVersion["proposed"]>,
  nowMs: number,
): RoutingProposalView {
  return { ...viewOf(of), rules, tried, changed, isOpen: isOpenProposal(of, nowMs) };
}

/** What is no such command is the engine's to refuse. */
function keptRouting({ id, topic, by, atMs, data }: InboxRow): readonly KeptRouting[] {
  if (topic !== "route") return [];
  const body = bodyOf(data);
  const field = (name: string): unknown => (body === null ? null : Reflect.get(body, name));
  const [version, rules, reason] = [field("version"), field("rules"), field("reason")];
  if (!Number.isSafeInteger(version) || !Array.isArray(rules)) return [];
  const proposes = field("tried") !== undefined;
  return [
    {
      id,
      by,
      at: isoText(atMs),
      reason: typeof reason === "string" ? reason : "",
      version: Number(version) + (proposes ? 1 : 0),
      act: proposes ? "proposes" : "approves",
      ruleCount: rules.length,
    },
  ];
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

/**
 * Another person has to put them in force; what they would have done is shown to both.
 *
 * @param insteadOf - version of the proposal that was seen and is displaced; null for none.
 * @throws {HoldfastError} HF6003 if another is open.
 */
export async function proposeRouting(
  reader: StoreReader,
  rules: readonly RoutingRule[],
  { by, reason, insteadOf }: Doing & { readonly insteadOf: number | null },
  patience: Patience,
): Promise<{ readonly receipt: Receipt; readonly trial: RoutingTrial; readonly version: number }> {
  const [current] = await reader.routings(1);
  refuseDisplacing(current, insteadOf, patience.nowMs());
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
  const [current] = await reader.routings(1);
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

/** Whoever has proposed something waits for somebody to look at it, and would wait in vain. */
function refuseDisplacing(
  current: RoutingVersion | undefined,
  insteadOf: number | null,
  nowMs: number,
): void {
  const open = current !== undefined && isOpenProposal(current, nowMs) ? current : null;
  if ((open?.version ?? null) === insteadOf) return;
  const yours = "Nothing was changed.";
  if (open === null) {
    throw new HoldfastError(
      "HF6003",
      `No proposal of version ${String(insteadOf)} is open. ${yours}`,
      "Look at what is proposed with: holdfast routing show",
    );
  }
  const { version, by, reason } = open;
  throw new HoldfastError(
    "HF6003",
    `Other routing rules are proposed already, as version ${String(version)} by ${by} (${reason}), and nobody has approved them yet. ${yours}`,
    `Look at them with: holdfast routing show. To propose yours in their place: --instead-of ${String(version)}; or have them put in force first: holdfast routing approve ${String(version)} --reason "..."`,
  );
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
