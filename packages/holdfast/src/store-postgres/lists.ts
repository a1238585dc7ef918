/** The lists that come in pages: where their rows are, and what each filter asks of them. */
import { RUN_STATES } from "../core/run-state.ts";
import {
  ABOUT_UNDOING,
  leadsOfEffects,
  leadsOfExceptions,
  leadsOfReviews,
  leadsOfRuns,
} from "../store/list-lead.ts";
import {
  EFFECT_COLUMNS,
  EXCEPTION_COLUMNS,
  GROUP_COLUMN,
  REVIEW_COLUMNS,
  RUN_COLUMNS,
} from "../store/row-columns.ts";
import type { EffectQuery, ExceptionQuery, ReviewQuery, RunQuery } from "../store/store.ts";
import { binaryArray } from "./binary-array.ts";
import type { Condition, List, Value } from "./list-sql.ts";

export function runList(query: RunQuery): List {
  const { states } = query;
  const others = RUN_STATES.flatMap((state, at) => (states?.includes(state) === true ? [] : [at]));
  return {
    from: "run t",
    alias: "t",
    columns: RUN_COLUMNS,
    run: "run",
    only: undefined,
    leads: leadsOfRuns(query),
    equal: [
      ["namespace", query.namespace],
      ["workflow", query.workflow],
      ["key", query.key],
      ["owner", query.owner],
    ],
    where: [
      // As what it is not: no index serves that, and statistics tell how many fit.
      states === undefined ? null : ["state <> all(?::int2[])", binaryArray("int2", others)],
      query.codeVersion === undefined ? null : ["code_version = ?", query.codeVersion],
    ],
  };
}

export function exceptionList(query: ExceptionQuery): List {
  return {
    from: "exception t",
    alias: "t",
    columns: EXCEPTION_COLUMNS,
    run: "run",
    within: "seq",
    only: query.run,
    leads: leadsOfExceptions(query),
    equal: [
      ["owner", query.owner],
      ["workflow", query.workflow],
      ["class", query.class],
      ["assignee", query.assignee ?? undefined],
      ["duplicate_of", query.duplicateOf],
    ],
    where: [
      query.all === true ? null : isOpen(query),
      query.subject === undefined ? null : inRow("subject = ?", query.subject),
      query.isOfUndoing === true ? [ABOUT_UNDOING] : null,
      ofGroups(query.groups),
      query.tag === undefined
        ? null
        : inRow("handling::jsonb -> 'tags' @> to_jsonb(?::text)", query.tag),
      query.assignee === null ? inRow("handling::jsonb ->> 'assignee' is null") : null,
      query.watcher === undefined
        ? null
        : inRow("handling::jsonb -> 'watchers' @> to_jsonb(?::text)", query.watcher),
      query.isSnoozed === true ? inRow("handling::jsonb ->> 'snoozed' is not null") : null,
      query.dueBeforeMs === undefined
        ? null
        : inRow(
            "due_at_ms < coalesce((handling::jsonb ->> 'stoppedAtMs')::int8, ?::int8)",
            query.dueBeforeMs,
          ),
    ],
  };
}

/** Where another index leads, the one of what is open must not be read beside it. */
function isOpen({ isOfUndoing, run }: ExceptionQuery): Condition {
  const sql = "closed_at_ms is null";
  return isOfUndoing === true && run === undefined ? inRow(sql) : [sql];
}

/**
 * Looked at in the rows that the lead finds, in its order. Of a condition in this form nothing is
 * known, so that half of them are thought to fit; of another form one in two hundred would be, and all
 * that is open be read and sorted.
 */
function inRow(sql: string, ...values: Value[]): Condition {
  return [`case when ${sql} then true end`, ...values];
}

function ofGroups(groups: ExceptionQuery["groups"]): Condition {
  if (groups === undefined) return null;
  const any = groups.map(({ level }) => `${GROUP_COLUMN[level]} = ?`).join(" or ");
  return inRow(any === "" ? "false" : any, ...groups.map(({ fingerprint }) => fingerprint));
}

/** Row by row, which "offset 0" asks for: planned while the table was small, it would all be read. */
const INTENTS = `cross join lateral (select * from journal
  where shard = e.shard and run = e.run and seq = e.operation offset 0) j`;

/** The ledger has no index by run alone, which would cost each effect; the runs have one. */
const BY_RUN = `run r cross join lateral (select * from effect
  where shard = r.shard and run = r.run offset 0) e`;

export function effectList(query: EffectQuery): List {
  const leads = leadsOfEffects(query);
  return {
    from: leads === null ? BY_RUN : "effect e",
    alias: "e",
    join: INTENTS,
    columns: EFFECT_COLUMNS,
    run: leads === null ? "r.run" : "run",
    within: "operation",
    only: query.run,
    leads,
    equal: [
      ["effect", query.effect],
      ["proof", query.proof],
    ],
    where: [query.open === true ? ["ended = 0"] : null],
  };
}

export function reviewList(query: ReviewQuery): List {
  return {
    from: "review t",
    alias: "t",
    columns: REVIEW_COLUMNS,
    run: "run",
    within: "seq",
    only: query.run,
    leads: leadsOfReviews(query),
    equal: [["answer_by", query.by]],
    where: [query.all === true ? null : ["state = 'open'"]],
  };
}
