/**
 * Looks at a store in a file and what is around it, for `holdfast doctor`. Reads as every reader does:
 * takes no lock, makes nothing. Readings are made here; what they mean is in core/doctor, or in the
 * very checks of the start-up.
 */
import { existsSync, statSync, statfsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { checking } from "../core/doctor/checking.ts";
import { type Finding, type Tell, refused } from "../core/doctor/finding.ts";
import {
  anchorMissing,
  diskSpace,
  engineOfFile,
  journalMode,
  keyMode,
  logSize,
} from "../core/doctor/store-file.ts";
import { schema } from "../core/doctor/schema.ts";
import { HoldfastError } from "../core/error.ts";
import { isFileThere } from "../store/own-files.ts";
import { type Anchor, anchorPath, readAnchor } from "../store/anchor.ts";
import { anchoredFlush, isBackup } from "./check-start.ts";
import { keyPath, readKey } from "./key-file.ts";
import { isLocked } from "./lock.ts";
import { readMeta, type StoredMeta } from "./meta.ts";
import { SCHEMA_VERSION, schemaVersion } from "./migrations.ts";
import { refuseNetworkDisk } from "./network-disk.ts";
import { refuseCopy, requireNothingLeft, requireOwnKey, translated } from "./open-writer.ts";
import { readPragma } from "./pragmas.ts";
import { notMade, openReadOnly } from "./reader.ts";
import type { Database } from "./runtime.ts";
import { LOG_ALARM_BYTES } from "./upkeep.ts";

/** @returns whether there is a store whose work can be looked at. */
export function lookAtSqlite({ path: given }: { readonly path: string }, tell: Tell): boolean {
  const path = resolve(given);
  try {
    if (!isFileThere(dirname(path))) throw notMade(path);
    // Whether it can be looked at all: each of the next would stumble over a closed folder.
    isFileThere(path);
    tell(
      checking("local-disk", () => {
        refuseNetworkDisk(path);
        return "the store is on a disk of this machine";
      }),
    );
    tell(diskSpace({ freeBytes: freeBytes(path), storeBytes: bytesOf(path) }));
    lookInside(path, tell);
    return true;
  } catch (thrown) {
    const error = translated(thrown, path);
    if (!(error instanceof HoldfastError)) throw error;
    tell(refused("store", error));
    return false;
  }
}

/** @throws {HoldfastError} as a reader of the store, or HF5007 if only what lay beside it is left. */
function lookInside(path: string, tell: Tell): void {
  if (!existsSync(path)) {
    requireNothingLeft({ path, anchor: "checked" });
    throw notMade(path);
  }
  // Before the store: an engine may run, and then the store is the newer of the two.
  const anchor = anchorBeside(path);
  const database = openReadOnly(path);
  try {
    const meta = readMeta(database);
    if (meta === null) throw notMade(path);
    tell(schema(schemaVersion(database, path), SCHEMA_VERSION));
    tell(journalMode(readPragma(database, "journal_mode")));
    tell(logSize(bytesOf(`${path}-wal`), LOG_ALARM_BYTES));
    tell(checking("key", () => ownKey(database, meta, path)));
    if (existsSync(keyPath(path))) tell(keyMode(keyPath(path), modeOf(keyPath(path))));
    tell(anchorFinding(database, meta, anchor, path));
    tell(engineOfFile(isLocked(path)));
  } finally {
    database.close();
  }
}

function anchorBeside(path: string): Anchor | HoldfastError | null {
  try {
    return readAnchor(path);
  } catch (error) {
    if (error instanceof HoldfastError) return error;
    throw error;
  }
}

function anchorFinding(
  database: Database,
  { storeId }: StoredMeta,
  anchor: Anchor | HoldfastError | null,
  path: string,
): Finding {
  if (anchor === null) return anchorMissing(anchorPath(path));
  return checking("anchor", () => {
    if (anchor instanceof HoldfastError) throw anchor;
    if (anchor.isBackup) throw isBackup(path);
    anchoredFlush(database, storeId, anchor, path);
    return "the store is not older than its anchor";
  });
}

/** @throws {HoldfastError} HF5009, or HF5007 for a copy that nobody has accepted. */
function ownKey(database: Database, meta: StoredMeta, path: string): string {
  const key = readKey(path);
  requireOwnKey(key, meta, path);
  refuseCopy(database, key, path);
  return "the key file is this store's";
}

function bytesOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(dirname(path));
  return bavail * bsize;
}

function modeOf(path: string): number | null {
  return process.platform === "win32" ? null : statSync(path).mode;
}
