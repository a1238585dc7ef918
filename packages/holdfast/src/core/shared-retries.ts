/**
 * The retry budget of one integration as workers share it: each holds some of it, so that most
 * retries ask nobody. What all hold together with the rest is never more than one budget. Pure.
 */
import { earned, fullBudget, RETRY_TOKENS_MAX, type RetryBudget } from "./retry-budget.ts";

export interface OwnRetries {
  /** What this worker may spend. */
  readonly held: number;
  /** What its calls have added since it last said so. */
  readonly earned: number;
  /** Cost of a retry that waits for it; 0: none does. */
  readonly needs: number;
  /** It has no call and wants none: it keeps nothing. */
  readonly isIdle: boolean;
}

export interface SharedRetries {
  /** What nobody holds. */
  readonly pool: RetryBudget;
  readonly held: number;
  /** Of what was earned, what has been taken account of. */
  readonly taken: number;
  /** All of it together is less than the retry that waits costs. */
  readonly isEmpty: boolean;
}

/** What a worker holds at most, where few share; at least enough for one retry of each kind. */
const LEASE = 10;
const LEASE_MIN = 2;
/** What is earned is put down in such steps: each costs a write. */
const EARNED_STEP = 5;

/** @param pool - null before the first. @param others - what each other worker holds. */
export function sharedRetries(
  pool: RetryBudget | null,
  own: OwnRetries,
  others: readonly number[],
  nowMs: number,
): SharedRetries {
  const before = pool ?? fullBudget(nowMs);
  const away = others.reduce((sum, held) => sum + held, own.held);
  const most = Math.max(0, RETRY_TOKENS_MAX - away);
  const refilled = Math.min(most, earned(before, 0, nowMs).tokens);
  const isFull = refilled >= most;
  const takes = !isFull && own.earned >= EARNED_STEP;
  const free = takes ? Math.min(most, refilled + own.earned) : refilled;
  const held = Math.min(dueOf(own, others.length + 1), own.held + free);
  const isUnchanged = held === own.held && !takes && pool !== null;
  return {
    pool: isUnchanged ? pool : { tokens: free - (held - own.held), atMs: nowMs },
    held,
    taken: takes || isFull ? own.earned : 0,
    isEmpty: own.needs > 0 && free + away < own.needs,
  };
}

function dueOf({ held, needs, isIdle }: OwnRetries, workers: number): number {
  if (isIdle) return 0;
  const lease = Math.max(LEASE_MIN, Math.min(LEASE, Math.floor(RETRY_TOKENS_MAX / 2 / workers)));
  // Taken up anew at half, so that it is not written for each retry.
  return held < Math.max(needs, lease / 2) ? Math.max(lease, needs) : held;
}
