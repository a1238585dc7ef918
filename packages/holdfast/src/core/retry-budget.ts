/**
 * The retry budget of one integration: retries may be about a tenth of its calls. An outage is not
 * lengthened by those who try again (metastable failure: what keeps a system down when the cause is
 * gone is its own retries). Where it is empty the integration is parked, and no run fails for it.
 * Pure; kept by the gate. Source: failure model R5.
 */
import type { Failure } from "./failure.ts";

export interface RetryBudget {
  /** Retries left, in [0, `RETRY_TOKENS_MAX`]. */
  readonly tokens: number;
  /** When it had so many, Unix milliseconds. */
  readonly atMs: number;
}

export const RETRY_TOKENS_MAX = 100;
/** What one first attempt adds. */
export const TOKENS_PER_FIRST = 0.1;
/** What time adds, so that a system with few calls is tried again, too. */
const TOKENS_PER_MS = 1 / 1_000;
const COST = 1;
/** A call that was waited for to its end has cost the other system as much as two. */
const COST_OF_TIMEOUT = 2;
/** Calls that ended like this were waited for to their end: no answer, or a gateway's that says so. */
const TIMEOUT_CODE = /TIMEDOUT|TIMEOUT|DEADLINE_PASSED|DEADLINE_EXCEEDED/u;
const TIMEOUT_STATUSES: readonly (number | undefined)[] = [408, 504];

export function fullBudget(nowMs: number): RetryBudget {
  return { tokens: RETRY_TOKENS_MAX, atMs: nowMs };
}

/** With what time has added, and so many more. A clock that went back adds nothing. */
export function earned(budget: RetryBudget, more: number, nowMs: number): RetryBudget {
  const gained = Math.max(0, nowMs - budget.atMs) * TOKENS_PER_MS;
  return { tokens: Math.min(RETRY_TOKENS_MAX, budget.tokens + gained + more), atMs: nowMs };
}

/** Null if there is not enough in it. */
export function paid(budget: RetryBudget, cost: number, nowMs: number): RetryBudget | null {
  const now = earned(budget, 0, nowMs);
  return now.tokens < cost ? null : { ...now, tokens: now.tokens - cost };
}

/** Whether the call was given up because its time was over. */
export function isTimeout({ reasonCode, evidence }: Failure): boolean {
  if (TIMEOUT_STATUSES.includes(evidence.status)) return true;
  return TIMEOUT_CODE.test(`${reasonCode} ${evidence.code ?? ""}`);
}

/**
 * What it costs to send again what ended like this; null: nothing has ended yet. What the other side
 * has asked us to wait for, and what nobody was there to take, is paced by its wait and by the
 * breaker, and costs nothing.
 */
export function retryCost(last: Failure | null): number {
  if (last === null) return 0;
  if (last.class !== "transient" && last.class !== "ambiguous" && last.class !== "contention")
    return 0;
  return isTimeout(last) ? COST_OF_TIMEOUT : COST;
}
