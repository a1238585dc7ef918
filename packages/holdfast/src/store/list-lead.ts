/**
 * Which index a list is read by. Lists are shown in order of run, and every index named here leads
 * with what is asked for and goes on in that order: so a statement reads about as many rows as it
 * shows, whatever else the store holds. One implementation for both drivers, and no matter of a
 * planner's guess, which is as old as its statistics.
 *
 * Where filters meet, one leads and the others are looked at in the rows that it finds:
 * - a key leads wherever it is given, a run's number before anything else;
 * - what concerns undoings leads before all but these: it is rare, and has indexes of its own;
 * - a state leads but for `completed`, in which most runs are: then a workflow or an owner does;
 * - a workflow leads before an owner, who mostly has several, and both before a namespace;
 * - of exceptions who has them leads, then what few are: duplicates of one, and what somebody watches; then the owner
 *   before the workflow, both before a tag, and all before the class, of which there are few; of effects what has no end or an unusual one leads before a name.
 * An index more for each pair would cost every run that starts and ends more than a list gains.
 */
import { EFFECT_STAYS } from "../core/failure.ts";
import { NAMESPACE_DEFAULT } from "../core/namespace.ts";
import { RUN_STATES } from "../core/run-state.ts";
import { UNDO } from "../core/step-path.ts";
import type { EffectQuery, ExceptionQuery, ReviewQuery, RunQuery } from "./store.ts";

/** One range of an index. Rows of several are merged; where there is none, nothing fits. */
export interface Lead {
  /** Its name in SQLite, which is told; PostgreSQL is told by the order. Null: by the run itself. */
  readonly index: string | null;
  /** What the index begins with; the run follows. */
  readonly columns: readonly LeadColumn[];
  /** Their values: one range of the index. */
  readonly values: readonly (string | number)[];
  /** Of a partial index: the statement repeats it. */
  readonly condition: string | null;
  /** And its rows have something in this list, in the JSON of what people have done to them. */
  readonly marked?: "tags" | "watchers";
  /** Runs that have a row there: a table, and the condition of its index. */
  readonly among?: string;
}

export type LeadColumn =
  | "answer_by"
  | "assignee" // in the JSON of what people have done to an exception
  | "class"
  | "duplicate_of" // there as well
  | "effect"
  | "key"
  | "namespace"
  | "owner"
  | "proof"
  | "state"
  | "workflow";

/** What is left of undoings, as `isAboutUndoing` has it: the condition of an index. */
export const ABOUT_UNDOING = `(reason_code = '${EFFECT_STAYS}' or substr(step, 1, ${String(UNDO.length)}) = '${UNDO}')`;

const UNDOING = RUN_STATES.indexOf("compensating");

/** No run is in two of them. */
const UNDONE: readonly Lead[] = [
  { index: "run_undone", columns: [], values: [], condition: "compensated <> 'no'" },
  { ...by("run_state", "state", UNDOING), condition: "compensated = 'no'" },
  {
    index: null,
    columns: [],
    values: [],
    condition: `compensated = 'no' and state <> ${String(UNDOING)}`,
    among: `exception where ${ABOUT_UNDOING}`,
  },
];

/** Null: by number. */
export function leadsOfRuns(query: RunQuery): readonly Lead[] | null {
  const { key, states, workflow, owner, namespace, isOfUndoing } = query;
  if (key !== undefined && isOfUndoing !== true) return [by("run_key", "key", key)];
  if (isOfUndoing === true) return UNDONE;
  const isRare = states?.includes("completed") === false;
  if (isRare || (states !== undefined && workflow === undefined && owner === undefined)) {
    const numbers = [...new Set(states)].map((state) => RUN_STATES.indexOf(state));
    return numbers.map((number) => by("run_state", "state", number));
  }
  if (workflow !== undefined) return [by("run_workflow", "workflow", workflow)];
  if (owner !== undefined) return [by("run_owner", "owner", owner)];
  if (namespace === undefined || namespace === NAMESPACE_DEFAULT) return null;
  const condition = `namespace <> '${NAMESPACE_DEFAULT}'`;
  return [{ ...by("run_namespace", "namespace", namespace), condition }];
}

const EXCEPTION_PARTS = { open: "closed_at_ms is null", closed: "closed_at_ms is not null" };

/**
 * Few have a tag or a watcher: of those the one that is asked for is looked for in the rows. That they are
 * open the list says itself: said twice, they would be taken for so few that all be read and sorted.
 */
const MARKED = {
  tagged: markedBy("exception_open_tagged", "tags"),
  watched: markedBy("exception_open_watched", "watchers"),
};

function markedBy(index: string, marked: "tags" | "watchers"): Lead {
  return { index, columns: [], values: [], condition: null, marked };
}

/** Null: all of them or of one run. */
export function leadsOfExceptions(query: ExceptionQuery): readonly Lead[] | null {
  const { run, owner, workflow, class: failureClass, assignee, all, isOfUndoing } = query;
  const { duplicateOf, watcher, tag } = query;
  if (run !== undefined) return null;
  if (isOfUndoing === true)
    return [{ index: "exception_undoing", columns: [], values: [], condition: ABOUT_UNDOING }];
  const of = (column: LeadColumn, value: string): Lead[] => {
    const parts = all === true ? (["open", "closed"] as const) : (["open"] as const);
    return parts.map((part) => ({
      ...by(`exception_${part}_${column}`, column, value),
      condition: EXCEPTION_PARTS[part],
    }));
  };
  // Of what is open alone, which is what somebody still has to do; nobody has most of that.
  const isOfOpen = all !== true;
  if (assignee !== undefined && assignee !== null && isOfOpen) return of("assignee", assignee);
  if (duplicateOf !== undefined && isOfOpen) return of("duplicate_of", duplicateOf);
  if (watcher !== undefined && isOfOpen) return [MARKED.watched];
  if (owner !== undefined) return of("owner", owner);
  if (workflow !== undefined) return of("workflow", workflow);
  if (tag !== undefined && isOfOpen) return [MARKED.tagged];
  return failureClass === undefined ? null : of("class", failureClass);
}

const OPEN: Lead = { index: "effect_open", columns: [], values: [], condition: "ended = 0" };
const ENDED_OTHERWISE = "ended = 1 and proof <> 'surely'";

/**
 * Null: all of them or of one run; also all whose proof is the usual one, and those of one name, which
 * are looked for run by run: an index of names cost each effect a twelfth of its writing.
 */
export function leadsOfEffects(query: EffectQuery): readonly Lead[] | null {
  const { run, proof, open } = query;
  if (run !== undefined) return null;
  if (open === true) return [OPEN];
  if (proof !== undefined && proof !== "surely") {
    return [OPEN, { ...by("effect_otherwise", "proof", proof), condition: ENDED_OTHERWISE }];
  }
  return null;
}

/** Null: all of them or of one run. */
export function leadsOfReviews({ run, by: answerBy, all }: ReviewQuery): readonly Lead[] | null {
  if (run !== undefined || answerBy === undefined) return null;
  const open = { ...by("review_open_by", "answer_by", answerBy), condition: "state = 'open'" };
  const over = { ...by("review_over_by", "answer_by", answerBy), condition: "state <> 'open'" };
  return all === true ? [open, over] : [open];
}

function by(index: string, column: LeadColumn, value: string | number): Lead {
  return { index, columns: [column], values: [value], condition: null };
}
