/** Classification rules: what there is, how often each is met, and what people do to them. */
import {
  ruleName,
  type ClassificationRule,
  type RuleState,
  type RuleText,
} from "../core/classification-rule.ts";
import { HoldfastError } from "../core/error.ts";
import { RULE_VERSIONS_MAX, unknownRule, type RuleActKind } from "../core/rule-acts.ts";
import { parseRules } from "../core/rule-text.ts";
import type { StoreReader } from "../store/store.ts";
import { giveCommand, type Patience, type Receipt } from "./command.ts";
import { STORE } from "./exception-acts.ts";
import { PAGE_LIMIT_MAX } from "./paging.ts";

/** In force for so long without being met, a rule is dead. */
const DEAD_AFTER_DAYS = 90;
const DAY_MS = 86_400_000;

export interface RuleView {
  readonly rule: ClassificationRule;
  /** Failures that it has decided. */
  readonly decidedCount: number;
  /** Failures that it would have decided while it was in shadow. */
  readonly shadowCount: number;
  /** Month of the last of either, as `2026-11`; null if it was never met. */
  readonly lastHit: string | null;
  /** In force, and not met for 90 days, by whole months: retire it, or mend what it looks at. */
  readonly isDead: boolean;
}

/** The newest change first. */
export async function listRules(reader: StoreReader, nowMs: number): Promise<readonly RuleView[]> {
  const rules = await keptRules(reader);
  const counters = await reader.counters("rule/");
  return rules.toSorted((a, b) => b.change - a.change).map((rule) => viewOf(rule, counters, nowMs));
}

export async function keptRules(reader: StoreReader): Promise<readonly ClassificationRule[]> {
  const kept: ClassificationRule[] = [];
  for (let pages = 0; pages <= RULE_VERSIONS_MAX / PAGE_LIMIT_MAX; pages += 1) {
    const page = await reader.rules(kept.at(-1)?.change ?? 0, PAGE_LIMIT_MAX);
    kept.push(...page);
    if (page.length < PAGE_LIMIT_MAX) break;
  }
  return kept;
}

function viewOf(
  rule: ClassificationRule,
  counters: readonly { readonly name: string; readonly value: number }[],
  nowMs: number,
): RuleView {
  const prefix = `rule/${ruleName(rule)}/`;
  const mine = counters.filter(({ name }) => name.startsWith(prefix));
  const sum = (how: string) =>
    mine.filter(({ name }) => name.startsWith(`${prefix}${how}/`)).reduce((n, c) => n + c.value, 0);
  const months = mine.map(({ name }) => name.slice(name.lastIndexOf("/") + 1)).toSorted();
  const lastHit = months.at(-1) ?? null;
  const deadBefore = nowMs - DEAD_AFTER_DAYS * DAY_MS;
  const isDead =
    rule.state === "active" &&
    rule.changed.atMs < deadBefore &&
    (lastHit === null || lastHit < new Date(deadBefore).toISOString().slice(0, "2026-01".length));
  return { rule, decidedCount: sum("decided"), shadowCount: sum("shadow"), lastHit, isDead };
}

/** @throws {HoldfastError} HF4120 for a text that is no rule. */
export function rulesOfText(text: string): readonly RuleText[] {
  try {
    return parseRules(JSON.parse(text));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new HoldfastError(
      "HF4120",
      `The classification rules are no JSON: ${error.message}. Nothing was changed.`,
      "Mend the file; the form is in docs/operate/rules.md.",
      { cause: error },
    );
  }
}

interface Doing {
  readonly by: string;
  readonly reason: string;
}

/** Each becomes a draft: a version of its own that does nothing yet. */
export async function addRules(
  reader: StoreReader,
  given: { readonly rules: readonly RuleText[]; readonly assertion: string | null },
  { by, reason }: Doing,
  patience: Patience,
): Promise<readonly { readonly name: string; readonly receipt: Receipt }[]> {
  const kept = await keptRules(reader);
  const added: { readonly name: string; readonly receipt: Receipt }[] = [];
  for (const rule of given.rules) {
    const versions = kept.filter(({ id }) => id === rule.id).map((one) => one.version);
    const version = Math.max(0, ...versions) + 1;
    const act = { kind: "add", rule, assertion: given.assertion, version } as const;
    const body = { run: STORE, act, reason };
    const receipt = await giveCommand(reader, { topic: "rule", by, body }, patience);
    added.push({ name: ruleName({ id: rule.id, version }), receipt });
  }
  return added;
}

/** Which states each act may begin in: of a rule named without its version the newest such is meant. */
const MEANT: Readonly<Record<Exclude<RuleActKind, "add">, readonly RuleState[]>> = {
  shadow: ["draft"],
  activate: ["draft", "shadow"],
  retire: ["draft", "shadow", "active"],
};

/**
 * @param named - an id, or `id@version`.
 * @throws {HoldfastError} HF6001 if there is none, and the engine's refusals.
 */
export async function changeRule(
  reader: StoreReader,
  kind: Exclude<RuleActKind, "add">,
  named: string,
  { by, reason }: Doing,
  patience: Patience,
): Promise<{
  readonly name: string;
  readonly receipt: Receipt;
  readonly rule: ClassificationRule;
}> {
  const rule = ruleToChange(await keptRules(reader), kind, named);
  const { id, version } = rule;
  const body = { run: STORE, act: { kind, id, version }, reason };
  const receipt = await giveCommand(reader, { topic: "rule", by, body }, patience);
  return { name: ruleName({ id, version }), receipt, rule };
}

/** @throws {HoldfastError} HF6001 if there is none. */
export function ruleToChange(
  kept: readonly ClassificationRule[],
  kind: Exclude<RuleActKind, "add">,
  named: string,
): ClassificationRule {
  return ruleNamed(kept, named, MEANT[kind]);
}

/** @throws {HoldfastError} HF6001 */
export function ruleNamed(
  kept: readonly ClassificationRule[],
  named: string,
  states: readonly RuleState[],
): ClassificationRule {
  const versions = kept
    .filter((rule) => rule.id === named || ruleName(rule) === named)
    .toSorted((a, b) => b.version - a.version);
  // Where none is in such a state the engine says why it cannot be done to the newest.
  const meant = versions.find(({ state }) => states.includes(state)) ?? versions[0];
  if (meant === undefined) throw unknownRule(named);
  return meant;
}
