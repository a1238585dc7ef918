/**
 * Runs that are taken out of their lane before they have ended, so that it goes on without them. That
 * is a gap in the order of the lane, so it is on record at both sides of it: in the run that has left
 * and in the one whose turn it is because of that. Source: failure model R31 ("skip head") and T12.
 */
import type { ClosedHead, JournalRecord, OpenedHead } from "./journal.ts";
import { parseJson } from "./json-text.ts";

/** `operator`: a person has said so. `quarantine`: the engine, of a run that has crashed it. */
export type LaneCause = "operator" | "quarantine";

interface OfGap {
  readonly lane: string;
  readonly cause: LaneCause;
  readonly by: string;
  readonly reason: string;
}

/** In the run that has left its lane. */
interface LaneLeftHead extends OfGap {
  readonly event: "left";
  /** Number of the run whose turn it is now; null if nobody was behind it. */
  readonly next: number | null;
  /** Id of the command in the inbox that said so: taken again after a crash, it is recognised. */
  readonly command?: string;
}

/** In the run whose turn it is because of that. */
interface LaneGapHead extends OfGap {
  readonly event: "gap";
  /** Number of the run that has left. */
  readonly run: number;
}

export type LaneHead = LaneLeftHead | LaneGapHead;

export function laneHeadOf(record: Pick<JournalRecord, "head">): LaneHead {
  // The engine wrote it with the shape of its kind.
  return parseJson(record.head ?? "null") as LaneHead;
}

/** The exception of a run that was put away because it has crashed the engine; null if there is none. */
export function quarantineOf(records: readonly JournalRecord[]): OpenedHead | null {
  const closed = new Set<number>();
  for (const { kind, head } of records) {
    // Written by the engine with this shape.
    if (kind === "closed") closed.add((parseJson(head ?? "null") as ClosedHead).opened);
  }
  for (const { kind, name, seq, head } of records) {
    if (kind !== "opened" || name !== "" || closed.has(seq)) continue;
    const opened = parseJson(head ?? "null") as OpenedHead;
    if (opened.class === "poison" && opened.beside === undefined) return opened;
  }
  return null;
}
