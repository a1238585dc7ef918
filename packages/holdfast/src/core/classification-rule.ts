/**
 * Classification rules: data of the operators that says what a failure is, in the place of what code
 * and the tables say. A rule is versioned and never edited; it is drafted by one person and put in
 * force by another. Source: failure model 4.6 and the guard of 2.3.
 */
import type { EffectProof, FailureClass } from "./failure.ts";
import type { StatusRange } from "./rule-match.ts";

/** What of a failure a rule looks at. All that is named must hold; of each list, one. */
export interface RuleWhen {
  /** Names; a `*` at the end of one stands for any ending. So in all lists of texts. */
  readonly integration?: readonly string[];
  /** Ids of the tables of the reference, for example `http` or `postgres`: the one that knew it. */
  readonly protocol?: readonly string[];
  readonly namespace?: readonly string[];
  readonly workflow?: readonly string[];
  readonly effect?: readonly string[];
  readonly status?: readonly StatusRange[];
  /** Error code, SQLSTATE, problem type: what the evidence shows as the code. */
  readonly code?: readonly string[];
  /** Reason code that the failure has without rules. */
  readonly reason?: readonly string[];
  /** Of the URL, without its query. */
  readonly path?: readonly string[];
  /** Patterns for fields of the answer that are kept as evidence: see `KEPT_HEADERS`. */
  readonly header?: Readonly<Record<string, string>>;
  /** Pattern for what the evidence keeps of what was said: at most 500 characters, masked. */
  readonly body?: string;
  /** From this attempt on; the first is 1. */
  readonly attemptFrom?: number;
  /** Only what no table knows. */
  readonly unclassified?: true;
}

/** Classes that a rule may give: the others are found out by the engine, not said. */
export const RULE_CLASSES = [
  "transient",
  "throttled",
  "contention",
  "unavailable",
  "permanent",
  "misconfigured",
  "defect",
  "exhausted",
  "data",
  "policy",
] as const satisfies readonly FailureClass[];

export interface RuleDecision {
  readonly class: FailureClass;
  /** `maybe` takes a proof away; `never` says that nothing happened and needs an assertion. */
  readonly effect?: Extract<EffectProof, "never" | "maybe">;
  /** UPPER_SNAKE, qualified, for example `BANK:CUT_OFF`. */
  readonly reasonCode?: string;
  /** Who has its exceptions, unless a routing rule says otherwise. */
  readonly owner?: string;
  /** Attempts at most; only ever fewer than the effect declares. */
  readonly attemptsMax?: number;
  /** Waits at least this long before the next attempt, in milliseconds. */
  readonly waitMs?: number;
}

/** A rule as it is written. */
export interface RuleText {
  /** Lower-case words with hyphens. */
  readonly id: string;
  /** Of two rules that fit, the one with the lower number decides; of two alike, the first by id. */
  readonly order: number;
  readonly when: RuleWhen;
  readonly decide: RuleDecision;
}

/** Somebody vouches that what looks as if it might have happened has not. */
export interface RuleAssertion {
  readonly text: string;
  readonly by: string;
}

export const RULE_STATES = ["draft", "shadow", "active", "retired"] as const;
export type RuleState = (typeof RULE_STATES)[number];

/** One version of a rule as it stands. */
export interface ClassificationRule extends RuleText {
  /** Of this rule: 1 is the first. */
  readonly version: number;
  readonly state: RuleState;
  readonly assertion: RuleAssertion | null;
  readonly author: string;
  readonly reason: string;
  readonly addedAtMs: number;
  /** Who put it in force; null while nobody has. Never the author. */
  readonly approvedBy: string | null;
  /** The last change of its state: who, why, when. */
  readonly changed: { readonly by: string; readonly reason: string; readonly atMs: number };
  /** Who wants it retired, of one that is in force; somebody else has to look at that first. */
  readonly retiring?: { readonly by: string; readonly reason: string; readonly atMs: number };
  /** Counts all changes of all rules; the newest of them says how new a list of rules is. */
  readonly change: number;
  /** Id of the command in the inbox that made the last change; null for one that came another way. */
  readonly command: string | null;
}

/** As decisions name it. */
export function ruleName({ id, version }: { readonly id: string; readonly version: number }) {
  return `${id}@${String(version)}`;
}
