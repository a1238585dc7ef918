/** What people do to classification rules, and who may: the life of a rule. Pure. */
import {
  ruleName,
  type ClassificationRule,
  type RuleState,
  type RuleText,
} from "./classification-rule.ts";
import { HoldfastError } from "./error.ts";
import { isSamePerson } from "./person.ts";

/** Versions that are not retired: each is looked at for every failure. */
export const RULES_MAX = 200;
/** Versions of all rules that the store keeps, retired ones too: decisions name them. */
export const RULE_VERSIONS_MAX = 5_000;
/** Characters of an assertion. */
const ASSERTION_CHARS_MAX = 500;

export const RULE_ACTS = ["add", "shadow", "activate", "retire"] as const;
export type RuleActKind = (typeof RULE_ACTS)[number];

export type RuleAct =
  | {
      readonly kind: "add";
      readonly rule: RuleText;
      /** Why it is sure that nothing happened; only for a rule that says `never`. */
      readonly assertion: string | null;
      /** The version that it becomes, as its author has seen it: 1 for a new rule. */
      readonly version: number;
    }
  | {
      readonly kind: "shadow" | "activate" | "retire";
      readonly id: string;
      readonly version: number;
    };

interface Doing {
  readonly by: string;
  readonly reason: string;
  readonly atMs: number;
  readonly command: string | null;
}

/**
 * The versions that an act changes, each with the next numbers of changes; none if the act was done
 * before, by the same command.
 *
 * @param kept - every version of the rule, and how many there are of others.
 * @throws {HoldfastError} HF4121 (caution would be lowered), HF4210 (too many), HF6001 (no such
 *   rule), HF6002 (this person may not), HF6003 (it does not fit).
 */
export function changedRules(
  kept: readonly ClassificationRule[],
  act: RuleAct,
  doing: Doing,
): readonly ClassificationRule[] {
  const isDone = kept.some(({ command }) => command !== null && command === doing.command);
  if (isDone) return [];
  const next = Math.max(0, ...kept.map(({ change }) => change)) + 1;
  return act.kind === "add" ? [added(kept, act, doing, next)] : moved(kept, act, doing, next);
}

function added(
  kept: readonly ClassificationRule[],
  { rule, assertion, version }: Extract<RuleAct, { kind: "add" }>,
  { by, reason, atMs, command }: Doing,
  change: number,
): ClassificationRule {
  const newest = Math.max(0, ...kept.filter(({ id }) => id === rule.id).map((one) => one.version));
  if (version !== newest + 1) {
    throw unfit(
      `Rule ${rule.id} is at version ${String(newest)}, and this was made as version ${String(version)}: somebody has added another meanwhile.`,
      "Look at it with: holdfast rules. Then add yours again.",
    );
  }
  requireRoom(kept);
  requireCaution(rule, assertion);
  return {
    ...rule,
    version,
    state: "draft",
    assertion: assertion === null ? null : { text: assertion, by },
    author: by,
    reason,
    addedAtMs: atMs,
    approvedBy: null,
    changed: { by, reason, atMs },
    change,
    command,
  };
}

function requireRoom(kept: readonly ClassificationRule[]): void {
  const live = kept.filter(({ state }) => state !== "retired").length;
  if (live < RULES_MAX && kept.length < RULE_VERSIONS_MAX) return;
  const [count, max, name] =
    live < RULES_MAX
      ? [kept.length, RULE_VERSIONS_MAX, "RULE_VERSIONS_MAX"]
      : [live, RULES_MAX, "RULES_MAX"];
  throw new HoldfastError(
    "HF4210",
    `${String(count)} versions of classification rules are kept (limit ${name}, ${String(max)}). Nothing was changed.`,
    "Retire rules that nothing meets any more: holdfast rules --dead.",
  );
}

/**
 * The guard of failure model 2.3.
 *
 * @throws {HoldfastError} HF4121
 */
export function requireCaution(rule: RuleText, assertion: string | null): void {
  if (rule.decide.effect !== "never" && assertion === null) return;
  const isText = assertion !== null && assertion.trim() !== "";
  if (rule.decide.effect === "never" && isText && assertion.length <= ASSERTION_CHARS_MAX) return;
  const what =
    rule.decide.effect !== "never"
      ? `Rule ${rule.id} does not say that nothing happened, so there is nothing to assert.`
      : isText
        ? `The assertion of rule ${rule.id} has more than ${String(ASSERTION_CHARS_MAX)} characters.`
        : `Rule ${rule.id} says that nothing happened (effect never) where nobody knows: what did happen would be done twice.`;
  throw new HoldfastError(
    "HF4121",
    `${what} Nothing was changed.`,
    rule.decide.effect === "never"
      ? 'Leave the effect out; or say how you know it: holdfast rules add FILE --assert "..." --reason "...". It is recorded, needs a second person, and is shown wherever the rule decides.'
      : "Leave --assert out.",
  );
}

/** From which states an act may take a rule, and to which. */
const WAYS: Readonly<
  Record<
    Exclude<RuleActKind, "add">,
    { readonly from: readonly RuleState[]; readonly to: RuleState }
  >
> = {
  shadow: { from: ["draft"], to: "shadow" },
  activate: { from: ["draft", "shadow"], to: "active" },
  retire: { from: ["draft", "shadow", "active"], to: "retired" },
};

function moved(
  kept: readonly ClassificationRule[],
  act: Exclude<RuleAct, { kind: "add" }>,
  { by, reason, atMs, command }: Doing,
  next: number,
): readonly ClassificationRule[] {
  const rule = kept.find(({ id, version }) => id === act.id && version === act.version);
  if (rule === undefined) throw unknownRule(ruleName(act));
  const { from, to } = WAYS[act.kind];
  if (!from.includes(rule.state)) {
    throw unfit(
      `Rule ${ruleName(rule)} is ${rule.state}, since ${rule.changed.by}: ${rule.changed.reason}.`,
      rule.state === "retired"
        ? "Add it again: it becomes a new version."
        : "Look at it with: holdfast rules.",
    );
  }
  if (act.kind === "activate" && isSamePerson(by, rule.author)) {
    throw new HoldfastError(
      "HF6002",
      `${by} has written rule ${ruleName(rule)} and may not put it in force: another person has to look at it first. Nothing was changed.`,
      `Have somebody else look at: holdfast rules test --rule ${ruleName(rule)}; and give: holdfast rules activate ${ruleName(rule)} --yes --by NAME --reason "..."`,
    );
  }
  const changed = { by, reason, atMs };
  if (act.kind === "retire" && rule.state === "active" && !isRetiredByTwo(rule, by, atMs))
    return [{ ...rule, retiring: changed, change: next, command }];
  const approvedBy = act.kind === "activate" ? by : rule.approvedBy;
  const into: ClassificationRule = {
    ...rule,
    state: to,
    approvedBy,
    changed,
    change: next,
    command,
  };
  if (act.kind !== "activate") return [into];
  // One version of a rule is in force at a time; the older one goes in the same flush.
  const before = kept.filter(({ id, state }) => id === rule.id && state === "active");
  const because = { by, reason: `version ${String(rule.version)} takes its place`, atMs };
  return [
    into,
    ...before.map((old, index): ClassificationRule => {
      return { ...old, state: "retired", changed: because, change: next + 1 + index, command };
    }),
  ];
}

/** A wish to retire a rule that nobody has seconded for so long is none any more. */
const RETIRING_MS_MAX = 24 * 3_600_000;

/** That somebody wants a rule in force retired, and somebody else has yet to; null for no such wish. */
export function openRetiring({ state, retiring }: ClassificationRule, nowMs: number) {
  if (state !== "active" || retiring === undefined) return null;
  return nowMs - retiring.atMs > RETIRING_MS_MAX ? null : retiring;
}

/** What it decided is decided otherwise from then on: that too takes two people (failure model 4.5). */
function isRetiredByTwo(rule: ClassificationRule, by: string, nowMs: number): boolean {
  const wish = openRetiring(rule, nowMs);
  return wish !== null && !isSamePerson(wish.by, by);
}

export function unknownRule(name: string): HoldfastError {
  return new HoldfastError(
    "HF6001",
    `There is no classification rule ${JSON.stringify(name.slice(0, 80))}.`,
    "List them with: holdfast rules",
  );
}

function unfit(message: string, remedy: string): HoldfastError {
  return new HoldfastError("HF6003", `${message} Nothing was changed.`, remedy);
}
