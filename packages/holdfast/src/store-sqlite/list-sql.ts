/** The statement of one page of a list: by the index that leads (store/list-lead.ts), in its order. */
import type { Lead, LeadColumn } from "../store/list-lead.ts";

export type Value = null | number | string;

/** A condition with the values of its marks; null if the filter was not given. */
export type Condition = readonly [sql: string, ...values: Value[]] | null;

export interface List {
  readonly from: string;
  /** The index where no lead names one and SQLite must not choose. */
  readonly index?: string;
  /** What is joined to it for its columns. */
  readonly join?: string;
  /** The run is the first of them, and what counts within it the second, if anything does. */
  readonly columns: string;
  /** Columns of the order: the run, and what counts within it. */
  readonly run: string;
  readonly within?: string;
  readonly where: readonly Condition[];
  readonly leads: readonly Lead[] | null;
  /** Of this run alone. */
  readonly only: number | undefined;
}

export interface Statement {
  readonly sql: string;
  readonly values: readonly Value[];
}

/**
 * One range of the index, or the first rows of each of several, merged: a page of each is read and
 * no more. Null if there is no range, so that nothing fits.
 */
export function listSql(list: List, afterRun: number, limit: number): Statement | null {
  const ranges = (list.leads ?? [null]).map((lead) => rangeSql(list, lead, afterRun, limit));
  const [first] = ranges;
  if (first === undefined || ranges.length === 1) return first ?? null;
  const parts = ranges.map(({ sql }) => `select * from (${sql})`).join(" union all ");
  const order = list.within === undefined ? "1" : "1, 2";
  return {
    sql: `${parts} order by ${order} limit ?`,
    values: [...ranges.flatMap(({ values }) => values), limit],
  };
}

function rangeSql(list: List, lead: Lead | null, afterRun: number, limit: number): Statement {
  const { from, join = "", columns, run, within, only } = list;
  const where = conditions([
    ...(lead === null
      ? []
      : lead.values.map((value, at) => equals(indexed(lead.columns[at]), value))),
    [`${run} > ?`, afterRun],
    equals(run, only),
    lead === null || lead.condition === null ? null : [lead.condition],
    lead?.marked === undefined ? null : [`handling ->> '$.${lead.marked}' <> '[]'`],
    // Behind the store itself, so that its index is searched.
    lead?.among === undefined ? null : [`${run} in (select run from ${lead.among} and run > 0)`],
    ...list.where,
  ]);
  const index = lead === null ? list.index : lead.index;
  const by = index === undefined || index === null ? "" : `indexed by ${index}`;
  const order = within === undefined ? run : `${run}, ${within}`;
  return {
    sql: `select ${columns} from ${from} ${by} ${join} where ${where.sql} order by ${order} limit ?`,
    values: [...where.values, limit],
  };
}

/** What a column is in its index. */
function indexed(column: LeadColumn | undefined): string {
  if (column === "assignee") return "handling ->> '$.assignee'";
  return column === "duplicate_of" ? "handling ->> '$.duplicateOf'" : (column ?? "");
}

function conditions(given: readonly Condition[]): Statement {
  const applied = given.filter((condition) => condition !== null);
  return {
    sql: applied.map(([sql]) => sql).join(" and "),
    values: applied.flatMap(([, ...values]) => values),
  };
}

export function equals(column: string, value: string | number | undefined): Condition {
  return value === undefined ? null : [`${column} = ?`, value];
}

export function isIn(column: string, values: readonly number[]): Condition {
  return [`${column} in (${values.map(() => "?").join(", ")})`, ...values];
}
