/** A cancel that was asked for and has not come through yet: in the inbox, or on record in the run. */
import type { CancelHead, JournalRecord } from "../core/journal.ts";
import { parseJson } from "../core/json-text.ts";
import { formatRunId } from "../core/run-number.ts";
import { isFinal } from "../core/run-state.ts";
import type { RunRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";
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
  for (const { id, class: failureClass, owner, step, settleWith } of exceptions) {
    // One that stays is dealt with when the run has ended; it holds nothing up.
    if (settleWith === null || failureClass !== "ambiguous") continue;
    return { owner, step: step ?? "", exception: id, settleWith };
  }
  return null;
}

/** In words, for whoever waits for the run to be taken back. */
export function awaitedSentence({ owner, step, settleWith }: AwaitedPerson): string {
  return `it waits for ${owner}, who has to say whether "${step}" happened: ${settleWith}`;
}

/** Commands that are looked through for one. */
const COMMANDS_MAX = 10_000;

/** Null if nobody has asked, or if the run has ended. */
export async function cancelOf(
  reader: StoreReader,
  row: RunRow,
  recorded: JournalRecord | null,
  exceptions: readonly ExceptionView[],
): Promise<CancelView | null> {
  if (isFinal(row.state)) return null;
  const waitsFor = awaitedPerson(exceptions);
  if (recorded !== null) {
    // Written by the engine with this shape.
    const { by, reason } = parseJson(recorded.head ?? "{}") as CancelHead;
    return { state: "underWay", by, at: isoText(recorded.atMs), reason, waitsFor };
  }
  const id = formatRunId(row.run);
  for (const command of await reader.inbox(COMMANDS_MAX)) {
    if (command.topic !== "cancel") continue;
    // Written by whoever posted it; what is no such command is the engine's to refuse.
    const { run, reason } = parseJson(command.data) as { run?: unknown; reason?: unknown };
    if (run !== id) continue;
    const { by, atMs } = command;
    return {
      state: "waiting",
      by,
      at: isoText(atMs),
      reason: typeof reason === "string" ? reason : "",
      waitsFor,
    };
  }
  return null;
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
