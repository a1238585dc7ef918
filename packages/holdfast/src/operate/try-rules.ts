/** What rules would have made of the failures that are on record: nothing is changed. */
import { ruleName, type ClassificationRule, type RuleText } from "../core/classification-rule.ts";
import { durationText } from "../core/duration.ts";
import type { Failure } from "../core/failure.ts";
import { requireCaution } from "../core/rule-acts.ts";
import { ruleBook, withoutRules, withRules, type RuleBook } from "../core/rule-book.ts";
import { formatRunId } from "../core/run-number.ts";
import type { StoreReader } from "../store/store.ts";
import { keptRules } from "./rules.ts";
import { scanFailures } from "./scan-failures.ts";

/** Failures that are named. */
const NAMED_MAX = 10;
const DAY_MS = 86_400_000;

export interface RuleTrial {
  readonly days: number;
  /** Failed attempts that were looked at, and of how many runs. */
  readonly failures: number;
  readonly runs: number;
  /** How many the rules would have decided. */
  readonly met: number;
  /** How many of these would be something else than they were. */
  readonly changed: number;
  readonly byChange: readonly {
    readonly from: string;
    readonly to: string;
    readonly count: number;
  }[];
  readonly examples: readonly {
    readonly run: string;
    readonly step: string;
    readonly at: string;
    readonly rule: string;
    readonly from: string;
    readonly to: string;
    readonly message: string;
  }[];
  /** True if the store holds more runs than were looked at. */
  readonly isPart: boolean;
}

/**
 * The rules as if they were in force beside those that are; of one that is there in another version,
 * in its place.
 *
 * @throws {HoldfastError} HF4121 for what could not be added so.
 */
export async function tryRules(
  reader: StoreReader,
  rules: readonly RuleText[],
  {
    days,
    nowMs,
    assertion,
  }: {
    readonly days: number;
    readonly nowMs: number;
    readonly assertion: string | null;
  },
): Promise<RuleTrial> {
  for (const rule of rules) requireCaution(rule, assertion);
  const ids = new Set(rules.map(({ id }) => id));
  const others = (await keptRules(reader)).filter(
    ({ id, state }) => state === "active" && !ids.has(id),
  );
  const tried = rules.map((rule) => asActive(rule, assertion, nowMs));
  const book = ruleBook([...others, ...tried]);
  const isMet = (_was: Failure, would: Failure) => isOf(would, ids);
  return await compare(reader, book, isMet, { days, nowMs });
}

/** The rules in force, but for one: what it has decided, and what would be said in its place. */
export async function tryWithout(
  reader: StoreReader,
  { id }: Pick<ClassificationRule, "id">,
  span: Span,
): Promise<RuleTrial> {
  const others = (await keptRules(reader)).filter(
    (rule) => rule.state === "active" && rule.id !== id,
  );
  const ids = new Set([id]);
  return await compare(reader, ruleBook(others), (was) => isOf(was, ids), span);
}

interface Span {
  readonly days: number;
  readonly nowMs: number;
}

function isOf({ ruled, rule }: Failure, ids: ReadonlySet<string>): boolean {
  return ruled !== undefined && ids.has(rule.id);
}

async function compare(
  reader: StoreReader,
  book: RuleBook,
  isMet: (was: Failure, would: Failure) => boolean,
  { days, nowMs }: Span,
): Promise<RuleTrial> {
  const changes = new Map<string, { from: string; to: string; count: number }>();
  const examples: RuleTrial["examples"][number][] = [];
  let failures = 0;
  let met = 0;
  const scanned = await scanFailures(reader, nowMs - days * DAY_MS, (past) => {
    failures += 1;
    const would = withRules(withoutRules(past.failure), past.subject, book);
    if (!isMet(past.failure, would)) return;
    met += 1;
    const from = saidText(past.failure, would);
    const to = saidText(would, past.failure);
    if (from === to) return;
    const change = changes.get(`${from}|${to}`) ?? { from, to, count: 0 };
    changes.set(`${from}|${to}`, { ...change, count: change.count + 1 });
    if (examples.length >= NAMED_MAX) return;
    const { run, step, atMs, failure } = past;
    const at = new Date(atMs).toISOString();
    const rule = would.ruled === undefined ? "none" : ruleName(would.rule);
    examples.push({ run: formatRunId(run), step, at, rule, from, to, message: failure.message });
  });
  const byChange = [...changes.values()].toSorted((a, b) => b.count - a.count);
  const changed = byChange.reduce((sum, { count }) => sum + count, 0);
  return { days, failures, met, changed, byChange, examples, ...scanned };
}

/** The class, and what else of it differs. */
function saidText(one: Failure, other: Failure): string {
  const differs = FACETS.filter((of) => of(one) !== of(other));
  return [one.class, ...differs.map((of) => of(one))].join(", ");
}

/** What a rule may say besides the class. */
const FACETS: readonly ((failure: Failure) => string)[] = [
  ({ effect }) => `effect ${effect}`,
  ({ reasonCode }) => `reason ${reasonCode}`,
  ({ ruled }) => `owner ${ruled?.owner ?? "as declared"}`,
  ({ ruled }) => `attempts ${String(ruled?.attemptsMax ?? "as declared")}`,
  ({ ruled }) => `wait ${ruled?.waitMs === undefined ? "as ever" : durationText(ruled.waitMs)}`,
];

function asActive(rule: RuleText, assertion: string | null, nowMs: number): ClassificationRule {
  const changed = { by: "nobody", reason: "tried", atMs: nowMs };
  return {
    ...rule,
    version: 1,
    state: "active",
    assertion: assertion === null ? null : { text: assertion, by: "nobody" },
    author: "nobody",
    reason: "tried",
    addedAtMs: nowMs,
    approvedBy: null,
    changed,
    change: 1,
    command: null,
  };
}
