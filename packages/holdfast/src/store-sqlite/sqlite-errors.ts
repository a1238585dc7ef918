/** Starting a write while other processes leave commands in the same file. */
import type { Statement } from "./runtime.ts";

/** SQLITE_BUSY */
const BUSY = 5;

/**
 * A process that is stopped in the middle of a post holds the write lock. Each try waits for the
 * connection's busy timeout, so twelve are a minute with the default of five seconds.
 */
const TRIES_MAX = 12;

/** Runs "begin immediate". Nothing has been written when it throws. */
export function beginImmediate(begin: Statement): void {
  for (let tries = 1; ; tries += 1) {
    try {
      begin.run();
      return;
    } catch (error) {
      if (tries >= TRIES_MAX || !isBusy(error)) throw error;
    }
  }
}

/** Whether SQLite refused because another connection holds a lock. */
export function isBusy(error: unknown): boolean {
  return sqliteCode(error) === BUSY;
}

/** Primary result code of an error that SQLite raised, or null. */
export function sqliteCode(error: unknown): number | null {
  if (!(error instanceof Error) || !("errcode" in error)) return null;
  return Number(error.errcode) & 0xff;
}
