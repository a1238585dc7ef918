/** The lists that people and other processes look at. Filters that are not given are not applied. */
import type { IssueLevel } from "../core/fingerprint.ts";
import type { JournalRecord } from "../core/journal.ts";
import type { ClassificationRule } from "../core/classification-rule.ts";
import type { RoutingVersion } from "../core/routing.ts";
import type {
  DeclarationRow,
  DependencyRow,
  EarlyAnswerRow,
  EffectRow,
  ExceptionRow,
  InboxRow,
  IssueOverlayRow,
  IssueRow,
  LaneRow,
  VersionCount,
  ReceivedRow,
  ReviewRow,
  RunRow,
} from "../store/rows.ts";
import type {
  EffectQuery,
  ExceptionQuery,
  Group,
  LaneQuery,
  Page,
  ReceivedQuery,
  ReviewQuery,
  RunQuery,
} from "../store/store.ts";
import { effectList, exceptionList, reviewList, runList } from "./lists.ts";
import { listSql, type List, type Value } from "./list-sql.ts";
import { prepareRows, rowsOf } from "./queries.ts";
import {
  DECLARATION_COLUMNS,
  DEPENDENCY_COLUMNS,
  EARLY_COLUMNS,
  EXCEPTION_COLUMNS,
  GROUP_COLUMN,
  INBOX_COLUMNS,
  ISSUE_COLUMNS,
  LANE_COLUMNS,
  VERSION_COLUMNS,
  toVersionCount,
  RECEIVED_SHOWN,
  OVERLAY_COLUMNS,
  RECORD_COLUMNS,
  ROUTING_COLUMNS,
  RULE_COLUMNS,
  RUN_COLUMNS,
  toDeclaration,
  toDependency,
  toEarlyAnswer,
  toEffect,
  toException,
  toInbox,
  toIssue,
  toLane,
  toReceived,
  toIssueOverlay,
  toRecord,
  toReview,
  toRouting,
  toRule,
  toRun,
} from "../store/row-columns.ts";
import type { Cells } from "../store/row-columns.ts";
import type { Database } from "./runtime.ts";

/** No answer is longer than this, so that no cursor is open for long (settled 25). */
const ROWS_MAX = 10_000;

/** Behind every message. */
const NEWEST = { atMs: Number.MAX_SAFE_INTEGER, name: "" };

export class ReaderQueries {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  runs(query: RunQuery): RunRow[] {
    return this.#listed(runList(query), { ...query, limit: bounded(query.limit) }, toRun);
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
    return wholeRuns(query, (part) => this.#listed(exceptionList(part), part, toException));
  }

  effects(query: EffectQuery): EffectRow[] {
    return wholeRuns(query, (part) => this.#listed(effectList(part), part, toEffect));
  }

  reviews(query: ReviewQuery): ReviewRow[] {
    return wholeRuns(query, (part) => this.#listed(reviewList(part), part, toReview));
  }

  issues(level: IssueLevel, limit: number): IssueRow[] {
    const sql = `select ${ISSUE_COLUMNS} from issue where level = ?
      order by last_seen_at_ms desc limit ?`;
    return this.#rows(sql, [level, bounded(limit)], toIssue);
  }

  issue(fingerprint: string): IssueRow | null {
    const sql = `select ${ISSUE_COLUMNS} from issue where fingerprint = ?`;
    return this.#rows(sql, [fingerprint], toIssue)[0] ?? null;
  }

  issueOverlays(): IssueOverlayRow[] {
    const sql = `select ${OVERLAY_COLUMNS} from issue_overlay order by fingerprint limit ?`;
    return this.#rows(sql, [ROWS_MAX], toIssueOverlay);
  }

  occurrences({ level, fingerprint }: Group, afterMs: number, limit: number): ExceptionRow[] {
    const column = GROUP_COLUMN[level];
    const sql = `select ${EXCEPTION_COLUMNS} from exception
      where ${column} = ? and opened_at_ms > ? order by opened_at_ms desc, run, seq limit ?`;
    return this.#rows(sql, [fingerprint, afterMs, bounded(limit)], toException);
  }

  rules(afterChange: number, limit: number): ClassificationRule[] {
    const sql = `select ${RULE_COLUMNS} from classification_rule where change > ?
      order by change limit ?`;
    return this.#rows(sql, [afterChange, bounded(limit)], toRule);
  }

  routings(limit: number): RoutingVersion[] {
    const sql = `select ${ROUTING_COLUMNS} from routing order by version desc limit ?`;
    return this.#rows(sql, [bounded(limit)], toRouting);
  }

  dependencies(): DependencyRow[] {
    const sql = `select ${DEPENDENCY_COLUMNS} from dependency order by integration limit ?`;
    return this.#rows(sql, [ROWS_MAX], toDependency);
  }

  /** By the index run_lane. */
  lanes({ lane, limit }: LaneQuery): LaneRow[] {
    const named = lane === undefined ? "" : "and lane = ?";
    const sql = `select ${LANE_COLUMNS} from run
      where lane is not null and ended_at_ms is null ${named}
      group by namespace, lane order by 3 desc, 1, 2 limit ?`;
    const values = lane === undefined ? [bounded(limit)] : [lane, bounded(limit)];
    return this.#rows(sql, values, toLane);
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

  received({ after, limit, state, workflow }: ReceivedQuery): ReceivedRow[] {
    const sql = `select ${RECEIVED_SHOWN} from received where (at_ms, name) < (?1, unhex(?2))
      and (?3 is null or state = ?3) and (?4 is null or workflow = ?4)
      order by at_ms desc, name desc limit ?5`;
    const { atMs, name } = after ?? NEWEST;
    const values = [atMs, name, state ?? null, workflow ?? null, bounded(limit)];
    return this.#rows(sql, values, toReceived);
  }

  versionCounts(): VersionCount[] {
    const sql = `select ${VERSION_COLUMNS} from run where state < 9
      group by code_version, state order by code_version, state`;
    return this.#rows(sql, [], toVersionCount);
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

  newestFlushMs(): number | null {
    const sql = "select at_ms from flush order by id desc limit 1";
    return this.#rows(sql, [], (cells) => cells[0] as number)[0] ?? null;
  }

  #listed<Row>(list: List, { afterRun, limit }: Page, toRow: (cells: Cells) => Row): Row[] {
    const statement = listSql(list, afterRun, limit);
    return statement === null ? [] : this.#rows(statement.sql, statement.values, toRow);
  }

  #rows<Row>(sql: string, values: readonly Value[], toRow: (cells: Cells) => Row): Row[] {
    return rowsOf(prepareRows(this.#database, sql), ...values).map(toRow);
  }
}

/**
 * A page goes on after a run, so it must not end within one: where the limit would cut a run's
 * rows in two, the rest of them is given too, up to ROWS_MAX.
 */
function wholeRuns<
  Query extends Page & { readonly run?: number },
  Row extends { readonly run: number },
>(query: Query, ask: (part: Query) => Row[]): Row[] {
  const limit = bounded(query.limit);
  const rows = ask({ ...query, limit: limit + 1 });
  if (rows.length <= limit) return rows;
  const last = rows[limit - 1]?.run ?? 0;
  if (rows[limit]?.run !== last) return rows.slice(0, limit);
  const before = rows.filter((row) => row.run !== last);
  return [...before, ...ask({ ...query, run: last, limit: ROWS_MAX })];
}

function bounded(limit: number): number {
  return Math.min(Math.max(limit, 1), ROWS_MAX);
}
