/** A cancel that was asked for and has not come through yet: in the inbox, or on record in the run. */
import { isOutcomeOpen } from "../core/acts.ts";
import type { CancelHead, JournalRecord } from "../core/journal.ts";
import { parseJson } from "../core/json-text.ts";
import { isFinal } from "../core/run-state.ts";
import type { RunRow } from "../store/rows.ts";
import type { KeptCommand } from "./kept-command.ts";
import { isoText, type ExceptionView } from "./views.ts";

export interface CancelView {
  /** `waiting`: no engine has taken the command yet. `underWay`: the run is being taken back. */
  readonly state: "waiting" | "underWay";
  readonly by: string;
  readonly at: string;
  readonly reason: string;
  /** Who has to say first what happened outside; null where nobody is waited for. */
  readonly waitsFor: AwaitedPerson | null;
}

/** Somebody without whom the run cannot be taken back, and the command that is waited for. */
export interface AwaitedPerson {
  readonly owner: string;
  readonly step: string;
  readonly exception: string;
  readonly settleWith: string;
}

/** @param exceptions - open ones of the run. */
export function awaitedPerson(exceptions: readonly ExceptionView[]): AwaitedPerson | null {
  for (const exception of exceptions) {
    const { id, owner, step, settleWith } = exception;
    // One that stays is dealt with when the run has ended; it holds nothing up.
    if (settleWith === null || !isOutcomeOpen(exception)) continue;
    return { owner, step: step ?? "", exception: id, settleWith };
  }
  return null;
}

/** In words, for whoever waits for the run to be taken back. */
export function awaitedSentence({ owner, step, settleWith }: AwaitedPerson): string {
  return `it waits for ${owner}, who has to say whether "${step}" happened: ${settleWith}`;
}

/**
 * Null if nobody has asked, or if the run has ended.
 *
 * @param kept - commands for this run that no engine has taken yet.
 */
export function cancelOf(
  row: RunRow,
  recorded: JournalRecord | null,
  kept: readonly KeptCommand[],
  exceptions: readonly ExceptionView[],
): CancelView | null {
  if (isFinal(row.state)) return null;
  const waitsFor = awaitedPerson(exceptions);
  if (recorded !== null) {
    // Written by the engine with this shape.
    const { by, reason } = parseJson(recorded.head ?? "{}") as CancelHead;
    return { state: "underWay", by, at: isoText(recorded.atMs), reason, waitsFor };
  }
  const asked = kept.find(({ topic }) => topic === "cancel");
  if (asked === undefined) return null;
  const { by, at, reason } = asked;
  return { state: "waiting", by, at, reason, waitsFor };
}

/** In words. */
export function cancelSentence({ state, by, at, reason, waitsFor }: CancelView): string {
  const why = reason === "" ? "" : `: ${reason}`;
  const where =
    state === "waiting"
      ? "no engine has taken it yet"
      : waitsFor === null
        ? "what is unknown is settled first, then what was done is undone"
        : `${awaitedSentence(waitsFor)}; then what was done is undone`;
  return `cancel asked for by ${by} at ${at}${why} (${where})`;
}
