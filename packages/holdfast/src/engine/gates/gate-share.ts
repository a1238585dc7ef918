/**
 * This worker's share of one integration's gate: which slice of its limit is its own, and what all
 * workers know of the integration. It follows the others by looking at what they share, about once a
 * second and whenever it wants something, and puts down what becomes of it by its own report.
 *
 * Less than before it takes at once, and more only when that is on record. So what workers may do
 * is never more than the limit, at any moment in between and after any answer that was lost.
 */
import type { BreakerState } from "../../core/breaker.ts";
import { flowOf, lowestLimits, type GateLimits } from "../../core/gate-slices.ts";
import type { Drain } from "../../core/incident.ts";
import type { DependencyHead } from "../../core/journal.ts";
import type { Rate } from "../../core/rate.ts";
import {
  exchanged,
  left,
  NEW_GATE,
  newsOf,
  type Exchange,
  type GateReport,
  type SharedGate,
} from "../../core/shared-gate.ts";
import { incidentOf, ownOf, sharedOf, type SharedBreaker } from "../../core/shared-breaker.ts";
import type { SeenGates, SharedShards } from "../../store/shards.ts";
import type { Clock } from "../clock.ts";
import type { Payment } from "./gate-flow.ts";
import { RetryPurse } from "./retry-purse.ts";

export interface GateShareNeeds {
  readonly shards: Pick<SharedShards, "gates" | "saveGate">;
  /** This worker's incarnation. */
  readonly worker: number;
  readonly clock: Clock;
  /** Calls that are open, and those that are open or wait in line. */
  readonly demand: () => { readonly inUse: number; readonly wants: number };
  /** What the store's records say, where workers share nothing yet. */
  readonly lastKnown: () => Promise<SharedBreaker>;
  /** All workers know this now: what becomes of this worker's own breaker by it. */
  readonly adopt: (become: (before: BreakerState) => BreakerState) => void;
  /** It waits for a setting, which may have been mended before this worker started. */
  readonly tryNow: () => void;
  /** There may be room for more calls. */
  readonly room: () => void;
  /** It is back, and this worker counts who still waits. */
  readonly drain: () => void;
  /** Puts an incident on record; resolves when it is durable. */
  readonly tell: (head: DependencyHead) => Promise<void>;
  /** A read or write has failed and is tried again after so long, milliseconds. */
  readonly failed: (error: unknown, delayMs: number) => void;
  readonly background: (work: Promise<unknown>) => void;
}

/** What the integration declares, as far as the share goes by it. */
export interface ShareOptions extends GateLimits {
  /** A canary without an answer for this long is given up, milliseconds. */
  readonly canaryMaxMs: number;
  readonly rampDoneAt: number;
}

/** Looks are this far apart while places go from one worker to another, milliseconds. */
const LOOK_BUSY_MS = 200;
/** After a look that has failed, milliseconds. */
const LOOK_AGAIN_MS = 1_000;
/** Times that others may be faster before it waits for its next look. */
const TRIES_MAX = 20;

/** Before its first look. */
const NO_ROUND = -1;

interface Claim {
  readonly takesPlace: boolean;
  readonly resolve: (won: boolean) => void;
}

export class GateShare {
  readonly #name: string;
  readonly #needs: GateShareNeeds;
  #options: ShareOptions | null = null;
  /** Calls that it may have open, and those that are counted as its own until they come back. */
  #limit = 0;
  #places = 0;
  #parts = 0;
  #tokens = 0;
  #tokensAtMs = 0;
  /** The rate that holds, of all workers. */
  #rate: Rate | null = null;
  /** Calls wanted at a time of late. */
  #peak = 0;
  /** Calls that its slice is reckoned by, as it has told. */
  #asked = 0;
  /** Whether others have less than they are due. */
  #isUnsettled = false;
  #round = NO_ROUND;
  #isDown = false;
  #found: BreakerState | null = null;
  #doneCount = 0;
  #told: { readonly news: string; isDurable: boolean } | null = null;
  readonly #retries = new RetryPurse();
  /** Whether this worker counts who still waits after an outage, and what it has found. */
  #drains = false;
  #drain: Drain | null = null;
  /** No call starts before: it was told to wait. */
  #pausedUntilMs = 0;
  #claim: Claim | null = null;
  /** Parts that are being given, with what was in the bucket: it is not known yet if they are. */
  #giving: { readonly partsBefore: number; readonly tokens: number } | null = null;
  #looking: Promise<void> | null = null;
  #isWantedAgain = false;
  #cancelLook: (() => void) | null = null;
  #cancelToken: (() => void) | null = null;
  #refreshed: (() => void)[] = [];
  #closed = false;

  constructor(name: string, needs: GateShareNeeds) {
    this.#name = name;
    this.#needs = needs;
    this.#tokensAtMs = needs.clock.nowMs();
  }

  configure(options: ShareOptions): void {
    this.#options = options;
    this.lookSoon();
  }

  /** What it has learnt that the integration can take. Less is told at once, more by the next beat. */
  limitTo({ concurrency, rate }: GateLimits): void {
    const before = this.#options;
    if (before === null) return;
    const isSame = JSON.stringify(before.rate) === JSON.stringify(rate);
    if (isSame && before.concurrency === concurrency) return;
    this.#options = { ...before, concurrency, rate };
    if (concurrency < before.concurrency || (!isSame && rate !== null)) this.lookSoon();
  }

  /** No call of this worker starts sooner. */
  pauseUntil(untilMs: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, untilMs);
    if (this.#needs.demand().wants > 0) this.#waitForToken();
  }

  payRetry(cost: number): Payment {
    const payment = this.#retries.pay(cost);
    if (payment === "wait") this.lookSoon();
    return payment;
  }

  earnRetries(tokens: number): void {
    this.#retries.earn(tokens);
  }

  /** What was counted after the outage, by this worker's clock. */
  drained(drain: Drain): void {
    this.#drain = drain;
    this.lookSoon();
  }

  /** What it has come to is on record. */
  get isTold(): boolean {
    return this.#found === null;
  }

  /** How many more calls may start now. */
  free(inUse: number): number {
    if (this.#needs.clock.nowMs() < this.#pausedUntilMs) return 0;
    const places = Math.max(0, this.#limit - inUse);
    if (this.#rate === null) return places;
    this.#refill();
    return Math.min(places, Math.floor(this.#tokens));
  }

  /** One call starts. */
  take(inUse: number): void {
    this.#peak = Math.max(this.#peak, inUse + 1);
    if (this.#rate !== null) this.#tokens -= 1;
  }

  /** Calls wait for room: more is asked for if that was not yet, or the next token is waited for. */
  want(): void {
    const { inUse, wants } = this.#needs.demand();
    this.#peak = Math.max(this.#peak, wants);
    const most = this.#options?.concurrency ?? 0;
    if (Math.min(wants, most) > this.#asked) this.lookSoon();
    if (this.#limit > inUse) this.#waitForToken();
  }

  /** A call has come back. What was lent out only for it is free for the others. */
  returned(): void {
    if (this.#places > this.#limit) this.lookSoon();
  }

  /** A call came through while the integration is coming back. */
  succeeded(): void {
    this.#doneCount += 1;
    if (this.#doneCount >= this.#limit) this.lookSoon();
  }

  /** This worker's breaker has come to something that the others have to know. */
  publish(state: BreakerState): void {
    this.#found = state;
    // Its next successes are of another time.
    this.#doneCount = 0;
    this.lookSoon();
  }

  /** Asks for leave to be the one that tries. True: it is, and has a place if it takes one. */
  claim(takesPlace: boolean): Promise<boolean> {
    if (this.#claim !== null || this.#closed) return Promise.resolve(false);
    return new Promise((resolve) => {
      this.#claim = { takesPlace, resolve };
      this.lookSoon();
    });
  }

  /** Resolves when it knows what the others have made known until now. */
  refresh(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#refreshed.push(resolve);
      this.lookSoon();
    });
  }

  /** Holds nothing and waits for nothing: what others do is seen when a call wants to go. */
  get isIdle(): boolean {
    if (this.#round === NO_ROUND || this.#isDown || this.#found !== null) return false;
    if (this.#drains || this.#retries.isWanted) return false;
    const held = this.#limit + this.#places + this.#parts;
    return held + this.#peak + this.#needs.demand().wants === 0;
  }

  /** A look at all gates has just been made. */
  beat(seen: SeenGates): void {
    if (this.#closed) return;
    // What was wanted a while ago is given up by halves.
    this.#peak = Math.max(this.#needs.demand().wants, Math.floor(this.#peak / 2));
    if (this.#looking === null) this.#look(seen);
    else this.#isWantedAgain = true;
  }

  lookSoon(): void {
    if (this.#closed) return;
    if (this.#looking === null) this.#look(null);
    else this.#isWantedAgain = true;
  }

  close(): void {
    this.#closed = true;
    this.#cancelLook?.();
    this.#cancelToken?.();
    this.#endClaim(false);
    for (const resolve of this.#refreshed.splice(0)) resolve();
  }

  /** No call is open any more: what it holds is free at once. After `close`. */
  async leave(): Promise<void> {
    await this.#looking;
    const { shards, worker } = this.#needs;
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const seen = await shards.gates([this.#name]);
      const [row] = seen.gates;
      if (row === undefined) return;
      this.#refill();
      const state = left(stateOf(row.state), worker, this.#tokens, viewOf(seen));
      if (await shards.saveGate(this.#name, row.version, JSON.stringify(state))) return;
    }
  }

  #look(seen: SeenGates | null): void {
    this.#cancelLook?.();
    const refreshed = this.#refreshed.splice(0);
    const looking = this.#exchange(seen)
      .catch((error: unknown) => {
        if (this.#closed) return;
        // What it may do stays at the less of before and after, until it can look again.
        this.#endClaim(false);
        this.#needs.failed(error, LOOK_AGAIN_MS);
        this.#lookAfter(LOOK_AGAIN_MS);
      })
      .finally(() => {
        this.#looking = null;
        for (const resolve of refreshed) resolve();
        const isWanted = this.#isWantedAgain;
        this.#isWantedAgain = false;
        if (isWanted) this.lookSoon();
      });
    this.#looking = looking;
    this.#needs.background(looking);
  }

  #lookAfter(delayMs: number): void {
    if (this.#closed) return;
    this.#cancelLook?.();
    this.#cancelLook = this.#needs.clock.after(delayMs, () => {
      this.lookSoon();
    });
  }

  async #exchange(first: SeenGates | null): Promise<void> {
    const { shards, lastKnown } = this.#needs;
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const seen = (tries === 0 ? first : null) ?? (await shards.gates([this.#name]));
      const row = seen.gates.find(({ integration }) => integration === this.#name);
      const state =
        row === undefined ? { ...NEW_GATE, breaker: await lastKnown() } : stateOf(row.state);
      if (this.#closed) return;
      const aheadMs = seen.nowMs - this.#needs.clock.nowMs();
      this.#isAsOnRecord(state);
      const report = this.#report(state, aheadMs);
      const sent = { found: this.#found, claim: this.#claim, doneCount: report.doneCount };
      const next = exchanged(state, report, viewOf(seen));
      const text = JSON.stringify(next.state);
      this.#give(next, report);
      const isSame = row !== undefined && row.state === text;
      if (isSame || (await shards.saveGate(this.#name, row?.version ?? 0, text))) {
        this.#accept(next, report, sent, aheadMs);
        return;
      }
      // Another was faster; or the answer was lost, and what comes next finds this on record.
    }
    this.#endClaim(false);
    this.#lookAfter(LOOK_BUSY_MS);
  }

  /** Nobody but this worker writes its slice: what is on record of it is so. */
  #isAsOnRecord(state: SharedGate): void {
    const own = state.slices.find(({ worker }) => worker === this.#needs.worker);
    this.#refill();
    if (this.#giving?.partsBefore === own?.parts) this.#tokens += this.#giving?.tokens ?? 0;
    this.#giving = null;
    this.#places = own?.places ?? 0;
    this.#parts = own?.parts ?? 0;
    this.#limit = Math.min(this.#limit, this.#places);
    this.#rate = lowestLimits(state.slices)?.rate ?? this.#options?.rate ?? null;
  }

  #report(state: SharedGate, aheadMs: number): GateReport {
    const { worker, demand } = this.#needs;
    const { inUse, wants } = demand();
    this.#peak = Math.max(this.#peak, wants);
    const options = this.#options;
    return {
      worker,
      inUse,
      // While others wait, nobody keeps what it only may need.
      wants: this.#isUnsettled ? wants : this.#peak,
      tokens: this.#tokens,
      limits: options === null ? null : { concurrency: options.concurrency, rate: options.rate },
      found: this.#found === null ? null : sharedOf(this.#found, aheadMs),
      round: this.#round,
      doneCount: this.#doneCount,
      rampDoneAt: options?.rampDoneAt ?? 1,
      hasTold: this.#told?.isDurable === true && this.#told.news === newsOf(state),
      drain: this.#drain === null ? null : movedDrain(this.#drain, aheadMs),
      retries: this.#retries.report(this.#peak === 0),
      claim:
        this.#claim === null || options === null
          ? null
          : { lastsMs: options.canaryMaxMs, takesPlace: this.#claim.takesPlace },
    };
  }

  /** Before others can take it. */
  #give(next: Exchange, { tokens, retries }: GateReport): void {
    this.#retries.give(next.retries, retries);
    this.#limit = Math.min(this.#limit, next.limit);
    const given = Math.max(0, tokens - next.tokens);
    this.#giving = { partsBefore: this.#parts, tokens: given };
    this.#tokens -= given;
    this.#parts = Math.min(this.#parts, next.parts);
  }

  #accept(
    next: Exchange,
    report: GateReport,
    sent: { found: BreakerState | null; claim: Claim | null; doneCount: number },
    aheadMs: number,
  ): void {
    if (this.#closed) return;
    this.#giving = null;
    this.#refill();
    this.#asked = next.wants;
    this.#isUnsettled = next.isUnsettled;
    this.#tokens += Math.max(0, next.tokens - report.tokens);
    this.#parts = next.parts;
    this.#limit = next.limit;
    this.#places = Math.max(next.limit, report.inUse);
    this.#retries.accept(next.retries, report.retries);
    if (this.#found === sent.found) this.#found = null;
    this.#follow(next.state, sent.doneCount, aheadMs);
    if (sent.claim !== null && sent.claim === this.#claim) this.#endClaim(next.claimed);
    this.#needs.room();
    const { inUse, wants } = this.#needs.demand();
    if (wants > inUse && this.#limit > inUse) this.#waitForToken();
    if (next.isUnsettled && (wants > 0 || this.#limit > 0)) this.#lookAfter(LOOK_BUSY_MS);
  }

  /** What all know, and whether this worker has to put it on record. */
  #follow(state: SharedGate, doneCount: number, aheadMs: number): void {
    const { worker, adopt, tryNow, tell, background } = this.#needs;
    this.#doneCount = state.round === this.#round ? this.#doneCount - doneCount : 0;
    const isNews = state.round !== this.#round;
    const isFirst = this.#round === NO_ROUND;
    this.#round = state.round;
    this.#isDown = state.breaker.kind !== "closed";
    // What it has found meanwhile is newer, and will be told by the next look.
    if (this.#found === null && (isNews || !this.#isDown)) {
      adopt((before) => ownOf(state.breaker, before, aheadMs));
      if (isFirst && state.breaker.kind === "open" && state.breaker.probeAtMs === null) tryNow();
    }
    this.#followDrain(state.drainer === worker);
    if (state.teller !== worker) {
      this.#told = null;
      return;
    }
    const news = newsOf(state);
    if (this.#told?.news === news) return;
    const told = { news, isDurable: false };
    this.#told = told;
    const atMs = this.#needs.clock.nowMs() + aheadMs;
    const record = async () => {
      await tell(incidentOf(this.#name, state.breaker, state.incident, atMs));
      told.isDurable = true;
      this.lookSoon();
    };
    background(record());
  }

  #followDrain(drains: boolean): void {
    const before = this.#drains;
    this.#drains = drains;
    if (!drains) this.#drain = null;
    else if (!before) this.#needs.drain();
  }

  #endClaim(won: boolean): void {
    const claim = this.#claim;
    this.#claim = null;
    claim?.resolve(won);
  }

  #refill(): void {
    const nowMs = this.#needs.clock.nowMs();
    // A clock that went back gives nothing, and costs nothing either.
    const sinceMs = Math.max(0, nowMs - this.#tokensAtMs);
    this.#tokensAtMs = nowMs;
    if (this.#rate === null) return;
    const gained = flowOf(this.#rate, this.#parts) * sinceMs;
    this.#tokens = Math.min(this.#parts, this.#tokens + gained);
  }

  /** How long until the next call may start, milliseconds; null: that is no matter of time. */
  get #untilTokenMs(): number | null {
    const pauseMs = this.#pausedUntilMs - this.#needs.clock.nowMs();
    if (this.#rate === null) return pauseMs > 0 ? pauseMs : null;
    if (this.#parts === 0) return null;
    this.#refill();
    const missing = Math.max(0, 1 - this.#tokens);
    return Math.max(pauseMs, Math.ceil(missing / flowOf(this.#rate, this.#parts)));
  }

  #waitForToken(): void {
    const delayMs = this.#untilTokenMs;
    if (delayMs === null || this.#closed) return;
    this.#cancelToken?.();
    this.#cancelToken = this.#needs.clock.after(delayMs, () => {
      this.#cancelToken = null;
      this.#needs.room();
      const { inUse, wants } = this.#needs.demand();
      if (wants > inUse && this.#limit > inUse) this.#waitForToken();
    });
  }
}

function movedDrain(drain: Drain, byMs: number): Drain {
  const { drainedAtMs } = drain;
  return { ...drain, drainedAtMs: drainedAtMs === null ? null : drainedAtMs + byMs };
}

/** The cast: written by a worker, from the same type. */
function stateOf(text: string): SharedGate {
  return JSON.parse(text) as SharedGate;
}

function viewOf({ living, nowMs }: SeenGates) {
  return { living: new Set(living), nowMs };
}
