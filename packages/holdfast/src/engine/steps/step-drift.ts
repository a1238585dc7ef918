/** Whether a step asks for what the journal holds under its path. */
import { driftOf, recordedShape, type StepShape } from "../../core/drift.ts";
import type { JournalRecord } from "../../core/journal.ts";
import { differenceText } from "../../core/json-difference.ts";
import { parseJson } from "../../core/json-text.ts";

/** Input or subject of a step, to say where another one differs. */
interface AskedInput {
  /** JSON. */
  readonly text: string;
  /** Pointers of what is sensitive in it. */
  readonly sensitive: readonly string[];
}

/** Names both if they differ; null if they agree, or if the journal does not say what it was. */
export function stepDrift(
  path: string,
  records: readonly JournalRecord[],
  asked: StepShape,
  input: AskedInput | null = null,
): string | null {
  const recorded = recordedShape(records);
  if (recorded === null) return null;
  return driftOf(path, recorded, asked, () => whereOf(records, input));
}

function whereOf(records: readonly JournalRecord[], input: AskedInput | null): string | null {
  const first = records.find(({ kind }) => kind === "intent" || kind === "asked");
  if (input === null || first === undefined || first.data === null) return null;
  return differenceText(parseJson(first.data), parseJson(input.text), input.sensitive);
}
