/**
 * Runs that were open in a backup from which the store was restored, or whose start lay in its inbox. The original went on with them
 * for a time that nobody knows: whatever they send next it may have sent before. So nothing is sent
 * for the first time since the restore as if it were new: the attempt is declared as one that may
 * have left already, and what follows is decided as after a lost answer.
 */
import type { Failure } from "../../core/failure.ts";
import type { JournalRecord, RestoredHead, StartedHead } from "../../core/journal.ts";
import type { RecordKind } from "../../core/record-kinds.ts";
import { moves } from "../../core/run-version.ts";
import { isoText } from "../clock.ts";
import { headOf } from "./recovery.ts";

export interface Restored {
  /** What is on record after this was decided knowing of the restore. */
  readonly seq: number;
  /** When it was accepted: until then the original may have been at work. */
  readonly atMs: number;
  /** When the backup was written last: of all that it has gone through, the oldest. */
  readonly fromMs: number;
  /** It began since: the original's run of the same call or start had another number, so other keys. */
  readonly isBegunSince: boolean;
}

/**
 * The last restore that this run has gone through, itself or with what began it; null if none. Read when
 * it is first asked for: the journal of a run that is only looked at need not be readable.
 */
export function restoredIn(ofRun: readonly JournalRecord[]): () => Restored | null {
  let known: Restored | null | undefined;
  return () => {
    if (known === undefined) known = restoredOf(ofRun);
    return known;
  };
}

function restoredOf(ofRun: readonly JournalRecord[]): Restored | null {
  const marks = ofRun.filter((record) => record.kind === "restored");
  const last = marks.at(-1);
  if (last !== undefined) {
    // The original of an earlier restore may have sent it, too.
    const fromMs = Math.min(...marks.map((mark) => headOf<RestoredHead>(mark).fromMs));
    return {
      seq: last.seq,
      atMs: last.atMs,
      fromMs,
      isBegunSince: begunSince(ofRun[0]) !== undefined,
    };
  }
  const [started] = ofRun;
  const fromMs = begunSince(started);
  return started === undefined || fromMs === undefined
    ? null
    : { seq: started.seq, atMs: started.atMs, fromMs, isBegunSince: true };
}

/** When the backup with its start, or with the run that called it, was written last. */
function begunSince(started: JournalRecord | undefined): number | undefined {
  if (started?.kind !== "started") return undefined;
  const { parent, restoredFromMs } = headOf<StartedHead>(started);
  return restoredFromMs ?? parent?.restoredFromMs;
}

/**
 * What may be another thing than the original was told: results of local work, of children, and what
 * people and events say. Not what an effect answers: it is the same under its key, or looked up.
 */
const TELLING: ReadonlySet<RecordKind> = new Set<RecordKind>([
  "result",
  "returned",
  "answered",
  "event",
  "supplied",
  "edited",
  "again",
]);

/** Whether the code of a run may have been told something that its original was told otherwise. */
export class Told {
  #lastSeq = 0;
  #version = 0;

  /** @param records - of the run, as the journal holds them. */
  constructor(records: readonly JournalRecord[]) {
    for (const { kind, seq } of records) this.note(kind, seq);
  }

  /** A record that was written. */
  note(kind: RecordKind, seq: number): void {
    if (TELLING.has(kind)) this.#lastSeq = seq;
    if (moves(kind)) this.#version = seq;
  }

  /** Where the run stands: see run-version.ts. */
  get version(): number {
    return this.#version;
  }

  since(seq: number): boolean {
    return this.#lastSeq > seq;
  }
}

export function maybeSentBefore({ fromMs }: Restored): Failure {
  return {
    effect: "maybe",
    class: "interrupted",
    scope: "system",
    origin: "local",
    reasonCode: "STORE:RESTORED",
    message: `the store was restored from a backup of ${isoText(fromMs)}, and its original may have done this since`,
    evidence: {},
    rule: { source: "table", id: "store/RESTORED", version: 1 },
  };
}
