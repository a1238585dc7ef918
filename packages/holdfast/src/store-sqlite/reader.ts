/** What the command line and the console open: a connection that reads, and one that posts. */
import { resolve } from "node:path";
import { HoldfastError } from "../core/error.ts";
import { isFileThere } from "../store/own-files.ts";
import type { StoreReader } from "../store/store.ts";
import { archivedRuns } from "./archived-queries.ts";
import { cellReader } from "./cell-rows.ts";
import { importedArchives, refuseImported } from "./imported.ts";
import { InboxPoster } from "./inbox-poster.ts";
import { isLocked } from "./lock.ts";
import { readMeta } from "./meta.ts";
import { schemaVersion } from "./migrations.ts";
import { translated } from "./open-writer.ts";
import { BUSY_TIMEOUT_MS } from "./pragmas.ts";
import { prepareRows, rowsOf } from "./queries.ts";
import { ReaderQueries } from "./reader-queries.ts";

import { openDatabase } from "./runtime.ts";
import type { Database } from "./runtime.ts";

/**
 * Opens an existing store for reading and for leaving commands. Needs neither the key nor an
 * engine, and disturbs none: every read is short and none waits for a write.
 *
 * @throws {HoldfastError} HF5001 (Node too old), HF5002 (no store there), HF5010 (newer schema).
 */
export async function openSqliteReader(options: { readonly path: string }): Promise<StoreReader> {
  const path = resolve(options.path);
  const database = openReadOnly(path);
  const storeId = readMeta(database)?.storeId;
  if (storeId === undefined) {
    database.close();
    throw notMade(path);
  }
  return storeReader(path, database, storeId);
}

/** A connection that cannot write, to a file that is a store of ours; `address` says how it is opened. */
export function openReadOnly(path: string, address = path): Database {
  if (!isFileThere(path)) throw notMade(path);
  let database: Database | null = null;
  try {
    database = openDatabase(address, { readOnly: true, busyTimeoutMs: BUSY_TIMEOUT_MS });
    database.exec("pragma cell_size_check = on");
    database.exec("pragma trusted_schema = off");
    if (schemaVersion(database, path) === 0) throw notMade(path);
    return database;
  } catch (error) {
    database?.close();
    throw translated(error, path);
  }
}

function storeReader(path: string, database: Database, storeId: string): StoreReader {
  const queries = new ReaderQueries(database);
  let poster: InboxPoster | null = null;
  const findAnswer = prepareRows(database, "select answer from inbox where id = ?");
  return {
    storeId,
    cells: cellReader(database),
    runs: async (query) => queries.runs(query),
    run: async (run) => queries.run(run),
    runsByKey: async (key, limit) => queries.runsByKey(key, limit),
    records: async (run, afterSeq, limit) => queries.records(run, afterSeq, limit),
    exceptions: async (query) => queries.exceptions(query),
    effects: async (query) => queries.effects(query),
    reviews: async (query) => queries.reviews(query),
    issues: async (level, limit) => queries.issues(level, limit),
    issue: async (fingerprint) => queries.issue(fingerprint),
    issueOverlays: async () => queries.issueOverlays(),
    occurrences: async (of, afterMs, limit) => queries.occurrences(of, afterMs, limit),
    routings: async (limit) => queries.routings(limit),
    rules: async (afterChange, limit) => queries.rules(afterChange, limit),
    dependencies: async () => queries.dependencies(),
    lanes: async (query) => queries.lanes(query),
    declarations: async () => queries.declarations(),
    versionCounts: async () => queries.versionCounts(),
    inbox: async (limit) => queries.inbox(limit),
    earlyAnswers: async (limit) => queries.earlyAnswers(limit),
    received: async (query) => queries.received(query),
    archivedRun: async (run) => archivedRuns(database, [run])[0] ?? null,
    importedArchives: async () => importedArchives(database),
    counters: async (prefix) => queries.counters(prefix),
    post: async (command) => {
      refuseImported(database, path);
      poster ??= new InboxPoster(path);
      poster.post(command);
    },
    answer: async (id) => (rowsOf(findAnswer, id)[0]?.[0] ?? null) as string | null,
    engineRuns: async () => isLocked(path),
    // The lock is held or not; it leaves no sign of when.
    pulse: async () => [
      { engineCount: isLocked(path) ? 1 : 0, beatAtMs: null, flushAtMs: queries.newestFlushMs() },
    ],
    close: async () => {
      poster?.close();
      if (database.isOpen) database.close();
    },
  };
}

export function notMade(path: string): HoldfastError {
  return new HoldfastError(
    "HF5002",
    `there is no store at ${path}`,
    "Name the database file of an app that has been started at least once.",
  );
}
