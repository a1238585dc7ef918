/**
 * Decides what a look-up in the other system proves and what follows from it.
 *
 * A look-up that finds nothing proves nothing unless the other system has fenced the operation, or
 * enough time has passed that the request can no longer land: it counts only from settle on, and
 * only the second time. Source: failure model R27, R28; settled point 7.
 */
import { assertNever } from "./assert.ts";
import type { Contract } from "./contract.ts";
import { utcText } from "./civil-time.ts";
import { PROBE_CONFLICT, type EffectProof, type Failure } from "./failure.ts";
import type { ProbeSaying } from "./journal.ts";
import type { Move, Unknown } from "./move.ts";
import { nextMove } from "./next-move.ts";
import { stands } from "./never-said.ts";
import type { NeverSaid, Situation } from "./situation.ts";

/** Waits after the second look-up, in milliseconds; then a person is asked. Source: R28. */
export const PROBE_SCHEDULE_MS = [5_000, 30_000, 120_000, 600_000, 3_600_000] as const;

export interface ProbeAnswer {
  readonly says: ProbeSaying;
  /** When the question was put, not when the answer came. */
  readonly askedAtMs: number;
  /** Only for `notDone`: it can no longer happen either. */
  readonly fenced?: boolean;
  readonly why?: string;
}

export interface ProbeCase {
  /** The failure that made the outcome unknown. */
  readonly failure: Failure;
  readonly contract: Contract;
  readonly unknown: Unknown;
  /** Last intent of this operation: what is in flight longest. */
  readonly lastSentAtMs: number;
  /** Earlier answers about this operation since that last intent, oldest first. */
  readonly earlier: readonly ProbeAnswer[];
  /** Set where it was known not to have happened, on somebody's word, and is looked at once more. */
  readonly neverSaid: NeverSaid | null;
}

export type AfterProbe =
  | { readonly kind: "probeAgain"; readonly atMs: number; readonly because: string }
  | {
      readonly kind: "decided";
      /** Of the whole operation. */
      readonly proof: EffectProof;
      readonly move: Move;
      /** What has failed instead of the call: a record over there that is not the one that was sent. */
      readonly failure?: Failure;
    };

/** When to look for the first time: from then on an unfenced "not found" may count. */
export function firstProbeAtMs(contract: Contract, lastSentAtMs: number): number {
  return lastSentAtMs + settleMsOf(contract);
}

export function afterProbe(answer: ProbeAnswer, probe: ProbeCase, s: Situation): AfterProbe {
  const word = wordStands(answer, probe);
  if (word !== null) return word;
  switch (answer.says) {
    case "done":
      return {
        kind: "decided",
        proof: "surely",
        move: {
          kind: "adopt",
          because: "The other system was asked and has it; it is not repeated.",
        },
      };
    case "conflict":
      // Something is there, but not what we sent: whether ours happened stays open until a person
      // has looked.
      return conflicting(probe);
    case "notDone":
      return afterAbsent(answer, probe, s);
    case "cannotTell":
      return again(
        answer,
        probe,
        0,
        `the look-up could not tell (${answer.why ?? "no reason given"})`,
      );
    default:
      return assertNever(answer.says);
  }
}

/** What was said before is confirmed; null where the look-up has to decide by itself. */
function wordStands(
  { says, askedAtMs }: ProbeAnswer,
  { neverSaid, unknown }: ProbeCase,
): AfterProbe | null {
  // What surely happened was not said to have not.
  if (neverSaid === null || unknown === "result-unknown") return null;
  if (says !== "notDone" && says !== "cannotTell") return null;
  if (says === "cannotTell" && !stands(neverSaid, askedAtMs)) return null;
  const because =
    says === "notDone"
      ? "The other system was asked once more and does not have it; it is sent."
      : "The other system could not tell, and a person has just said that it did not happen; it is sent.";
  return { kind: "decided", proof: "never", move: { kind: "resume", because } };
}

function conflicting({ unknown, failure }: ProbeCase): AfterProbe {
  const proof = unknown === "result-unknown" ? "surely" : "maybe";
  const differs = "has a record of this operation that differs from what was sent";
  return {
    kind: "decided",
    proof,
    move: { kind: "repair", because: `The other system ${differs}.` },
    failure: {
      ...failure,
      effect: proof,
      class: "data",
      scope: "item",
      origin: "remote",
      reasonCode: PROBE_CONFLICT,
      message: `the other system ${differs}`,
      rule: { source: "signal", id: "probe/conflict", version: 1 },
    },
  };
}

function afterAbsent(answer: ProbeAnswer, probe: ProbeCase, s: Situation): AfterProbe {
  if (probe.unknown === "result-unknown") {
    // It surely happened, so a search that misses it is lagging.
    return again(answer, probe, 0, "the look-up does not show it yet");
  }
  if (answer.fenced === true) return provenNever(probe, s);
  const settleMs = settleMsOf(probe.contract);
  const settleAtMs = firstProbeAtMs(probe.contract, probe.lastSentAtMs);
  if (answer.askedAtMs < settleAtMs) {
    return again(answer, probe, settleAtMs, "a request may still be under way");
  }
  const first = probe.earlier.find((e) => e.says === "notDone" && e.askedAtMs >= settleAtMs);
  const countsFromMs = (first?.askedAtMs ?? answer.askedAtMs) + apartMs(settleMs);
  if (first !== undefined && answer.askedAtMs >= countsFromMs) return provenNever(probe, s);
  // Not by the schedule: that is for look-ups that bring us no further, and this one has.
  const number = probe.earlier.length + 1;
  return {
    kind: "probeAgain",
    atMs: countsFromMs,
    because: `Look-up ${String(number)}: one look found nothing, and two are needed; next at ${utcText(countsFromMs)}.`,
  };
}

/** It did not happen and cannot: from here on like a failure that was never sent. */
function provenNever(probe: ProbeCase, s: Situation): AfterProbe {
  const { unlessOurs, ...seen } = probe.failure;
  const failure: Failure = {
    ...seen,
    effect: "never",
    // The uncertainty is gone; what is left of it is a call that did not work, or an answer that was
    // not about us.
    ...(unlessOurs ?? { class: seen.class === "ambiguous" ? "transient" : seen.class }),
  };
  // An in-process retry is for what failed this moment, not for what was looked up since.
  const settled: Situation = { ...s, openMaybe: false, immediateUsed: Number.MAX_SAFE_INTEGER };
  const move = nextMove(failure, probe.contract, settled);
  return {
    kind: "decided",
    proof: "never",
    // What its exception is about is the answer itself, and no unknown outcome any more.
    ...(unlessOurs === undefined ? {} : { failure }),
    move: { ...move, because: `The other system was asked and does not have it. ${move.because}` },
  };
}

function again(
  answer: ProbeAnswer,
  probe: ProbeCase,
  notBeforeMs: number,
  why: string,
): AfterProbe {
  const number = probe.earlier.length + 1;
  const misses = number - absentsThatCount(probe);
  const waitMs = misses === 1 ? apartMs(settleMsOf(probe.contract)) : PROBE_SCHEDULE_MS[misses - 2];
  if (waitMs === undefined) {
    return {
      kind: "decided",
      proof: probe.unknown === "result-unknown" ? "surely" : "maybe",
      move: {
        kind: "askOutcome",
        unknown: probe.unknown,
        because: `After ${String(number)} look-ups it is still unknown: ${why}.`,
      },
    };
  }
  const atMs = Math.max(answer.askedAtMs + waitMs, notBeforeMs);
  return {
    kind: "probeAgain",
    atMs,
    because: `Look-up ${String(number)}: ${why}; next at ${utcText(atMs)}.`,
  };
}

/** Look-ups that found nothing when that counted: they do not use up the schedule. */
function absentsThatCount(probe: ProbeCase): number {
  if (probe.unknown === "result-unknown") return 0;
  const settleAtMs = firstProbeAtMs(probe.contract, probe.lastSentAtMs);
  return probe.earlier.filter((e) => e.says === "notDone" && e.askedAtMs >= settleAtMs).length;
}

function settleMsOf(contract: Contract): number {
  return contract.kind === "read" ? 0 : contract.settleMs;
}

/** Two looks that find nothing must be this far apart. Source: settled point 7. */
function apartMs(settleMs: number): number {
  return Math.ceil(settleMs / 4);
}
