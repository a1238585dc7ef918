/**
 * Accepts a store that is older than its anchor: a restored backup. What the original did after the
 * backup is not in the journal, so nothing may go on by itself before a person knows what may have
 * been done twice.
 */
import { randomBytes } from "node:crypto";
import { resolve } from "node:path";
import { kindNumber } from "../core/journal.ts";
import type {
  AppliedHead,
  BackupInbox,
  IncarnationHead,
  RecordKind,
  RestoredHead,
} from "../core/journal.ts";
import type { EffectRow } from "../store/rows.ts";
import type { RecordColumns } from "../store/store.ts";
import { lastCommandPos } from "./backup-inboxes.ts";
import { refuseForeignLog } from "./foreign-log.ts";
import { freshRandom } from "./open.ts";
import { BUSY_TIMEOUT_MS } from "./pragmas.ts";
import { prepareRows, rowsOf } from "./queries.ts";
import { openReadOnly } from "./reader.ts";
import { ReaderQueries, ROWS_MAX } from "./reader-queries.ts";
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

export interface Accepted {
  readonly storeId: string;
  /**
   * Operations whose end this store does not know. Each may have been done, and so may any that the
   * runs which are still open here went on to after the backup.
   */
  readonly operations: readonly EffectRow[];
  /** Runs that had not ended when the backup was made, by number. */
  readonly openRuns: readonly number[];
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
  try {
    const pages = decision(session, options);
    for (const [index, records] of pages.entries())
      session.flush({ number: index + 1, atMs, records: columnsOf(records, atMs), taken: [] });
  } catch (error) {
    // Without a new anchor: the store is still one that has to be accepted.
    await session.abandon();
    throw error;
  }
  await session.close(options.nowMs());
  return { storeId: session.opened.storeId, ...openWork(path) };
}

interface Written {
  readonly run: number;
  readonly seq: number;
  readonly kind: RecordKind;
  readonly head: object;
}

/** Runs that are marked in one flush. */
const RUNS_PER_FLUSH = 1_000;

/** Marks each open run, so that it looks before it sends what its original may have sent; then says why. */
function decision(
  session: Session,
  { path, by, reason }: AcceptOptions,
): readonly (readonly Written[])[] {
  const { incarnation, predecessors, lastSystemSeq } = session.opened;
  const begun: IncarnationHead = { incarnation, closes: predecessors };
  const { ends, waiting } = atTheBackup(resolve(path));
  const restored: RestoredHead = { fromMs: waiting.fromMs, by, reason };
  const accepted: AppliedHead = {
    command: "store accept",
    topic: "store",
    by,
    answer: reason,
    waiting,
  };
  const pages: Written[][] = [];
  for (let i = 0; i < ends.length; i += RUNS_PER_FLUSH) {
    pages.push(
      ends
        .slice(i, i + RUNS_PER_FLUSH)
        .map(({ run, seq }) => ({ run, seq: seq + 1, kind: "restored", head: restored })),
    );
  }
  const first = { run: 0, seq: lastSystemSeq + 1, kind: "incarnation", head: begun } as const;
  const last = { run: 0, seq: lastSystemSeq + 2, kind: "applied", head: accepted } as const;
  return [[first], ...pages, [last]];
}

/** Open runs with the number of their last record, and what waits in the inbox. */
function atTheBackup(path: string): {
  readonly ends: readonly { readonly run: number; readonly seq: number }[];
  readonly waiting: BackupInbox;
} {
  const database = openReadOnly(path);
  try {
    const lastSeq = prepareRows(database, "select max(seq) from journal where run = ?");
    const ends = new ReaderQueries(database).openRuns().map((run) => {
      return { run, seq: rowsOf(lastSeq, run)[0]?.[0] as number };
    });
    const waiting = { lastPos: lastCommandPos(database), fromMs: lastWorkMs(database) };
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

function columnsOf(records: readonly Written[], atMs: number): RecordColumns {
  return {
    run: records.map(({ run }) => run),
    seq: records.map(({ seq }) => seq),
    kind: records.map(({ kind }) => kindNumber(kind)),
    attempt: records.map(() => 0),
    name: records.map(() => ""),
    atMs: records.map(() => atMs),
    head: records.map(({ head }) => JSON.stringify(head)),
    data: records.map(() => null),
  };
}

function openWork(path: string): Pick<Accepted, "operations" | "openRuns"> {
  const database = openReadOnly(path);
  try {
    const queries = new ReaderQueries(database);
    const operations: EffectRow[] = [];
    let afterRun = 0;
    for (;;) {
      const page = queries.effects({ open: true, afterRun, limit: ROWS_MAX });
      operations.push(...page);
      const last = page.at(-1);
      if (page.length < ROWS_MAX || last === undefined) break;
      afterRun = last.run;
    }
    return { operations, openRuns: queries.openRuns() };
  } finally {
    database.close();
  }
}
