/** Whether a step asks for what the journal holds under its path. */
import { driftOf, recordedShape, type StepShape } from "../../core/drift.ts";
import type { JournalRecord } from "../../core/journal.ts";
import { differenceText } from "../../core/json-difference.ts";
import type { EditedHead } from "../../core/repaired.ts";
import { parseJson } from "../../core/json-text.ts";
import type { FitWatch } from "../versions/fit-watch.ts";

/** Input or subject of a step, to say where another one differs. */
interface AskedInput {
  /** JSON. */
  readonly text: string;
  /** Pointers of what is sensitive in it. */
  readonly sensitive: readonly string[];
  readonly check: FitWatch | null;
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
  const text = input === null || recorded.digest === asked.digest ? null : recordedInput(records);
  if (input === null || text === null) return driftOf(path, recorded, asked, () => null);
  const { check, sensitive } = input;
  if (check?.isSame(text, input.text, sensitive) === true)
    return driftOf(path, recorded, { ...asked, digest: recorded.digest }, () => null);
  return driftOf(path, recorded, asked, () =>
    differenceText(parseJson(text), parseJson(input.text), sensitive),
  );
}

/** JSON of what the code asked with; null if the journal does not hold it. */
function recordedInput(records: readonly JournalRecord[]): string | null {
  const first = records.find(({ kind }) => kind === "intent" || kind === "asked");
  return (records.find(isOriginal) ?? first)?.data ?? null;
}

/** Where a person has corrected an input that no intent holds. */
function isOriginal({ kind, head }: JournalRecord): boolean {
  // The engine wrote it with the shape of its kind.
  return kind === "edited" && (parseJson(head ?? "null") as EditedHead).original === true;
}
