/** Records since a run was loaded that commands may name: questions and intents. */
import type { JournalRecord } from "../../core/journal.ts";

export class NamedRecords {
  readonly #records: JournalRecord[] = [];

  note(record: JournalRecord): void {
    const { kind } = record;
    // Without head and payload: they are looked for by number, and a long run makes many.
    if (kind === "asked" || kind === "intent")
      this.#records.push({ ...record, head: null, data: null });
  }

  find(matches: (record: JournalRecord) => boolean): JournalRecord | undefined {
    return this.#records.find(matches);
  }

  clear(): void {
    this.#records.length = 0;
  }
}
