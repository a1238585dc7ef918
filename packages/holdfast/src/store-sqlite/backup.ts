/**
 * Copies a store while its engine runs.
 *
 * `VACUUM INTO` and not the page-wise backup of SQLite: that one starts again whenever another
 * process writes, which a busy engine does all the time, and it copies free pages with what was
 * deleted from them. This reads one snapshot, row by row, so that a damaged page stops it, and
 * writes only what is there. While it reads, the write-ahead log cannot be reset and grows.
 */
import { existsSync, renameSync, rmSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { HoldfastError } from "../core/error.ts";
import { anchorPath, anchorText } from "../store/anchor.ts";
import { ChainQueries, anchorOf } from "./chain.ts";
import { replaceFile, syncFolder, syncPath } from "../store/files.ts";
import { foreignKey, keyPath, readKey, writeKey } from "./key-file.ts";
import { readMeta, sealAs } from "./meta.ts";
import { translated } from "./open-writer.ts";
import { openReadOnly } from "./reader.ts";
import { openDatabase } from "./runtime.ts";
import { keyId } from "../store/seal.ts";

export interface BackupOptions {
  readonly path: string;
  /** File to write; its key and anchor are put beside it. Must not exist. */
  readonly to: string;
}

export interface Backup {
  readonly storeId: string;
  /** Newest flush in the copy; 0 if the store is empty. */
  readonly flushId: number;
  /** Newest record in the copy. */
  readonly position: number;
}

/**
 * Durable, and complete under its name only when it resolves. The copy does not start as it is: an
 * engine refuses it (HF5007) until it was accepted, because its original may have done more.
 *
 * @throws {HoldfastError} HF5002 if there is no store or the target exists, HF5006 if the store is
 * damaged, HF5009 without its key.
 */
export async function backupStore(options: BackupOptions): Promise<Backup> {
  const path = resolve(options.path);
  const to = resolve(options.to);
  for (const file of [to, keyPath(to), anchorPath(to)]) {
    if (existsSync(file)) throw targetExists(file);
  }
  if (!existsSync(dirname(to))) throw noFolder(dirname(to));
  const beside = `${to}.tmp`;
  rmSync(beside, { force: true });
  const key = readKey(path);
  copy(path, beside, key);
  markAsCopy(beside, key);
  syncPath(beside);
  const backup = describe(beside, to);
  writeKey(to, key);
  // Last, so that what bears the name is complete.
  renameSync(beside, to);
  syncFolder(to);
  return backup;
}

function copy(path: string, to: string, key: Uint8Array): void {
  const database = openReadOnly(path);
  try {
    if (readMeta(database)?.keyId !== keyId(key)) throw foreignKey(keyPath(path));
    database.prepare("vacuum into ?").run(to);
  } catch (error) {
    throw translated(error, path);
  } finally {
    database.close();
  }
}

function markAsCopy(copied: string, key: Uint8Array): void {
  const database = openDatabase(copied);
  try {
    sealAs(database, key, "copy");
  } finally {
    database.close();
  }
}

/** Reads the copy's own newest flush and writes the anchor that goes with it. */
function describe(copied: string, to: string): Backup {
  const database = openDatabase(copied, { readOnly: true });
  try {
    const chain = new ChainQueries(database);
    const storeId = readMeta(database)?.storeId ?? "";
    const anchor = { ...anchorOf(storeId, chain.last(), chain.openHeads()), isBackup: true };
    replaceFile(anchorPath(to), anchorText(anchor));
    return { storeId, flushId: anchor.flushId, position: anchor.position };
  } finally {
    database.close();
  }
}

function targetExists(file: string): HoldfastError {
  return new HoldfastError(
    "HF5002",
    `${file} exists already`,
    "Name a file that does not exist: a backup never overwrites one.",
  );
}

function noFolder(folder: string): HoldfastError {
  return new HoldfastError(
    "HF5002",
    `the folder ${folder}, into which the backup should be written, does not exist`,
    "Make the folder, or name another one with --to. Nothing was written.",
  );
}
