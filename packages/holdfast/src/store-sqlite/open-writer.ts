/**
 * Opening the store to write: lock, disk, key, schema, chain - in that order, so that whatever is
 * refused has changed nothing.
 */
import { unchanging } from "./unchanging.ts";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { HoldfastError } from "../core/error.ts";
import { anchorPath, readAnchor } from "../store/anchor.ts";
import { ChainQueries } from "./chain.ts";
import { checkStart, isBackup } from "./check-start.ts";
import { syncFolder } from "../store/files.ts";
import { refuseImported, requireForLooking } from "./imported.ts";
import { foreignKey, keyPath, makeKey, readKey } from "./key-file.ts";
import { lockPath, takeLock } from "./lock.ts";
import type { SqliteMemory } from "./memory.ts";
import { insertMeta, readMeta, sealedAs } from "./meta.ts";
import { migrate, schemaVersion } from "./migrations.ts";
import { refuseNetworkDisk } from "./network-disk.ts";
import type { OnNotice } from "./notice.ts";
import { makeDurable } from "./pragmas.ts";
import { openDatabase } from "./runtime.ts";
import type { Database } from "./runtime.ts";
import { keyId, sealKey } from "../store/seal.ts";
import { sqliteCode } from "./sqlite-errors.ts";
import { SqliteWriter } from "./writer.ts";
import type { WriterIdentity } from "./writer.ts";

export const IN_MEMORY = ":memory:";

/** Random values for what may have to be made. */
export interface FreshRandom {
  readonly storeId: string;
  readonly key: Uint8Array;
  readonly incarnation: number;
}

export interface OpenSettings {
  readonly path: string;
  readonly nowMs: number;
  readonly fresh: FreshRandom;
  readonly busyTimeoutMs: number;
  /** `checked`: as the engine opens it. `accepting`: an existing store, whatever its anchor says. */
  readonly anchor: "checked" | "accepting";
  /** For a path of `:memory:`: what the last engine on it has left, and what this one leaves. */
  readonly memory?: SqliteMemory;
  /** True where an archive is read in: no engine opens such a store, and no import another one. */
  readonly isImport?: boolean;
}

export interface OpenedWriter {
  readonly writer: SqliteWriter;
  /** Drops the lock; after the writer was closed. */
  readonly release: () => void;
  readonly isNew: boolean;
}

/** @throws {HoldfastError} HF5001 to HF5010. */
export function openWriter(
  settings: OpenSettings,
  listeners: { readonly onNotice: OnNotice; readonly onFatal: (error: HoldfastError) => void },
): OpenedWriter {
  if (settings.path === IN_MEMORY) return openInMemory(settings, listeners.onFatal);
  refuseOthers(settings.path);
  const lock = lockFile(settings.path);
  let database: Database | null = null;
  try {
    const isNew = !isThere(settings.path);
    const anchor = settings.anchor === "checked" ? readAnchor(settings.path) : null;
    if (isNew) requireNothingLeft(settings);
    // Before it is opened: SQLite would put a log into it that another database has left beside it.
    if (anchor?.isBackup === true) throw isBackup(settings.path);
    database = openFile(settings);
    const identity = prepare(database, settings);
    if (settings.isImport === true) requireForLooking(database, settings.path);
    else refuseImported(database, settings.path);
    // Accepting means to check everything and to compare with no anchor.
    const onNotice = settings.anchor === "checked" ? listeners.onNotice : () => undefined;
    checkStart(database, identity, anchor, settings.path, onNotice);
    const writer = new SqliteWriter(database, identity, listeners.onFatal);
    return { writer, release: () => lock.close(), isNew };
  } catch (error) {
    if (database !== null) closeRefused(database, settings.path);
    lock.close();
    throw translated(error, settings.path);
  }
}

/**
 * Closes a database that is not what it has to be, and leaves its log beside it. SQLite puts the log into
 * the database when the last connection is closed that may write; so one that may only read is closed
 * after it.
 */
function closeRefused(database: Database, path: string): void {
  let last: Database | null = null;
  try {
    last = openDatabase(path, { readOnly: true });
    // Takes the lock by which others see that somebody is there.
    last.prepare("pragma schema_version").get();
  } catch (error) {
    // Of a damaged file that cannot be read either: why it was refused is told by our caller.
    if (!(error instanceof Error)) throw error;
  }
  database.close();
  last?.close();
}

function openInMemory(
  settings: OpenSettings,
  onFatal: (error: HoldfastError) => void,
): OpenedWriter {
  const { memory } = settings;
  const isNew = (memory?.kept ?? null) === null;
  const { database, of } = memory?.kept ?? makeInMemory(settings);
  if (memory !== undefined) memory.kept = { database, of };
  const close = memory === undefined ? () => database.close() : () => undefined;
  const identity = { ...of, incarnation: settings.fresh.incarnation };
  const writer = new SqliteWriter(database, identity, onFatal, close);
  return { writer, release: () => undefined, isNew };
}

function makeInMemory({ fresh: { storeId, key }, nowMs }: OpenSettings) {
  const database = openDatabase(IN_MEMORY);
  makeDurable(database);
  migrate(database, 0);
  insertMeta(database, key, { storeId, keyId: keyId(key), createdAtMs: nowMs });
  return { database, of: { storeId, secret: key } };
}

/**
 * Before anything is made beside it: an address that names something else, by a slip, is refused and
 * leaves nothing behind. Where a lock lies there already, a store of ours was opened before.
 *
 * @throws {HoldfastError} HF5002 for a folder, a file that is no database, and somebody else's database.
 */
function refuseOthers(path: string): void {
  const file = statSync(path, { throwIfNoEntry: false });
  if (file?.isDirectory() === true) throw isFolder(path);
  // What is in a log alone cannot be seen without it: whoever opens it with its log finds out.
  if (file === undefined || file.size === 0 || existsSync(lockPath(path)) || isThere(`${path}-wal`))
    return;
  try {
    const database = openDatabase(unchanging(path), { readOnly: true });
    try {
      schemaVersion(database, path);
    } finally {
      database.close();
    }
  } catch (error) {
    throw translated(error, path);
  }
}

function isFolder(path: string): HoldfastError {
  return new HoldfastError(
    "HF5002",
    `the store ${path} cannot be opened: it is a folder`,
    `Name a file in it, for example sqlite:${path}/holdfast.db.`,
  );
}

function lockFile(path: string): Database {
  try {
    mkdirSync(dirname(path), { recursive: true });
    refuseNetworkDisk(path);
    return takeLock(path);
  } catch (error) {
    throw translated(error, path);
  }
}

function openFile(settings: OpenSettings): Database {
  return openDatabase(settings.path, { busyTimeoutMs: settings.busyTimeoutMs });
}

/** Looks before it changes: a file that is not ours is left as it was. */
function prepare(database: Database, settings: OpenSettings): WriterIdentity {
  const { path, fresh } = settings;
  const version = schemaVersion(database, path);
  if (version === 0) requireNoStoreBefore(settings);
  const key = version === 0 ? makeKey(path, fresh.key) : readKey(path);
  // Its anchor may have stayed behind when it was copied.
  if (settings.anchor === "checked" && version !== 0) refuseCopy(database, key, path);
  makeDurable(database, settings.busyTimeoutMs);
  migrate(database, version);
  const meta = readMeta(database) ?? {
    storeId: fresh.storeId,
    keyId: keyId(key),
    createdAtMs: settings.nowMs,
  };
  requireOwnKey(key, meta, path);
  // A process that died while it made the store left one without this row.
  if (readMeta(database) === null && new ChainQueries(database).last() === null) {
    insertMeta(database, key, meta);
    syncFolder(path);
  }
  return { storeId: meta.storeId, secret: key, incarnation: fresh.incarnation };
}

/** @throws {HoldfastError} HF5009 if the store was made with another key. */
export function requireOwnKey(
  key: Uint8Array,
  meta: { readonly keyId: string },
  path: string,
): void {
  if (meta.keyId !== keyId(key)) throw foreignKey(keyPath(path));
}

function requireNoStoreBefore({ path, anchor }: Pick<OpenSettings, "path" | "anchor">): void {
  if (anchor === "accepting") throw nothingThere(path);
  if (existsSync(anchorPath(path))) throw databaseGone(path, "its anchor");
}

/** @throws {HoldfastError} HF5007 for a copy that nobody has accepted. */
export function refuseCopy(database: Database, key: Uint8Array, path: string): void {
  const meta = readMeta(database);
  if (meta !== null && sealedAs(sealKey(key), meta) === "copy") throw isBackup(path);
}

/** A file without a byte is what a full disk, or a slip of the shell, leaves of a database. */
function isThere(path: string): boolean {
  return existsSync(path) && statSync(path).size > 0;
}

/**
 * What lies beside a database says that there was one: a store is made only where there is nothing of
 * it. Of one that was not made to its end, the empty file and its key are there, and nothing more.
 */
export function requireNothingLeft({ path, anchor }: Pick<OpenSettings, "path" | "anchor">): void {
  requireNoStoreBefore({ path, anchor });
  if (isThere(`${path}-wal`)) throw databaseGone(path, "its log");
  if (!existsSync(path) && existsSync(keyPath(path))) throw databaseGone(path, "its key");
}

function nothingThere(path: string): HoldfastError {
  return new HoldfastError(
    "HF5002",
    `there is no store at ${path}`,
    "Put the restored database there first, with its key file beside it.",
  );
}

function databaseGone(path: string, left: string): HoldfastError {
  return new HoldfastError(
    "HF5007",
    `the database ${path} is ${existsSync(path) ? "empty" : "gone"}, ${left} is still there`,
    "Restore a backup to this place and run `holdfast store accept --reason`. If the store was " +
      "removed on purpose, remove what is left of it as well: the files whose names begin alike.",
  );
}

/** SQLITE_CORRUPT and SQLITE_NOTADB */
const CORRUPT = 11;
const NOT_A_DATABASE = 26;

/** Gives what SQLite and the operating system say about the file a code and a way on. */
export function translated(error: unknown, path: string): unknown {
  if (error instanceof HoldfastError) return error;
  const because = error instanceof Error ? error.message : String(error);
  const code = sqliteCode(error);
  if (code === CORRUPT || (code === NOT_A_DATABASE && existsSync(keyPath(path)))) {
    return new HoldfastError(
      "HF5006",
      `the database ${path} is damaged: ${because}`,
      "Run `holdfast store verify` for the details, then restore the newest backup that passes it.",
      { cause: error },
    );
  }
  return new HoldfastError(
    "HF5002",
    `the store ${path} cannot be opened: ${because}`,
    "Check that the folder exists and that this user may write in it, and that the path names a " +
      "database of Holdfast's.",
    { cause: error },
  );
}
