/**
 * A write-ahead log that lies beside a restored database and is not its own. SQLite keeps nothing in
 * the database that names its log, so it would take any log that is whole in itself: pages of the
 * original over pages of the backup. So both are looked at, the database with the log and without it,
 * before anything opens them to write.
 */
import { statSync } from "node:fs";
import { HoldfastError } from "../core/error.ts";
import { ChainQueries, type FlushRow } from "./chain.ts";
import { isLocked } from "./lock.ts";
import { openReadOnly } from "./reader.ts";
import type { Database } from "./runtime.ts";
import { unchanging } from "./unchanging.ts";
import { onStillFile } from "./verify-file.ts";
import { verifyFile } from "./verify.ts";

/**
 * Nothing is changed. Takes time in proportion to the store, and only where a log was left.
 *
 * @throws {HoldfastError} HF5007 if the log is another database's.
 */
export async function refuseForeignLog(path: string): Promise<void> {
  // Whoever has it open is told of by the lock.
  if (!hasLog(path) || isLocked(path)) return;
  const check = (open: () => Database) => verifyFile(open, { path, anchor: "ignored" });
  const withLog = await onStillFile(path, check);
  const alone = () => openReadOnly(path, unchanging(path));
  if (withLog.isSound) {
    const newest = lastFlushAlone(alone);
    // Of its own log it is the beginning; another one has put older pages over it.
    if (newest !== null && !(await onStillFile(path, (open) => holds(open, newest))))
      throw foreignLog(path);
    return;
  }
  if (check(alone).isSound) throw foreignLog(path);
}

function hasLog(path: string): boolean {
  return (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
}

/** Null if the database cannot be read without a log: then that is its own. */
function lastFlushAlone(open: () => Database): FlushRow | null {
  let database: Database | null = null;
  try {
    database = open();
    return new ChainQueries(database).last();
  } catch {
    return null;
  } finally {
    database?.close();
  }
}

function holds(open: () => Database, flush: FlushRow): boolean {
  const database = open();
  try {
    const found = new ChainQueries(database).byId(flush.id);
    return found !== null && Buffer.from(found.seal).equals(flush.seal);
  } finally {
    database.close();
  }
}

function foreignLog(path: string): HoldfastError {
  return new HoldfastError(
    "HF5007",
    `the write-ahead log beside ${path} is not of this database: without it the database is whole, with it it is not. Nothing was changed`,
    `Move ${path}-wal and ${path}-shm away, which the database before this one has left, and accept the store again.`,
  );
}
