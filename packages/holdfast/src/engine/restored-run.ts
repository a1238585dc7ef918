/**
 * Runs that were open in a backup from which the store was restored. The original went on with them
 * for a time that nobody knows: whatever they send next it may have sent before. So nothing is sent
 * for the first time since the restore as if it were new: the attempt is declared as one that may
 * have left already, and what follows is decided as after a lost answer.
 */
import type { Failure } from "../core/failure.ts";
import type { JournalRecord, RestoredHead, StartedHead } from "../core/journal.ts";
import { isoText } from "./clock.ts";
import { headOf } from "./recovery.ts";

export interface Restored {
  /** What is on record after this was decided knowing of the restore. */
  readonly seq: number;
  /** When the backup was written last. */
  readonly fromMs: number;
}

/**
 * The last restore that this run has gone through, itself or with its parent; null if none. Read when
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
  const mark = ofRun.findLast((record) => record.kind === "restored");
  if (mark !== undefined) return { seq: mark.seq, fromMs: headOf<RestoredHead>(mark).fromMs };
  const [started] = ofRun;
  if (started === undefined) return null;
  const fromMs = headOf<StartedHead>(started).parent?.restoredFromMs;
  return fromMs === undefined ? null : { seq: started.seq, fromMs };
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
