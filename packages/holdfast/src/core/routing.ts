/**
 * Routing rules: data of the operators by which exceptions go to other owners than code has declared.
 * The first rule that fits counts. Every change is a new version with its author; none is ever edited.
 */
import { isAmount, isAtLeast } from "./amount.ts";
import { HoldfastError } from "./error.ts";
import { didYouMean } from "./nearest.ts";
import { FAILURE_CLASSES, type FailureClass } from "./failure.ts";

/** What a rule looks at; what it does not name fits everything. */
export interface RoutingMatch {
  readonly namespace?: string;
  readonly workflow?: string;
  readonly effect?: string;
  readonly class?: FailureClass;
  /** A reason code; one that ends in `*` fits what begins with the rest. */
  readonly reason?: string;
  readonly currency?: string;
  /** With a currency. */
  readonly amountAtLeast?: string;
}

export interface RoutingRule {
  readonly name: string;
  readonly match: RoutingMatch;
  readonly owner: string;
}

/** What rules would have done to the exceptions that there were when they were proposed. */
export interface RoutingTried {
  readonly tried: number;
  readonly changed: number;
}

/** Rules that somebody wants in force; somebody else has to look at them first. */
interface RoutingProposal extends RoutingTried {
  readonly rules: readonly RoutingRule[];
}

export interface RoutingVersion {
  readonly version: number;
  /** In force since then. */
  readonly rules: readonly RoutingRule[];
  /** Who has written them, or proposes others. */
  readonly by: string;
  readonly reason: string;
  readonly atMs: number;
  /** Not in force yet. */
  readonly proposed?: RoutingProposal;
  /** Who has put in force what `by` has written, and why. */
  readonly approved?: { readonly by: string; readonly reason: string };
}

/** What a version holds beside who and when, as the store keeps it: JSON. */
export function routingContent({ rules, proposed, approved }: RoutingVersion): string {
  const isPlain = proposed === undefined && approved === undefined;
  return JSON.stringify(isPlain ? rules : { rules, proposed, approved });
}

export function contentOfRouting(
  content: unknown,
): Pick<RoutingVersion, "rules" | "proposed" | "approved"> {
  // Written by `routingContent`.
  return Array.isArray(content) ? { rules: content } : (content as RoutingVersion);
}

export interface RoutingSubject {
  readonly namespace: string;
  readonly workflow: string;
  readonly effect: string | null;
  readonly class: FailureClass;
  readonly reasonCode: string;
  readonly amount: string | null;
  readonly currency: string | null;
}

const ROUTING_RULES_MAX = 500;
const TEXT_CHARS_MAX = 200;

export function routeOf(
  { rules }: Pick<RoutingVersion, "rules">,
  subject: RoutingSubject,
): RoutingRule | null {
  return rules.find(({ match }) => fits(match, subject)) ?? null;
}

function fits(match: RoutingMatch, subject: RoutingSubject): boolean {
  const { amount, currency } = subject;
  if (match.namespace !== undefined && match.namespace !== subject.namespace) return false;
  if (match.workflow !== undefined && match.workflow !== subject.workflow) return false;
  if (match.effect !== undefined && match.effect !== subject.effect) return false;
  if (match.class !== undefined && match.class !== subject.class) return false;
  if (match.reason !== undefined && !isReason(match.reason, subject.reasonCode)) return false;
  if (match.currency !== undefined && match.currency !== currency) return false;
  if (match.amountAtLeast === undefined) return true;
  return amount !== null && isAtLeast(amount, match.amountAtLeast);
}

function isReason(pattern: string, reasonCode: string): boolean {
  return pattern.endsWith("*")
    ? reasonCode.startsWith(pattern.slice(0, -1))
    : reasonCode === pattern;
}

const TEXTS = ["namespace", "workflow", "effect", "reason", "currency", "amountAtLeast"] as const;

/**
 * Rules as somebody has written them.
 *
 * @throws {HoldfastError} HF4102 for what is no list of rules, with the place.
 */
export function parseRouting(value: unknown): readonly RoutingRule[] {
  if (!Array.isArray(value) || value.length > ROUTING_RULES_MAX) {
    throw misfit("", `a list of at most ${String(ROUTING_RULES_MAX)} rules`, value);
  }
  const rules = value.map((rule: unknown, at) => ruleOf(rule, `/${String(at)}`));
  const names = new Set<string>();
  for (const [at, { name }] of rules.entries()) {
    if (names.has(name)) throw misfit(`/${String(at)}/name`, "a name of its own", name);
    names.add(name);
  }
  return rules;
}

function ruleOf(value: unknown, at: string): RoutingRule {
  const { name, owner, match, ...rest } = objectAt(value, at);
  refuseOthers(rest, at, "name, match, owner");
  return {
    name: textAt(name, `${at}/name`),
    match: matchOf(match, `${at}/match`),
    owner: textAt(owner, `${at}/owner`),
  };
}

function matchOf(value: unknown, at: string): RoutingMatch {
  const { class: failureClass, ...rest } = objectAt(value, at);
  const match: Record<string, string> = {};
  for (const name of TEXTS) {
    if (rest[name] === undefined) continue;
    match[name] = textAt(rest[name], `${at}/${name}`);
    delete rest[name];
  }
  refuseOthers(rest, at, `class, ${TEXTS.join(", ")}`);
  const amountAtLeast = match["amountAtLeast"];
  if (amountAtLeast !== undefined && !isAmount(amountAtLeast)) {
    throw misfit(`${at}/amountAtLeast`, 'an amount as text, such as "1000.00"', amountAtLeast);
  }
  if (amountAtLeast !== undefined && match["currency"] === undefined) {
    throw misfit(`${at}/currency`, "a currency beside amountAtLeast", undefined);
  }
  if (failureClass === undefined) return match;
  const known = FAILURE_CLASSES.find((one) => one === failureClass);
  if (known === undefined) throw misfit(`${at}/class`, "a class of failures", failureClass);
  return { ...match, class: known };
}

function objectAt(value: unknown, at: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw misfit(at, "an object", value);
  }
  return { ...value };
}

function refuseOthers(rest: Readonly<Record<string, unknown>>, at: string, known: string): void {
  const [name] = Object.keys(rest);
  if (name === undefined) return;
  throw misfit(`${at}/${name}`, `one of ${known}`, name, didYouMean(name, known.split(", ")));
}

function textAt(value: unknown, at: string): string {
  if (typeof value === "string" && value !== "" && value.length <= TEXT_CHARS_MAX) return value;
  throw misfit(at, `a text of 1 to ${String(TEXT_CHARS_MAX)} characters`, value);
}

function misfit(at: string, expected: string, got: unknown, hint = ""): HoldfastError {
  const shown = typeof got === "string" ? JSON.stringify(got.slice(0, 40)) : typeof got;
  return new HoldfastError(
    "HF4102",
    `The routing rules are not valid: expected ${expected} at ${at === "" ? "the top" : at}, got ${shown}. Nothing was changed.`,
    `${hint}Mend the file; the form is in docs/operate/exceptions.md.`,
  );
}
