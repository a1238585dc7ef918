/** Looks through a run's whole journal, page by page. */
import type { JournalRecord } from "../core/journal.ts";
import type { StoreReader } from "../store/store.ts";

/** Records read at a time, and pages of them. */
const RECORDS_PER_PAGE = 2_000;
const RECORD_PAGES_MAX = 500;

export async function scanRun(
  reader: StoreReader,
  run: number,
  look: (record: JournalRecord) => void,
): Promise<void> {
  let afterSeq = 0;
  for (let pages = 0; pages < RECORD_PAGES_MAX; pages += 1) {
    const records = await reader.records(run, afterSeq, RECORDS_PER_PAGE);
    for (const record of records) look(record);
    if (records.length < RECORDS_PER_PAGE) return;
    afterSeq = records.at(-1)?.seq ?? afterSeq;
  }
}
