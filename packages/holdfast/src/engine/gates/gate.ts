/**
 * The gate of one integration: how many calls at a time, how fast, and none while it is down.
 *
 * Runs that cannot pass are parked, not failed: they use up no attempts. When the system is tried
 * again one run goes first; if it gets an answer the others follow, a few at a time, oldest first.
 */
import {
  admit,
  breakerNext,
  breakerText,
  CLOSED_BREAKER,
  parkedUntilMs,
  reopened,
  type At,
  type BreakerConfig,
  type BreakerEvent,
  type BreakerState,
} from "../../core/breaker.ts";
import type { Failure } from "../../core/failure.ts";
import type { DependencyHead } from "../../core/journal.ts";
import { takeToken, type Rate, type RateState } from "../../core/rate.ts";
import type { DependencyRow } from "../../store/rows.ts";
import type { Clock, Random } from "../clock.ts";
import type { GateShare } from "./gate-share.ts";
import { HEALTH_MS_MAX, healthTooLate, unhealthy } from "./health-check.ts";

/** Leave to make one call. What the call says of the system as a whole goes back to the gate. */
export interface Pass {
  succeeded(): void;
  failed(failure: Failure): void;
  /** Gives the place back. Calling it again does nothing. */
  leave(): void;
}

export interface GateOptions {
  readonly concurrency: number;
  readonly rate: Rate | null;
  readonly breaker: BreakerConfig;
  readonly health: (() => Promise<boolean>) | null;
}

export interface GateNeeds {
  readonly clock: Clock;
  readonly random: Random;
  readonly queueMax: number;
  /** Puts a change on record: one incident, whatever the number of parked runs. */
  record(head: DependencyHead): void;
  /** Wakes parked runs of this integration, oldest first. False if there were none. */
  wakeParked(integration: string, count: number): Promise<boolean>;
  /** Null where one engine has the store for itself: then all of the limit is this gate's. */
  readonly share: GateShare | null;
  /** Called when no call is in flight any more. */
  quiet(): void;
}

/** Parked runs come back in portions this far apart, milliseconds. */
const RELEASE_EVERY_MS = 250;
/** After a canary that never called, another one may go, milliseconds: nothing has been learnt. */
const CANARY_AGAIN_MS = 1_000;
/**
 * A run that is parked looks again by itself, besides being woken: the store knows one dependency
 * of a run, and it may wait for two, or for a person as well. First after about this long, then
 * after as long again as the outage has lasted, up to the maximum, milliseconds. Each look loads
 * the run and writes one record: some six in an outage of two hours, then about one an hour.
 */
const PARKED_LOOK_AGAIN_MS = 300_000;
const PARKED_LOOK_AGAIN_MS_MAX = 3_600_000;

export class Gate {
  readonly name: string;
  readonly #needs: GateNeeds;
  #options: GateOptions;
  #breaker: BreakerState = CLOSED_BREAKER;
  #tokens: RateState | null = null;
  #inFlight = 0;
  readonly #line: (() => void)[] = [];
  /** By run and step: several steps of one run may be parked here. */
  readonly #parked = new Map<number, Map<string, () => void>>();
  #cancelProbe: (() => void) | null = null;
  #cancelRelease: (() => void) | null = null;
  #closed = false;

  constructor(name: string, options: GateOptions, needs: GateNeeds) {
    this.name = name;
    this.#options = options;
    this.#needs = needs;
  }

  /** What the integration declares is known from its first use on; until then defaults hold. */
  configure(options: GateOptions): void {
    const { breaker } = this.#options;
    this.#options = options;
    const { canaryMaxMs, rampDoneAt } = options.breaker;
    this.#needs.share?.configure({ ...options, canaryMaxMs, rampDoneAt });
    const state = this.#breaker;
    if (state.kind === "closed" || state.outage.spacingMs !== breaker.probeFirstMs) return;
    // Restored from the store before: its waits were the defaults'.
    const outage = { ...state.outage, spacingMs: options.breaker.probeFirstMs };
    this.#breaker = { ...state, outage };
  }

  /** Who is under way, in line or parked in memory. */
  get keptCount(): number {
    return this.#inFlight + this.#line.length + this.#parked.size;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Calls under way, and those that are or wait in line. */
  get demand(): { readonly inUse: number; readonly wants: number } {
    return { inUse: this.#inFlight, wants: this.#inFlight + this.#line.length };
  }

  /** Why runs are parked here, as a sentence. */
  get reason(): string {
    return breakerText(this.#breaker, this.#needs.clock.nowMs());
  }

  /**
   * When a run that is parked now should try again by itself. Soon where the gate lets others
   * through: one bad call parks its own run before it is enough to stop all. Else the gate wakes
   * it, and this is for what the gate cannot know; spread out, so that not all come at once.
   */
  get parkedUntilMs(): number {
    const at = this.#at;
    const state = this.#breaker;
    if (state.kind === "closed") {
      const soonMs = parkedUntilMs(state, this.#options.breaker, at);
      if (soonMs !== null) return soonMs;
    }
    const outageMs = state.kind === "closed" ? 0 : at.nowMs - state.outage.sinceMs;
    const spacingMs = Math.min(Math.max(PARKED_LOOK_AGAIN_MS, outageMs), PARKED_LOOK_AGAIN_MS_MAX);
    return at.nowMs + Math.ceil(spacingMs * (1 - 0.2 * at.random01));
  }

  get #at(): At {
    return { nowMs: this.#needs.clock.nowMs(), random01: this.#needs.random.next() };
  }

  /** A pass, at once or when there is room; null if the run has to park. */
  enter(): Pass | null | Promise<Pass | null> {
    return this.#enter(false);
  }

  #enter(isInTurn: boolean): Pass | null | Promise<Pass | null> {
    const { clock, queueMax, share } = this.#needs;
    const admission = admit(this.#breaker, this.#inFlight, this.#options.breaker, clock.nowMs());
    if (admission.kind === "wait" && this.#breaker.kind !== "closed") return null;
    if (admission.kind === "go" && (admission.canary || this.#hasRoom(isInTurn))) {
      if (admission.canary && share !== null) return this.#claimedCanary(share);
      this.#breaker = admission.state;
      const { state } = admission;
      if (state.kind !== "probing") return this.#paced(this.#pass(false), false);
      // Should it never say anything, another one goes.
      this.#probeAt(state.startedAtMs + this.#options.breaker.canaryMaxMs);
      return this.#paced(this.#canaryPass(state), true);
    }
    if (this.#line.length >= queueMax) return null;
    return new Promise((resolve) => {
      // The gate may have closed while it stood in line: then it parks after all.
      this.#line.push(() => {
        resolve(this.#enter(true));
      });
      share?.want();
    });
  }

  /** Where workers share the limit: within this one's slice, and after those who came before. */
  #hasRoom(isInTurn: boolean): boolean {
    const { share } = this.#needs;
    if (share === null) return this.#inFlight < this.#options.concurrency;
    return (isInTurn || this.#line.length === 0) && share.free(this.#inFlight) > 0;
  }

  /** One worker's call is tried; the others' runs stay parked. */
  async #claimedCanary(share: GateShare): Promise<Pass | null> {
    const isOurs = await share.claim(true);
    const state = this.#breaker;
    if (isOurs && state.kind === "probing") {
      share.take(this.#inFlight);
      return this.#canaryPass(state);
    }
    // There was no place for it, or another worker tries.
    if (state.kind === "open") this.#probeAfter(CANARY_AGAIN_MS, () => void this.#probe());
    return null;
  }

  /** Takes its place in the declared rate; waits for its turn if that is later. */
  #paced(pass: Pass, canary: boolean): Pass | Promise<Pass | null> {
    const { rate } = this.#options;
    const { clock, share } = this.#needs;
    // Its token was there: those who wait for one stand in line.
    share?.take(this.#inFlight - 1);
    if (rate === null || share !== null) return pass;
    const { state, waitMs } = takeToken(this.#tokens, clock.nowMs(), rate);
    this.#tokens = state;
    if (waitMs <= 0) return pass;
    return new Promise((resolve) => {
      clock.after(waitMs, () => {
        if (canary || this.#breaker.kind === "closed") {
          resolve(pass);
          return;
        }
        pass.leave();
        resolve(null);
      });
    });
  }

  #pass(canary: boolean): Pass {
    this.#inFlight += 1;
    let left = false;
    return {
      succeeded: () => {
        this.#feed({ kind: "succeeded", canary });
      },
      failed: (failure) => {
        this.#feed({ kind: "failed", canary, failure });
      },
      leave: () => {
        if (left) return;
        left = true;
        this.#inFlight -= 1;
        this.#needs.share?.returned();
        this.#moveLine();
        if (this.#inFlight === 0) this.#needs.quiet();
      },
    };
  }

  /** A canary's pass. If it ends without a word on the system, its place is given back. */
  #canaryPass({ outage, startedAtMs }: Extract<BreakerState, { kind: "probing" }>): Pass {
    const pass = this.#pass(true);
    let hasSaid = false;
    const giveBack = () => {
      const now = this.#breaker;
      // It may have been given up, and another one be under way.
      if (hasSaid || now.kind !== "probing" || now.startedAtMs !== startedAtMs) return;
      const probeAtMs = this.#needs.clock.nowMs() + CANARY_AGAIN_MS;
      this.#breaker = { kind: "open", outage, probeAtMs };
      this.#needs.share?.publish(this.#breaker);
      this.#probeAt(probeAtMs);
    };
    return {
      succeeded: () => {
        hasSaid = true;
        pass.succeeded();
      },
      failed: (failure) => {
        hasSaid = true;
        pass.failed(failure);
      },
      leave: () => {
        pass.leave();
        // What a call came to is said right after it has left.
        queueMicrotask(giveBack);
      },
    };
  }

  /** Lets those in line try again: one for the place that is free, all if the gate has closed. */
  #moveLine(): void {
    const { share } = this.#needs;
    const { length } = this.#line;
    if (length === 0) return;
    const free = share === null ? 1 : share.free(this.#inFlight);
    const count = this.#isClosed ? Math.min(length, free) : length;
    for (const next of this.#line.splice(0, count)) next();
  }

  /** There may be more room by what others have given up. */
  roomCame(): void {
    if (this.#isClosed) this.#moveLine();
  }

  /** All workers know this by now. */
  adopt(become: (before: BreakerState) => BreakerState): void {
    const before = this.#breaker;
    const now = become(before);
    this.#breaker = now;
    if (now.kind === "closed") {
      if (before.kind !== "closed") this.#releaseAfter(0);
      return;
    }
    this.#lookAfterOutage(now);
    this.#moveLine();
  }

  /** When it may be tried, by what is known. */
  #lookAfterOutage(state: Exclude<BreakerState, { kind: "closed" }>): void {
    const { canaryMaxMs } = this.#options.breaker;
    const atMs = state.kind === "open" ? state.probeAtMs : state.startedAtMs + canaryMaxMs;
    if (atMs !== null) this.#probeAt(atMs);
  }

  /** Calls back when a parked step whose run is still in memory may try again. */
  whenOpen(run: number, path: string, callback: () => void): void {
    const steps = this.#parked.get(run);
    if (steps === undefined) this.#parked.set(run, new Map([[path, callback]]));
    else steps.set(path, callback);
  }

  /** The run has left memory: the store knows that it is parked. */
  forget(run: number): void {
    this.#parked.delete(run);
  }

  /** Lets parked steps in memory try again, oldest run first. False if there were none. */
  #callParked(count: number): boolean {
    const callbacks: (() => void)[] = [];
    for (const [run, steps] of this.#parked) {
      for (const [path, callback] of steps) {
        if (callbacks.length >= count) break;
        steps.delete(path);
        callbacks.push(callback);
      }
      if (steps.size > 0) break;
      this.#parked.delete(run);
    }
    // Afterwards: who may not pass after all is parked anew.
    for (const callback of callbacks) callback();
    return callbacks.length > 0;
  }

  /** What the last engine left. A setting may have been mended since: it is tried again soon. */
  restore(row: DependencyRow): void {
    if (row.state === "closed") {
      this.#releaseAfter(0);
      return;
    }
    const probeAtMs = row.probeAtMs ?? this.#needs.clock.nowMs();
    const outage = { reason: row.reason, class: row.class ?? "unavailable", sinceMs: row.sinceMs };
    this.#breaker = reopened(outage, probeAtMs, this.#options.breaker);
    this.#probeAt(probeAtMs);
  }

  /** Parked runs have come from elsewhere. While it is not closed, one of them may be the canary. */
  async lookForParked(): Promise<void> {
    await this.#needs.share?.refresh();
    if (this.#breaker.kind === "closed") this.#releaseAfter(0);
    else this.#lookAfterOutage(this.#breaker);
  }

  /** A person wants it tried now. */
  tryNow(): void {
    this.#feed({ kind: "tryNow" });
    if (this.#breaker.kind === "open") this.#probeAt(this.#needs.clock.nowMs());
  }

  close(): void {
    this.#closed = true;
    this.#needs.share?.close();
    this.#cancelProbe?.();
    this.#cancelRelease?.();
  }

  #feed(event: BreakerEvent): void {
    const { share } = this.#needs;
    const before = this.#breaker;
    const now = breakerNext(before, event, this.#options.breaker, this.#at);
    this.#breaker = now;
    if (share !== null && now !== before && (now.kind !== "closed" || before.kind !== "closed"))
      share.publish(now);
    if (now.kind === "open") {
      if (before.kind === "closed" && share === null) this.#recordOutage(now);
      if (before.kind !== "open" && now.probeAtMs !== null) this.#probeAt(now.probeAtMs);
      this.#moveLine();
    } else if (now.kind === "closed" && before.kind === "probing") {
      if (share === null) this.#recordReturn();
      this.#releaseAfter(0);
    } else if (now.kind === "closed") {
      if (event.kind === "succeeded" && before.kind === "closed" && before.ramp !== null)
        share?.succeeded();
      // The ramp may have grown.
      if (this.#line.length > 0) this.#moveLine();
    }
  }

  #recordReturn(): void {
    const head = { integration: this.name, to: "closed" as const, probeAtMs: null };
    this.#needs.record({ ...head, reason: "it answers again" });
  }

  #recordOutage({ outage, probeAtMs }: Extract<BreakerState, { kind: "open" }>): void {
    this.#needs.record({
      integration: this.name,
      to: probeAtMs === null ? "parked" : "open",
      reason: outage.reason,
      class: outage.class,
      probeAtMs,
    });
  }

  #probeAt(atMs: number): void {
    this.#probeAfter(atMs - this.#needs.clock.nowMs(), () => void this.#probe());
  }

  /** One goes first: the system's own health check, else a parked run. */
  async #probe(): Promise<void> {
    const { health, breaker } = this.#options;
    const { share } = this.#needs;
    // Another worker may try already, or know that it is back.
    if (share !== null) await share.refresh();
    if (this.#breaker.kind === "closed" || this.#closed) return;
    const admission = admit(this.#breaker, this.#inFlight, breaker, this.#needs.clock.nowMs());
    if (admission.kind === "wait") {
      if (admission.atMs !== null) this.#probeAt(admission.atMs);
      return;
    }
    if (health !== null) {
      if (share === null) this.#breaker = admission.state;
      else if (!(await share.claim(false))) return;
      await this.#askHealth(health);
      return;
    }
    // Nobody waits: whoever comes next is the canary.
    if (!this.#callParked(1) && !(await this.#needs.wakeParked(this.name, 1))) return;
    // A run that does not come after all (cancelled, held) must not leave the gate closed.
    this.#probeAfter(breaker.probeFirstMs, () => void this.#probe());
  }

  async #askHealth(health: () => Promise<boolean>): Promise<void> {
    const failure = await new Promise<Failure | null>((resolve) => {
      this.#probeAfter(HEALTH_MS_MAX, () => {
        resolve(healthTooLate());
      });
      void unhealthy(health).then(resolve);
    });
    if (this.#closed) return;
    this.#feed(
      failure === null
        ? { kind: "succeeded", canary: true }
        : { kind: "failed", canary: true, failure },
    );
  }

  /** Brings parked runs back, as many as the ramp allows, until none is left. */
  async #release(): Promise<void> {
    const state = this.#breaker;
    if (state.kind !== "closed") return;
    const count =
      Math.min(this.#options.concurrency, state.ramp?.limit ?? this.#options.concurrency) * 2;
    // Where workers share the limit, those who were brought back may still stand in line.
    if (this.#needs.share !== null && this.#line.length >= count) {
      this.#releaseAfter(RELEASE_EVERY_MS);
      return;
    }
    this.#callParked(count);
    const more = await this.#needs.wakeParked(this.name, count);
    // It may have opened meanwhile: then the next canary begins anew.
    if (!this.#isClosed) return;
    if (more || this.#parked.size > 0) this.#releaseAfter(RELEASE_EVERY_MS);
  }

  get #isClosed(): boolean {
    return this.#breaker.kind === "closed";
  }

  /** Coming back and trying have a timer each: neither may take the other's away. */
  #releaseAfter(delayMs: number): void {
    this.#cancelRelease?.();
    this.#cancelRelease = this.#after(delayMs, () => void this.#release());
  }

  #probeAfter(delayMs: number, callback: () => void): void {
    this.#cancelProbe?.();
    this.#cancelProbe = this.#after(delayMs, callback);
  }

  #after(delayMs: number, callback: () => void): (() => void) | null {
    return this.#closed ? null : this.#needs.clock.after(Math.max(0, delayMs), callback);
  }
}
