/**
 * A reader of a store whose payloads are sealed or lie in files: for the command line, with the key
 * ring and the directory or without. What cannot be read here is shown as a mark that says why, and
 * never as an error; what is posted is sealed like everything else.
 */
import { HoldfastError } from "../core/error.ts";
import { fileMark, UNREADABLE_MARK } from "../core/sensitive.ts";
import type { JournalRecord } from "../core/journal.ts";
import type { StoreReader } from "../store/store.ts";
import { CommandIds, sealedCommand } from "./command-sealing.ts";
import type { KeyRing } from "./key-ring.ts";
import { filePlace } from "./open-place.ts";
import { isReference, PayloadFiles, type PayloadPlace, referenceIn } from "./payload-files.ts";
import { commandPlace, recordPlace } from "./place.ts";
import { isSealed, markSealed, Sealer } from "./sealing.ts";
import { isKeptApart } from "./stored-payloads.ts";

export interface ReaderOptions {
  readonly ring: KeyRing | null;
  readonly directory: string | null;
}

/** The store's own journal. */
const STORE = 0;
const UNREADABLE = JSON.stringify(UNREADABLE_MARK);

/** Costs a look at the first characters of each payload. */
export function readerWithPayloads(reader: StoreReader, options: ReaderOptions): StoreReader {
  const { ring, directory } = options;
  const sealer = ring === null ? null : new Sealer(ring, reader.storeId);
  // Without the store's key, so lengths are checked and digests are not, as with records.
  const files = directory === null ? null : new PayloadFiles(filePlace(directory), null);
  const opening = new Opening(sealer, files);
  const ids = new CommandIds(reader, ring);
  return {
    storeId: reader.storeId,
    cells: reader.cells,
    runs: (query) => reader.runs(query),
    run: (run) => reader.run(run),
    runsByKey: (key, limit) => reader.runsByKey(key, limit),
    records: async (run, afterSeq, limit) =>
      opening.all(await reader.records(run, afterSeq, limit), (record: JournalRecord) => record),
    exceptions: (query) => reader.exceptions(query),
    effects: (query) => reader.effects(query),
    reviews: (query) => reader.reviews(query),
    issues: (level, limit) => reader.issues(level, limit),
    issue: (fingerprint) => reader.issue(fingerprint),
    issueOverlays: () => reader.issueOverlays(),
    occurrences: (of, afterMs, limit) => reader.occurrences(of, afterMs, limit),
    routings: (limit) => reader.routings(limit),
    rules: (afterChange, limit) => reader.rules(afterChange, limit),
    dependencies: () => reader.dependencies(),
    lanes: (query) => reader.lanes(query),
    declarations: () => reader.declarations(),
    versionCounts: () => reader.versionCounts(),
    earlyAnswers: async (limit) =>
      opening.all(await reader.earlyAnswers(limit), ({ seq }) => ({ run: STORE, seq })),
    received: (query) => reader.received(query),
    archivedRun: (run) => reader.archivedRun(run),
    importedArchives: () => reader.importedArchives(),
    counters: (prefix) => reader.counters(prefix),
    post: async (command) => {
      const named = { ...command, id: await ids.stored(command.id) };
      await reader.post(await sealedCommand(reader, named, ring));
    },
    inbox: async (limit) =>
      (await reader.inbox(limit)).map((row) => ({
        ...row,
        data: opening.shown(row.data, commandPlace(row.id)),
      })),
    answer: async (id) => reader.answer(await ids.stored(id)),
    engineRuns: () => reader.engineRuns(),
    pulse: () => reader.pulse(),
    close: () => reader.close(),
  };
}

class Opening {
  readonly #sealer: Sealer | null;
  readonly #files: PayloadFiles | null;

  constructor(sealer: Sealer | null, files: PayloadFiles | null) {
    this.#sealer = sealer;
    this.#files = files;
  }

  async all<Row extends { readonly data: string | null }>(
    rows: readonly Row[],
    placeOf: (row: Row) => PayloadPlace,
  ): Promise<readonly Row[]> {
    const opened: Row[] = [];
    for (const row of rows) {
      const { data } = row;
      opened.push(isKeptApart(data) ? { ...row, data: await this.#one(data, placeOf(row)) } : row);
    }
    return opened;
  }

  async #one(text: string, place: PayloadPlace): Promise<string> {
    const name = recordPlace(place.run, place.seq);
    if (!isReference(text)) return this.shown(text, name);
    return orMark(async () => {
      if (this.#files === null) return JSON.stringify(fileMark(referenceIn(text, place).sizeBytes));
      return this.shown(await this.#files.read(text, place), name);
    });
  }

  /** Valid JSON in any case. */
  shown(text: string, place: string): string {
    if (!isSealed(text)) return text;
    return openedOrNull(this.#sealer, text, place) ?? marked(text, place);
  }
}

/** Null where it does not open with what is at hand. */
function openedOrNull(sealer: Sealer | null, text: string, place: string): string | null {
  try {
    return sealer?.open(text, place) ?? null;
  } catch (error) {
    if (error instanceof HoldfastError) return null;
    throw error;
  }
}

function marked(text: string, place: string): string {
  try {
    return markSealed(text, place);
  } catch (error) {
    if (error instanceof HoldfastError) return UNREADABLE;
    throw error;
  }
}

async function orMark(read: () => Promise<string>): Promise<string> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof HoldfastError) return UNREADABLE;
    throw error;
  }
}
