/**
 * The one place that loads `node:sqlite`. It is asked for when a store is opened, not imported, so
 * that a Node without it gets a sentence instead of a link error.
 */
import type { DatabaseSync, DatabaseSyncOptions, StatementSync } from "node:sqlite";
import { HoldfastError } from "../core/error.ts";

export type Database = DatabaseSync;
export type Statement = StatementSync;

/**
 * The first SQLite without the corruption bug of the write-ahead log's reset (3.7.0 to 3.51.2),
 * which needs exactly what we do: several processes that write and checkpoint. Source: storage.md,
 * section 0, trap 3.
 */
const SQLITE_MIN = [3, 51, 3] as const;

const REMEDY =
  "Use Node.js 22.22.3, 24.15.0, 25.9.0 or newer of these lines; the embedded store needs the " +
  `SQLite ${SQLITE_MIN.join(".")} that they bring.`;

/**
 * Opens a database after a check of what this Node brings. `busyTimeoutMs` is how long a statement
 * waits for another process.
 *
 * @throws {HoldfastError} HF5001 if this Node has no SQLite or one that is too old.
 */
export function openDatabase(
  path: string,
  options: { readonly readOnly?: boolean; readonly busyTimeoutMs?: number } = {},
): Database {
  const { DatabaseSync } = loadSqlite();
  const settings: DatabaseSyncOptions = {
    readOnly: options.readOnly ?? false,
    timeout: options.busyTimeoutMs ?? 0,
    enableForeignKeyConstraints: false,
    allowExtension: false,
  };
  const version = sqliteVersion(DatabaseSync);
  if (isOlderThanMin(version)) {
    throw new HoldfastError(
      "HF5001",
      `this Node.js (${process.version}) brings SQLite ${version}, which can damage a database`,
      REMEDY,
    );
  }
  return new DatabaseSync(path, settings);
}

let versionOfNode: string | null = null;

/** Asked of a database in memory, once: a file would have to be locked for its answer. */
function sqliteVersion(DatabaseSync: typeof import("node:sqlite").DatabaseSync): string {
  if (versionOfNode !== null) return versionOfNode;
  const database = new DatabaseSync(":memory:");
  try {
    versionOfNode = String(database.prepare("select sqlite_version() as v").get()?.["v"]);
    return versionOfNode;
  } finally {
    database.close();
  }
}

/** @throws {HoldfastError} HF5001 if this Node has no SQLite. */
export function loadSqlite(): typeof import("node:sqlite") {
  // Both are missing in a Node older than 22.5, which gets as far as this to be told.
  const loader: Partial<Pick<typeof process, "getBuiltinModule">> = process;
  const sqlite: typeof import("node:sqlite") | undefined = loader.getBuiltinModule?.("node:sqlite");
  if (sqlite === undefined) {
    throw new HoldfastError(
      "HF5001",
      `this Node.js (${process.version}) has no embedded SQLite`,
      REMEDY,
    );
  }
  return sqlite;
}

/** Exported for its test. */
export function isOlderThanMin(version: string): boolean {
  const parts = version.split(".").map(Number);
  for (const [index, min] of SQLITE_MIN.entries()) {
    const part = parts[index] ?? 0;
    if (part !== min) return part < min;
  }
  return false;
}
