/**
 * What runs that have left went on to count, and the keys that they keep: part of verify's fold, which
 * cannot read their records. A flush has none of this to do, because the tables have it already.
 */
import type { ArchivedHead, ArchivedIssue } from "../core/archived.ts";
import { parseJson } from "../core/json-text.ts";
import type { JournalRecord } from "../core/journal.ts";
import { kindNumber } from "../core/record-kinds.ts";
import type { Change } from "../store/change.ts";
import { type Cells, toRecord } from "../store/row-columns.ts";
import type { Connection } from "./client.ts";
import { wholeJournal } from "./journal-reading.ts";
import { claimOfArchived, claimsAgain } from "./run-keys.ts";

/** What an `archived` record stands for beyond the runs that it names; of any other, nothing. */
export function historyOf(record: JournalRecord): {
  readonly changes: readonly Change[];
  readonly issues: readonly ArchivedIssue[];
} {
  if (record.kind !== "archived") return { changes: [], issues: [] };
  const { counts, issues, taken } = headOf(record);
  return {
    changes: [
      ...counts.map((count) => ({ kind: "counted" as const, ...count })),
      // The events' ids are forgotten by now; the events themselves are no longer kept.
      ...taken.map((seq) => ({ kind: "event-taken" as const, seq, run: 0 })),
    ],
    issues,
  };
}

/**
 * Keys that still guard what has left, once all starts that are left have been folded: a key that was
 * forgotten may be another run's by now.
 *
 * @param forgottenMs - keys until then may have been forgotten.
 */
export async function foldKeys(connection: Connection, forgottenMs: number): Promise<void> {
  const where = `j.run < 0 and j.kind = ${String(kindNumber("archived"))}`;
  for await (const cells of wholeJournal(connection, where)) {
    const { runs, keysUntilMs } = headOf(recordOf(cells));
    if (keysUntilMs !== null && keysUntilMs <= forgottenMs) continue;
    const claims = runs.map((run) => claimOfArchived(run, keysUntilMs));
    for (const { name, text, values } of claimsAgain(claims)) {
      await connection.rows(name, text, values);
    }
  }
}

/** As the port knows it: the store's own journal is run 0. */
export function recordOf(cells: Cells): JournalRecord {
  const stored = toRecord(cells);
  return { ...stored, run: Math.max(0, stored.run) };
}

function headOf(record: JournalRecord): ArchivedHead {
  // Sealed, and so written by an engine with the shape of its kind.
  return parseJson(record.head ?? "null") as ArchivedHead;
}
