/** Turns ends of attempts and look-ups into records: what is known, what comes next, and why. */
import { afterProbe, firstProbeAtMs, type ProbeAnswer } from "../../core/after-probe.ts";
import { utcText } from "../../core/civil-time.ts";
import { ruleName } from "../../core/classification-rule.ts";
import type { RetryPolicy } from "../../core/contract.ts";
import type { EffectState } from "../../core/effect-state.ts";
import { INTERRUPTED, type EffectProof, type Failure } from "../../core/failure.ts";
import type { JournalRecord, OutcomeHead, ProbeHead, StepEnd } from "../../core/journal.ts";
import { refusalSettles } from "../../core/key-refusal.ts";
import type { Move } from "../../core/move.ts";
import { beforeSend, nextMove } from "../../core/next-move.ts";
import { combineProof, countFailure } from "../../core/proof.ts";
import { rulingText } from "../../core/rule-book.ts";
import { isToldByRepeat, type Situation } from "../../core/situation.ts";
import type { AnyEffect } from "../../workflow/effect.ts";
import { NO_TIME_LEFT } from "./effect-failures.ts";
import type { EffectJournal } from "./effect-journal.ts";
import type { LiveRun } from "../run/live-run.ts";

/** A wait of its own may end so much later: others are in line, or the engine was busy. */
const ALONE_LATE_MS_MAX = 60_000;

/** `do` waits for a decision; `try` takes one more kinds of it as its answer; `undo` never gives up. */
export type EffectMode = "do" | "try" | "tryHandOver" | "undo";

/** What the run's side of a decision adds to the effect's own. */
export interface Circumstances {
  readonly mode: EffectMode;
  readonly cancelRequested: boolean;
  /** When the run's time is over; null if it has no deadline, or none for this effect. */
  readonly deadlineAtMs: number | null;
}

function situationOf(
  run: LiveRun,
  effect: AnyEffect,
  state: EffectState,
  circumstances: Circumstances,
  { hintMs, wasAlone }: Pick<Situation, "hintMs" | "wasAlone">,
): Situation {
  const { clock, random } = run.host;
  return {
    nowMs: clock.nowMs(),
    attempt: Math.max(1, state.attempt),
    meters: state.meters,
    firstSentAtMs: state.firstSentAtMs,
    budgetFromMs: state.budgetFromMs,
    openMaybe: state.openMaybe,
    neverSaid: state.neverSaid,
    isDoneInPart: state.proof === "partial",
    samePayload: true,
    resultNeeded: true,
    haveResult: false,
    policy: policyFor(effect, state.failure),
    hintMs,
    othersPass: run.host.gates.isOpenTo(effect.definition, run.row.namespace),
    wasAlone,
    attemptsBefore: state.attemptsBefore,
    deadlineAtMs: circumstances.deadlineAtMs,
    timeoutMs: effect.plan.timeoutMs,
    probeCount: state.probes.length,
    random01: random.next(),
    cancelRequested: circumstances.cancelRequested,
    immediateUsed: state.immediateUsed,
  };
}

/** What was sent later than its own wait says was kept by something else: by an outage. */
function hasWaitedAlone({ aloneUntilMs, state }: EffectJournal): boolean {
  return aloneUntilMs !== null && (state.lastSentAtMs ?? 0) < aloneUntilMs + ALONE_LATE_MS_MAX;
}

/** No attempt has just ended. */
const PLAIN = { hintMs: null, wasAlone: false } as const;

/** Records how an attempt failed and what follows. `stack` is JSON text: where code threw. */
export function recordFailure(
  run: LiveRun,
  effect: AnyEffect,
  journal: EffectJournal,
  failure: Failure,
  attempt: number,
  circumstances: Circumstances,
  stack: string | null = null,
): { readonly record: JournalRecord; readonly move: Move } {
  const { state } = journal;
  const counted = { ...state, attempt, meters: countFailure(state.meters, failure.class) };
  const hintMs = longest(failure.evidence.retryAfterMs, failure.ruled?.waitMs);
  // A refusal may be of the key's second use, if the original asked for something else under it.
  const samePayload = !(journal.isOfRestore && failure.effect === "never");
  const situation = {
    ...situationOf(run, effect, { ...counted, failure }, circumstances, {
      hintMs,
      wasAlone: hasWaitedAlone(journal),
    }),
    samePayload,
  };
  const { contract } = journal;
  const decided = nextMove(failure, contract, situation);
  const next = nextAt(decided, effect, state, situation.nowMs);
  const ruled = { ...decided, because: `${decided.because}${rulingText(failure)}` };
  const move = withTime(ruled, next);
  const settles = state.openMaybe && refusalSettles(failure, contract, situation);
  const head: OutcomeHead = {
    operation: state.operation ?? 0,
    effect: effect.name,
    proof: settles ? "never" : combineProof(state.proof, failure.effect),
    ...(settles ? { settles } : {}),
    failure,
    integration: effect.definition.on.name,
    ...rulesOf(failure),
    move,
    meters: counted.meters,
    ...next,
    // Parked because the wait asked for is longer than allowed: it is kept all the same.
    ...(move.kind === "park" && hintMs !== null ? { nextAtMs: situation.nowMs + hintMs } : {}),
    ...endOf(move, circumstances.mode),
  };
  return { record: journal.write("outcome", attempt, head, stack), move };
}

function longest(asked: number | undefined, ruled: number | undefined): number | null {
  if (ruled === undefined) return asked ?? null;
  return Math.max(asked ?? 0, ruled);
}

/** What was declared, or fewer attempts if a rule says so. */
function policyFor({ plan }: AnyEffect, failure: Failure | null): RetryPolicy {
  const max = failure?.ruled?.attemptsMax;
  if (max === undefined || max >= plan.policy.attemptsMax) return plan.policy;
  return { ...plan.policy, attemptsMax: max };
}

/** Which rules this failure is a hit of: counted with the record, and so once for each attempt. */
function rulesOf({ rule, ruled, shadowed }: Failure): Pick<OutcomeHead, "rules"> {
  if (ruled === undefined && shadowed === undefined) return {};
  const decided = ruled === undefined ? [] : [ruleName(rule)];
  return { rules: { decided, shadow: (shadowed ?? []).map(ruleName) } };
}

/**
 * Checks once more before something is sent again: time has passed, and a key may have grown old.
 * Null if it may be sent; else the decision has been recorded.
 */
export function recheckBeforeSend(
  run: LiveRun,
  effect: AnyEffect,
  journal: EffectJournal,
  circumstances: Circumstances,
): { readonly record: JournalRecord; readonly move: Move } | null {
  const { state } = journal;
  if (state.failure === null && circumstances.deadlineAtMs === null) return null;
  const situation = situationOf(run, effect, state, circumstances, PLAIN);
  const failure = state.failure ?? notTried();
  const decided = beforeSend(failure, journal.contract, situation);
  if (decided === null) return null;
  const next = nextAt(decided, effect, state, situation.nowMs);
  const move = withTime(decided, next);
  const head: OutcomeHead = {
    operation: state.operation ?? 0,
    effect: effect.name,
    proof: state.proof ?? "never",
    failure,
    move,
    meters: state.meters,
    ...next,
    // What somebody says did not happen is looked at as it is now: nobody waits for it to settle.
    ...(isWordStale(state, move) ? { nextAtMs: situation.nowMs } : {}),
    ...endOf(move, circumstances.mode),
  };
  return { record: journal.write("outcome", state.attempt, head), move };
}

function isWordStale({ neverSaid, openMaybe }: EffectState, move: Move): boolean {
  return neverSaid !== null && !openMaybe && move.kind === "resolve";
}

/**
 * Whether what was declared may be sent. While cancelling only if an earlier attempt may have
 * happened and this one tells.
 */
export function isStillWanted(step: {
  readonly run: LiveRun;
  readonly effect: AnyEffect;
  readonly journal: EffectJournal;
  readonly cancelRequested: boolean;
}): boolean {
  const { host, ending } = step.run;
  if (host.drains(step.run.shard) || ending.isFrozen) return false;
  const { firstSentAtMs, openMaybe } = step.journal.state;
  const { timeoutMs } = step.effect.plan;
  const samePayload = step.journal.sendsTheSame;
  const key = { nowMs: host.clock.nowMs(), firstSentAtMs, samePayload, timeoutMs };
  return !step.cancelRequested || (openMaybe && isToldByRepeat(step.journal.contract, key));
}

/** Records what a look-up said and what follows. `value` is the JSON of what was found. */
export function recordProbe(
  run: LiveRun,
  effect: AnyEffect,
  journal: EffectJournal,
  answer: ProbeAnswer,
  found: { readonly value: string; readonly ref: string | null } | null,
  circumstances: Circumstances,
): { readonly record: JournalRecord; readonly move: Move } {
  const { state } = journal;
  const failure = state.failure ?? interrupted("the outcome was never recorded");
  const situation = situationOf(run, effect, state, circumstances, PLAIN);
  const replacedAtMs = run.restored()?.atMs ?? 0;
  const after = afterProbe(
    answer,
    {
      failure,
      contract: journal.contract,
      unknown: state.unknown ?? "outcome-unknown",
      // The original of a restored store may have sent it again until it was replaced: what was
      // seen before says nothing, and a request may still land.
      lastSentAtMs: Math.max(state.lastSentAtMs ?? situation.nowMs, replacedAtMs),
      earlier: state.probes.filter(({ askedAtMs }) => askedAtMs > replacedAtMs),
      neverSaid: state.neverSaid,
    },
    situation,
  );
  const again = after.kind === "probeAgain";
  const decided: Move = again
    ? { kind: "resolve", unknown: state.unknown ?? "outcome-unknown", because: after.because }
    : after.move;
  const next = again ? { nextAtMs: after.atMs } : nextAt(decided, effect, state, situation.nowMs);
  const move = withTime(decided, next);
  const adopted = !again && move.kind === "adopt" && found !== null;
  const head: ProbeHead = {
    operation: state.operation ?? 0,
    effect: effect.name,
    proof: again ? (state.proof ?? "maybe") : proofAfter(state, after.proof),
    says: answer.says,
    number: state.probes.length + 1,
    askedAtMs: answer.askedAtMs,
    failure: (again ? undefined : after.failure) ?? failure,
    move,
    meters: state.meters,
    ...(answer.why === undefined ? {} : { why: answer.why }),
    ...(answer.fenced === undefined ? {} : { fenced: answer.fenced }),
    ...next,
    ...(adopted ? { end: "value" as const } : endOf(move, circumstances.mode)),
    ...(adopted && found.ref !== null ? { ref: found.ref } : {}),
  };
  // Of what was found and is not ours too: whoever decides about it has to see both.
  const data = adopted || answer.says === "conflict" ? (found?.value ?? null) : null;
  return { record: journal.write("probe", state.attempt, head, data), move };
}

/** A look-up that finds nothing is about the rest: what was done in part before stays so. */
function proofAfter({ proof }: EffectState, found: EffectProof): EffectProof {
  return proof === "partial" && found !== "surely" ? proof : found;
}

/** It is kept, and read later: so it says when, and not in how long. */
function withTime(move: Move, { nextAtMs }: { readonly nextAtMs?: number }): Move {
  if (nextAtMs === undefined || !("delayMs" in move)) return move;
  return { ...move, because: `${move.because} Next at ${utcText(nextAtMs)}.` };
}

function nextAt(
  move: Move,
  effect: AnyEffect,
  state: EffectState,
  nowMs: number,
): { readonly nextAtMs?: number } {
  switch (move.kind) {
    case "retry":
    case "wait":
    case "redo":
      return { nextAtMs: nowMs + move.delayMs };
    case "resume":
      return { nextAtMs: nowMs };
    case "resolve": {
      const sentAtMs = state.lastSentAtMs ?? nowMs;
      return { nextAtMs: Math.max(nowMs, firstProbeAtMs(effect.plan.contract, sentAtMs)) };
    }
    case "park":
    case "adopt":
    case "askOutcome":
    case "stop":
    case "hold":
    case "repair":
    case "approve":
    case "late":
    case "split":
    case "cancel":
    case "handOver":
    case "quarantine":
      return {};
  }
}

/** Which decisions are the answer that the code gets (settled point 11). */
function endOf(move: Move, mode: EffectMode): { readonly end?: StepEnd } {
  switch (move.kind) {
    case "cancel":
      return { end: "failed" };
    case "stop":
    case "late":
      return mode === "undo" ? {} : { end: "failed" };
    case "askOutcome":
    case "handOver":
      return mode === "try" || mode === "tryHandOver" ? { end: "failed" } : {};
    case "hold":
    case "repair":
    case "approve":
    case "split":
    case "quarantine":
      return mode === "tryHandOver" ? { end: "failed" } : {};
    case "retry":
    case "wait":
    case "redo":
    case "park":
    case "resolve":
    case "adopt":
    case "resume":
      return {};
  }
}

/** There was no time left for even the first attempt. */
function notTried(): Failure {
  return {
    effect: "never",
    class: "expired",
    scope: "item",
    origin: "rule",
    reasonCode: NO_TIME_LEFT,
    message: "it could not have ended before the deadline of its run, so it was not begun",
    evidence: { phase: "none", callCount: 0 },
    rule: { source: "table", id: "run/NO_TIME_LEFT", version: 1 },
  };
}

/** The engine went away while an attempt was under way. */
export function interrupted(message: string): Failure {
  return {
    effect: "maybe",
    class: "interrupted",
    scope: "system",
    origin: "local",
    reasonCode: INTERRUPTED,
    message,
    evidence: {},
    rule: { source: "fallback", id: "engine/interrupted", version: 1 },
  };
}
