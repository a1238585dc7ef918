/** The lists that people and other processes look at. Filters that are not given are not applied. */
import { RUN_STATES } from "../core/run-state.ts";
import type { JournalRecord } from "../core/journal.ts";
import type {
  DeclarationRow,
  DependencyRow,
  EarlyAnswerRow,
  EffectRow,
  ExceptionRow,
  InboxRow,
  IssueRow,
  ReviewRow,
  RunRow,
} from "../store/rows.ts";
import type { EffectQuery, ExceptionQuery, Page, ReviewQuery, RunQuery } from "../store/store.ts";
import { prepareRows, rowsOf } from "./queries.ts";
import {
  DECLARATION_COLUMNS,
  DEPENDENCY_COLUMNS,
  EARLY_COLUMNS,
  EFFECT_COLUMNS,
  EXCEPTION_COLUMNS,
  INBOX_COLUMNS,
  ISSUE_COLUMNS,
  RECORD_COLUMNS,
  REVIEW_COLUMNS,
  RUN_COLUMNS,
  toDeclaration,
  toDependency,
  toEarlyAnswer,
  toEffect,
  toException,
  toInbox,
  toIssue,
  toRecord,
  toReview,
  toRun,
} from "../store/row-columns.ts";
import type { Cells } from "../store/row-columns.ts";
import type { Database } from "./runtime.ts";

/** No answer is longer than this, so that no cursor is open for long (settled 25). */
const ROWS_MAX = 10_000;

type Value = null | number | string;

/** A condition with the values of its marks; null if the filter was not given. */
type Condition = readonly [sql: string, ...values: Value[]] | null;

export class ReaderQueries {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  runs(query: RunQuery): RunRow[] {
    const { states } = query;
    const where = conditions([
      ["run > ?", query.afterRun],
      equals("namespace", query.namespace),
      equals("workflow", query.workflow),
      equals("key", query.key),
      equals("owner", query.owner),
      states === undefined ? null : [`state in (${marks(states)})`, ...states.map(stateNumber)],
    ]);
    return this.#rows(
      `select ${RUN_COLUMNS} from run where ${where.sql} order by run limit ?`,
      [...where.values, bounded(query.limit)],
      toRun,
    );
  }

  /** Runs that have not ended, by number; all of them. */
  openRuns(): number[] {
    const sql = "select run from run where ended_at_ms is null order by run";
    return this.#rows(sql, [], (cells) => cells[0] as number);
  }

  run(run: number): RunRow | null {
    return this.#rows(`select ${RUN_COLUMNS} from run where run = ?`, [run], toRun)[0] ?? null;
  }

  runsByKey(key: string, limit: number): RunRow[] {
    const sql = `select ${RUN_COLUMNS} from run where key = ? order by run desc limit ?`;
    return this.#rows(sql, [key, bounded(limit)], toRun);
  }

  records(run: number, afterSeq: number, limit: number): JournalRecord[] {
    const sql = `select ${RECORD_COLUMNS} from journal where run = ? and seq > ?
      order by seq limit ?`;
    return this.#rows(sql, [run, afterSeq, bounded(limit)], toRecord);
  }

  exceptions(query: ExceptionQuery): ExceptionRow[] {
    const where = conditions([
      ["run > ?", query.afterRun],
      equals("run", query.run),
      equals("owner", query.owner),
      equals("class", query.class),
      query.all === true ? null : ["closed_at_ms is null"],
    ]);
    const list = {
      from: "exception",
      run: "run",
      columns: EXCEPTION_COLUMNS,
      within: "seq",
      where,
    };
    return this.#wholeRuns(list, query, toException);
  }

  effects(query: EffectQuery): EffectRow[] {
    const where = conditions([
      ["j.run > ?", query.afterRun],
      equals("j.run", query.run),
      equals("e.effect", query.effect),
      equals("e.proof", query.proof),
      query.open === true ? ["e.ended = 0"] : null,
    ]);
    // Open ones are few and found by their own index; all others run by run through the journal's.
    const from =
      query.open === true
        ? "effect e indexed by effect_open join journal j on j.pos = e.pos"
        : "journal j indexed by journal_run cross join effect e on e.pos = j.pos";
    const list = { from, columns: EFFECT_COLUMNS, run: "j.run", within: "j.seq", where };
    return this.#wholeRuns(list, query, toEffect);
  }

  reviews(query: ReviewQuery): ReviewRow[] {
    const where = conditions([
      ["run > ?", query.afterRun],
      equals("run", query.run),
      equals("answer_by", query.by),
      query.all === true ? null : ["state = 'open'"],
    ]);
    const list = { from: "review", run: "run", columns: REVIEW_COLUMNS, within: "seq", where };
    return this.#wholeRuns(list, query, toReview);
  }

  issues(limit: number): IssueRow[] {
    const sql = `select ${ISSUE_COLUMNS} from issue order by last_seen_at_ms desc limit ?`;
    return this.#rows(sql, [bounded(limit)], toIssue);
  }

  dependencies(): DependencyRow[] {
    const sql = `select ${DEPENDENCY_COLUMNS} from dependency order by integration limit ?`;
    return this.#rows(sql, [ROWS_MAX], toDependency);
  }

  declarations(): DeclarationRow[] {
    const sql = `select ${DECLARATION_COLUMNS} from declaration order by definition, name`;
    // All of them: what a page left out would be shown as if it were not sensitive.
    return this.#rows(sql, [], toDeclaration);
  }

  inbox(limit: number): InboxRow[] {
    const sql = `select ${INBOX_COLUMNS} from inbox where taken_by is null order by pos limit ?`;
    return this.#rows(sql, [bounded(limit)], toInbox);
  }

  earlyAnswers(limit: number): EarlyAnswerRow[] {
    const sql = `select ${EARLY_COLUMNS} from early_answer order by seq limit ?`;
    return this.#rows(sql, [bounded(limit)], toEarlyAnswer);
  }

  counters(prefix: string): { name: string; value: number }[] {
    // A range, and not LIKE: the prefix may hold its wildcards, and the key's order serves it. No
    // text sorts after the last character that there is.
    const sql = `select name, value from counter where name >= ?1 and name < ?1 || char(0x10ffff)
      order by name limit ?2`;
    return this.#rows(sql, [prefix, ROWS_MAX], (cells) => ({
      name: cells[0] as string,
      value: cells[1] as number,
    }));
  }

  /**
   * A page goes on after a run, so it must not end within one: where the limit would cut a run's
   * rows in two, the rest of them is given too, up to ROWS_MAX.
   */
  #wholeRuns<Row extends { readonly run: number }>(
    list: {
      readonly from: string;
      readonly columns: string;
      readonly run: string;
      readonly within: string;
      readonly where: { readonly sql: string; readonly values: readonly Value[] };
    },
    page: Page,
    toRow: (cells: Cells) => Row,
  ): Row[] {
    const { from, columns, run, within, where } = list;
    const select = `select ${columns} from ${from} where ${where.sql}`;
    const order = `order by ${run}, ${within} limit ?`;
    const limit = bounded(page.limit);
    const rows = this.#rows(`${select} ${order}`, [...where.values, limit + 1], toRow);
    if (rows.length <= limit) return rows;
    const last = rows[limit - 1]?.run ?? 0;
    if (rows[limit]?.run !== last) return rows.slice(0, limit);
    const before = rows.filter((row) => row.run !== last);
    const whole = `${select} and ${run} = ? ${order}`;
    return [...before, ...this.#rows(whole, [...where.values, last, ROWS_MAX], toRow)];
  }

  #rows<Row>(sql: string, values: readonly Value[], toRow: (cells: Cells) => Row): Row[] {
    return rowsOf(prepareRows(this.#database, sql), ...values).map(toRow);
  }
}

function conditions(given: readonly Condition[]): { sql: string; values: Value[] } {
  const applied = given.filter((condition) => condition !== null);
  return {
    sql: applied.map(([sql]) => sql).join(" and "),
    values: applied.flatMap(([, ...values]) => values),
  };
}

function equals(column: string, value: string | number | undefined): Condition {
  return value === undefined ? null : [`${column} = ?`, value];
}

function marks(values: readonly unknown[]): string {
  return values.map(() => "?").join(", ");
}

function stateNumber(state: (typeof RUN_STATES)[number]): number {
  return RUN_STATES.indexOf(state);
}

function bounded(limit: number): number {
  return Math.min(Math.max(limit, 1), ROWS_MAX);
}
