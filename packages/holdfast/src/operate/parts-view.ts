/** What is known of the parts of an operation, and what a repeat of it would send. */
import { parseJson } from "../core/json-text.ts";
import type { JournalRecord, OutcomeHead } from "../core/journal.ts";
import { isMasked } from "../core/mask-text.ts";
import type { Part } from "../core/parts.ts";
import { stateOf } from "../core/unknown-effects.ts";
import type { ExceptionRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";

/** Records of a run that are looked through for the parts of one operation. */
const RECORDS_MAX = 500;

export interface PartsView {
  /** Names of those that were done; that is proven, or somebody has said so. */
  readonly done: readonly string[];
  readonly notDone: readonly string[];
  /** Those of which nobody knows. */
  readonly unknown: readonly string[];
  /** What is sent where it is sent again. */
  readonly sendsAgain: "the rest" | "the whole";
}

/** True if an attempt among these has said what became of parts. */
export function nameParts(records: readonly JournalRecord[]): boolean {
  return records.some(
    // The engine wrote it with the shape of its kind.
    ({ kind, head }) => kind === "outcome" && partsIn(parseJson(head ?? "{}") as OutcomeHead),
  );
}

function partsIn({ failure }: OutcomeHead): boolean {
  return failure?.parts !== undefined;
}

/** With each part as it is on record. */
export interface KnownParts extends PartsView {
  readonly parts: readonly Part[];
}

export async function partsOf(
  reader: StoreReader,
  { run, operation, step }: Pick<ExceptionRow, "run" | "operation" | "step">,
): Promise<KnownParts | null> {
  if (operation === null) return null;
  const records = await reader.records(run, operation - 1, RECORDS_MAX);
  return partsBy(records.filter(({ name }) => name === step));
}

/** @param own - of one step, from the first intent of its operation on. */
export function partsBy(own: readonly JournalRecord[]): KnownParts | null {
  const { parts, intent } = stateOf(own);
  if (parts.length === 0) return null;
  const of = (proof: Part["effect"]) =>
    parts.filter(({ effect }) => effect === proof).map(({ name }) => name);
  return {
    parts,
    done: of("surely"),
    notDone: of("never"),
    unknown: of("maybe"),
    sendsAgain: intent?.byParts === true ? "the rest" : "the whole",
  };
}

/** The command that says of each part what became of it; null where that would be refused. */
export function partsCommand(
  effectId: string,
  about: string,
  parts: PartsView | null,
): string | null {
  if (parts === null || parts.sendsAgain === "the whole" || parts.unknown.length === 0) return null;
  // What is masked nobody could name.
  if ([...parts.done, ...parts.notDone, ...parts.unknown].some(isMasked)) return null;
  return `holdfast settle ${effectId} in-part --parts '{"NAME":"happened|not"}' ${about}`;
}

/** Without what only decides. */
export function partsShown({ done, notDone, unknown, sendsAgain }: PartsView): PartsView {
  return { done, notDone, unknown, sendsAgain };
}
