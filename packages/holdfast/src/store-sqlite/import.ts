/**
 * Reads an archive into a store of its own, for looking: the records as they were, in a chain of
 * seals of this store, with everything that is looked up folded from them. Such a store has the
 * identity of the one that its runs have left, because that is what their payloads are sealed for.
 *
 * Whatever a crash has left is gone on with by giving the import again.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { ImportedHead } from "../core/archived.ts";
import { HoldfastError } from "../core/error.ts";
import { parseJson } from "../core/json-text.ts";
import { kindNumber } from "../core/record-kinds.ts";
import type { IncarnationHead, JournalRecord, StartedHead } from "../core/journal.ts";
import { formatRunId } from "../core/run-number.ts";
import { ArchiveParser, type ArchiveHeader } from "../store/archive-file.ts";
import { noRecords } from "../store/no-records.ts";
import type { DeclarationRow } from "../store/rows.ts";
import type { RecordColumns } from "../store/store.ts";
import { importedArchives } from "./imported.ts";
import { readMeta } from "./meta.ts";
import { freshRandom } from "./open.ts";
import { BUSY_TIMEOUT_MS } from "./pragmas.ts";
import { prepareRows, rowsOf } from "./queries.ts";
import { openReadOnly } from "./reader.ts";
import type { Database } from "./runtime.ts";
import { Session } from "./session.ts";

export interface ImportOptions {
  readonly path: string;
  /** The lines of the archive, from its beginning at each call. */
  readonly lines: () => AsyncIterable<string>;
  readonly nowMs: () => number;
}

export interface Imported extends ArchiveHeader {
  /** Runs that were not in the store before. */
  readonly newRuns: number;
}

/** Records of one flush. */
const RECORDS_PER_FLUSH = 1_000;

/**
 * Checks all of the archive, then reads it in. What is there already is left as it is.
 *
 * @throws {HoldfastError} HF5017 for a file that is no whole archive, or one of another store, HF5016
 *   for a store that is an app's, HF5004 while somebody else has it open.
 */
export async function importArchive(options: ImportOptions): Promise<Imported> {
  const path = resolve(options.path);
  const { header, sha256 } = await check(path, options.lines);
  if (existsSync(path) && isDone(path, header.archive, sha256)) return { ...header, newRuns: 0 };
  const fresh = { ...freshRandom(randomBytes), storeId: header.storeId };
  const session = new Session(
    {
      path,
      nowMs: options.nowMs(),
      fresh,
      busyTimeoutMs: BUSY_TIMEOUT_MS,
      anchor: "checked",
      isImport: true,
      anchorEveryMs: 2000,
      anchorEveryRecords: Number.MAX_SAFE_INTEGER,
    },
    { onNotice: () => undefined, onFatal: () => undefined },
  );
  try {
    const writer = new ImportWriter(session, path, options.nowMs);
    const newRuns = await writer.write(options.lines(), { header, sha256 });
    await session.close(options.nowMs());
    return { ...header, newRuns };
  } catch (error) {
    await session.abandon();
    throw error;
  }
}

interface Checked {
  readonly header: ArchiveHeader;
  readonly sha256: string;
}

/** Reads the whole file before anything is written. */
async function check(path: string, lines: ImportOptions["lines"]): Promise<Checked> {
  const parser = new ArchiveParser();
  const database = existsSync(path) ? openReadOnly(path) : null;
  let header: ArchiveHeader | null = null;
  let sha256 = "";
  try {
    for await (const line of lines()) {
      const item = parser.take(line);
      if (item.kind === "header") {
        ({ header } = item);
        if (database !== null) requireSameStore(database, header, path);
      } else if (item.kind === "record" && database !== null) {
        requireFreeKey(database, item.record, path);
      } else if (item.kind === "end") ({ sha256 } = item);
    }
    parser.finish();
  } finally {
    database?.close();
  }
  // `finish` throws if there was none.
  return { header: header as unknown as ArchiveHeader, sha256 };
}

function isDone(path: string, archive: string, sha256: string): boolean {
  const database = openReadOnly(path);
  try {
    const known = importedArchives(database).find((one) => one.archive === archive);
    return known?.done === true && known.sha256 === sha256;
  } finally {
    database.close();
  }
}

function requireSameStore(database: Database, { storeId }: ArchiveHeader, path: string): void {
  const here = readMeta(database)?.storeId;
  if (here === undefined || here === storeId) return;
  throw new HoldfastError(
    "HF5017",
    `The archive is of the store ${storeId}; ${path} holds runs of ${here}. Nothing of it was read in.`,
    "Read it into another file, for example: --store sqlite:./archive-2.db",
  );
}

/** Two runs of one key cannot be looked at side by side: their key was free again in between. */
function requireFreeKey(
  database: Database,
  { run, kind, head }: JournalRecord,
  path: string,
): void {
  if (kind !== "started") return;
  const { key, workflow, namespace, generation } = parseJson(head ?? "null") as StartedHead;
  const statement = prepareRows(
    database,
    "select run from run where key = ? and workflow = ? and namespace = ? and generation = ?",
  );
  const other = rowsOf(statement, key, workflow, namespace, generation)[0]?.[0];
  if (other === undefined || other === run) return;
  throw new HoldfastError(
    "HF5017",
    `The archive has ${formatRunId(run)}, and ${path} has another run with its key, ${formatRunId(other as number)}. Nothing of it was read in.`,
    "Read it into another file, for example: --store sqlite:./archive-2.db",
  );
}

class ImportWriter {
  readonly #session: Session;
  readonly #path: string;
  readonly #nowMs: () => number;
  #flush = 0;
  #storeSeq: number;
  #records: RecordColumns = noRecords();

  constructor(session: Session, path: string, nowMs: () => number) {
    this.#session = session;
    this.#path = path;
    this.#nowMs = nowMs;
    this.#storeSeq = session.opened.lastSystemSeq;
  }

  /** Answers how many runs were not here before. */
  async write(lines: AsyncIterable<string>, { header, sha256 }: Checked): Promise<number> {
    const { archive, runs, records } = header;
    const head = (event: ImportedHead["event"]) => ({ event, archive, sha256, runs, records });
    const { incarnation, predecessors } = this.#session.opened;
    const begun: IncarnationHead = { incarnation, closes: predecessors };
    this.#addOwn("incarnation", begun);
    // First: from here on no engine opens it, whatever of it is here.
    this.#addOwn("imported", head("begun"));
    this.#flushNow();
    const here = openReadOnly(this.#path);
    try {
      const newRuns = await this.#writeRuns(lines, here);
      this.#addOwn("imported", head("done"));
      this.#flushNow();
      return newRuns;
    } finally {
      here.close();
    }
  }

  async #writeRuns(lines: AsyncIterable<string>, here: Database): Promise<number> {
    const lastSeq = prepareRows(here, "select max(seq) from journal where run = ?");
    const parser = new ArchiveParser();
    let newRuns = 0;
    let known = 0;
    for await (const line of lines) {
      const item = parser.take(line);
      if (item.kind === "declaration") this.#declare(item.row);
      else if (item.kind === "run") {
        known = (rowsOf(lastSeq, item.run)[0]?.[0] as number | null) ?? 0;
        if (known === 0) newRuns += 1;
      } else if (item.kind === "record" && item.record.seq > known) this.#add(item.record);
    }
    parser.finish();
    return newRuns;
  }

  #declare({ definition, name, sensitive, decision }: DeclarationRow): void {
    this.#addOwn("declared", { definition, name, sensitive, decision });
  }

  #addOwn(kind: JournalRecord["kind"], head: object): void {
    this.#storeSeq += 1;
    const own = { run: 0, seq: this.#storeSeq, kind, attempt: 0, name: "", data: null };
    this.#add({ ...own, atMs: this.#nowMs(), head: JSON.stringify(head) });
  }

  #add({ run, seq, kind, attempt, name, atMs, head, data }: JournalRecord): void {
    const columns = this.#records;
    columns.run.push(run);
    columns.seq.push(seq);
    columns.kind.push(kindNumber(kind));
    columns.attempt.push(attempt);
    columns.name.push(name);
    columns.atMs.push(atMs);
    columns.head.push(head);
    columns.data.push(data);
    if (columns.run.length >= RECORDS_PER_FLUSH) this.#flushNow();
  }

  #flushNow(): void {
    const records = this.#records;
    this.#records = noRecords();
    this.#flush += 1;
    this.#session.flush({ number: this.#flush, atMs: this.#nowMs(), records, taken: [] });
  }
}
