/** How a repair is refused: the codes, what is said, and what can be done instead. */
import { HoldfastError } from "../../core/error.ts";
import type { RepairOrder } from "../../core/repair-order.ts";
import { formatItemId, formatRunId } from "../../core/run-number.ts";

/** Two have looked at the run, and the other one was first; or it went on by itself. */
export function moved({ run, version }: Pick<RepairOrder, "run" | "version">, now: number) {
  const id = formatRunId(run);
  return new HoldfastError(
    "HF6007",
    `Run ${id} has moved since it was looked at (it stood at ${String(version)} and stands at ${String(now)}). Nothing was done.`,
    `Look at it with: holdfast show ${id}; then give the command again: it shows the plan as it is now.`,
    { where: id },
  );
}

/** @param what - what is not settled of the step, as the end of a sentence. */
export function unknownFirst(run: number, step: string, what: string): HoldfastError {
  const id = formatRunId(run);
  return new HoldfastError(
    "HF6004",
    `Not repaired: "${step}" of run ${id} ${what}.`,
    `Find out what happened, then say so with holdfast settle: holdfast why ${id} shows the command.`,
    { where: id },
  );
}

export function misfit(run: number, why: string, remedy?: string): HoldfastError {
  const id = formatRunId(run);
  return new HoldfastError("HF6003", why, remedy ?? `Look at it with: holdfast why ${id}`, {
    where: id,
  });
}

export function badValue(run: number, why: string): HoldfastError {
  return new HoldfastError("HF4102", why, "Mend the value and try again; nothing was changed.", {
    where: formatRunId(run),
  });
}

export function notEditable(run: number, what: string, at: string, editable: readonly string[]) {
  return new HoldfastError(
    "HF6003",
    `Nothing was changed: ${what} does not declare ${JSON.stringify(at.slice(0, 100))} as editable.`,
    editable.length === 0
      ? 'Declare the fields that people may correct, for example editable: ["/address"], and deploy that.'
      : `Change one of: ${editable.join(", ")}; or declare the field in "editable" and deploy that.`,
    { where: formatRunId(run) },
  );
}

export function tooManyProposals(run: number, count: number): HoldfastError {
  const id = formatRunId(run);
  return new HoldfastError(
    "HF4208",
    `${String(count)} proposals of run ${id} wait for a second person, the limit proposalsOpenMax. Nothing was proposed.`,
    "Approve or reject those that are open: holdfast proposals",
    { where: id },
  );
}

export function noProposal(run: number, seq: number): HoldfastError {
  return new HoldfastError(
    "HF6001",
    `There is no proposal ${formatItemId("prp", { run, seq })}.`,
    "List them with: holdfast proposals",
  );
}

export function samePerson(run: number, by: string): HoldfastError {
  return new HoldfastError(
    "HF6002",
    `${by} may not approve this: who proposes a repair does not approve it.`,
    "Ask somebody else.",
    { where: formatRunId(run) },
  );
}

export function hasNotEnded(run: number): HoldfastError {
  return misfit(
    run,
    "The run has not ended: two runs of one key would be at work.",
    "Cancel it first; what was done is undone then. Or repair it: supply, edit, again, correct.",
  );
}
