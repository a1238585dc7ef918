/** Whether a step asks for what the journal holds under its path. */
import { driftOf, recordedShape, type StepShape } from "../core/drift.ts";
import type { JournalRecord } from "../core/journal.ts";

/** Names both if they differ; null if they agree, or if the journal does not say what it was. */
export function stepDrift(
  path: string,
  records: readonly JournalRecord[],
  asked: StepShape,
): string | null {
  const recorded = recordedShape(records);
  return recorded === null ? null : driftOf(path, recorded, asked);
}
