/**
 * What is written when a restored store is accepted: each run that was open in the backup is marked,
 * so that it looks before it sends what its original may have sent; then why, by whom, and which
 * commands lay in its inbox.
 */
import { kindNumber } from "../core/record-kinds.ts";
import type { AppliedHead, BackupInbox, IncarnationHead, RestoredHead } from "../core/journal.ts";
import type { RecordKind } from "../core/record-kinds.ts";
import type { EffectRow } from "./rows.ts";
import type { Predecessor, RecordColumns, StoreReader } from "./store.ts";

export interface Accepted {
  readonly storeId: string;
  /**
   * Operations whose end this store does not know. Each may have been done, and so may any that the
   * runs which are still open here went on to after the backup.
   */
  readonly operations: readonly EffectRow[];
  /** Runs that had not ended when the backup was made, by number. */
  readonly openRuns: readonly number[];
  /** What was begun in that time is not in this store. */
  readonly window: LostTime;
}

/** From the newest work that a backup holds until it was accepted. */
export interface LostTime {
  /** Milliseconds; null for a store without any work. */
  readonly fromMs: number | null;
  readonly untilMs: number;
}

export function lostTime({ waiting }: AtBackup, atMs: number): LostTime {
  return { fromMs: waiting.fromMs === 0 ? null : waiting.fromMs, untilMs: atMs };
}

/** The store as it was when the backup was made. */
export interface AtBackup {
  /** Open runs with the number of their last record. */
  readonly ends: readonly { readonly run: number; readonly seq: number }[];
  readonly waiting: BackupInbox;
}

interface Written {
  readonly run: number;
  readonly seq: number;
  readonly kind: RecordKind;
  readonly head: object;
}

/** Runs that are marked in one flush. */
const RUNS_PER_FLUSH = 1_000;

/** The records of each flush, the first of which begins this engine's chain. */
export function acceptance(
  opened: {
    readonly incarnation: number;
    readonly predecessors: readonly Predecessor[];
    readonly lastSystemSeq: number;
  },
  { ends, waiting }: AtBackup,
  decision: { readonly by: string; readonly reason: string; readonly atMs: number },
): readonly RecordColumns[] {
  const { incarnation, predecessors, lastSystemSeq } = opened;
  const { by, reason, atMs } = decision;
  const begun: IncarnationHead = { incarnation, closes: predecessors };
  const restored: RestoredHead = { fromMs: waiting.fromMs, by, reason };
  const command = "store accept";
  const accepted: AppliedHead = { command, topic: "store", by, answer: reason, waiting };
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
  return [[first], ...pages, [last]].map((records) => columnsOf(records, atMs));
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

/** Of a command: that it lay in the inbox of a backup, and when that was written last. */
export interface OfBackup {
  readonly restoredFromMs?: number;
}

/**
 * Tells of a command, by its place in the inbox and its time, whether a backup had it.
 *
 * @param applied - heads and times of the records with which stores were accepted.
 */
export function ofBackups(
  applied: readonly { readonly head: string; readonly atMs: number }[],
): (pos: number, atMs: number) => OfBackup {
  const accepted = applied.flatMap(({ head, atMs }) => {
    // Only `store accept` writes this kind in the journal of the store.
    const { waiting } = JSON.parse(head) as AppliedHead;
    if (waiting === undefined) return [];
    // The clock of who left one may be before that of who has accepted the store.
    return [{ ...waiting, untilMs: Math.max(atMs, waiting.lastAtMs) }];
  });
  return (pos, atMs) => {
    // By its time too: a place in the inbox may have become free since.
    const own = accepted.filter((inbox) => pos <= inbox.lastPos && atMs <= inbox.untilMs);
    if (own.length === 0) return {};
    // Of a store without any work nothing is known but when the command was left.
    return { restoredFromMs: Math.min(...own.map(({ fromMs }) => fromMs || atMs)) };
  };
}

/** Rows of one look at the open operations. */
const OPERATIONS_PER_READ = 1_000;

/** All operations whose end the store does not know. */
export async function openOperations(reader: StoreReader): Promise<readonly EffectRow[]> {
  const operations: EffectRow[] = [];
  let afterRun = 0;
  for (;;) {
    const page = await reader.effects({ open: true, afterRun, limit: OPERATIONS_PER_READ });
    operations.push(...page);
    const last = page.at(-1);
    if (last === undefined || page.length < OPERATIONS_PER_READ) return operations;
    afterRun = last.run;
  }
}
