/**
 * What of a run's journal still holds. A person may let a run be done again from a step: what was
 * recorded from there on is superseded, and stays on record for what was done outside.
 */
import type { JournalRecord } from "./journal.ts";
import { parseJson } from "./json-text.ts";
import type { AgainHead } from "./repaired.ts";

export interface RunLife {
  /** Records about the run itself, in order. */
  readonly ofRun: readonly JournalRecord[];
  /** Those of them that open or close an exception: few, however long the run is. */
  readonly exceptions: readonly JournalRecord[];
  /** What holds of each step, in the order in which the steps began. */
  readonly steps: Map<string, JournalRecord[]>;
  /** What is superseded of each step, with the `again` records that say so, in order. */
  readonly superseded: ReadonlyMap<string, readonly JournalRecord[]>;
  /** The last `again` record; null if the run was never done again. */
  readonly again: JournalRecord | null;
}

const NONE: ReadonlyMap<string, readonly JournalRecord[]> = new Map();

export function lifeOf(records: readonly JournalRecord[]): RunLife {
  const ofRun: JournalRecord[] = [];
  const exceptions: JournalRecord[] = [];
  const steps = new Map<string, JournalRecord[]>();
  let superseded: Map<string, JournalRecord[]> | null = null;
  let again: JournalRecord | null = null;
  for (const record of records) {
    if (record.name !== "") {
      const list = steps.get(record.name);
      if (list === undefined) steps.set(record.name, [record]);
      else list.push(record);
      continue;
    }
    ofRun.push(record);
    if (record.kind === "opened" || record.kind === "closed") exceptions.push(record);
    if (record.kind !== "again") continue;
    again = record;
    superseded ??= new Map();
    supersede(steps, superseded, record);
  }
  return { ofRun, exceptions, steps, superseded: superseded ?? NONE, again };
}

function supersede(
  steps: Map<string, JournalRecord[]>,
  superseded: Map<string, JournalRecord[]>,
  again: JournalRecord,
): void {
  // The engine wrote it with the shape of its kind.
  const { fromSeq } = parseJson(again.head ?? "null") as AgainHead;
  for (const [path, list] of steps) {
    if ((list[0]?.seq ?? 0) < fromSeq) continue;
    superseded.set(path, [...(superseded.get(path) ?? []), ...list, again]);
    steps.delete(path);
  }
}

/** The run's input as JSON: the one that it began with, or the last correction. */
export function inputOf(records: readonly JournalRecord[]): string {
  const corrected = records.findLast(({ kind, data }) => kind === "again" && data !== null);
  return (corrected ?? records[0])?.data ?? "null";
}
