/**
 * Whether what a person decided is about what stands now. Between the look and the decision an
 * effect may have been sent again, or something else may have stopped the run; what was said of the
 * former says nothing about the latter.
 */
import type { EffectState } from "./effect-state.ts";
import type { IntentHead, JournalRecord } from "./journal.ts";
import { parseJson } from "./json-text.ts";

/**
 * Sentence if the effect was sent again since it was seen, else null.
 *
 * @param attempts - as the ledger showed them.
 */
export function sentSince(
  step: string,
  attempts: number,
  { sentCount }: Pick<EffectState, "sentCount">,
): string | null {
  if (attempts === sentCount) return null;
  const now = `"${step}" has been sent ${timesText(sentCount)} by now`;
  return `${now}; this was said when it had been sent ${timesText(attempts)}, and says nothing about what has left since.`;
}

function timesText(count: number): string {
  return count === 1 ? "1 time" : `${String(count)} times`;
}

/** Sentence if the exception was opened after its run was seen, else null. */
export function openedSince(opened: number | null, seen: number, because: string): string | null {
  if (opened === null || opened <= seen) return null;
  return `Nothing was resumed: something else has come up since this was decided. ${because}`;
}

/** Sentence if another exception is open by now than the one that was seen, else null. */
export function otherThanSeen(opened: number | null, exception: number | null): string | null {
  if (exception === null || opened === exception) return null;
  return "Nothing was done: the exception that was seen is no longer the open one.";
}

/** Sentence if the run has moved since it was seen, as `versionOf` says where it stands; else null. */
export function movedSince(version: number, seen: number | null): string | null {
  if (seen === null || version === seen) return null;
  return `Nothing was done: the run has moved since it was looked at (it stood at ${String(seen)} and stands at ${String(version)}).`;
}

/** Number of the last record written until then, 0 if there was none. */
export function lastSeqAt(records: readonly JournalRecord[], atMs: number): number {
  // Where the clock was set back, less counts as seen: a decision too many is asked for.
  const later = records.findIndex((record) => record.atMs > atMs);
  const last = later === -1 ? records.at(-1) : records[later - 1];
  return last?.seq ?? 0;
}

/** Attempts of an operation, as its ledger counts them. */
export function sentCountOf(records: readonly JournalRecord[], operation: number): number {
  const first = records.find((record) => record.seq === operation);
  if (first?.kind !== "intent") return 0;
  return records.filter(
    ({ kind, name, head }) =>
      kind === "intent" &&
      name === first.name &&
      // The engine wrote it with the shape of its kind.
      (parseJson(head ?? "null") as IntentHead).operation === operation,
  ).length;
}

/** True if the journal holds what this command from the inbox has written. */
export function wasApplied(records: readonly JournalRecord[], command: string): boolean {
  // Within a text of the head the quotes would be escaped: this is a property of it.
  const mark = `"command":${JSON.stringify(command)}`;
  return records.some(({ head }) => head?.includes(mark) === true);
}
