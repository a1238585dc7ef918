/**
 * The classification rules that are in force, and what they make of a failure.
 *
 * A rule speaks about what the failure is without it, from what is journalled and nothing else: so what
 * a rule would have done can be said of every failure of the past, and what it will do is the same.
 */
import {
  ruleName,
  type ClassificationRule,
  type RuleAssertion,
  type RuleWhen,
} from "./classification-rule.ts";
import { scopeOf } from "./classify.ts";
import type { EffectProof, Failure, FailureClass, FailureRuling, ShadowRuling } from "./failure.ts";
import { linearPattern, type LinearPattern } from "./linear-pattern.ts";
import { PROTOCOLS } from "./protocols/protocols.ts";
import { codeFit, matches } from "./rule-match.ts";

/** Of which step a failure is. */
export interface RuleSubject {
  readonly namespace: string;
  readonly workflow: string;
  readonly effect: string;
  readonly integration: string;
  /** The first is 1. */
  readonly attempt: number;
}

interface BookRule {
  readonly rule: ClassificationRule;
  readonly body: LinearPattern | null;
  readonly headers: readonly (readonly [name: string, pattern: LinearPattern])[];
}

export interface RuleBook {
  /** In the order in which they are asked. */
  readonly active: readonly BookRule[];
  readonly shadow: readonly BookRule[];
}

export const EMPTY_BOOK: RuleBook = { active: [], shadow: [] };

/** Shadow rules that are noted on one failure. */
const SHADOWS_MAX = 5;

export function ruleBook(rules: readonly ClassificationRule[]): RuleBook {
  const inOrder = rules.toSorted(
    (a, b) => a.order - b.order || (a.id < b.id ? -1 : a.id > b.id ? 1 : a.version - b.version),
  );
  const of = (state: ClassificationRule["state"]) =>
    inOrder.filter((rule) => rule.state === state).map(bookRule);
  return { active: of("active"), shadow: of("shadow") };
}

function bookRule(rule: ClassificationRule): BookRule {
  const { body, header = {} } = rule.when;
  return {
    rule,
    body: body === undefined ? null : linearPattern(body),
    headers: Object.entries(header).map(([name, pattern]) => [name, linearPattern(pattern)]),
  };
}

/** The failure as the rules have it: the same if none fits. What is in shadow is only noted. */
export function withRules(base: Failure, subject: RuleSubject, book: RuleBook): Failure {
  if (book === EMPTY_BOOK || !isOpenToRules(base)) return base;
  const decides = book.active.find((one) => fits(one, base, subject));
  const failure = decides === undefined ? base : ruledBy(base, decides.rule);
  const shadowed = book.shadow
    .filter((one) => fits(one, base, subject))
    .slice(0, SHADOWS_MAX)
    .map(({ rule }): ShadowRuling => {
      const { class: failureClass, effect } = ruledBy(base, rule);
      return { id: rule.id, version: rule.version, class: failureClass, effect };
    });
  return shadowed.length === 0 ? failure : { ...failure, shadowed };
}

/** What it was, or would have been, without rules. */
export function withoutRules(failure: Failure): Failure {
  const { ruled, shadowed, ...rest } = failure;
  if (ruled === undefined) return shadowed === undefined ? failure : rest;
  return { ...rest, ...ruled.before };
}

/** Found out by the engine or by people, not said by another system. */
const NOT_SAID: readonly FailureClass[] = [
  "ambiguous",
  "poison",
  "cancelled",
  "interrupted",
  "expired",
];

/**
 * That something surely happened, also by the echo of an earlier attempt, is evidence that no rule
 * takes away; and what items of a batch came to is for each item.
 */
export function isOpenToRules({ class: failureClass, effect }: Failure): boolean {
  return (effect === "never" || effect === "maybe") && !NOT_SAID.includes(failureClass);
}

function fits({ rule, body, headers }: BookRule, base: Failure, of: RuleSubject): boolean {
  const { when } = rule;
  const { evidence } = base;
  const facts = {
    code: evidence.code ?? null,
    status: evidence.status ?? null,
    phase: evidence.phase ?? null,
    attempt: of.attempt,
    holds: () => false,
  };
  const given = evidence.headers ?? {};
  return (
    matches(partOf(when), facts) &&
    isNamed(when.integration, of.integration) &&
    isNamed(when.namespace, of.namespace) &&
    isNamed(when.workflow, of.workflow) &&
    isNamed(when.effect, of.effect) &&
    isNamed(when.protocol, protocolOf(base)) &&
    isNamed(when.reason, base.reasonCode) &&
    isNamed(when.path, evidence.path ?? null) &&
    (when.unclassified === undefined || base.unclassified === true) &&
    (body === null || body.matches(evidence.message ?? "")) &&
    headers.every(([name, pattern]) => name in given && pattern.matches(given[name] ?? ""))
  );
}

/** What the matcher of the tables looks at. */
function partOf({ code, status, attemptFrom }: RuleWhen) {
  return {
    ...(code === undefined ? {} : { code }),
    ...(status === undefined ? {} : { status }),
    ...(attemptFrom === undefined ? {} : { attemptFrom }),
  };
}

function isNamed(names: readonly string[] | undefined, name: string | null): boolean {
  return names === undefined || codeFit(names, name) !== null;
}

const PROTOCOL_OF: ReadonlyMap<string, string> = new Map(
  PROTOCOLS.flatMap(({ table, signals }) =>
    [table, ...(signals === undefined ? [] : [signals])].map(({ prefix }) => [prefix, table.id]),
  ),
);

/** The table that knew it; null if none did, or code spoke. */
function protocolOf({ rule }: Pick<Failure, "rule">): string | null {
  if (rule.source !== "table" && rule.source !== "signal") return null;
  return PROTOCOL_OF.get(rule.id.split("/")[0] ?? "") ?? null;
}

function ruledBy(base: Failure, rule: ClassificationRule): Failure {
  const { id, version, decide, assertion, approvedBy } = rule;
  const { class: before, effect, scope, reasonCode, rule: by, unclassified, ...rest } = base;
  const guarded = guardedEffect(effect, decide.effect, assertion);
  const ruled: FailureRuling = {
    before: {
      class: before,
      effect,
      scope,
      reasonCode,
      rule: by,
      ...(unclassified === undefined ? {} : { unclassified }),
    },
    ...(decide.owner === undefined ? {} : { owner: decide.owner }),
    ...(decide.attemptsMax === undefined ? {} : { attemptsMax: decide.attemptsMax }),
    ...(decide.waitMs === undefined ? {} : { waitMs: decide.waitMs }),
    ...(guarded === "never" && effect === "maybe" && assertion !== null
      ? { assertion: { ...assertion, approvedBy: approvedBy ?? "nobody yet" } }
      : {}),
  };
  return {
    ...rest,
    class: decide.class,
    effect: guarded,
    scope: decide.class === before ? scope : scopeOf(decide.class),
    reasonCode: decide.reasonCode ?? reasonCode,
    rule: { source: "operator-rule", id, version },
    ruled,
  };
}

/** A rule may take a proof away; to give one it needs somebody who vouches for it. */
function guardedEffect(
  base: EffectProof,
  said: "never" | "maybe" | undefined,
  assertion: RuleAssertion | null,
): EffectProof {
  if (said === "maybe" && base === "never") return "maybe";
  if (said === "never" && base === "maybe" && assertion !== null) return "never";
  return base;
}

/** For the sentence of a decision; "" if no rule has decided. */
export function rulingText({ rule, ruled }: Pick<Failure, "rule" | "ruled">): string {
  if (ruled === undefined) return "";
  const { before, assertion } = ruled;
  const vouched =
    assertion === undefined
      ? ""
      : `; that nothing happened is asserted by ${assertion.by}, approved by ${assertion.approvedBy}: ${assertion.text}`;
  return ` Rule ${ruleName(rule)} has decided what it is; without it: ${before.class}, effect ${before.effect}${vouched}.`;
}
