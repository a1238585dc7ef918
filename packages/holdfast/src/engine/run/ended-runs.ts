/**
 * Settling what a run left open when it ended. Its code does not run again for that: it may have
 * changed since, or be gone, and nothing of it may be done any more. Only ledger and exception change.
 */
import { HoldfastError } from "../../core/error.ts";
import type {
  ClosedHead,
  IntentHead,
  JournalRecord,
  OpenedHead,
  SettledHead,
} from "../../core/journal.ts";
import { movedSince, otherThanSeen, sentSince } from "../../core/seen.ts";
import { formatRunId } from "../../core/run-number.ts";
import { versionOf } from "../../core/run-version.ts";
import { stateOf } from "../../core/unknown-effects.ts";
import type { StoredRun } from "../../store/rows.ts";
import type { SettleCommand } from "../commands/settle-command.ts";
import { personNeeded } from "../effects/effect-exception.ts";
import { headOf } from "./recovery.ts";
import { stayingException } from "../effects/staying-effects.ts";
import { groupNamesOf } from "../exceptions/exceptions.ts";
import type { Append } from "../journal/stored-runs.ts";

/** @throws {HoldfastError} HF6001 for no such effect, HF6003 if its outcome is known. */
export function settleEnded(
  { row, records }: StoredRun,
  append: Append,
  command: SettleCommand,
): void {
  const { operation, happened, parts, ref, by, reason, decided, version = null } = command;
  const look = `Look at it with: holdfast show ${formatRunId(row.run)}`;
  const moved = movedSince(versionOf(records), version);
  if (moved !== null) throw new HoldfastError("HF6007", moved, look);
  const first = records.find((record) => record.kind === "intent" && record.seq === operation);
  if (first === undefined) {
    throw new HoldfastError(
      "HF6001",
      `Run ${formatRunId(row.run)} has no effect with that number.`,
      "List them with: holdfast effects",
    );
  }
  const own = records.filter((record) => record.name === first.name);
  const state = stateOf(own);
  const { attempts = state.sentCount, exception = null } = command;
  const opened = stayingException(own)?.seq ?? state.opened;
  const since = sentSince(first.name, attempts, state) ?? otherThanSeen(opened, exception);
  if (since !== null) {
    throw new HoldfastError("HF6003", since, look);
  }
  if (parts !== undefined) throw nothingMore(first);
  const staying = stayingException(own);
  if (!personNeeded(state) && staying !== null && happened) {
    if (decided !== undefined) append("decided", "", decided);
    // The ledger is right as it is: it was done. What was done about it is the reason.
    closeStaying(append, first.name, staying, command);
    return;
  }
  if (!personNeeded(state)) {
    throw new HoldfastError(
      "HF6003",
      `The outcome of "${first.name}" is known; there is nothing to settle.`,
      staying === null
        ? look
        : "It was done, and that is proven. If it was undone by hand, say that it happened, and how it was undone as the reason.",
    );
  }
  const settled: SettledHead = {
    operation,
    effect: headOf<IntentHead>(first).effect,
    proof: happened ? "surely" : "never",
    happened,
    by,
    reason,
    ...(ref === null ? {} : { ref }),
    ...(decided === undefined ? {} : { approvedBy: decided.by }),
    ...(command.command === undefined ? {} : { command: command.command }),
  };
  if (decided !== undefined) append("decided", "", decided);
  append("settled", first.name, settled, { attempt: state.attempt });
  const asked = own.find((record) => record.kind === "opened" && record.seq === state.opened);
  if (asked === undefined) return;
  const head = headOf<OpenedHead>(asked);
  const closed: ClosedHead = {
    opened: asked.seq,
    resolution: "settled",
    by,
    reason,
    groups: groupNamesOf(head),
    class: head.class,
  };
  append("closed", first.name, closed);
}

function nothingMore({ name }: JournalRecord): HoldfastError {
  return new HoldfastError(
    "HF6003",
    `Nothing more of "${name}" is sent: its run has ended.`,
    "Do by hand what is missing, or undo what was done; then say of the whole whether it happened.",
  );
}

function closeStaying(
  append: Append,
  name: string,
  { seq: opened, head }: NonNullable<ReturnType<typeof stayingException>>,
  { by, reason, command }: SettleCommand,
): void {
  const resolution = "settled";
  const closed: ClosedHead = {
    opened,
    resolution,
    by,
    reason,
    groups: groupNamesOf(head),
    class: head.class,
    ...(command === undefined ? {} : { command }),
  };
  append("closed", name, closed);
}
