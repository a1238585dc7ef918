/**
 * How fast an integration may be called, as it has said by refusing: a 429 cuts what was called of
 * late, and time gives it back bit by bit until it is forgotten. Pure. Source: failure model R8.
 */
import type { Rate } from "./rate.ts";

export interface LearnedRate {
  /** Calls a second when it refused. */
  readonly fromPerS: number;
  /** Calls a second that were left of it then. */
  readonly cutPerS: number;
  readonly cutAtMs: number;
}

/** Of what was called when it refused. */
const CUT = 0.7;
/** Share of that which each second gives back: as fast as before after a quarter of a minute. */
const BACK_PER_S = 0.02;
/** Twice as fast as when it refused: it was a moment's limit, or it is learnt again. */
const FORGOTTEN_AT = 2;
/** It is never slower than a call in ten seconds: each run's own wait comes on top. */
const PER_S_MIN = 0.1;
/** What was called of late may be next to nothing: that was not too much, whatever the answer says. */
const FIRST_FROM_MIN = 1;
/** The rate changes in steps of this long, milliseconds: workers that share it write each change. */
const STEP_MS = 5_000;
/**
 * All calls wait with the one that was told to, if that is no longer than this, milliseconds. A longer
 * wait is no pace: it may be about that call alone, which keeps it.
 */
export const PAUSE_MS_MAX = 60_000;

/**
 * After a refusal of a call.
 *
 * @param startedAtMs - when that call began: what began before the last cut says nothing new.
 * @param calledPerS - calls a second of late.
 */
export function afterRefusal(
  known: LearnedRate | null,
  startedAtMs: number,
  calledPerS: number,
  nowMs: number,
): LearnedRate {
  if (known !== null && startedAtMs < known.cutAtMs) return known;
  const perS = known === null ? null : perSecond(known, nowMs);
  const fromPerS =
    perS === null
      ? Math.max(FIRST_FROM_MIN, calledPerS)
      : Math.max(PER_S_MIN, Math.min(calledPerS, perS));
  return { fromPerS, cutPerS: Math.max(PER_S_MIN, fromPerS * CUT), cutAtMs: nowMs };
}

/** The rate that holds now; null: it is forgotten. */
export function learnedRateNow(learned: LearnedRate, nowMs: number): Rate | null {
  const perS = perSecond(learned, nowMs);
  if (perS === null) return null;
  // Whole thousandths: it is compared as text where workers share it.
  const count = Math.max(1, Math.round(perS * 1_000));
  return { count, periodMs: 1_000_000, burst: Math.max(1, Math.floor(perS / 10)) };
}

function perSecond({ fromPerS, cutPerS, cutAtMs }: LearnedRate, nowMs: number): number | null {
  const steps = Math.floor(Math.max(0, nowMs - cutAtMs) / STEP_MS);
  const perS = cutPerS + (fromPerS * BACK_PER_S * steps * STEP_MS) / 1_000;
  return perS >= FORGOTTEN_AT * fromPerS ? null : perS;
}
