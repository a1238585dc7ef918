/**
 * The lock that makes an engine the only writer of journal and projections: an exclusive
 * transaction on a small database beside the store. The operating system drops it with the process,
 * however it dies, so there is no lease to wait for and no stale lock to break.
 *
 * Nothing in this process may open and close `<path>.lock` by other means: closing any descriptor
 * of a file drops a process's POSIX locks on it. Source: sqlite.org/howtocorrupt.html, 2.2.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { HoldfastError } from "../core/error.ts";
import { openDatabase } from "./runtime.ts";
import type { Database } from "./runtime.ts";
import { isBusy } from "./sqlite-errors.ts";

/** A reader's probe holds the file for microseconds; an engine that starts outwaits it. */
const PROBE_PATIENCE_MS = 250;

export function lockPath(path: string): string {
  return `${path}.lock`;
}

/**
 * Takes the lock, until the returned database is closed or the process ends.
 *
 * @throws {HoldfastError} HF5004 if another engine holds it.
 */
export function takeLock(path: string): Database {
  const lock = openDatabase(lockPath(path), { busyTimeoutMs: PROBE_PATIENCE_MS });
  try {
    lock.exec("begin exclusive");
  } catch (error) {
    lock.close();
    if (!isBusy(error)) throw error;
    throw new HoldfastError(
      "HF5004",
      `another engine holds the store ${path}${holderText(path)}`,
      "Stop the other process, or give this one a store of its own. The command line and the " +
        "console may run beside an engine.",
      { cause: error },
    );
  }
  return lock;
}

/** Which process holds the lock, where the system tells. Never opens the file, see above. */
function holderText(path: string): string {
  try {
    return holderIn(readFileSync("/proc/locks", "latin1"), statSync(lockPath(path)));
  } catch {
    // Only Linux has such a list, a container may hide it, and the holder may just have gone: the
    // refusal stands without it.
    return "";
  }
}

/**
 * Who writes to a file, by the list of locks that Linux keeps by device and inode. Source:
 * proc_locks(5), makedev(3). Exported for its test.
 */
export function holderIn(
  locks: string,
  { dev, ino }: { readonly dev: number; readonly ino: number },
): string {
  const major = hex((dev >>> 8) & 0xfff);
  const minor = hex((dev & 0xff) | ((dev >>> 12) & 0xfff00));
  const place = `${major}:${minor}:${String(ino)}`;
  // A process of another container has number 0 here.
  const line = new RegExp(`\\sWRITE\\s+([1-9]\\d*)\\s+${place}\\s`).exec(locks);
  return line?.[1] === undefined ? "" : ` (process ${line[1]})`;
}

function hex(number: number): string {
  return number.toString(16).padStart(2, "0");
}

/** Whether somebody holds the lock now. Leaves no trace and makes no file. */
export function isLocked(path: string): boolean {
  if (!existsSync(lockPath(path))) return false;
  const probe = openDatabase(lockPath(path), { readOnly: true });
  try {
    probe.prepare("select count(*) from sqlite_schema").get();
    return false;
  } catch (error) {
    if (!isBusy(error)) throw error;
    return true;
  } finally {
    probe.close();
  }
}
