/**
 * A rate limit as a token bucket that gives out places in time: whoever asks is told how long to
 * wait and has its place from then on, so nobody asks twice and the order of asking is kept.
 */
import { HoldfastError } from "./error.ts";

export interface Rate {
  /** Calls allowed per period. */
  readonly count: number;
  readonly periodMs: number;
  /** Calls that may start at once after a quiet time, at least 1. */
  readonly burst: number;
}

export interface RateState {
  /** Tokens left; below zero, that many places are given out ahead of time. */
  readonly tokens: number;
  readonly atMs: number;
}

const PERIOD_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 };

/**
 * Reads "100/s", "30/m" or "5/h". A tenth of a second's worth may start at once, at least one.
 *
 * @throws {HoldfastError} HF1001 for anything else.
 */
export function parseRate(text: string, what: string): Rate {
  const match = /^([1-9]\d{0,6})\/([smh])$/.exec(text);
  const count = Number(match?.[1]);
  const periodMs = PERIOD_MS[match?.[2] ?? ""];
  if (periodMs === undefined) {
    throw new HoldfastError(
      "HF1001",
      `${what} is not a rate: expected a whole number and a period, such as "100/s", "30/m" or "5/h", got ${JSON.stringify(text.slice(0, 40))}.`,
      "Write how many calls are allowed, a slash, and s, m or h.",
    );
  }
  return { count, periodMs, burst: Math.max(1, Math.floor((count / periodMs) * 100)) };
}

/** Nothing was taken yet. */
export function fullBucket(nowMs: number, { burst }: Rate): RateState {
  return { tokens: burst, atMs: nowMs };
}

/**
 * An engine begins where others were before it: what they had taken is not on record, as that would be
 * a write for each call, so all of it counts as taken. Else an engine that dies again and again would
 * let a burst through each time. It costs what a burst takes to fill, once at each start.
 */
export function emptyBucket(nowMs: number): RateState {
  return { tokens: 0, atMs: nowMs };
}

/**
 * Takes the next place.
 *
 * @param state - null before the first call.
 * @returns the state to keep, and how long this call has to wait, 0 or more whole milliseconds.
 */
export function takeToken(
  state: RateState | null,
  nowMs: number,
  rate: Rate,
): { readonly state: RateState; readonly waitMs: number } {
  const full = state === null ? fullBucket(nowMs, rate) : refilled(state, nowMs, rate);
  const tokens = full.tokens - 1;
  const waitMs = tokens >= 0 ? 0 : Math.ceil((-tokens * rate.periodMs) / rate.count);
  return { state: { tokens, atMs: nowMs }, waitMs };
}

/** Gives a place back that was not used; only the newest ones can become earlier by it. */
export function returnToken(state: RateState, rate: Rate): RateState {
  return { ...state, tokens: Math.min(rate.burst, state.tokens + 1) };
}

/** The next place is not before that time: the other system has said so. */
export function pauseRate(
  state: RateState | null,
  nowMs: number,
  untilMs: number,
  rate: Rate,
): RateState {
  const owed = (Math.max(0, untilMs - nowMs) * rate.count) / rate.periodMs;
  const full = state === null ? fullBucket(nowMs, rate) : refilled(state, nowMs, rate);
  return { tokens: Math.min(full.tokens, 1 - owed), atMs: nowMs };
}

function refilled(state: RateState, nowMs: number, rate: Rate): RateState {
  // A clock that went back gives nothing, and costs nothing either.
  const gained = (Math.max(0, nowMs - state.atMs) * rate.count) / rate.periodMs;
  return { tokens: Math.min(rate.burst, state.tokens + gained), atMs: nowMs };
}
