/** The lists that people and other processes look at. Filters that are not given are not applied. */
import { RUN_STATES } from "../core/run-state.ts";
import type { JournalRecord } from "../core/journal.ts";
import {
  type Cells,
  DECLARATION_COLUMNS,
  DEPENDENCY_COLUMNS,
  EARLY_COLUMNS,
  EFFECT_COLUMNS,
  EXCEPTION_COLUMNS,
  INBOX_COLUMNS,
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
import { type Cell, binaryArray } from "./binary-array.ts";
import { type ReadRows, prefixed } from "./runs-at-hand.ts";

/** No answer is longer than this, so that no statement runs for long. */
const ROWS_MAX = 10_000;

type Value = Cell | Buffer;

/** A condition with one `?` for each of its values; null if the filter was not given. */
type Condition = readonly [sql: string, ...values: Value[]] | null;

interface List {
  readonly from: string;
  readonly columns: string;
  /** Columns of the order: the run, and what counts within it. */
  readonly run: string;
  readonly within: string;
  readonly where: readonly Condition[];
}

export class ReaderQueries {
  readonly #read: ReadRows;

  constructor(read: ReadRows) {
    this.#read = read;
  }

  async runs(query: RunQuery): Promise<RunRow[]> {
    const { states } = query;
    const numbers = states?.map((state) => RUN_STATES.indexOf(state)) ?? [];
    const where = [
      greater("run", query.afterRun),
      equals("namespace", query.namespace),
      equals("workflow", query.workflow),
      query.key === undefined ? null : keyCondition(query.key),
      equals("owner", query.owner),
      states === undefined
        ? null
        : (["state = any(?::int2[])", binaryArray("int2", numbers)] as const),
    ];
    return this.#rows(
      `select ${RUN_COLUMNS} from run`,
      where,
      "order by run limit ?::int8",
      [bounded(query.limit)],
      toRun,
    );
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
    const where = [
      greater("run", query.afterRun),
      numbered("run", query.run),
      equals("owner", query.owner),
      equals("class", query.class),
      query.all === true ? null : (["closed_at_ms is null"] as const),
    ];
    const list = {
      from: "exception",
      columns: EXCEPTION_COLUMNS,
      run: "run",
      within: "seq",
      where,
    };
    return this.#wholeRuns(list, query, toException);
  }

  effects(query: EffectQuery): Promise<EffectRow[]> {
    const where = [
      greater("e.run", query.afterRun),
      numbered("e.run", query.run),
      equals("e.effect", query.effect),
      equals("e.proof", query.proof),
      query.open === true ? (["e.ended = 0"] as const) : null,
    ];
    const from = `effect e join journal j
      on j.shard = e.shard and j.run = e.run and j.seq = e.operation`;
    const list = { from, columns: EFFECT_COLUMNS, run: "e.run", within: "e.operation", where };
    return this.#wholeRuns(list, query, toEffect);
  }

  reviews(query: ReviewQuery): Promise<ReviewRow[]> {
    const where = [
      greater("run", query.afterRun),
      numbered("run", query.run),
      equals("answer_by", query.by),
      query.all === true ? null : (["state = 'open'"] as const),
    ];
    const list = { from: "review", columns: REVIEW_COLUMNS, run: "run", within: "seq", where };
    return this.#wholeRuns(list, query, toReview);
  }

  /** Each shard has its own counts of a cause; what is said of it is said by the first. */
  issues(limit: number): Promise<IssueRow[]> {
    const texts = ["title", "class", "family", "workflow", "step", "owner"].map(firstSeen);
    return this.#rows(
      `select fingerprint, ${texts.join(", ")}, min(first_seen_at_ms), max(last_seen_at_ms) as latest,
        sum(open_count), sum(total_count) from issue`,
      [],
      "group by fingerprint order by latest desc limit ?::int8",
      [bounded(limit)],
      toIssue,
    );
  }

  declarations(): Promise<DeclarationRow[]> {
    const select = `select ${DECLARATION_COLUMNS} from declaration`;
    // All of them: what a page left out would be shown as if it were not sensitive.
    return this.#rows(select, [], "order by definition, name", [], toDeclaration);
  }

  earlyAnswers(limit: number): Promise<EarlyAnswerRow[]> {
    const select = `select ${EARLY_COLUMNS} from early_answer`;
    return this.#rows(select, [], "order by seq limit ?::int8", [bounded(limit)], toEarlyAnswer);
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

  /**
   * A page goes on after a run, so it must not end within one: where the limit would cut a run's
   * rows in two, the rest of them is given too, up to ROWS_MAX.
   */
  async #wholeRuns<Row extends { readonly run: number }>(
    { from, columns, run, within, where }: List,
    page: Page,
    toRow: (cells: Cells) => Row,
  ): Promise<Row[]> {
    const select = `select ${columns} from ${from}`;
    const order = `order by ${run}, ${within} limit ?::int8`;
    const limit = bounded(page.limit);
    const rows = await this.#rows(select, where, order, [limit + 1], toRow);
    if (rows.length <= limit) return rows;
    const last = rows[limit - 1]?.run ?? 0;
    if (rows[limit]?.run !== last) return rows.slice(0, limit);
    const before = rows.filter((row) => row.run !== last);
    const only = [...where, numbered(run, last)];
    return [...before, ...(await this.#rows(select, only, order, [ROWS_MAX], toRow))];
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
    let mark = 0;
    const text = marked.replaceAll("?", () => {
      mark += 1;
      return `$${mark}`;
    });
    const values = [...applied.flatMap(([, ...given]) => given), ...orderValues];
    return (await this.#read("", text, values)).map(toRow);
  }
}

function firstSeen(column: string): string {
  return `(array_agg(${column} order by first_seen_at_ms))[1]`;
}

function equals(column: string, value: string | undefined): Condition {
  return value === undefined ? null : [`${column} = ?`, value];
}

function numbered(column: string, value: number | undefined): Condition {
  return value === undefined ? null : [`${column} = ?::int8`, value];
}

function greater(column: string, value: number): Condition {
  return [`${column} > ?::int8`, value];
}

/** The index holds the first 200 characters. */
function keyCondition(key: string): Condition {
  return ["left(key, 200) = left(?, 200) and key = ?", key, key];
}

function bounded(limit: number): number {
  return Math.min(Math.max(limit, 1), ROWS_MAX);
}
