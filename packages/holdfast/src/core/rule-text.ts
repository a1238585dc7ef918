/** Reads classification rules as somebody has written them: see classification-rule.ts. */
import { HoldfastError } from "./error.ts";
import {
  RULE_CLASSES,
  type RuleText,
  type RuleDecision,
  type RuleWhen,
} from "./classification-rule.ts";
import { KEPT_HEADERS } from "./failure.ts";
import { linearPattern } from "./linear-pattern.ts";
import { didYouMean } from "./nearest.ts";
import { PROTOCOLS } from "./protocols/protocols.ts";
import type { StatusRange } from "./rule-match.ts";

/** Rules of one file. */
const RULES_MAX = 100;
/** Texts of one list. */
const LIST_MAX = 50;
const TEXT_CHARS_MAX = 200;
const ATTEMPTS_MAX = 1_000;
/** A week: what has to wait longer is no failure but a date. */
const WAIT_MS_MAX = 7 * 86_400_000;
const ORDER_MAX = 1_000_000;
const ORDER_DEFAULT = 100;

const LISTS = [
  "integration",
  "protocol",
  "namespace",
  "workflow",
  "effect",
  "code",
  "reason",
  "path",
] as const;
const WHEN = [...LISTS, "status", "header", "body", "attemptFrom", "unclassified"] as const;
const DECIDE = ["class", "effect", "reasonCode", "owner", "attemptsMax", "waitMs"] as const;

type Properties = Readonly<Record<string, unknown>>;

/**
 * Several rules, or one.
 *
 * @throws {HoldfastError} HF4120 for what is no rule, with the place.
 */
export function parseRules(value: unknown): readonly RuleText[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length === 0 || list.length > RULES_MAX) {
    throw misfit("", `1 to ${String(RULES_MAX)} rules`, list);
  }
  const rules = list.map((rule, at) =>
    parseRule(rule, Array.isArray(value) ? `/${String(at)}` : ""),
  );
  const ids = new Set<string>();
  for (const { id } of rules) {
    if (ids.has(id)) throw misfit("", "each id once", id);
    ids.add(id);
  }
  return rules;
}

/** @throws {HoldfastError} HF4120 */
export function parseRule(value: unknown, at = ""): RuleText {
  const rule = objectAt(value, at, ["id", "order", "when", "decide"]);
  const { id, order = ORDER_DEFAULT } = rule;
  if (typeof id !== "string" || !/^[a-z][a-z0-9-]{0,59}$/u.test(id)) {
    throw misfit(`${at}/id`, "1 to 60 lower-case letters, digits and hyphens, a letter first", id);
  }
  return {
    id,
    order: wholeAt(order, `${at}/order`, 0, ORDER_MAX),
    when: whenOf(rule["when"], `${at}/when`),
    decide: decisionOf(rule["decide"], `${at}/decide`),
  };
}

function whenOf(value: unknown, at: string): RuleWhen {
  const given = objectAt(value, at, WHEN);
  if (Object.keys(given).length === 0) {
    throw misfit(at, "at least one condition: a rule about every failure is none", given);
  }
  const { status, header, body, attemptFrom, unclassified } = given;
  if (unclassified !== undefined && unclassified !== true) {
    throw misfit(`${at}/unclassified`, "true, or nothing", unclassified);
  }
  return {
    ...listsOf(given, at),
    ...(status === undefined ? {} : { status: statusAt(status, `${at}/status`) }),
    ...(header === undefined ? {} : { header: headerAt(header, `${at}/header`) }),
    ...(body === undefined ? {} : { body: patternAt(body, `${at}/body`) }),
    ...(attemptFrom === undefined
      ? {}
      : { attemptFrom: wholeAt(attemptFrom, `${at}/attemptFrom`, 1, ATTEMPTS_MAX) }),
    ...(unclassified === undefined ? {} : { unclassified }),
  };
}

function listsOf(given: Properties, at: string): Pick<RuleWhen, (typeof LISTS)[number]> {
  const lists: Partial<Record<(typeof LISTS)[number], readonly string[]>> = {};
  for (const name of LISTS) {
    if (given[name] !== undefined) lists[name] = textsAt(given[name], `${at}/${name}`);
  }
  const known = PROTOCOLS.map(({ table }) => table.id);
  for (const protocol of lists.protocol ?? []) {
    if (known.includes(protocol)) continue;
    throw misfit(`${at}/protocol`, `one of ${known.join(", ")}`, protocol, known);
  }
  return lists;
}

function decisionOf(value: unknown, at: string): RuleDecision {
  const {
    class: said,
    effect,
    reasonCode,
    owner,
    attemptsMax,
    waitMs,
  } = objectAt(value, at, DECIDE);
  const known = RULE_CLASSES.find((one) => one === said);
  if (known === undefined) {
    throw misfit(`${at}/class`, `one of ${RULE_CLASSES.join(", ")}`, said, RULE_CLASSES);
  }
  if (effect !== undefined && effect !== "maybe" && effect !== "never") {
    throw misfit(
      `${at}/effect`,
      "maybe, or never with an assertion: that it happened is seen",
      effect,
    );
  }
  return {
    class: known,
    ...(effect === undefined ? {} : { effect }),
    ...(reasonCode === undefined ? {} : { reasonCode: reasonAt(reasonCode, `${at}/reasonCode`) }),
    ...(owner === undefined ? {} : { owner: textAt(owner, `${at}/owner`) }),
    ...(attemptsMax === undefined
      ? {}
      : { attemptsMax: wholeAt(attemptsMax, `${at}/attemptsMax`, 1, ATTEMPTS_MAX) }),
    ...(waitMs === undefined ? {} : { waitMs: wholeAt(waitMs, `${at}/waitMs`, 1, WAIT_MS_MAX) }),
  };
}

function reasonAt(value: unknown, at: string): string {
  if (typeof value === "string" && /^[A-Z][A-Z0-9_]{0,39}:[A-Z0-9][A-Z0-9_]{0,79}$/u.test(value)) {
    return value;
  }
  throw misfit(at, "DOMAIN:REASON in capitals, digits and underscores", value);
}

function statusAt(value: unknown, at: string): readonly StatusRange[] {
  return listAt(value, at).map((one, index): StatusRange => {
    const place = `${at}/${String(index)}`;
    if (!Array.isArray(one)) return wholeAt(one, place, 0, 9_999);
    if (one.length !== 2) throw misfit(place, "a status, or the two ends of a range", one);
    const low = wholeAt(one[0], place, 0, 9_999);
    return [low, wholeAt(one[1], place, low, 9_999)];
  });
}

function headerAt(value: unknown, at: string): Readonly<Record<string, string>> {
  const given = objectAt(value, at, KEPT_HEADERS);
  return Object.fromEntries(
    Object.entries(given).map(([name, pattern]) => [name, patternAt(pattern, `${at}/${name}`)]),
  );
}

function patternAt(value: unknown, at: string): string {
  if (typeof value !== "string") throw misfit(at, "a pattern", value);
  try {
    return linearPattern(value).source;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw misfit(at, `a pattern that is matched without going back (${error.message})`, value);
  }
}

function textsAt(value: unknown, at: string): readonly string[] {
  return listAt(value, at).map((one, index) => textAt(one, `${at}/${String(index)}`));
}

function listAt(value: unknown, at: string): readonly unknown[] {
  if (Array.isArray(value) && value.length > 0 && value.length <= LIST_MAX) return value;
  throw misfit(at, `a list of 1 to ${String(LIST_MAX)}`, value);
}

function textAt(value: unknown, at: string): string {
  if (typeof value === "string" && value !== "" && value.length <= TEXT_CHARS_MAX) return value;
  throw misfit(at, `a text of 1 to ${String(TEXT_CHARS_MAX)} characters`, value);
}

function wholeAt(value: unknown, at: string, min: number, max: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) {
    return value;
  }
  throw misfit(at, `a whole number of ${String(min)} to ${String(max)}`, value);
}

function objectAt(value: unknown, at: string, known: readonly string[]): Properties {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw misfit(at, "an object", value);
  }
  const other = Object.keys(value).find((name) => !known.includes(name));
  if (other !== undefined)
    throw misfit(`${at}/${other}`, `one of ${known.join(", ")}`, other, known);
  return { ...value };
}

function misfit(
  at: string,
  expected: string,
  got: unknown,
  known: readonly string[] = [],
): HoldfastError {
  const shown = typeof got === "string" ? JSON.stringify(got.slice(0, 60)) : kindOf(got);
  const near = typeof got === "string" ? didYouMean(got, known) : "";
  return new HoldfastError(
    "HF4120",
    `The classification rule is not valid: expected ${expected} at ${at === "" ? "the top" : at}, got ${shown}. ${near}Nothing was changed.`,
    "Mend the rule; the form is in docs/operate/rules.md.",
  );
}

function kindOf(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return `a list of ${String(value.length)}`;
  return typeof value === "number" ? String(value) : typeof value;
}
