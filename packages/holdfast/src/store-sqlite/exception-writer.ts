/** Writes what changes of exceptions, of their groups, and of the rules by which they go to owners. */
import { routingContent } from "../core/routing.ts";
import { assertNever } from "../core/assert.ts";
import type { Change } from "../store/change.ts";
import {
  EXCEPTION_COLUMNS,
  EXCEPTION_GROUPS,
  OVERLAY_COLUMNS,
  ROUTING_COLUMNS,
  RULE_COLUMNS,
  toException,
} from "../store/row-columns.ts";
import { exceptionAfter } from "../store/row-changes.ts";
import type { ExceptionRow } from "../store/rows.ts";
import { insert, ISSUE_SEEN } from "./projection-statements.ts";
import { prepareRows, rowsOf } from "./queries.ts";
import type { Database, Statement } from "./runtime.ts";

export type ExceptionChange = Extract<
  Change,
  { kind: `exception-${string}` | `issue-${string}` | "routing-set" | "rule-set" }
>;

const UPDATE = `update exception set owner = ?, due_at_ms = ?, closed_at_ms = ?, resolution = ?,
  closed_by = ?, handling = ?, next_at_ms = ? where run = ? and seq = ?`;

export class ExceptionWriter {
  readonly #insert: Statement;
  readonly #read: Statement;
  readonly #update: Statement;
  readonly #seen: Statement;
  readonly #eased: Statement;
  readonly #overlay: Statement;
  readonly #routing: Statement;
  readonly #rule: Statement;

  constructor(database: Database) {
    const prepare = (sql: string) => database.prepare(sql);
    this.#insert = prepare(insert("exception", `${EXCEPTION_COLUMNS}, ${EXCEPTION_GROUPS}`));
    const of = "from exception where run = ? and seq = ?";
    this.#read = prepareRows(database, `select ${EXCEPTION_COLUMNS} ${of}`);
    this.#update = prepare(UPDATE);
    this.#seen = prepare(ISSUE_SEEN);
    this.#eased = prepare("update issue set open_count = open_count - 1 where fingerprint = ?");
    // In the order in which they were decided: one writer decides.
    this.#overlay = prepare(`${insert("issue_overlay", OVERLAY_COLUMNS)}
      on conflict (fingerprint) do update set overlay = excluded.overlay`);
    this.#routing = prepare(insert("routing", ROUTING_COLUMNS));
    this.#rule = prepare(`${insert("classification_rule", RULE_COLUMNS)}
      on conflict (id, version) do update set state = excluded.state, change = excluded.change,
      rule = excluded.rule`);
  }

  apply(change: ExceptionChange): void {
    switch (change.kind) {
      case "exception-opened":
        this.#insert.run(...insertedValues(change.row));
        return;
      case "exception-closed":
      case "exception-handled":
        this.#change(change);
        return;
      case "issue-seen": {
        const { fingerprint, level, title, family, workflow, step, owner, atMs } = change;
        const cause = [fingerprint, level, title, change.class, family, workflow, step, owner];
        this.#seen.run(...cause, atMs, atMs);
        return;
      }
      case "issue-eased":
        this.#eased.run(change.fingerprint);
        return;
      case "issue-overlaid":
        this.#overlay.run(change.row.fingerprint, JSON.stringify(change.row.overlay));
        return;
      case "routing-set": {
        const { version, by, reason, atMs } = change.row;
        this.#routing.run(version, routingContent(change.row), by, reason, atMs);
        return;
      }
      case "rule-set": {
        const { id, version, state, change: number } = change.row;
        this.#rule.run(id, version, state, number, JSON.stringify(change.row));
        return;
      }
      default:
        assertNever(change);
    }
  }

  /** By the same fold as in every other driver: the row before is read, and few are. */
  #change(change: Extract<ExceptionChange, { kind: "exception-closed" | "exception-handled" }>) {
    const [cells] = rowsOf(this.#read, change.run, change.seq);
    if (cells === undefined) return;
    const row = exceptionAfter(toException(cells), change);
    this.#update.run(
      row.owner,
      row.dueAtMs,
      row.closedAtMs,
      row.resolution,
      row.closedBy,
      JSON.stringify(row.handling),
      row.nextAtMs,
      row.run,
      row.seq,
    );
  }
}

function insertedValues(row: ExceptionRow) {
  const { cause, code, data } = row.record.fingerprints;
  return [
    row.run,
    row.seq,
    row.workflow,
    row.step,
    row.effectName,
    row.integration,
    row.operation,
    row.class,
    row.family,
    row.effect,
    row.reasonCode,
    row.rule,
    row.message,
    row.because,
    row.owner,
    row.fingerprint,
    row.subject,
    row.openedAtMs,
    row.dueAtMs,
    row.closedAtMs,
    row.resolution,
    row.closedBy,
    row.amount,
    row.currency,
    JSON.stringify(row.record),
    JSON.stringify(row.handling),
    row.nextAtMs,
    cause,
    code,
    data,
  ];
}
