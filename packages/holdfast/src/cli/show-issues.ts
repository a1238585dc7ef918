/** Groups of exceptions, and routing rules, as text. */
import type { RoutingVersion } from "../core/routing.ts";
import { ageBucket } from "../core/exception-record.ts";
import { durationText } from "../core/duration.ts";
import type { IssuePage, IssueView } from "../operate/list-issues.ts";
import type { RoutingHistory, RoutingTrial } from "../operate/routing.ts";
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

function approvedText({ approved }: RoutingVersion): string {
  return approved === undefined ? "" : `, approved by ${approved.by}`;
}

export function routingText({ current, before }: RoutingHistory, { screen }: Look): string {
  if (current === null) return "No routing rules were ever set: code says whose an exception is.";
  const head = `version ${String(current.version)}, by ${current.by}${approvedText(current)} at ${timeText(new Date(current.atMs).toISOString())} UTC: ${current.reason}`;
  const columns = [{ title: "RULE", isKept: true }, { title: "OWNER" }, { title: "MATCH" }];
  const rows = current.rules.map(({ name, owner, match }) => ({
    cells: [name, owner, JSON.stringify(match)],
  }));
  const older = before.map(
    ({ version, by, reason, rules }) =>
      `before: version ${String(version)}, ${String(rules.length)} rules, by ${by}: ${reason}`,
  );
  return [head, textTable(columns, rows, screen), ...proposalLines(current), ...older].join("\n");
}

function proposalLines({ version, by, reason, proposed }: RoutingVersion): readonly string[] {
  if (proposed === undefined) return [];
  const { rules, tried, changed } = proposed;
  return [
    `proposed by ${by}: ${reason}. ${String(changed)} of ${String(tried)} exceptions would have had another owner:`,
    ...rules.map(({ name, owner, match }) => `  ${name}  ${owner}  ${JSON.stringify(match)}`),
    `Somebody else puts them in force: holdfast routing approve ${String(version)} --reason "..."`,
  ];
}

export function trialText({ tried, changed, byRule, examples, isPart }: RoutingTrial): string {
  return [
    `${String(changed)} of ${String(tried)} exceptions would have had another owner.`,
    ...byRule.map(({ rule, count }) => `${rule}  ${String(count)}`),
    ...examples.map(({ exception, from, to, rule }) => `${exception}  ${from} -> ${to}  (${rule})`),
    ...(isPart ? ["The store holds more; these are the oldest."] : []),
  ].join("\n");
}
