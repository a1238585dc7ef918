/**
 * Runs with their journals, packed for the way between two threads: two flat arrays of cells
 * instead of thousands of small objects, whose every key would be copied (measured: a third of the
 * time for a page of 2,000 runs).
 */
import type { StoredRun } from "../store/rows.ts";
import { RECORD_WIDTH, RUN_WIDTH, toRecordAt, toRunAt } from "../store/row-columns.ts";
import type { Cells } from "../store/row-columns.ts";

export interface PackedRuns {
  /** Cells of the runs' rows, one run after the other. */
  readonly runs: unknown[];
  /** Cells of all their records, in the order of the runs. */
  readonly records: unknown[];
  /** How many records each run has. */
  readonly counts: number[];
}

export function packRuns(
  runs: readonly { readonly row: Cells; readonly records: readonly Cells[] }[],
): PackedRuns {
  const packed: PackedRuns = { runs: [], records: [], counts: [] };
  for (const { row, records } of runs) {
    packed.runs.push(...row);
    // Without what follows the record's own columns: that was for the thread that read them.
    for (const record of records) {
      for (let cell = 0; cell < RECORD_WIDTH; cell += 1) packed.records.push(record[cell]);
    }
    packed.counts.push(records.length);
  }
  return packed;
}

export function unpackRuns(packed: PackedRuns): StoredRun[] {
  let at = 0;
  return packed.counts.map((count, index) => {
    const records = Array.from({ length: count }, (_, record) =>
      toRecordAt(packed.records, at + record * RECORD_WIDTH),
    );
    at += count * RECORD_WIDTH;
    return { row: toRunAt(packed.runs, index * RUN_WIDTH), records };
  });
}
