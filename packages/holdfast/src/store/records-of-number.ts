/**
 * All records of one number. Of a run there is one; workers that share a store number its own records
 * (run 0) each for itself, so as many may have one number as there are workers.
 */
import type { JournalRecord } from "../core/journal.ts";
import type { StoreReader } from "./store.ts";

/** More than the 256 workers that a store can have. */
const SAME_NUMBER_MAX = 512;
/** Read at first: mostly one is there, and its payload may be long. */
const SAME_NUMBER_FIRST = 8;

/** @throws {Error} if there are more than 512, which no store can have. */
export async function recordsOfNumber(
  reader: Pick<StoreReader, "records">,
  run: number,
  seq: number,
): Promise<readonly JournalRecord[]> {
  for (let limit = SAME_NUMBER_FIRST; limit <= SAME_NUMBER_MAX; limit *= SAME_NUMBER_FIRST) {
    const found = await reader.records(run, seq - 1, limit);
    const same = found.filter((record) => record.seq === seq);
    if (same.length < limit) return same;
  }
  throw new Error(
    `more than ${String(SAME_NUMBER_MAX)} records of run ${String(run)} have ${String(seq)} as their number`,
  );
}
