/** Exceptions with what a person needs to decide about them: also what the other system said. */
import type { ExceptionRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";
import type { KeptCommand } from "./kept-command.ts";
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
    const said = row.operation === null ? null : await saidBefore(reader, row);
    views.push(exceptionView(row, belongingsOf(row), { kept, said }));
  }
  return views;
}

/** What came with the failure of its step that was the last before it; masked when it was written. */
async function saidBefore(
  reader: StoreReader,
  { run, seq, step }: ExceptionRow,
): Promise<string | null> {
  const records = await reader.records(run, Math.max(0, seq - RECORDS_BEFORE), RECORDS_BEFORE);
  const before = records.filter((record) => record.name === step && record.seq <= seq);
  return before.map(decisionOf).findLast((decision) => decision !== null)?.said ?? null;
}
