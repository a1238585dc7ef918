/**
 * Where a run stands, as a number: two who look at it see the same, or one of them is told that it
 * has moved. Optimistic lock of every repair (failure model 4.5, T9).
 */
import type { JournalRecord } from "./journal.ts";
import type { RecordKind } from "./record-kinds.ts";

/**
 * Kinds that change nothing a repair depends on: that the run waits, who has its exception, what was
 * asked or refused, whether it is in its lane, which version of the code has it, and what speaks against
 * it after a crash.
 */
const STANDS: ReadonlySet<RecordKind> = new Set<RecordKind>([
  "state",
  "applied",
  "handled",
  "proposed",
  "decided",
  "lane",
  "code",
  "suspected",
]);

/** True if a record of this kind moves the run. */
export function moves(kind: RecordKind): boolean {
  return !STANDS.has(kind);
}

/** Number of the last record that has moved the run; 0 if there is none. */
export function versionOf(records: readonly JournalRecord[]): number {
  return records.findLast(({ kind }) => moves(kind))?.seq ?? 0;
}
