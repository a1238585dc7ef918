/**
 * Accepts a store that is older than its anchor: a restored backup. What the original did after the
 * backup is not in the journal, so nothing may go on by itself before a person knows what may have
 * been done twice.
 */
import { randomBytes } from "node:crypto";
import { resolve } from "node:path";
import { kindNumber } from "../core/journal.ts";
import type { AppliedHead, IncarnationHead } from "../core/journal.ts";
import type { EffectRow } from "../store/rows.ts";
import type { RecordColumns } from "../store/store.ts";
import { freshRandom } from "./open.ts";
import { BUSY_TIMEOUT_MS } from "./pragmas.ts";
import { openReadOnly } from "./reader.ts";
import { ReaderQueries, ROWS_MAX } from "./reader-queries.ts";
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
 * engine runs, HF5002 and HF5009 as at any start.
 */
export async function acceptStore(options: AcceptOptions): Promise<Accepted> {
  const path = resolve(options.path);
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
    session.flush({ number: 1, atMs, records: decision(session, options, atMs), taken: [] });
  } finally {
    await session.close(options.nowMs());
  }
  return { storeId: session.opened.storeId, ...openWork(path) };
}

function decision(session: Session, options: AcceptOptions, atMs: number): RecordColumns {
  const { incarnation, predecessors, lastSystemSeq } = session.opened;
  const begun: IncarnationHead = { incarnation, closes: predecessors };
  const accepted: AppliedHead = {
    command: "store accept",
    topic: "store",
    by: options.by,
    answer: options.reason,
  };
  return {
    run: [0, 0],
    seq: [lastSystemSeq + 1, lastSystemSeq + 2],
    kind: [kindNumber("incarnation"), kindNumber("applied")],
    attempt: [0, 0],
    name: ["", ""],
    atMs: [atMs, atMs],
    head: [JSON.stringify(begun), JSON.stringify(accepted)],
    data: [null, null],
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
