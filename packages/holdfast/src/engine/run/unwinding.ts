/** Why and how a run is taken back, and what the journal says of it: recovery goes on with that. */
import type { CancelHead, JournalRecord, LateHead } from "../../core/journal.ts";
import type { FinalRunState } from "../../core/run-state.ts";
import { isoText } from "../clock.ts";
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

export function cancelUnwinding(record: JournalRecord): Unwinding | null {
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
