/**
 * The commands that are printed with an exception, word by word. Each names the exception that it is
 * about, so that what is approved is what was seen; what would be refused is not printed.
 */
import { closesAsStaying, isOutcomeOpen, resumeOf, resumesInVain, settleOf } from "../core/acts.ts";
import { EFFECT_STAYS } from "../core/failure.ts";
import { besideActs, offeredActs, type ActName } from "../core/offered-acts.ts";
import { formatItemId, formatRunId } from "../core/run-number.ts";
import { isFinal } from "../core/run-state.ts";
import { partsCommand, type PartsView } from "./parts-view.ts";
import { quotedForShell } from "./shell-word.ts";
import type { ExceptionRow } from "../store/rows.ts";
import type { RunBelongings } from "./views.ts";

export function settleCommand(
  row: ExceptionRow,
  of: RunBelongings,
  parts: PartsView | null,
): string | null {
  const takes = row.closedAtMs === null ? settleOf(row) : null;
  if (takes === null) return null;
  const effect = formatItemId("eff", { run: row.run, seq: row.operation ?? 0 });
  const about = `--exception ${formatItemId("exc", row)}`;
  const rest = `${about} --reason "..."`;
  const byPart = isWaitedFor(row, of) ? partsCommand(effect, rest, parts) : null;
  const orInPart = byPart === null ? "" : `   or   ${byPart}`;
  if (takes === "happened" && isOutcomeOpen(row))
    return `holdfast settle ${effect} happened${valueWords(row, of)} ${rest}${orInPart}`;
  if (takes === "happened" && row.effect === "partial" && row.reasonCode !== EFFECT_STAYS)
    return `holdfast settle ${effect} happened${valueWords(row, of)} ${about} --reason "how the rest was done by hand"`;
  if (takes === "happened" && row.reasonCode !== EFFECT_STAYS)
    return `holdfast settle ${effect} happened ${about} --reason "how it was undone by hand"`;
  if (takes === "happened")
    return `holdfast settle ${effect} happened ${about} --reason "how it was undone, or why it stays"`;
  return `holdfast settle ${effect} happened${valueWords(row, of)} ${rest}   or   holdfast settle ${effect} not ${rest}${orInPart}`;
}

export function closeCommand(row: ExceptionRow, { run }: RunBelongings): string | null {
  if (row.closedAtMs !== null) return null;
  const id = formatItemId("exc", row);
  if (row.subject !== null) return `holdfast close ${id} --reason "..."`;
  const stays = run !== null && closesAsStaying(row, run.state);
  return stays ? `holdfast close ${id} --reason "why it stays as it is"` : null;
}

/** False where nothing more of it would be sent: its run has ended, or its code has had its answer. */
function isWaitedFor({ operation }: ExceptionRow, { run, effects }: RunBelongings): boolean {
  const effect = effects.find((one) => one.operation === operation);
  return (
    effect?.ended === false && run !== null && !isFinal(run.state) && run.state !== "cancelling"
  );
}

/** What the effect would have answered is asked for where the code waits for it. */
function valueWords({ operation }: ExceptionRow, { run, effects }: RunBelongings): string {
  const effect = effects.find((one) => one.operation === operation);
  if (effect === undefined || effect.ended || run === null || isFinal(run.state)) return "";
  // An undoing is over when it has happened: only one that is an effect of its own answers.
  return effect.undoes === null ? " --value JSON" : " [--value JSON]";
}

export function admitCommand(row: ExceptionRow): string | null {
  if (row.closedAtMs !== null || !besideActs(row).includes("admit")) return null;
  return `holdfast admit ${formatItemId("exc", row)} --input JSON --reason "..."   or   holdfast admit ${formatItemId("exc", row)} --as-it-came --reason "..."`;
}

export function resumeCommand(row: ExceptionRow, of: RunBelongings): string | null {
  const { run, effects, exceptions, nowMs } = of;
  if (row.closedAtMs !== null || run === null || resumesInVain(row)) return null;
  if (resumeOf(row, { state: run.state, effects, exceptions, nowMs }) === null) return null;
  return `holdfast resume ${formatRunId(row.run)} --exception ${formatItemId("exc", row)} --reason "..."`;
}

/** What is done to the integration that it is about. */
export function integrationCommands(row: ExceptionRow): readonly string[] {
  const { closedAtMs, subject, integration } = row;
  if (closedAtMs !== null || subject === null || integration === null) return [];
  const name = quotedForShell(integration);
  return besideActs(row).flatMap((act) => {
    if (act === "unpark")
      return [`holdfast unpark ${name} --reason "one call, to see whether it answers"`];
    return act === "park" ? [`holdfast park ${name} --for 30m --reason "..."`] : [];
  });
}

export function actsOn(row: ExceptionRow, of: RunBelongings): readonly ActName[] {
  const { run, effects, exceptions, nowMs } = of;
  if (row.closedAtMs !== null) return [];
  if (run === null) return besideActs(row);
  return offeredActs(row, { state: run.state, effects, exceptions, nowMs });
}
