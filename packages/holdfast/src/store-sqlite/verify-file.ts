/**
 * Which file a check reads, so that it leaves the folder as it found it. A connection to a database
 * with a write-ahead log makes `-wal` and `-shm` beside it, even one that only reads, and cannot
 * take them away again; nor may we, because an engine that starts meanwhile would be using them.
 *
 * - Nobody has the store open, and no log is left: the file itself, as one that does not change.
 * - An engine runs: a copy of its pages, made through SQLite.
 * - An engine has crashed: a copy of the file and of the log that it left.
 */
import { copyFileSync, rmSync, statSync } from "node:fs";
import { HoldfastError } from "../core/error.ts";
import { isLocked } from "./lock.ts";
import { openReadOnly } from "./reader.ts";
import { loadSqlite } from "./runtime.ts";
import { unchanging } from "./unchanging.ts";
import type { Database } from "./runtime.ts";

/** Tries to read a store in one piece while engines come and go. */
const TRIES_MAX = 5;

const SIDES = ["-wal", "-shm", "-journal"];

/**
 * Runs the check on a connection to what the store holds now. `open` opens it.
 *
 * @throws {HoldfastError} HF6003 if engines start and end faster than the store can be read.
 */
export async function onStillFile<T>(path: string, check: (open: () => Database) => T): Promise<T> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    if (isLocked(path)) {
      return await onCopy(path, (copy) => copyPages(path, copy), check);
    }
    const before = stateOf(path);
    const hasLog = before.includes("-wal");
    const checked = hasLog
      ? await onCopy(path, (copy) => copyFiles(path, copy), check)
      : check(() => openReadOnly(path, unchanging(path)));
    // An engine that came meanwhile has changed what was being read: what was found says nothing.
    if (!isLocked(path) && stateOf(path) === before) return checked;
  }
  throw new HoldfastError(
    "HF6003",
    `Engines start and end on the store ${path} while it is checked.`,
    "Stop them, or let one run, and check again.",
  );
}

async function onCopy<T>(
  path: string,
  copyTo: (copy: string) => Promise<void> | void,
  check: (open: () => Database) => T,
): Promise<T> {
  const copy = `${path}.verify`;
  remove(copy);
  try {
    await copyTo(copy);
    return check(() => openReadOnly(copy));
  } finally {
    remove(copy);
  }
}

/** Page by page and in one step: damage is to be copied, not mended. */
async function copyPages(path: string, to: string): Promise<void> {
  const database = openReadOnly(path);
  try {
    const { backup } = loadSqlite();
    const ALL_PAGES = 0x7fffffff;
    await backup(database, to, { rate: ALL_PAGES });
  } finally {
    database.close();
  }
}

/** The log is part of the store: without it the newest flushes would be missing. */
function copyFiles(path: string, to: string): void {
  copyFileSync(path, to);
  copyFileSync(`${path}-wal`, `${to}-wal`);
}

function remove(copy: string): void {
  for (const side of ["", ...SIDES]) rmSync(`${copy}${side}`, { force: true });
}

/** Changes whenever an engine has written; names the log if it holds anything. */
function stateOf(path: string): string {
  return ["", "-wal"]
    .map((side) => {
      const file = statSync(`${path}${side}`, { bigint: true, throwIfNoEntry: false });
      if (file === undefined || (side !== "" && file.size === 0n)) return "";
      return `${side} ${String(file.size)} ${String(file.mtimeNs)} ${String(file.ino)}`;
    })
    .join();
}
