/**
 * Accepts a store that is older than its anchor: a restored backup. What the original did after the
 * backup is not in the journal, so nothing may go on by itself before a person knows what may have
 * been done twice.
 */
import { randomBytes } from "node:crypto";
import { resolve } from "node:path";
import { kindNumber } from "../core/record-kinds.ts";
import {
  type Accepted,
  type AtBackup,
  type LostTime,
  acceptance,
  lostTime,
  openOperations,
} from "../store/acceptance.ts";
import { lastCommand } from "./backup-inboxes.ts";
import { refuseForeignLog } from "./foreign-log.ts";
import { freshRandom } from "./open.ts";
import { BUSY_TIMEOUT_MS } from "./pragmas.ts";
import { prepareRows, rowsOf } from "./queries.ts";
import { openReadOnly, openSqliteReader } from "./reader.ts";
import { ReaderQueries } from "./reader-queries.ts";
import type { Database } from "./runtime.ts";
import { Session } from "./session.ts";

export interface AcceptOptions {
  readonly path: string;
  /** Why this store is the right one; kept in its journal. */
  readonly reason: string;
  /** Who says so. */
  readonly by: string;
  readonly nowMs: () => number;
}

/**
 * Checks the whole store, records the decision in its journal and writes a new anchor.
 *
 * @throws {HoldfastError} HF5006 if it is damaged in itself (accepting does not mend), HF5004 if an
 * engine runs, HF5007 if another database's log lies beside it, HF5002 and HF5009 as at any start.
 */
export async function acceptStore(options: AcceptOptions): Promise<Accepted> {
  const path = resolve(options.path);
  await refuseForeignLog(path);
  const atMs = options.nowMs();
  const session = new Session(
    {
      path,
      nowMs: atMs,
      fresh: freshRandom(randomBytes),
      busyTimeoutMs: BUSY_TIMEOUT_MS,
      anchor: "accepting",
      anchorEveryMs: 2000,
      anchorEveryRecords: Number.MAX_SAFE_INTEGER,
    },
    { onNotice: () => undefined, onFatal: () => undefined },
  );
  let openRuns: readonly number[];
  let window: LostTime;
  try {
    const at = atTheBackup(path);
    openRuns = at.ends.map(({ run }) => run);
    window = lostTime(at, atMs);
    const { by, reason } = options;
    const flushes = acceptance(session.opened, at, { by, reason, atMs });
    for (const [index, records] of flushes.entries())
      session.flush({ number: index + 1, atMs, records, taken: [] });
    // Last: a copy of which not all is on record is still one that has to be accepted.
    session.accepted();
  } catch (error) {
    // Without a new anchor: the store is still one that has to be accepted.
    await session.abandon();
    throw error;
  }
  await session.close(options.nowMs());
  const reader = await openSqliteReader({ path });
  try {
    const operations = await openOperations(reader);
    return { storeId: session.opened.storeId, operations, openRuns, window };
  } finally {
    await reader.close();
  }
}

/** Open runs with the number of their last record, and what waits in the inbox. */
function atTheBackup(path: string): AtBackup {
  const database = openReadOnly(path);
  try {
    const lastSeq = prepareRows(database, "select max(seq) from journal where run = ?");
    const ends = new ReaderQueries(database).openRuns().map((run) => {
      return { run, seq: rowsOf(lastSeq, run)[0]?.[0] as number };
    });
    const waiting = { ...lastCommand(database), fromMs: lastWorkMs(database) };
    return { ends, waiting };
  } finally {
    database.close();
  }
}

/**
 * When the work of a run was written last: 0 if none was. Not when anything was: what an earlier
 * `store accept` wrote, which may have died, is younger than the backup.
 */
function lastWorkMs(database: Database): number {
  const restored = kindNumber("restored");
  const newest = prepareRows(
    database,
    "select at_ms from journal where run <> 0 and kind <> ? order by pos desc limit 1",
  );
  return (rowsOf(newest, restored)[0]?.[0] as number | undefined) ?? 0;
}
