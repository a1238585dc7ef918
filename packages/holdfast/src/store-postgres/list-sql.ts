/**
 * The statement of one page of a list: by the index that leads (store/list-lead.ts), in its order.
 *
 * The planner is left little choice. What the order names has one index and no other, and what else
 * is asked for is said so that no index of its own serves. Left to its statistics, which may be of another day, it walks a store from the
 * beginning for the few runs of a new team, or sorts all that have ended. Only of what is open it
 * may read all, which is little if it thinks so, or soon known to be more.
 */
import type { Lead, LeadColumn } from "../store/list-lead.ts";
import type { Cell } from "./binary-array.ts";

export type Value = Cell | Buffer;

/** A condition with one `?` for each of its values; null if the filter was not given. */
export type Condition = readonly [sql: string, ...values: Value[]] | null;

export interface List {
  /** The table and its alias. */
  readonly from: string;
  readonly alias: string;
  /** What is joined to a row of it for the columns. */
  readonly join?: string;
  /** The run is the first of them, and what counts within it the second, if anything does. */
  readonly columns: string;
  /** Columns of the order: the run, and what counts within it. */
  readonly run: string;
  readonly within?: string;
  /** What the columns have to be. */
  readonly equal: readonly (readonly [column: LeadColumn, value: string | undefined])[];
  readonly where: readonly Condition[];
  readonly leads: readonly Lead[] | null;
  /** Of this run alone. */
  readonly only: number | undefined;
}

export interface Statement {
  /** With one `?` for each of the values. */
  readonly sql: string;
  readonly values: readonly Value[];
}

/** In the place of the run behind the last one of a range. */
const LAST_RUN = Number.MAX_SAFE_INTEGER;

/**
 * One range of the index, or the first rows of each of several, sorted together: a page of each is
 * read and no more. Null if there is no range, so that nothing fits.
 */
export function listSql(list: List, afterRun: number, limit: number): Statement | null {
  const ranges = (list.leads ?? [null]).map((lead) => rangeSql(list, lead, afterRun, limit));
  if (ranges.length === 0) return null;
  const { columns, alias, join = "", within } = list;
  const rows = ranges.map(({ sql }) => sql).join(" union all ");
  const order = within === undefined ? "1" : "1, 2";
  return {
    sql: `select ${columns} from (${rows}) ${alias} ${join} order by ${order} limit ?::int8`,
    values: [...ranges.flatMap(({ values }) => values), limit],
  };
}

function rangeSql(list: List, lead: Lead | null, afterRun: number, limit: number): Statement {
  const { from, alias, run, within, only } = list;
  const applied = [
    ...(lead === null ? [[`${run} > ?::int8`, afterRun] as const] : between(lead, run, afterRun)),
    only === undefined ? null : ([`${run} = ?::int8`, only] as const),
    lead === null || lead.condition === null ? null : ([lead.condition] as const),
    lead?.marked === undefined
      ? null
      : ([`handling::jsonb -> '${lead.marked}' <> '[]'::jsonb`] as const),
    // As a list that is known before: joined, the runs would be walked from the beginning.
    lead?.among === undefined
      ? null
      : ([`${run} = any(array(select run from ${lead.among}))`] as const),
    ...list.equal.map(([column, value]) =>
      isExact(lead, column, value) ? null : besideLead(lead, equals(column, value)),
    ),
    ...list.where,
  ].filter((condition) => condition !== null);
  const place = lead === null ? [run] : placeIn(lead, run);
  const order = within === undefined ? place : [...place, asIn(lead, within)];
  const where = applied.map(([sql]) => sql).join(" and ");
  return {
    sql: `(select ${alias}.* from ${from} where ${where} order by ${order.join(", ")} limit ?::int8)`,
    values: [...applied.flatMap(([, ...values]) => values), limit],
  };
}

/** The rows of one range behind a run. */
function between(lead: Lead, run: string, afterRun: number): Condition[] {
  const { index, columns, values } = lead;
  if (index === "run_state") {
    // As a comparison of rows, and ordered by both: by run alone other indexes would do as well.
    return [
      ["(state, run) > (?::int2, ?::int8)", ...values, afterRun],
      ["(state, run) <= (?::int2, ?::int8)", ...values, LAST_RUN],
    ];
  }
  return [
    ...columns.map(
      (column, at) => [`${indexed(column)} = ${marked(column)}`, values[at] ?? null] as const,
    ),
    [`${asIn(lead, run)} > ?::int8`, afterRun],
  ];
}

/** These indexes serve the engine too; all others have the run so that nothing else takes them. */
const SHARED: readonly string[] = ["run_state", "run_key", "effect_open"];

function placeIn(lead: Lead, run: string): string[] {
  return [...lead.columns.map(indexed), asIn(lead, run)];
}

function asIn(lead: Lead | null, column: string): string {
  if (lead === null || lead.index === null) return column;
  return SHARED.includes(lead.index) ? column : `${column} + 0`;
}

/** What each column is in its index: what others choose may be longer than an index takes. */
const INDEXED: Readonly<Record<LeadColumn, "text" | "word" | "number">> = {
  answer_by: "text",
  assignee: "text",
  class: "word",
  duplicate_of: "text",
  effect: "text",
  key: "text",
  namespace: "text",
  owner: "text",
  proof: "word",
  state: "number",
  workflow: "text",
};

function indexed(column: LeadColumn): string {
  return INDEXED[column] === "text" ? `left(${valueOf(column)}, 200)` : column;
}

function valueOf(column: LeadColumn): string {
  if (column === "assignee") return "(handling::jsonb ->> 'assignee')";
  return column === "duplicate_of" ? "(handling::jsonb ->> 'duplicateOf')" : column;
}

function marked(column: LeadColumn): string {
  if (INDEXED[column] === "text") return "left(?, 200)";
  return INDEXED[column] === "word" ? "?::text" : "?::int2";
}

/** How much of a text an index holds. */
const INDEXED_CHARS = 200;

/** Said twice it would be taken for rarer than it is, and all that there is of it be sorted. */
function isExact(lead: Lead | null, column: LeadColumn, value: string | undefined): boolean {
  if (lead?.columns.includes(column) !== true || value === undefined) return false;
  return INDEXED[column] !== "text" || value.length < INDEXED_CHARS;
}

/** Beside a lead without values nothing may seem so rare that all that leads be read and sorted. */
function besideLead(lead: Lead | null, condition: Condition): Condition {
  if (lead?.marked === undefined || condition === null) return condition;
  const [sql, ...values] = condition;
  return [`case when ${sql} then true end`, ...values];
}

/** Looked at in the rows: no index has these expressions, though some have their columns. */
function equals(column: LeadColumn, value: string | undefined): Condition {
  if (value === undefined) return null;
  return [`${INDEXED[column] === "word" ? `${column} || ''` : valueOf(column)} = ?`, value];
}
