/** Which exceptions a person may close, and what has to be done with the others. */
import { closesAsStaying, isOutcomeOpen } from "./acts.ts";
import { HoldfastError } from "./error.ts";
import type { EffectProof, FailureClass } from "./failure.ts";
import { formatItemId, formatRunId } from "./run-number.ts";
import { isFinal, type RunState } from "./run-state.ts";

export interface ClosingFacts {
  readonly run: number;
  readonly seq: number;
  /** The operation that it is about; null for none. */
  readonly operation: number | null;
  readonly class: FailureClass;
  readonly effect: EffectProof;
  /** "" for none. */
  readonly step: string;
  readonly reasonCode: string;
  /** Null for one that a step waits for. */
  readonly subject: string | null;
  readonly closedAtMs: number | null;
}

/**
 * Closing says that nothing is left to do. So it is for exceptions that no step waits for, for an
 * undoing that has failed (what it was to undo stays then), and never for one whose outcome is unknown: that would hide that something may have happened outside.
 *
 * @param state - of its run; null for the store itself, and for a run that is gone.
 * @throws {HoldfastError} HF6003 or HF6004, with what to do instead.
 */
export function refuseClosing(facts: ClosingFacts, state: RunState | null): void {
  const where = { where: formatItemId("exc", facts) };
  if (facts.closedAtMs !== null) {
    throw new HoldfastError(
      "HF6003",
      "It is closed already.",
      "See who closed it with: holdfast exceptions --all",
      where,
    );
  }
  if (facts.subject !== null) return;
  if (isOutcomeOpen(facts)) {
    const effect = formatItemId("eff", { run: facts.run, seq: facts.operation ?? 0 });
    throw new HoldfastError(
      "HF6004",
      "Not closed: what happened outside is not known, and closing would hide it.",
      `Find out what happened, then say so: holdfast settle ${effect} happened --reason "..."; or: holdfast settle ${effect} not --reason "..."`,
      where,
    );
  }
  if (state === null || isFinal(state) || closesAsStaying(facts, state)) return;
  throw new HoldfastError(
    "HF6003",
    "Not closed: its run waits for what is decided about it.",
    `Mend the cause, then: holdfast resume ${formatRunId(facts.run)} --reason "...", or cancel the run.`,
    where,
  );
}
