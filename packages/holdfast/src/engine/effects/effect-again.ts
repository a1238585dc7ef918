/**
 * An effect of a run that is done again: whether what was done is done once more is decided by its
 * contract (core/repeat.ts), at the moment in which the code asks for it.
 */
import { isKeyLive } from "../../core/situation.ts";
import { CHANGED_INPUT, type Failure } from "../../core/failure.ts";
import type { JournalRecord } from "../../core/journal.ts";
import { repeatOf, type Repeat } from "../../core/repeat.ts";
import type { SuppliedHead } from "../../core/repaired.ts";
import { undoPath } from "../../core/step-path.ts";
import { provenSeq } from "../../core/undone.ts";
import { endsStep, headOf } from "../run/recovery.ts";
import type { StepSlot } from "../steps/step-slot.ts";
import type { EffectStep } from "./effect-step.ts";

/** Who keeps a result: the engine by the contract, and not a person. */
const ENGINE = "(engine)";

export function repeatNow(step: EffectStep): Repeat {
  const { effect, journal, run, path } = step;
  const { contract } = effect.plan;
  const { state } = journal;
  const age = {
    samePayload: journal.isSameAsSent,
    firstSentAtMs: state.firstSentAtMs,
    timeoutMs: effect.plan.timeoutMs,
    nowMs: run.host.clock.nowMs(),
  };
  const repeat = repeatOf({
    contract: contract.kind,
    proof: state.proof,
    isSame: journal.isSameAsSent,
    canProbe: contract.kind !== "read" && contract.canProbe,
    isUndone: isUndoneSince(step),
    isInWindow: contract.kind === "keyed" ? isKeyLive(contract, age) : null,
  });
  if (repeat.kind !== "skip" || doneBefore(run.superseded.get(path) ?? []) !== null) return repeat;
  return { kind: "ask", because: "it was done, and what it answered is not on record" };
}

/** Whether it was done and then undone, before its run was done again, and not done since. */
export function isUndoneSince({ run, path, journal }: EffectStep): boolean {
  return provenSeq(run.superseded.get(undoPath(path)) ?? []) > journal.provenSeq;
}

/** The record with the value of what was done before; null if there is none. */
export function doneBefore(superseded: readonly JournalRecord[]): JournalRecord | null {
  return superseded.findLast(isValue) ?? null;
}

function isValue(record: JournalRecord): boolean {
  if (record.data === null) return false;
  if (record.kind === "settled") return true;
  return endsStep(record) && headOf<{ readonly end?: string }>(record).end === "value";
}

/** The code gets the value that it got before; nothing is sent. */
export function keepResult(step: EffectStep, slot: StepSlot, because: string): void {
  const { journal, run, path, effect } = step;
  const done = doneBefore(run.superseded.get(path) ?? []);
  if (done === null) throw new Error(`step ${path} has no result to keep`);
  const { state } = journal;
  const head: SuppliedHead = {
    operation: state.operation ?? 0,
    effect: effect.name,
    proof: state.proof ?? "never",
    end: "value",
    by: ENGINE,
    reason: because,
    kept: done.seq,
  };
  run.deliver(slot, journal.write("supplied", state.attempt, head, done.data));
}

/** A person has to say what its result is now: a second time is not sent by itself. */
export function doneOtherwise({ path }: EffectStep, because: string): Failure {
  return {
    effect: "never",
    class: "data",
    scope: "item",
    origin: "rule",
    reasonCode: CHANGED_INPUT,
    message: `"${path}" was done before the run was done again: ${because}`,
    evidence: {},
    rule: { source: "table", id: "repair/CHANGED_INPUT", version: 1 },
  };
}
