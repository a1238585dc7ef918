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
import { equals, isIn, type Condition, type List } from "./list-sql.ts";

export function runList(query: RunQuery): List {
  const { namespace, workflow, key, owner, states, codeVersion } = query;
  const leads = leadsOfRuns(query);
  const isByState = leads?.some(({ index }) => index === "run_state") === true;
  return {
    from: "run",
    columns: RUN_COLUMNS,
    run: "run",
    only: undefined,
    leads,
    where: [
      equals("namespace", namespace),
      isByState ? alsoIn("workflow", workflow) : equals("workflow", workflow),
      equals("key", key),
      equals("code_version", codeVersion),
      isByState ? alsoIn("owner", owner) : equals("owner", owner),
      states === undefined
        ? null
        : isIn(
            "state",
            states.map((state) => RUN_STATES.indexOf(state)),
          ),
    ],
  };
}

/**
 * Looked up in another index, for what few of those in a state are: an entry of it is a tenth of a
 * row, and those of one owner or workflow are neighbours, where its runs are all over the table.
 */
function alsoIn(column: "owner" | "workflow", value: string | undefined): Condition {
  if (value === undefined) return null;
  const from = `run o indexed by run_${column}`;
  return [`exists (select 1 from ${from} where o.${column} = ? and o.run = run.run)`, value];
}

export function exceptionList(query: ExceptionQuery): List {
  return {
    from: "exception",
    columns: EXCEPTION_COLUMNS,
    run: "run",
    within: "seq",
    only: query.run,
    leads: leadsOfExceptions(query),
    where: [
      equals("owner", query.owner),
      equals("workflow", query.workflow),
      equals("class", query.class),
      equals("subject", query.subject),
      query.all === true ? null : ["closed_at_ms is null"],
      query.isOfUndoing === true ? [ABOUT_UNDOING] : null,
      ofGroups(query.groups),
      query.tag === undefined ? null : [HAS_TAG, query.tag],
      ofAssignee(query.assignee),
      query.watcher === undefined ? null : [IS_WATCHED, query.watcher],
      query.duplicateOf === undefined
        ? null
        : ["handling ->> '$.duplicateOf' = ?", query.duplicateOf],
      query.isSnoozed === true ? ["handling ->> '$.snoozed' is not null"] : null,
      query.dueBeforeMs === undefined
        ? null
        : ["due_at_ms < coalesce(handling ->> '$.stoppedAtMs', ?)", query.dueBeforeMs],
    ],
  };
}

const IS_WATCHED =
  "exists (select 1 from json_each(handling, '$.watchers') watcher where watcher.value = ?)";
const HAS_TAG = "exists (select 1 from json_each(handling, '$.tags') tag where tag.value = ?)";

/** Looked at in the rows, which the plus says: no index serves that. */
function ofGroups(groups: ExceptionQuery["groups"]): Condition {
  if (groups === undefined) return null;
  const any = groups.map(({ level }) => `+${GROUP_COLUMN[level]} = ?`).join(" or ");
  return [`(${any === "" ? "false" : any})`, ...groups.map(({ fingerprint }) => fingerprint)];
}

function ofAssignee(assignee: ExceptionQuery["assignee"]): Condition {
  if (assignee === undefined) return null;
  const has = "handling ->> '$.assignee'";
  // Nobody has most of them: what is asked for so is not looked for in the index of assignees.
  return assignee === null ? [`${has} || '' is null`] : [`${has} = ?`, assignee];
}

export function effectList(query: EffectQuery): List {
  const { effect, proof, open } = query;
  const leads = leadsOfEffects(query);
  // Without a lead run by run through the journal's index: the ledger has none by run alone.
  const place =
    leads === null
      ? {
          from: "journal j",
          index: "journal_run",
          join: "cross join effect e on e.pos = j.pos",
          run: "j.run",
          within: "j.seq",
        }
      : {
          from: "effect e",
          join: "cross join journal j on j.pos = e.pos",
          run: "e.run",
          within: "e.pos",
        };
  return {
    ...place,
    columns: EFFECT_COLUMNS,
    only: query.run,
    leads,
    where: [
      equals("e.effect", effect),
      equals("e.proof", proof),
      open === true ? ["e.ended = 0"] : null,
    ],
  };
}

export function reviewList(query: ReviewQuery): List {
  return {
    from: "review",
    columns: REVIEW_COLUMNS,
    run: "run",
    within: "seq",
    only: query.run,
    leads: leadsOfReviews(query),
    where: [equals("answer_by", query.by), query.all === true ? null : ["state = 'open'"]],
  };
}
