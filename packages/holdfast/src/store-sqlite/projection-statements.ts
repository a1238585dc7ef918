/** The SQL of the changes. Prepared once per connection; every value is bound. */
import {
  ACCEPTED_COLUMNS,
  DECLARATION_COLUMNS,
  DEPENDENCY_COLUMNS,
  EARLY_COLUMNS,
  ISSUE_COLUMNS,
  REVIEW_COLUMNS,
  RECEIVED_COLUMNS,
} from "../store/row-columns.ts";
import type { Database, Statement } from "./runtime.ts";

export type ProjectionStatements = Readonly<Record<keyof typeof SQL, Statement>>;

/** Of the two rows that meet, what the one says of the cause that has seen it first. */
const FIRST_SAID = ["title", "class", "family", "workflow", "step", "owner"]
  .map(
    (name) =>
      `${name} = case when excluded.first_seen_at_ms < first_seen_at_ms then excluded.${name} else ${name} end,`,
  )
  .join(" ");

/**
 * By time and not by order: runs that have left are folded when they leave, and the row must be the
 * same. Who has seen the cause first says whose it is.
 */
export const ISSUE_ADDED = `on conflict (fingerprint) do update set
  ${FIRST_SAID}
  first_seen_at_ms = min(first_seen_at_ms, excluded.first_seen_at_ms),
  last_seen_at_ms = max(last_seen_at_ms, excluded.last_seen_at_ms),
  open_count = open_count + excluded.open_count,
  total_count = total_count + excluded.total_count`;

/** What is over, was held, or was with a person until now has made room; else the first counts. */
const RECEIVED_AGAIN = `on conflict (name) do update set ${RECEIVED_COLUMNS.split(",")
  .map((column) => column.trim())
  .filter((column) => column !== "name")
  .map((column) => `${column} = excluded.${column}`)
  .join(", ")} where state in ('held', 'review') or until_ms <= excluded.at_ms`;
export const ISSUE_SEEN = `insert into issue (${ISSUE_COLUMNS})
  values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 1) ${ISSUE_ADDED}`;

const SQL = {
  reviewInsert: insert("review", REVIEW_COLUMNS),
  reviewAnswer: `update review set state = 'answered', answered_by = ?, answered_at_ms = ?
    where run = ? and seq = ?`,
  reviewEscalate: "update review set escalated_to = ? where run = ? and seq = ?",
  reviewWithdraw: `update review set state = 'withdrawn'
    where run = ? and seq = ? and state = 'open'`,
  reviewsWithdraw: "update review set state = 'withdrawn' where run = ? and state = 'open'",
  dependency: `insert into dependency (${DEPENDENCY_COLUMNS})
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    on conflict (integration) do update set by_hand = excluded.by_hand, state = excluded.state, reason = excluded.reason,
    class = excluded.class, probe_at_ms = excluded.probe_at_ms,
    incident_at_ms = excluded.incident_at_ms, incident_parked = excluded.incident_parked,
    incident_ended_at_ms = excluded.incident_ended_at_ms,
    incident_drained_at_ms = excluded.incident_drained_at_ms, retry_tokens = excluded.retry_tokens,
    since_ms = case when state = excluded.state then since_ms else excluded.since_ms end`,
  declare: `insert into declaration (${DECLARATION_COLUMNS}) values (?, ?, ?, ?, ?)
    on conflict (definition, name, sensitive) do update set decision = excluded.decision,
    at_ms = excluded.at_ms`,
  acceptedInsert: `insert into accepted_event (${ACCEPTED_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?)
    on conflict do update set key = excluded.key, digest = excluded.digest,
    until_ms = excluded.until_ms, run = excluded.run, kept = excluded.kept`,
  acceptedForget: `delete from accepted_event where (namespace, event, id) in (
    select namespace, event, id from accepted_event where until_ms <= ?
    order by until_ms, namespace, event, id limit 2)`,
  // Not if the same id was accepted anew since, after its time.
  acceptedTake: `update accepted_event set run = ?1 where kept = ?2 and (namespace, event, id) =
    (select namespace, event, id from kept_event where seq = ?2)`,
  keptInsert: `insert into kept_event (seq, namespace, event, key, id, at_ms, data)
    values (?, ?, ?, ?, ?, ?, ?)`,
  keptTake: "delete from kept_event where seq = ?",
  earlyInsert: insert("early_answer", EARLY_COLUMNS),
  earlyRemove: "delete from early_answer where seq = ?",
  receivedForget: `delete from received where name in (
    select name from received where until_ms <= ? order by until_ms, name limit 2)`,
  receivedInsert: `insert into received (${RECEIVED_COLUMNS}) values
    (unhex(?), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, unhex(?), ?, ?, ?, ?, ?, ?) ${RECEIVED_AGAIN}`,
  awaitingInsert:
    "insert into awaiting (event, key, run, seq, step, due_at_ms) values (?, ?, ?, ?, ?, ?)",
  awaitingRemove: "delete from awaiting where run = ? and step = ?",
  awaitingClear: "delete from awaiting where run = ?",
  pendingInsert: `insert into pending (integration, ref, run, operation, due_at_ms)
    values (?, ?, ?, ?, ?) on conflict do update set due_at_ms = excluded.due_at_ms`,
  pendingRemove: "delete from pending where run = ? and operation = ?",
  pendingClear: "delete from pending where run = ?",
  pendingExists: "select 1 from pending limit 1",
  reviewsExist: "select 1 from review where state = 'open' limit 1",
  awaitingExists: "select 1 from awaiting limit 1",
  groupStart: `insert into recovery_group (number, runs, crashes) values (?, ?, ?)
    on conflict (number) do update set runs = excluded.runs, crashes = excluded.crashes`,
  groupPass: "delete from recovery_group where number = ?",
  chainClose: `update incarnation set closed_by = ?, closed_flush = ?, closed_seal = ?, clean = ?
    where incarnation = ?`,
} as const;

/** Each row adds to a counter; a flush moves several. */
export const COUNTERS = {
  sql: "insert into counter (name, value) values",
  after: "on conflict (name) do update set value = value + excluded.value",
} as const;

export function prepareProjections(database: Database): ProjectionStatements {
  const entries = Object.entries(SQL).map(([name, sql]) => [name, database.prepare(sql)] as const);
  // The keys are those of SQL, which `fromEntries` forgets.
  return Object.fromEntries(entries) as ProjectionStatements;
}

export function insert(table: string, columns: string): string {
  const marks = columns
    .split(",")
    .map(() => "?")
    .join(", ");
  return `insert into ${table} (${columns}) values (${marks})`;
}
