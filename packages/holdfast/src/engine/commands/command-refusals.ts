/** How a command is refused: the codes, what is said, and what can be done instead. */
import type { ErrorCode } from "../../core/error.ts";
import { HoldfastError } from "../../core/error.ts";
import { isSamePerson } from "../../core/person.ts";
import { formatRunId } from "../../core/run-number.ts";
import { isFinal, type FinalRunState } from "../../core/run-state.ts";
import type { AcceptedEvent } from "../../core/journal.ts";
import { isoText } from "../clock.ts";
import type { LiveRun } from "../run/live-run.ts";
import { refused, type CommandAnswer, type Refused } from "../steps/step-slot.ts";

export function ended(run: number, state: FinalRunState): HoldfastError {
  return new HoldfastError(
    "HF6003",
    `Run ${formatRunId(run)} is ${state} already.`,
    "What it did can be undone by a workflow of its own; what it left open can be settled.",
  );
}

/** @throws {HoldfastError} HF6003 if the run has ended, is taken back, or stands still already. */
export function refusePause({ id, row, state, ending }: LiveRun): void {
  if (isFinal(state)) throw ended(row.run, state);
  const remedy = `Look at it with: holdfast why ${id}`;
  if (ending.isTakingBack)
    throw new HoldfastError(
      "HF6003",
      `Run ${id} is being taken back, which cannot be paused. Nothing was done.`,
      remedy,
    );
  const { exception } = ending;
  if (exception === null) return;
  const is =
    exception.pausedBy === null
      ? `stands still already, until a person has decided: ${exception.wait.reason}`
      : `is paused already, by ${exception.pausedBy}.`;
  throw new HoldfastError("HF6003", `Run ${id} ${is}`, remedy);
}

/** @throws {HoldfastError} HF6002 if another person has paused the run, and is not named. */
export function refuseLifting(
  { id }: LiveRun,
  pausedBy: string | null,
  { by, insteadOf }: { readonly by: string; readonly insteadOf: string | null },
): void {
  if (pausedBy === null || isSamePerson(pausedBy, by)) return;
  if (insteadOf !== null && isSamePerson(pausedBy, insteadOf)) return;
  throw new HoldfastError(
    "HF6002",
    `Run ${id} was paused by ${pausedBy}, who lets it go on.`,
    `Ask ${pausedBy}; or, if that has to be done in their place: holdfast resume ${id} --instead-of ${JSON.stringify(pausedBy)} --reason "..."`,
    { where: id },
  );
}

/** @throws {HoldfastError} HF6003 if the run is at a worker with other code than it is moved to. */
export function requireVersion(running: string, wanted: string | undefined, run: number): void {
  if (wanted === undefined || wanted === running) return;
  throw new HoldfastError(
    "HF6003",
    `Run ${formatRunId(run)} was to go on with version ${wanted}, and its worker has ${running}. Nothing was done.`,
    `Deploy ${wanted} to all workers, then plan it again.`,
  );
}

/** The run begins anew from its journal, which must hold the end of what has left. */
export function underWay(live: LiveRun): HoldfastError {
  return new HoldfastError(
    "HF6003",
    `An attempt of run ${live.id} is still under way.`,
    "Try again when it has ended; its end is written down.",
  );
}

/** Its code does not fit its journal: it is held again before anything can be done with it. */
export function unfit(live: LiveRun): HoldfastError {
  return new HoldfastError(
    "HF2104",
    `Nothing can be done with run ${live.id} now: ${live.ending.runWait?.reason ?? "its code does not fit"}`,
    "Deploy code that fits the run, then try again.",
    { where: `workflow ${live.workflow.name}` },
  );
}

export function noOutcome(integration: string, ref: string): HoldfastError {
  return new HoldfastError(
    "HF4102",
    `The answer of "${integration}" under "${ref}" is neither { ok: true, value } nor { ok: false, message }.`,
    "Mend it and send it again; nothing was changed.",
  );
}

const REMEDIES: Partial<Record<ErrorCode, string>> = {
  HF6002: "Ask somebody who may.",
  HF4102: "Mend the value and try again; nothing was changed.",
};

export function refusal(
  answer: Extract<CommandAnswer, { kind: "refused" }>,
  run: string,
): HoldfastError {
  const remedy = REMEDIES[answer.code] ?? lookAt(answer.code, run);
  return new HoldfastError(answer.code, answer.why, remedy, { where: run });
}

function lookAt(code: ErrorCode, run: string): string {
  return code === "HF6004"
    ? `Find out what happened, then say so: holdfast why ${run} shows the command.`
    : `Look at it with: holdfast why ${run}`;
}

/** Nothing that could take a command is at this path. */
export function notAtWork(run: string, path: string): Refused {
  return refused("HF6001", `Run ${run} has no step "${path}" at work.`);
}

/** Something else needs a person now than what was decided about. */
export function cameSince(why: string, run: string): HoldfastError {
  return new HoldfastError(
    "HF6003",
    why,
    `Look at it with: holdfast why ${run}; then decide about that.`,
    { where: run },
  );
}

/** What was true when the backup was made says nothing about what the original has done since. */
export function saidOfOriginal(run: string, fromMs: number): HoldfastError {
  return new HoldfastError(
    "HF6003",
    `That it did not happen was said of the original of this store, which was restored from a backup of ${isoText(fromMs)}: the original may have heard that, and done it since. Nothing was settled.`,
    `Look in the other system again, then say so anew: holdfast why ${run} shows the command.`,
    { where: run },
  );
}

/** Nobody waits for this event, and too many are kept already. */
export function keepsNoMore({ event, key }: AcceptedEvent, keptMax: number): HoldfastError {
  return new HoldfastError(
    "HF4204",
    `Nobody waits for event "${event}" with key "${key}", and ${String(keptMax)} events that nobody has waited for are kept already, the limit keptEventsMax. Nothing was delivered.`,
    "Look for what sends events that no run waits for; send it again when a run waits, or raise keptEventsMax.",
  );
}

/** While the run as a whole waits for a person, none of its steps goes on by itself. */
export function standsStill(run: string, reason: string): HoldfastError {
  return new HoldfastError(
    "HF6003",
    `Run ${run} stands still as a whole: ${reason}`,
    `Deal with that first: holdfast why ${run}`,
    { where: run },
  );
}

export function waitsForNobody(live: LiveRun): HoldfastError {
  return new HoldfastError(
    "HF6003",
    `Run ${live.id} does not wait for a person (it is ${live.state}).`,
    `Look at it with: holdfast why ${live.id}`,
  );
}
