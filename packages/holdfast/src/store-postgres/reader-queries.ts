/** The lists that people and other processes look at. Filters that are not given are not applied. */
import type { IssueLevel } from "../core/fingerprint.ts";
import type { JournalRecord } from "../core/journal.ts";
import type { ClassificationRule } from "../core/classification-rule.ts";
import type { RoutingVersion } from "../core/routing.ts";
import {
  type Cells,
  DECLARATION_COLUMNS,
  DEPENDENCY_COLUMNS,
  EARLY_COLUMNS,
  EXCEPTION_COLUMNS,
  GROUP_COLUMN,
  INBOX_COLUMNS,
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
import { binaryArray } from "./binary-array.ts";
import { effectList, exceptionList, reviewList, runList } from "./lists.ts";
import { listSql, type Condition, type List, type Value } from "./list-sql.ts";
import { type ReadRows, prefixed } from "./runs-at-hand.ts";

/** No answer is longer than this, so that no statement runs for long. */
const ROWS_MAX = 10_000;

/** How many times as many rows are read when those before held too few causes. */
const ROWS_GROWTH = 4;

export class ReaderQueries {
  readonly #read: ReadRows;

  constructor(read: ReadRows) {
    this.#read = read;
  }

  runs(query: RunQuery): Promise<RunRow[]> {
    return this.#listed(runList(query), { ...query, limit: bounded(query.limit) }, toRun);
  }

  async run(run: number): Promise<RunRow | null> {
    const where = [["run = ?::int8", run] as const];
    return (await this.#rows(`select ${RUN_COLUMNS} from run`, where, "", [], toRun))[0] ?? null;
  }

  async runsByKey(key: string, limit: number): Promise<RunRow[]> {
    const select = `select ${RUN_COLUMNS} from run`;
    const order = "order by run desc limit ?::int8";
    return this.#rows(select, [keyCondition(key)], order, [bounded(limit)], toRun);
  }

  async records(run: number, afterSeq: number, limit: number): Promise<JournalRecord[]> {
    const columns = prefixed("j", RECORD_COLUMNS);
    // The store's own journal is one per incarnation; their numbers follow each other.
    const from =
      run === 0
        ? "incarnation i join journal j on j.shard = i.shard and j.run = -i.incarnation"
        : "run r join journal j on j.shard = r.shard and j.run = r.run";
    const where: Condition[] = [["j.seq > ?::int4", afterSeq]];
    if (run !== 0) where.push(["r.run = ?::int8", run]);
    const order = "order by j.seq limit ?::int8";
    const select = `select ${columns} from ${from}`;
    const records = await this.#rows(select, where, order, [bounded(limit)], toRecord);
    return run === 0 ? records.map((record) => ({ ...record, run: 0 })) : records;
  }

  exceptions(query: ExceptionQuery): Promise<ExceptionRow[]> {
    return wholeRuns(query, (part) => this.#listed(exceptionList(part), part, toException));
  }

  effects(query: EffectQuery): Promise<EffectRow[]> {
    return wholeRuns(query, (part) => this.#listed(effectList(part), part, toEffect));
  }

  reviews(query: ReviewQuery): Promise<ReviewRow[]> {
    return wholeRuns(query, (part) => this.#listed(reviewList(part), part, toReview));
  }

  /** Each shard has its own counts of a cause; what is said of it is said by the first. */
  async issues(level: IssueLevel, limit: number): Promise<IssueRow[]> {
    return await this.#issues(await this.#latestIssues(level, bounded(limit)));
  }

  async issue(fingerprint: string): Promise<IssueRow | null> {
    return (await this.#issues([fingerprint]))[0] ?? null;
  }

  #issues(fingerprints: readonly string[]): Promise<IssueRow[]> {
    const texts = ["level", "title", "class", "family", "workflow", "step", "owner"].map(firstSeen);
    return this.#rows(
      `select fingerprint, ${texts.join(", ")}, min(first_seen_at_ms), max(last_seen_at_ms) as latest,
        sum(open_count), sum(total_count) from issue`,
      [["fingerprint = any(?::text[])", binaryArray("text", fingerprints)]],
      "group by fingerprint order by latest desc limit ?::int8",
      [fingerprints.length],
      toIssue,
    );
  }

  /** The causes that any shard has seen last: a cause is known by its latest row. */
  async #latestIssues(level: IssueLevel, limit: number): Promise<string[]> {
    const order = "order by level desc, last_seen_at_ms desc, fingerprint desc limit ?::int8";
    // Where a cause has rows in many shards, more rows have to be read for as many causes.
    for (let rows = limit; ; rows *= ROWS_GROWTH) {
      const read = await this.#rows(
        "select fingerprint from issue",
        [["level = ?::text", level]],
        order,
        [rows],
        (cells) => cells[0] as string,
      );
      const causes = [...new Set(read)];
      if (causes.length >= limit || read.length < rows) return causes.slice(0, limit);
    }
  }

  issueOverlays(): Promise<IssueOverlayRow[]> {
    const select = `select ${OVERLAY_COLUMNS} from issue_overlay`;
    return this.#rows(select, [], "order by fingerprint limit ?::int8", [ROWS_MAX], toIssueOverlay);
  }

  occurrences(
    { level, fingerprint }: Group,
    afterMs: number,
    limit: number,
  ): Promise<ExceptionRow[]> {
    const where: Condition[] = [
      [`${GROUP_COLUMN[level]} = ?`, fingerprint],
      ["opened_at_ms > ?::int8", afterMs],
    ];
    const order = "order by opened_at_ms desc, run, seq limit ?::int8";
    const select = `select ${EXCEPTION_COLUMNS} from exception`;
    return this.#rows(select, where, order, [bounded(limit)], toException);
  }

  rules(afterChange: number, limit: number): Promise<ClassificationRule[]> {
    const select = `select ${RULE_COLUMNS} from classification_rule`;
    const where: Condition[] = [["change > ?::int8", afterChange]];
    return this.#rows(select, where, "order by change limit ?::int8", [bounded(limit)], toRule);
  }

  routings(limit: number): Promise<RoutingVersion[]> {
    const select = `select ${ROUTING_COLUMNS} from routing`;
    return this.#rows(
      select,
      [],
      "order by version desc limit ?::int8",
      [bounded(limit)],
      toRouting,
    );
  }

  declarations(): Promise<DeclarationRow[]> {
    const select = `select ${DECLARATION_COLUMNS} from declaration`;
    // All of them: what a page left out would be shown as if it were not sensitive.
    return this.#rows(select, [], "order by definition, name", [], toDeclaration);
  }

  earlyAnswers(limit: number): Promise<EarlyAnswerRow[]> {
    const select = `select ${EARLY_COLUMNS} from early_answer`;
    // As its index has it; there is no other state.
    const where = [["state = 'kept'"] as const];
    return this.#rows(select, where, "order by seq limit ?::int8", [bounded(limit)], toEarlyAnswer);
  }

  received({ after, limit, state, workflow }: ReceivedQuery): Promise<ReceivedRow[]> {
    const where: Condition[] =
      after === null
        ? []
        : [["(at_ms, name) < (?::int8, decode(?, 'hex'))", after.atMs, after.name]];
    if (state !== undefined) where.push(["state = ?", state]);
    if (workflow !== undefined) where.push(["workflow = ?", workflow]);
    const order = "order by at_ms desc, name desc limit ?::int8";
    const select = `select ${RECEIVED_SHOWN} from received`;
    return this.#rows(select, where, order, [bounded(limit)], toReceived);
  }

  inbox(limit: number): Promise<InboxRow[]> {
    const select = `select ${INBOX_COLUMNS} from inbox`;
    const where = [["taken_by is null"] as const];
    const order = "order by posted_at_us, id limit ?::int8";
    return this.#rows(select, where, order, [bounded(limit)], toInbox);
  }

  dependencies(): Promise<DependencyRow[]> {
    const select = `select ${DEPENDENCY_COLUMNS} from dependency`;
    return this.#rows(select, [], "order by integration limit ?::int8", [ROWS_MAX], toDependency);
  }

  /** By the index run_lane. */
  lanes({ lane, limit }: LaneQuery): Promise<LaneRow[]> {
    const where: Condition[] = [["lane is not null and ended_at_ms is null"]];
    if (lane !== undefined) where.push(["lane = ?", lane]);
    const order = "group by namespace, lane order by 3 desc, 1, 2 limit ?::int8";
    return this.#rows(`select ${LANE_COLUMNS} from run`, where, order, [bounded(limit)], toLane);
  }

  versionCounts(): Promise<VersionCount[]> {
    const where: Condition[] = [["state < 9"]];
    const order = "group by code_version, state order by code_version, state";
    return this.#rows(`select ${VERSION_COLUMNS} from run`, where, order, [], toVersionCount);
  }

  counters(prefix: string): Promise<{ name: string; value: number }[]> {
    // A range, and not LIKE: the prefix may hold its wildcards. No text sorts after the last
    // character that there is.
    const where = [["name >= ? and name < ?", prefix, `${prefix}\u{10FFFF}`] as const];
    return this.#rows(
      "select name, sum(value) from counter",
      where,
      "group by name order by name limit ?::int8",
      [ROWS_MAX],
      (cells) => ({ name: cells[0] as string, value: cells[1] as number }),
    );
  }

  async #listed<Row>(
    list: List,
    { afterRun, limit }: Page,
    toRow: (cells: Cells) => Row,
  ): Promise<Row[]> {
    const statement = listSql(list, afterRun, limit);
    if (statement === null) return [];
    return (await this.#read("", numbered(statement.sql), statement.values)).map(toRow);
  }

  async #rows<Row>(
    select: string,
    where: readonly Condition[],
    order: string,
    orderValues: readonly Value[],
    toRow: (cells: Cells) => Row,
  ): Promise<Row[]> {
    const applied = where.filter((condition) => condition !== null);
    const conditions = applied.map(([sql]) => sql).join(" and ");
    const marked = `${select}${conditions === "" ? "" : ` where ${conditions}`} ${order}`;
    const values = [...applied.flatMap(([, ...given]) => given), ...orderValues];
    return (await this.#read("", numbered(marked), values)).map(toRow);
  }
}

function firstSeen(column: string): string {
  return `(array_agg(${column} order by first_seen_at_ms))[1]`;
}

/** With $1, $2 ... in the places of the marks. */
function numbered(marked: string): string {
  let mark = 0;
  return marked.replaceAll("?", () => {
    mark += 1;
    return `$${mark}`;
  });
}

/**
 * A page goes on after a run, so it must not end within one: where the limit would cut a run's
 * rows in two, the rest of them is given too, up to ROWS_MAX.
 */
async function wholeRuns<
  Query extends Page & { readonly run?: number },
  Row extends { readonly run: number },
>(query: Query, ask: (part: Query) => Promise<Row[]>): Promise<Row[]> {
  const limit = bounded(query.limit);
  const rows = await ask({ ...query, limit: limit + 1 });
  if (rows.length <= limit) return rows;
  const last = rows[limit - 1]?.run ?? 0;
  if (rows[limit]?.run !== last) return rows.slice(0, limit);
  const before = rows.filter((row) => row.run !== last);
  return [...before, ...(await ask({ ...query, run: last, limit: ROWS_MAX }))];
}

/** The index holds the first 200 characters. */
function keyCondition(key: string): Condition {
  return ["left(key, 200) = left(?, 200) and key = ?", key, key];
}

function bounded(limit: number): number {
  return Math.min(Math.max(limit, 1), ROWS_MAX);
}
