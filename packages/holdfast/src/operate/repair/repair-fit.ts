/**
 * Whether what a repair is given can fit at all, by what is on record: enough to refuse a slip where no
 * engine is there to say so. What is not told for certain fits; the deployed code decides.
 */
import { canonicalJson } from "../../core/canonical-json.ts";
import { decisionMisfit } from "../../core/decision-fit.ts";
import { decisionWords } from "../../core/decision-fields.ts";
import { HoldfastError } from "../../core/error.ts";
import { edited, type JsonChange } from "../../core/json-edit.ts";
import { parseJson } from "../../core/json-text.ts";
import type { JournalRecord } from "../../core/journal.ts";
import { inputOf, lifeOf } from "../../core/run-life.ts";
import { formatRunId } from "../../core/run-number.ts";
import { hasMark } from "../../core/sensitive.ts";
import { stateOf } from "../../core/unknown-effects.ts";
import type { RunRow } from "../../store/rows.ts";
import type { StoreReader } from "../../store/store.ts";
import { Masking } from "../masking.ts";
import { PAGE_LIMIT_MAX } from "../paging.ts";
import type { RepairRequest } from "./plan-repair.ts";

/** @throws {HoldfastError} HF6003 (it does not fit where the run stands), HF4102 (the value does not fit). */
export async function refuseUnfit(
  reader: StoreReader,
  row: RunRow,
  records: readonly JournalRecord[],
  request: RepairRequest,
): Promise<void> {
  const { act, step, value } = request;
  switch (act) {
    case "supply":
    case "skip":
      await refuseFrozen(reader, row);
      return refuseResult(await Masking.of(reader), row, step, records, value);
    case "edit":
      await refuseFrozen(reader, row);
      return refuseChanges(row, inputOfStep(records, step), request);
    case "correct":
    case "anew":
      return refuseChanges(row, inputOf(records), request);
    case "again":
      return;
  }
}

/** While the run as a whole waits for its owner, none of its steps is repaired by itself. */
async function refuseFrozen(reader: StoreReader, { run }: RunRow): Promise<void> {
  const open = await reader.exceptions({ afterRun: run - 1, run, limit: PAGE_LIMIT_MAX });
  const whole = open.find(({ step, subject }) => step === "" && subject === null);
  if (whole === undefined) return;
  const id = formatRunId(run);
  throw new HoldfastError(
    "HF6003",
    `Not repaired: ${id} as a whole waits for ${whole.owner}: ${whole.because}`,
    `Deal with that first: holdfast why ${id}`,
    { where: id },
  );
}

function refuseResult(
  masking: Masking,
  { run }: RunRow,
  step: string | null,
  records: readonly JournalRecord[],
  value: unknown,
): void {
  const { intent } = stateOf(lifeOf(records).steps.get(step ?? "") ?? []);
  if (intent === null) return;
  const fields = masking.answerOf(intent.effect);
  const misfit = decisionMisfit(value, fields);
  if (misfit === null || fields === null) return;
  throw new HoldfastError(
    "HF4102",
    `The result does not fit the output of "${intent.effect}": ${misfit}. Nothing was done.`,
    `Give it as JSON, for example --value '{...}'. It takes: ${decisionWords(fields)}`,
    { where: formatRunId(run) },
  );
}

/** JSON of what it is asked with, or was corrected to; null where no record has it. */
export function inputOfStep(records: readonly JournalRecord[], step: string | null): string | null {
  const own = lifeOf(records).steps.get(step ?? "") ?? [];
  return own.findLast(holdsInput)?.data ?? null;
}

function holdsInput({ kind, data }: JournalRecord): boolean {
  return (kind === "intent" || kind === "edited") && data !== null;
}

/** @throws {HoldfastError} HF4102 for a place that is not there, or where nothing is changed. */
function refuseChanges(
  { run }: RunRow,
  input: string | null,
  { act, value, newKey }: RepairRequest,
): void {
  if (input === null || !Array.isArray(value)) return;
  // The command line, or the plan that it is read from, has made this list of changes.
  const changes = value as readonly JsonChange[];
  const before = parseJson(input);
  // Of what is kept apart, and cannot be read here, only an engine can tell.
  if (hasMark(before)) return;
  const after = edited(before, changes);
  if (act === "anew" || newKey === true || canonicalJson(before) !== canonicalJson(after)) return;
  throw new HoldfastError(
    "HF4102",
    `That changes nothing in the input of ${formatRunId(run)}. Nothing was done.`,
    "Give another value: see the input with holdfast show RUN --payloads.",
    { where: formatRunId(run) },
  );
}
