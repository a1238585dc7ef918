/**
 * How many calls at a time one integration takes, as its answers tell: additive increase,
 * multiplicative decrease, never above what is declared. Pure. Source: failure model R8; the rule is
 * that of TCP congestion avoidance (V. Jacobson, 1988).
 */

export interface AdaptiveLimit {
  /** Calls at a time, at least 1; the whole part counts. */
  readonly limit: number;
  /** Calls that began before say nothing about the limit that holds since; null: never cut. */
  readonly cutAtMs: number | null;
  /** How long calls take of late, and how long they usually take, ms; null before the first. */
  readonly lately: number | null;
  readonly usually: number | null;
  /** Calls that the two are made of, up to `CALLS_OF_USUAL`. */
  readonly seenCount: number;
}

export interface EndedCall {
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** `pressed`: it was told to slow down, or not answered in time. */
  readonly end: "well" | "pressed" | "otherwise";
  /** Calls that were open with it, itself included; null where others share the limit. */
  readonly openCount: number | null;
}

/** Of the limit, after "slower" and after no answer in time. */
const CUT_PRESSED = 0.7;
/** Of the limit, where calls take much longer than usual: a sign, no word. */
const CUT_SLOW = 0.9;
/** How much longer than usual is much, and from where on it matters, milliseconds. */
const SLOW_FACTOR = 3;
const SLOW_MS_MIN = 250;
const CALLS_TO_KNOW = 32;
const CALLS_OF_USUAL = 128;
const LATELY = 1 / 8;
/** A cut begins no lower than at so many open calls: one odd answer must not make a queue. */
const QUIET_CALLS = 8;

export function untouchedLimit(most: number): AdaptiveLimit {
  return { limit: most, cutAtMs: null, lately: null, usually: null, seenCount: 0 };
}

/** @param most - what is declared. */
export function afterEnd(state: AdaptiveLimit, call: EndedCall, most: number): AdaptiveLimit {
  if (call.end === "otherwise") return state;
  const isNew = state.cutAtMs === null || call.startedAtMs >= state.cutAtMs;
  if (call.end === "pressed") return isNew ? cut(state, call, CUT_PRESSED) : state;
  const timed = withTime(state, Math.max(0, call.endedAtMs - call.startedAtMs));
  if (isSlow(timed) && isNew) return cut(timed, call, CUT_SLOW);
  return { ...timed, limit: Math.min(most, timed.limit + 1 / timed.limit) };
}

function cut(state: AdaptiveLimit, call: EndedCall, factor: number): AdaptiveLimit {
  const { openCount } = call;
  const from =
    openCount === null ? state.limit : Math.min(state.limit, Math.max(2 * openCount, QUIET_CALLS));
  // What is slow now counts once; what stays slow becomes usual.
  return {
    ...state,
    limit: Math.max(1, from * factor),
    cutAtMs: call.endedAtMs,
    lately: state.usually,
  };
}

function withTime(state: AdaptiveLimit, tookMs: number): AdaptiveLimit {
  return {
    ...state,
    lately: towards(state.lately, tookMs, LATELY),
    usually: towards(state.usually, tookMs, 1 / (state.seenCount + 1)),
    seenCount: Math.min(CALLS_OF_USUAL, state.seenCount + 1),
  };
}

function towards(average: number | null, value: number, share: number): number {
  return average === null ? value : average + (value - average) * share;
}

function isSlow({ lately, usually, seenCount }: AdaptiveLimit): boolean {
  if (lately === null || usually === null || seenCount < CALLS_TO_KNOW) return false;
  return lately > SLOW_MS_MIN && lately > SLOW_FACTOR * usually;
}
