/**
 * Whether what was done outside was undone since. A run that is done again may do once more what was
 * undone before: which of the two came last is what counts.
 */
import { effectRecordOf, type EffectRecord } from "./effect-record.ts";
import type { JournalRecord } from "./journal.ts";

/** @param done - records of an effect, and of the effect that undoes it, of all lives of the run. */
export function isUndone(
  done: readonly JournalRecord[],
  undoing: readonly JournalRecord[],
): boolean {
  return provenSeq(undoing) > provenSeq(done);
}

/** Number of the last record by which the effect surely happened; 0 if there is none. */
export function provenSeq(records: readonly JournalRecord[]): number {
  const last = records.findLast((record) => {
    const effectRecord = effectRecordOf(record);
    return effectRecord !== null && provesIt(effectRecord);
  });
  return last?.seq ?? 0;
}

/** By itself, and not by what was known before. A value that a person gave says nothing about the other system. */
export function provesIt({ kind, head }: EffectRecord): boolean {
  if (kind === "outcome") return (head.failure?.effect ?? head.proof) === "surely";
  if (kind === "probe") return head.says === "done";
  return kind === "settled" && head.happened;
}
