/**
 * How many calls an integration gets at a time, how fast, and how many of them may be retries: what
 * is declared, and below it what its answers have taught. Where workers share the store, what this
 * one has learnt goes into its share, and the lowest that any of them has learnt holds for all.
 */
import { afterEnd, untouchedLimit, type AdaptiveLimit } from "../../core/adaptive-limit.ts";
import { counted, EMPTY_WINDOW, perSecondOf, type CallWindow } from "../../core/call-window.ts";
import type { Failure } from "../../core/failure.ts";
import { slowerRate, type GateLimits } from "../../core/gate-slices.ts";
import {
  afterRefusal,
  learnedRateNow,
  PAUSE_MS_MAX,
  type LearnedRate,
} from "../../core/learned-rate.ts";
import { emptyBucket, pauseRate, takeToken, type RateState } from "../../core/rate.ts";
import {
  earned,
  fullBudget,
  isTimeout,
  paid,
  RETRY_TOKENS_MAX,
  TOKENS_PER_FIRST,
  type RetryBudget,
} from "../../core/retry-budget.ts";
import type { Clock } from "../clock.ts";
import type { GateShare } from "./gate-share.ts";

export interface FlowNeeds {
  readonly clock: Clock;
  /** Null where one engine has the store for itself: then all of the limit is this gate's. */
  readonly share: GateShare | null;
  /** When this engine began, if another one had the store before it; else null. */
  readonly tookOverAtMs: number | null;
  /** Puts on record how many retries are left, where no share does. */
  keepBudget(tokens: number): void;
}

/** `wait`: it is being asked whether others have left any. */
export type Payment = "paid" | "wait" | "empty";

/** What is left of the retry budget is on record to so many, so that a restart fills it by no more. */
const BUDGET_STEP = 25;

export class GateFlow {
  readonly #needs: FlowNeeds;
  #declared: GateLimits;
  #limit: AdaptiveLimit;
  #learned: LearnedRate | null = null;
  #tokens: RateState | null;
  /** Calls that were started of late. */
  #starts: CallWindow = EMPTY_WINDOW;
  #budget: RetryBudget;
  #budgetOnRecord = RETRY_TOKENS_MAX;

  constructor(declared: GateLimits, needs: FlowNeeds) {
    this.#needs = needs;
    this.#declared = declared;
    this.#limit = untouchedLimit(declared.concurrency);
    this.#budget = fullBudget(needs.clock.nowMs());
    const { tookOverAtMs } = needs;
    this.#tokens = tookOverAtMs === null ? null : emptyBucket(tookOverAtMs);
  }

  configure(declared: GateLimits): void {
    const before = this.#declared.concurrency;
    this.#declared = declared;
    const { limit } = this.#limit;
    if (limit > declared.concurrency || limit === before)
      this.#limit = { ...this.#limit, limit: declared.concurrency };
  }

  /** What was left of the retry budget when the last engine put it on record. */
  restore(tokens: number): void {
    this.#budget = { tokens, atMs: this.#needs.clock.nowMs() };
    this.#budgetOnRecord = tokens;
  }

  /** What may be called now, by what is declared and what was learnt. */
  get limits(): GateLimits {
    const concurrency = Math.min(this.#declared.concurrency, Math.floor(this.#limit.limit));
    const { rate } = this.#declared;
    if (this.#learned === null) return { concurrency, rate };
    const learned = learnedRateNow(this.#learned, this.#needs.clock.nowMs());
    if (learned === null) this.#learned = null;
    return { concurrency, rate: slowerRate(rate, learned) };
  }

  /** Where workers share the limit: within this one's slice, and after those who came before. */
  hasRoom(inFlight: number, isNext: boolean): boolean {
    const { share } = this.#needs;
    if (share === null) return inFlight < this.limits.concurrency;
    return isNext && share.free(inFlight) > 0;
  }

  /**
   * One more call has its place. Says how long it waits for its turn in the rate, milliseconds.
   *
   * @param inFlight - calls besides it.
   */
  take(inFlight: number, isFirst: boolean): number {
    const { clock, share } = this.#needs;
    const nowMs = clock.nowMs();
    this.#starts = counted(this.#starts, nowMs, true);
    if (isFirst) this.#earn(TOKENS_PER_FIRST);
    if (share !== null) {
      // Its token was there: those who wait for one stand in line.
      share.take(inFlight);
      return 0;
    }
    const { rate } = this.limits;
    if (rate === null) {
      this.#tokens = null;
      return 0;
    }
    const { state, waitMs } = takeToken(this.#tokens, nowMs, rate);
    this.#tokens = state;
    return waitMs;
  }

  /** Pays for a retry. */
  pay(cost: number): Payment {
    const { clock, share } = this.#needs;
    if (cost === 0) return "paid";
    if (share !== null) return share.payRetry(cost);
    const left = paid(this.#budget, cost, clock.nowMs());
    if (left === null) return "empty";
    this.#keep(left);
    return "paid";
  }

  /** The retry came through: it has cost nothing. */
  refund(cost: number): void {
    if (cost > 0) this.#earn(cost);
  }

  #earn(tokens: number): void {
    const { clock, share } = this.#needs;
    if (share === null) this.#keep(earned(this.#budget, tokens, clock.nowMs()));
    else share.earnRetries(tokens);
  }

  #keep(budget: RetryBudget): void {
    this.#budget = budget;
    const { tokens } = budget;
    const isFull = tokens >= RETRY_TOKENS_MAX && this.#budgetOnRecord < RETRY_TOKENS_MAX;
    if (!isFull && Math.abs(tokens - this.#budgetOnRecord) < BUDGET_STEP) return;
    this.#budgetOnRecord = Math.floor(tokens);
    this.#needs.keepBudget(this.#budgetOnRecord);
  }

  /**
   * What the end of a call teaches.
   *
   * @param openCount - calls that were open with it, itself included.
   */
  ended(startedAtMs: number, failure: Failure | null, openCount: number): void {
    const { clock, share } = this.#needs;
    const endedAtMs = clock.nowMs();
    // About one key, or one payload (a mailbox that is greylisted): that says nothing about the rest.
    const isRefused =
      failure?.class === "throttled" && failure.scope !== "key" && failure.scope !== "item";
    const isPressed = isRefused || (failure !== null && isTimeout(failure));
    const end = failure === null ? "well" : isPressed ? "pressed" : "otherwise";
    const call = {
      startedAtMs,
      endedAtMs,
      end,
      openCount: share === null ? openCount : null,
    } as const;
    this.#limit = afterEnd(this.#limit, call, this.#declared.concurrency);
    if (isRefused) this.#refused(startedAtMs, failure.evidence.retryAfterMs ?? 0, endedAtMs);
    share?.limitTo(this.limits);
  }

  #refused(startedAtMs: number, askedMs: number, nowMs: number): void {
    const perS = perSecondOf(this.#starts, nowMs);
    this.#learned = afterRefusal(this.#learned, startedAtMs, perS, nowMs);
    if (askedMs > PAUSE_MS_MAX) return;
    const untilMs = nowMs + askedMs;
    const { share } = this.#needs;
    const { rate } = this.limits;
    if (share !== null) share.pauseUntil(untilMs);
    else if (rate !== null) this.#tokens = pauseRate(this.#tokens, nowMs, untilMs, rate);
  }
}
