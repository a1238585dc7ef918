/**
 * A reader that gives the payloads of records as they are stored, for an archive: what is sealed
 * stays sealed. What lies in a file is given as the file has it, so that an archive is whole by itself.
 */
import { HoldfastError } from "../core/error.ts";
import type { JournalRecord } from "../core/journal.ts";
import type { StoreReader } from "../store/store.ts";
import { filePlace } from "./open-place.ts";
import { isReference, PayloadFiles } from "./payload-files.ts";

/**
 * @param given - the directory of payload files and the store's key, with which each file is held
 *   against its digest; null if no directory was named.
 */
export function readerOfStored(
  reader: StoreReader,
  given: { readonly directory: string; readonly secret: Uint8Array } | null,
): StoreReader {
  const files = given === null ? null : new PayloadFiles(filePlace(given.directory), given.secret);
  return {
    ...reader,
    records: async (run, afterSeq, limit) => {
      const whole: JournalRecord[] = [];
      for (const record of await reader.records(run, afterSeq, limit)) {
        whole.push(await withFile(record, files));
      }
      return whole;
    },
  };
}

async function withFile(record: JournalRecord, files: PayloadFiles | null): Promise<JournalRecord> {
  const { data } = record;
  if (data === null || !isReference(data)) return record;
  if (files === null) {
    throw new HoldfastError(
      "HF4102",
      "Payloads of this store lie in files, and an archive takes them in. Nothing was removed.",
      "Add --payload-files DIRECTORY, or set HOLDFAST_PAYLOAD_FILES, to what the app gives as payloads.directory.",
    );
  }
  return { ...record, data: await files.read(data, record) };
}
