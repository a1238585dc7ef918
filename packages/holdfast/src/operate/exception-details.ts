/** Exceptions with what a person needs to decide about them: also what the other system said. */
import type { ExceptionRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";
import type { JournalRecord } from "../core/journal.ts";
import type { KeptCommand } from "./kept-command.ts";
import { nameParts, partsOf } from "./parts-view.ts";
import { decisionOf } from "./timeline.ts";
import { exceptionView, type ExceptionView, type RunBelongings } from "./views.ts";

/** Records before an exception among which is the failure that it is about, and its own. */
const RECORDS_BEFORE = 16;

export async function exceptionDetails(
  reader: StoreReader,
  rows: readonly ExceptionRow[],
  belongingsOf: (row: ExceptionRow) => RunBelongings,
  kept: readonly KeptCommand[],
): Promise<readonly ExceptionView[]> {
  const views: ExceptionView[] = [];
  // By primary key, and at most one read for each row of a bounded page.
  for (const row of rows) {
    const before = row.operation === null ? [] : await recordsBefore(reader, row);
    const said = before.map(decisionOf).findLast((decision) => decision !== null)?.said ?? null;
    const isOfParts = row.closedAtMs === null && (row.effect === "partial" || nameParts(before));
    const parts = isOfParts ? await partsOf(reader, row) : null;
    views.push(exceptionView(row, belongingsOf(row), { kept, said, parts }));
  }
  return views;
}

/** Of its step, the last before it: what came with a failure was masked when it was written. */
async function recordsBefore(
  reader: StoreReader,
  { run, seq, step }: ExceptionRow,
): Promise<readonly JournalRecord[]> {
  const records = await reader.records(run, Math.max(0, seq - RECORDS_BEFORE), RECORDS_BEFORE);
  return records.filter((record) => record.name === step && record.seq <= seq);
}
