/** What an effect's call is to the gate: how it ranks, whether it may be tried first, what it costs. */
import { retryCost } from "../../core/retry-budget.ts";
import { isHarmless } from "../../core/situation.ts";
import type { AnyEffect } from "../../workflow/effect.ts";
import type { Entry } from "../gates/gate.ts";
import type { LiveRun } from "../run/live-run.ts";
import type { EffectJournal } from "./effect-journal.ts";

interface Calling {
  readonly run: LiveRun;
  readonly effect: AnyEffect;
  readonly journal: EffectJournal;
}

export function entryOf({ run, effect, journal }: Calling, call: "attempt" | "look-up"): Entry {
  const { namespace } = run.row;
  // A look-up changes nothing, and settles what is open: it is no retry.
  // As the store has it: those are counted who waited when it answers again.
  const wasParked = run.row.state === "parked";
  if (call === "look-up")
    return { namespace, rank: "repeat", mayTry: true, retryCost: 0, wasParked };
  const { attempt, failure, firstSentAtMs, isReplayed, isAskedFor } = journal.state;
  const { timeoutMs } = effect.plan;
  const age = {
    nowMs: run.host.clock.nowMs(),
    firstSentAtMs,
    samePayload: journal.sendsTheSame,
    timeoutMs,
  };
  return {
    namespace,
    rank: isReplayed ? "replay" : attempt === 0 ? "first" : "repeat",
    mayTry: isHarmless(journal.contract, age),
    // What a person has decided is not what a budget is for; the retries of that are.
    retryCost: isAskedFor ? 0 : retryCost(failure),
    wasParked,
  };
}

/** Whether what a parked step waits to do may be the one call that is tried. */
export function mayTry(step: Calling): boolean {
  const { next } = step.journal.state;
  const isLook = next.kind === "due" && next.action === "probe";
  return entryOf(step, isLook ? "look-up" : "attempt").mayTry;
}
