/**
 * The slices of one integration's limit that workers hold: how many calls each may have open, and
 * which parts of the rate are its own. Pure; the engine keeps the whole behind a store verb, which
 * refuses a change of what somebody else has changed meanwhile.
 *
 * A worker takes from what is free and gives of its own, never of another's. A call that is open
 * keeps its place. So what is held is never more than the limit, in whatever order they come.
 */
import { divided } from "./divide.ts";
import type { Rate } from "./rate.ts";

/** What an integration can take, as one worker has it declared. */
export interface GateLimits {
  /** Calls open at a time. */
  readonly concurrency: number;
  /** Null: as fast as they come. */
  readonly rate: Rate | null;
}

/** What one worker holds of the limit. It counts while the worker lives. */
export interface Slice {
  readonly worker: number;
  /** Calls that it may have open. */
  readonly places: number;
  /** Parts of the rate. There are as many as the rate's burst, each with its share of the flow. */
  readonly parts: number;
  /** Calls that it would like to have open. */
  readonly wants: number;
  /** Of the retry budget: what it may spend without asking. */
  readonly retries: number;
  /** Since when it has a place, or waits for one, ms of the store's clock. */
  readonly placesSinceMs: number;
  /** The same of the parts. */
  readonly partsSinceMs: number;
  /** As it declares them: while workers differ, the lowest counts. */
  readonly limits: GateLimits | null;
}

/** Calls that may start at once out of the parts of the rate that nobody holds. */
export interface RatePool {
  readonly tokens: number;
  /** When it had so many, ms of the store's clock. */
  readonly atMs: number;
}

/**
 * Where there are fewer places than workers that want one, each holds it so long before the next,
 * milliseconds.
 */
const TURN_MS = 1_000;

/** The lowest of what living workers declare; null if none has. */
export function lowestLimits(slices: readonly Slice[]): GateLimits | null {
  let lowest: GateLimits | null = null;
  for (const { limits } of slices) {
    if (limits === null) continue;
    lowest =
      lowest === null
        ? limits
        : {
            concurrency: Math.min(lowest.concurrency, limits.concurrency),
            rate: slowerRate(lowest.rate, limits.rate),
          };
  }
  return lowest;
}

export function slowerRate(one: Rate | null, other: Rate | null): Rate | null {
  if (one === null || other === null) return one ?? other;
  return other.count / other.periodMs < one.count / one.periodMs ? other : one;
}

/** What each is due, by worker. */
export type Dues = ReadonlyMap<number, number>;

/** Of `total` places. */
export function placesDue(total: number, slices: readonly Slice[], nowMs: number): Dues {
  const turns = slices.map((slice) => ({
    ...slice,
    has: slice.places,
    sinceMs: slice.placesSinceMs,
  }));
  return dues(total, turns, nowMs);
}

/** Of `total` parts of the rate: only for who may call at all, so that no part lies idle. */
export function partsDue(
  total: number,
  slices: readonly Slice[],
  places: Dues,
  nowMs: number,
): Dues {
  const turns = slices
    .filter(({ worker }) => (places.get(worker) ?? 0) > 0)
    .map((slice) => ({ ...slice, has: slice.parts, sinceMs: slice.partsSinceMs }));
  return dues(total, turns, nowMs);
}

interface Turn {
  readonly worker: number;
  readonly wants: number;
  readonly has: number;
  readonly sinceMs: number;
}

function dues(total: number, turns: readonly Turn[], nowMs: number): Dues {
  const order = inTurn(total, turns, nowMs);
  const due = divided(
    total,
    order.map(({ wants }) => wants),
  );
  return new Map(order.map(({ worker }, at) => [worker, due[at] ?? 0]));
}

/**
 * The order in which the last ones are given out. With one for each it is that of age, so that it
 * does not change. With fewer, who has one keeps it for its turn; then who has waited longest.
 */
function inTurn(total: number, turns: readonly Turn[], nowMs: number): readonly Turn[] {
  const wanting = turns.filter(({ wants }) => wants > 0);
  if (wanting.length <= total) return wanting;
  const rank = ({ has, sinceMs }: Turn) => (has === 0 ? 1 : nowMs - sinceMs < TURN_MS ? 0 : 2);
  return wanting.toSorted((a, b) => rank(a) - rank(b) || a.sinceMs - b.sinceMs);
}

/** What is in the pool now. */
export function refilled(pool: RatePool, free: number, rate: Rate, nowMs: number): RatePool {
  const gained = flowOf(rate, free) * Math.max(0, nowMs - pool.atMs);
  return { tokens: Math.max(0, Math.min(free, pool.tokens + gained)), atMs: nowMs };
}

/** Calls a millisecond of so many parts. */
export function flowOf(rate: Rate, parts: number): number {
  return ((rate.count / rate.periodMs) * parts) / rate.burst;
}

export interface PartsMove {
  readonly parts: number;
  readonly pool: RatePool;
  /** What the worker has in its bucket afterwards. */
  readonly tokens: number;
}

/**
 * Gives or takes parts of the rate; what is in the bucket goes with them, so that nobody gains a
 * call by it, and a slow rate keeps what it has waited for.
 *
 * @param own - parts and tokens of the worker.
 * @param free - parts that nobody holds.
 */
export function movedParts(
  own: { readonly parts: number; readonly tokens: number },
  due: number,
  free: number,
  pool: RatePool,
): PartsMove {
  const parts = Math.min(due, own.parts + Math.max(0, free));
  if (parts === own.parts) return { parts, pool, tokens: own.tokens };
  const [moved, of, from] =
    parts < own.parts
      ? [own.parts - parts, own.parts, own.tokens]
      : [parts - own.parts, free, pool.tokens];
  const tokens = (Math.max(0, from) * moved) / of;
  return parts < own.parts
    ? { parts, pool: { ...pool, tokens: pool.tokens + tokens }, tokens: own.tokens - tokens }
    : { parts, pool: { ...pool, tokens: pool.tokens - tokens }, tokens: own.tokens + tokens };
}
