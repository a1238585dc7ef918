/** Why and how a run is taken back, and what the journal says of it: recovery goes on with that. */
import type { CancelHead, JournalRecord, LateHead, StateHead } from "../../core/journal.ts";
import type { FinalRunState } from "../../core/run-state.ts";
import type { EffectFailed } from "../../workflow/run.ts";
import type { OnFailure } from "../../workflow/workflow.ts";
import { isoText } from "../clock.ts";
import type { LiveRun } from "./live-run.ts";
import { headOf } from "./recovery.ts";

/** Thrown by `run.stop`. The user's catch may swallow it: the run has stopped all the same. */
export class RunStopped extends Error {
  override readonly name = "RunStopped";
}

export interface Unwinding {
  readonly state: Extract<FinalRunState, "stopped" | "cancelled">;
  readonly reason: string;
  readonly compensate: boolean;
  /** The person who has asked for it; not given where nobody has. */
  readonly by?: string;
}

function cancelUnwinding(record: JournalRecord): Unwinding | null {
  if (record.kind !== "cancel") return null;
  const { by, reason } = headOf<CancelHead>(record);
  return { state: "cancelled", reason, compensate: true, by };
}

export function lateUnwinding(record: JournalRecord): Unwinding | null {
  if (record.kind !== "late") return null;
  const { deadlineAtMs, onLate } = headOf<LateHead>(record);
  if (onLate === "ask") return null;
  const reason = `Its deadline (${isoText(deadlineAtMs)}) passed before it was done.`;
  return { state: "stopped", reason, compensate: onLate === "compensate" };
}

/** What the run is taken back by, as its records say; null if nobody has begun that. */
export function begunUnwinding(ofRun: readonly JournalRecord[]): Unwinding | null {
  for (const record of ofRun) {
    const begun = cancelUnwinding(record) ?? lateUnwinding(record);
    if (begun !== null) return begun;
  }
  return null;
}

/** True if what it had done was being undone. */
export function wasUndoing(ofRun: readonly JournalRecord[]): boolean {
  return ofRun.some(
    (record) => record.kind === "state" && headOf<StateHead>(record).to === "compensating",
  );
}

/** An effect that was given up because of the time is what `onLate` is for. */
export function onFailureOf(
  { workflow, row }: Pick<LiveRun, "workflow" | "row">,
  { failure }: EffectFailed,
): OnFailure {
  const { onFailure, onLate } = workflow.definition;
  const hasDeadline = row.deadlineAtMs !== null;
  const late =
    failure.class === "expired" ? (onLate ?? (hasDeadline ? "ask" : undefined)) : undefined;
  return late ?? onFailure ?? "ask";
}
