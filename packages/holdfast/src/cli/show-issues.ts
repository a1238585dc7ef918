/** Groups of exceptions, and routing rules, as text. */
import { ageBucket } from "../core/exception-record.ts";
import { durationText } from "../core/duration.ts";
import type { IssuePage, IssueView } from "../operate/list-issues.ts";
import type {
  KeptRouting,
  RoutingHistory,
  RoutingProposalView,
  RoutingTrial,
  RoutingView,
} from "../operate/routing.ts";
import { dueText, timeText, type Look } from "./show-lists.ts";
import { textTable, type Column, type TableRow } from "./text-table.ts";

const COLUMNS: readonly Column[] = [
  { title: "ISSUE", isKept: true },
  { title: "FAMILY", isKept: true },
  { title: "CLASS", isKept: true },
  { title: "STATUS", isKept: true },
  { title: "OPEN", isKept: true },
  { title: "SEEN", isKept: true },
  { title: "AGE", isKept: true },
  { title: "VALUE" },
  { title: "OWNER" },
  { title: "DUE (UTC)", isKept: true },
];

export function issuesText({ issues, hasMore }: IssuePage, look: Look): string {
  const rows = issues.map((issue) => issueRow(issue, look));
  const body = rows.length === 0 ? "no issues that fit" : textTable(COLUMNS, rows, look.screen);
  return hasMore ? `${body}\nthere are more: raise --limit` : body;
}

function issueRow(issue: IssueView, { nowMs }: Look): TableRow {
  const { decided, merged } = issue;
  const said = decided === null ? [] : [`${decided.by}: ${decided.reason}`];
  return {
    cells: [
      issue.id,
      issue.family,
      issue.class,
      issue.status,
      String(issue.openCount),
      String(issue.totalCount),
      ageText(issue.firstSeen, nowMs),
      issue.value.join(", "),
      issue.owner,
      issue.dueAt === null ? "" : dueText(issue.dueAt, nowMs),
    ],
    notes: [issue.title, ...said, ...(merged.length === 0 ? [] : [`with ${merged.join(", ")}`])],
  };
}

/** How old, and in which of the buckets that reports count by. */
function ageText(iso: string, nowMs: number): string {
  const ageMs = Math.max(0, nowMs - Date.parse(iso));
  return `${durationText(ageMs)} (${ageBucket(ageMs)})`;
}

export function routingText(history: RoutingHistory, { screen }: Look): string {
  const { current, proposed, before, kept } = history;
  const older = before.map(
    ({ version, by, reason, rules }) =>
      `before: version ${String(version)}, ${String(rules.length)} rules, by ${by}: ${reason}`,
  );
  return [
    current === null
      ? "No routing rules are in force: code says whose an exception is."
      : [`in force: ${whoText(current)}`, rulesTable(current, screen)].join("\n"),
    ...(proposed === null ? [] : [proposalText(proposed, screen)]),
    ...kept.map(keptText),
    ...older,
  ].join("\n");
}

function whoText({ version, by, reason, at, approved }: RoutingView): string {
  const second = approved === null ? "" : `, approved by ${approved.by} (${approved.reason}),`;
  return `version ${String(version)}, by ${by}${second} at ${timeText(at)} UTC: ${reason}`;
}

function rulesTable({ rules }: RoutingView, screen: Look["screen"]): string {
  const columns = [{ title: "RULE", isKept: true }, { title: "OWNER" }, { title: "MATCH" }];
  const rows = rules.map(({ name, owner, match }) => ({
    cells: [name, owner, JSON.stringify(match)],
  }));
  return textTable(columns, rows, screen);
}

function proposalText(proposal: RoutingProposalView, screen: Look["screen"]): string {
  const { version, tried, changed, isOpen } = proposal;
  return [
    `proposed, NOT in force: ${whoText(proposal)}`,
    rulesTable(proposal, screen),
    `${String(changed)} of ${String(tried)} exceptions would have had another owner, when it was proposed.`,
    isOpen
      ? `Somebody else puts them in force: holdfast routing approve ${String(version)} --reason "..."`
      : "It has lapsed: nobody has approved it within 24 hours.",
  ].join("\n");
}

function keptText({ act, version, ruleCount, by, at, reason }: KeptRouting): string {
  return `left by ${by} at ${timeText(at)} UTC: ${act} ${String(ruleCount)} rules as version ${String(version)}: ${reason} (no engine has taken it yet)`;
}

export function trialText({ tried, changed, byRule, examples, isPart }: RoutingTrial): string {
  return [
    `${String(changed)} of ${String(tried)} exceptions would have had another owner.`,
    ...byRule.map(({ rule, count }) => `${rule}  ${String(count)}`),
    ...examples.map(({ exception, from, to, rule }) => `${exception}  ${from} -> ${to}  (${rule})`),
    ...(isPart ? ["The store holds more; these are the oldest."] : []),
  ].join("\n");
}
