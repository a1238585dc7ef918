/**
 * A run that is done again from a step, or from its beginning with another input. Nothing is executed
 * for that and no code is asked but for the schema of an input: so it also serves a run whose code no
 * longer fits what it has done. Its steps then ask for what they need, and what was done outside is
 * repeated as its contract allows (core/repeat.ts).
 */
import { isUndoPath } from "../../core/step-path.ts";
import { groupNamesOf } from "../exceptions/exceptions.ts";
import { canonicalJson } from "../../core/canonical-json.ts";
import { edited, isWithin, touches } from "../../core/json-edit.ts";
import type {
  AnsweredHead,
  ClosedHead,
  JournalRecord,
  OpenedHead,
  StartedHead,
  StateHead,
} from "../../core/journal.ts";
import { parseJson } from "../../core/json-text.ts";
import { maskedText } from "../../core/mask-text.ts";
import type { AgainHead, ByHand } from "../../core/repaired.ts";
import { formatRunId } from "../../core/run-number.ts";
import type { RepairOrder } from "../../core/repair-order.ts";
import { inputOf, lifeOf } from "../../core/run-life.ts";
import { sensitiveTexts } from "../../core/sensitive.ts";
import type { RunRow, StoredRun } from "../../store/rows.ts";
import { laneOf } from "../../workflow/lane.ts";
import { parse, problemText } from "../../workflow/schema.ts";
import type { AnyWorkflow } from "../../workflow/workflow.ts";
import { toJson } from "../journal/payload.ts";
import type { EngineLimits } from "../limits.ts";
import { headOf, standsBeside } from "../run/recovery.ts";
import { keyOf } from "../starts/start-input.ts";
import { changesOf, type Write } from "./prepared.ts";
import { badValue, misfit, notEditable } from "./repair-refusals.ts";
import { pointersOfDifference } from "./step-repairs.ts";

/** The first record that is superseded. Throws if the step is not on record. */
export function fromSeqOf(records: readonly JournalRecord[], { run, step }: RepairOrder): number {
  if (step === null) return 1;
  const first = lifeOf(records).steps.get(step)?.[0];
  if (first !== undefined) {
    refuseUndone(records, run, first.seq);
    return first.seq;
  }
  throw misfit(
    run,
    `The run has no step "${step}" on record.`,
    `See its steps: holdfast show ${formatRunId(run)}`,
  );
}

/**
 * Refused where a scope was undone since: what it had done before this step would count as done,
 * although it was undone.
 */
function refuseUndone(records: readonly JournalRecord[], run: number, fromSeq: number): void {
  const undone = records.find(({ seq, name }) => seq >= fromSeq && isUndoPath(name));
  if (undone === undefined) return;
  throw misfit(
    run,
    `A scope of the run was undone after that step ("${undone.name}").`,
    `Cancel the run, and start it anew: holdfast anew ${formatRunId(run)} --reason "..."`,
  );
}

/** Refused for a run that is being taken back: that goes on by its own rules. */
export function refuseTakenBack({ row, records }: StoredRun): void {
  const isGoing = row.state === "cancelling" || row.state === "compensating";
  if (isGoing || records.some(({ kind }) => kind === "cancel"))
    throw misfit(row.run, "The run is being taken back.");
}

interface Corrected {
  /** JSON of the whole input. */
  readonly text: string;
  /** As the schema gives it. */
  readonly input: unknown;
  readonly changed: readonly string[];
  readonly needs: string | null;
}

/**
 * The run's input with what a person wants changed, or as it was approved.
 *
 * @throws {HoldfastError} HF6003 for a field that is not editable, or an input of another key or
 *   lane; HF4102 if it does not fit the schema.
 */
export async function correctedInput(
  { row, records }: StoredRun,
  workflow: AnyWorkflow,
  { value, run }: RepairOrder,
  frozen: string | null,
  limits: EngineLimits,
): Promise<Corrected> {
  const { definition, name } = workflow;
  const { editable = [], fourEyes = [], sensitive = [] } = definition;
  const before = parseJson(inputOf(records));
  const changes = frozen === null ? changesOf(run, value) : [];
  const stray = changes.find(({ at }) => !isWithin(at, editable));
  if (stray !== undefined) throw notEditable(run, `workflow "${name}"`, stray.at, editable);
  const after = frozen === null ? edited(before, changes) : parseJson(frozen);
  const text = toJson(after, limits, `input of ${name}`);
  const parsed = await parse(definition.input, parseJson(text));
  if (!parsed.ok) {
    const problems = maskedText(problemText(parsed.problems), sensitiveTexts(after, sensitive));
    throw badValue(run, `The input of ${name} is not valid: ${problems}.`);
  }
  refuseOther(row, records[0], workflow, parsed.value);
  const changed =
    canonicalJson(before) === canonicalJson(after) ? [] : pointersOfDifference(before, after);
  const careful = changed.find((at) => touches(at, fourEyes));
  const needs =
    careful === undefined ? null : `it changes ${careful}, which two people change together`;
  return { text, input: parsed.value, changed, needs };
}

/** It stays the run of its key, in its lane: another one is started, not made of this one. */
function refuseOther(
  row: RunRow,
  started: JournalRecord | undefined,
  workflow: AnyWorkflow,
  input: unknown,
): void {
  // As it began: it may have been taken out of its lane since.
  const lane = started === undefined ? row.lane : headOf<StartedHead>(started).lane;
  const isSame = keyOf(workflow, input) === row.key && laneOf(workflow, input) === lane;
  if (isSame) return;
  throw misfit(
    row.run,
    "The corrected input is that of another run: its key or its lane differs.",
    "Start a run with that input, and cancel this one.",
  );
}

/** Writes that the run is done again, and what that ends. */
export function writeAgain(
  { row, records }: StoredRun,
  write: Write,
  { fromSeq, step }: Pick<AgainHead, "fromSeq" | "step">,
  hand: ByHand,
  corrected: Pick<Corrected, "text" | "changed"> | null,
): void {
  const over = [...lifeOf(records).steps.values()].filter(
    ([first]) => (first?.seq ?? 0) >= fromSeq,
  );
  const { by, reason } = hand;
  for (const opened of openOf([...over.flat(), ...records.filter(({ name }) => name === "")])) {
    const was = headOf<OpenedHead>(opened);
    const head: ClosedHead = {
      opened: opened.seq,
      resolution: "repaired",
      by,
      reason,
      groups: groupNamesOf(was),
      class: was.class,
    };
    write("closed", opened.name, head);
  }
  const head: AgainHead = {
    ...hand,
    fromSeq,
    step,
    reviews: over.flatMap(openQuestions),
    awaits: over.filter(awaitsEvent).flatMap(([first]) => first?.name ?? []),
    ...(corrected === null ? {} : { changed: corrected.changed }),
  };
  write("again", "", head, corrected?.text ?? null);
  // A run before its turn in a lane keeps its place.
  if (row.state === "waiting" && over.length === 0) return;
  const state: StateHead = {
    workflow: row.workflow,
    from: row.state,
    to: "running",
    reason: `done again from ${step === null ? "the beginning" : `"${step}"`} by ${by}`,
    wakeAtMs: null,
  };
  write("state", "", state);
}

/** Exceptions that the run waits for. */
function openOf(records: readonly JournalRecord[]): readonly JournalRecord[] {
  const closed = new Set(
    records.filter(({ kind }) => kind === "closed").map((one) => headOf<ClosedHead>(one).opened),
  );
  return records.filter(
    (one) => one.kind === "opened" && !closed.has(one.seq) && !standsBeside(one),
  );
}

function openQuestions(records: readonly JournalRecord[]): readonly number[] {
  const answered = new Set(
    records.filter(({ kind }) => kind === "answered").map((one) => headOf<AnsweredHead>(one).asked),
  );
  return records
    .filter(({ kind, seq }) => kind === "asked" && !answered.has(seq))
    .map(({ seq }) => seq);
}

function awaitsEvent(records: readonly JournalRecord[]): boolean {
  return (
    records.some(({ kind }) => kind === "awaited") && !records.some(({ kind }) => kind === "event")
  );
}
