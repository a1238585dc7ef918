/**
 * Settings of a connection. They belong to the connection, not to the file, so they are set after
 * every open and read back: a build of SQLite may default to less, and `synchronous=NORMAL` loses
 * acknowledged commits on a power cut without a word (reliability.md, finding 3).
 */
import { HoldfastError } from "../core/error.ts";
import type { Database } from "./runtime.ts";

/** How long a statement waits for another process's write, in milliseconds. */
export const BUSY_TIMEOUT_MS = 5000;

/** Pages of the write-ahead log after which a commit checkpoints. Source: storage.md, section 1. */
const WAL_AUTOCHECKPOINT_PAGES = 4000;

/** Value of `synchronous` that makes a commit wait for the disk: FULL. */
const SYNCHRONOUS_FULL = 2;

interface Wanted {
  readonly journal_mode: string;
  readonly synchronous: number;
  readonly wal_autocheckpoint: number;
  readonly busy_timeout: number;
}

/**
 * Makes a connection durable and checks that it is.
 *
 * @throws {HoldfastError} HF5005 if a setting did not take.
 */
export function makeDurable(database: Database, busyTimeoutMs: number = BUSY_TIMEOUT_MS): void {
  const wanted: Wanted = {
    journal_mode: isInMemory(database) ? "memory" : "wal",
    synchronous: SYNCHRONOUS_FULL,
    wal_autocheckpoint: WAL_AUTOCHECKPOINT_PAGES,
    busy_timeout: busyTimeoutMs,
  };
  // First: switching a new file to the write-ahead log may have to wait for another process.
  database.exec(`pragma busy_timeout = ${String(busyTimeoutMs)}`);
  database.exec(`pragma journal_mode = ${wanted.journal_mode}`);
  database.exec(`pragma synchronous = ${String(wanted.synchronous)}`);
  database.exec(`pragma wal_autocheckpoint = ${String(wanted.wal_autocheckpoint)}`);
  // Damaged pages are found when they are read, and SQL in a damaged schema may call nothing.
  database.exec("pragma cell_size_check = on");
  database.exec("pragma trusted_schema = off");
  requireDurable(database, wanted);
}

/** Reads the settings back. Exported for its test. */
export function requireDurable(database: Database, wanted: Wanted): void {
  for (const [name, value] of Object.entries(wanted)) {
    const found = readPragma(database, name);
    if (found === value) continue;
    throw new HoldfastError(
      "HF5005",
      `the store asked SQLite for ${name} = ${String(value)} and got ${String(found)}`,
      "Put the store on a local disk that supports it, and run a Node.js with its own SQLite. " +
        "Without this setting a power cut would lose what was acknowledged.",
    );
  }
}

/** First column of the first row of a pragma; undefined if it answers nothing. */
export function readPragma(database: Database, name: string): unknown {
  const row = database.prepare(`pragma ${name}`).get();
  return row === undefined ? undefined : Object.values(row)[0];
}

function isInMemory(database: Database): boolean {
  return database.location() === null;
}
