/**
 * How long to wait before the next attempt. Random numbers are arguments, so that tests and the
 * simulator repeat exactly. Source of the numbers: failure model, R3 and R4.
 */
import type { RetryPolicy } from "./contract.ts";

/** No repeat comes sooner: a full-jitter draw of 0 would be a hot loop. */
const BACKOFF_FLOOR_MS = 100;
const CONTENTION_FIRST_MS = 25;
const CONTENTION_MAX_MS = 2_000;
const THROTTLED_FIRST_MS = 5_000;
const THROTTLED_MAX_MS = 600_000;
const OUTSTANDING_FIRST_MS = 1_000;
/** An in-process retry is over within this time; everything longer is a durable timer. */
export const IMMEDIATE_MS_MAX = 1_000;
/** How many of an operation's retries may be immediate. */
export const IMMEDIATE_MAX = 2;

/**
 * Wait after a failed attempt: exponential growth with full jitter, never below 100 ms.
 *
 * Jitter is not a nicety: when a system comes back after an outage, every run that waits for it
 * wakes at once, and without jitter all of them knock again in the same moment.
 * Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 ("full jitter").
 *
 * @param attempt - the attempt that just failed; the first one is 1.
 * @param random01 - a number in [0, 1).
 * @returns whole milliseconds in [100, max(100, backoffMaxMs)].
 * @throws {RangeError} if `attempt` is not an integer of at least 1.
 */
export function backoffDelayMs(
  policy: Pick<RetryPolicy, "backoffFirstMs" | "backoffMaxMs">,
  attempt: number,
  random01: number,
): number {
  const ceilingMs = growth(policy.backoffFirstMs, 2, attempt, policy.backoffMaxMs);
  return Math.max(BACKOFF_FLOOR_MS, Math.floor(ceilingMs * random01));
}

/** Wait before an in-process retry, which only a failure that surely sent nothing may have. */
export function immediateDelayMs(random01: number): number {
  return BACKOFF_FLOOR_MS + Math.floor((IMMEDIATE_MS_MAX - BACKOFF_FLOOR_MS) * random01);
}

/**
 * Wait after a lost race: short and decorrelated, U(25 ms, three times what the last wait could
 * have been), at most 2 s.
 *
 * @param contention - how many races this operation has lost, this one included.
 */
export function contentionDelayMs(contention: number, random01: number): number {
  const ceilingMs = growth(CONTENTION_FIRST_MS * 3, 3, contention, CONTENTION_MAX_MS);
  return CONTENTION_FIRST_MS + Math.floor((ceilingMs - CONTENTION_FIRST_MS) * random01);
}

/**
 * Wait after "slower, please". A hint is the least the other side asked for: it is kept in full,
 * even if it is hours, and 0 to 20 % are added so that all who were told the same come back apart.
 *
 * @param hintMs - what the other side asked for, or null.
 * @param throttled - how many times this operation was told so, this one included.
 */
export function throttledDelayMs(
  hintMs: number | null,
  throttled: number,
  random01: number,
): number {
  // "Now" as a hint, said again and again, must not become a hot loop: this end costs no attempt.
  const leastMs =
    hintMs === null
      ? growth(THROTTLED_FIRST_MS, 2, throttled, THROTTLED_MAX_MS)
      : Math.max(hintMs, growth(BACKOFF_FLOOR_MS, 2, throttled, THROTTLED_FIRST_MS));
  return leastMs + Math.round(leastMs * 0.2 * random01);
}

/**
 * Wait of an operation that is parked while its integration lets others through: the fault is its own
 * then, and nobody else's answer will wake it. 5 s, 10 s and so on, at most 10 minutes.
 *
 * @param parked - how many times this operation was parked before this one, at least 1.
 */
export function parkedAloneMs(parked: number, random01: number): number {
  return hintedMs(growth(THROTTLED_FIRST_MS, 2, parked, THROTTLED_MAX_MS), random01);
}

/** The least that was asked for, and up to a fifth more, so that all who were told the same come apart. */
export function hintedMs(hintMs: number, random01: number): number {
  return hintMs + Math.round(hintMs * 0.2 * random01);
}

/**
 * Wait while the first request with our key is still at work: 1, 2, 4 s and so on. Source: R20.
 *
 * @param hintMs - what the other side asked for, or null.
 * @param asked - how many times this operation was told so, this one included.
 */
export function outstandingDelayMs(hintMs: number | null, asked: number, random01: number): number {
  const ownMs = growth(OUTSTANDING_FIRST_MS, 2, asked, THROTTLED_MAX_MS);
  const leastMs = Math.max(hintMs ?? 0, ownMs);
  return leastMs + Math.round(leastMs * 0.2 * random01);
}

function growth(firstMs: number, factor: number, nth: number, maxMs: number): number {
  if (!Number.isInteger(nth) || nth < 1) {
    throw new RangeError(`expected an integer of at least 1, got ${String(nth)}`);
  }
  // The exponent is bounded so that a very late attempt cannot overflow to Infinity * 0 = NaN.
  return Math.min(maxMs, firstMs * factor ** Math.min(nth - 1, 64));
}
