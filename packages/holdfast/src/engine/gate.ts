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
} from "../core/breaker.ts";
import type { Failure } from "../core/failure.ts";
import type { DependencyHead } from "../core/journal.ts";
import { takeToken, type Rate, type RateState } from "../core/rate.ts";
import type { DependencyRow } from "../store/rows.ts";
import type { Clock, Random } from "./clock.ts";

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
  /** Called when no call is in flight any more. */
  quiet(): void;
}

/** Parked runs come back in portions this far apart, milliseconds. */
const RELEASE_EVERY_MS = 250;

export class Gate {
  readonly name: string;
  readonly #needs: GateNeeds;
  #options: GateOptions;
  #breaker: BreakerState = CLOSED_BREAKER;
  #tokens: RateState | null = null;
  #inFlight = 0;
  readonly #line: (() => void)[] = [];
  readonly #parked = new Map<number, () => void>();
  #cancelTimer: (() => void) | null = null;
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
    const state = this.#breaker;
    if (state.kind === "closed" || state.outage.spacingMs !== breaker.probeFirstMs) return;
    // Restored from the store before: its waits were the defaults'.
    const outage = { ...state.outage, spacingMs: options.breaker.probeFirstMs };
    this.#breaker = { ...state, outage };
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Why runs are parked here, as a sentence. */
  get reason(): string {
    return breakerText(this.#breaker, this.#needs.clock.nowMs());
  }

  /**
   * When a run that was parked should try again by itself; null: the gate wakes it. Only while the
   * gate lets others through: one bad call parks its own run before it is enough to stop all.
   */
  get parkedUntilMs(): number | null {
    if (this.#breaker.kind !== "closed") return null;
    return parkedUntilMs(this.#breaker, this.#options.breaker, this.#at);
  }

  get #at(): At {
    return { nowMs: this.#needs.clock.nowMs(), random01: this.#needs.random.next() };
  }

  /** A pass, at once or when there is room; null if the run has to park. */
  enter(): Pass | null | Promise<Pass | null> {
    const { clock, queueMax } = this.#needs;
    const admission = admit(this.#breaker, this.#inFlight, this.#options.breaker, clock.nowMs());
    if (admission.kind === "wait" && this.#breaker.kind !== "closed") return null;
    if (
      admission.kind === "go" &&
      (admission.canary || this.#inFlight < this.#options.concurrency)
    ) {
      this.#breaker = admission.state;
      return this.#paced(this.#pass(admission.canary), admission.canary);
    }
    if (this.#line.length >= queueMax) return null;
    return new Promise((resolve) => {
      // The gate may have closed while it stood in line: then it parks after all.
      this.#line.push(() => {
        resolve(this.enter());
      });
    });
  }

  /** Takes its place in the declared rate; waits for its turn if that is later. */
  #paced(pass: Pass, canary: boolean): Pass | Promise<Pass | null> {
    const { rate } = this.#options;
    if (rate === null) return pass;
    const { clock } = this.#needs;
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
        this.#moveLine();
        if (this.#inFlight === 0) this.#needs.quiet();
      },
    };
  }

  /** Lets those in line try again: one for the place that is free, all if the gate has closed. */
  #moveLine(): void {
    if (this.#breaker.kind === "closed") {
      this.#line.shift()?.();
      return;
    }
    for (const next of this.#line.splice(0)) next();
  }

  /** Calls back when a parked run that is still in memory may try again. */
  whenOpen(run: number, callback: () => void): void {
    this.#parked.set(run, callback);
  }

  /** The run has left memory: the store knows that it is parked. */
  forget(run: number): void {
    this.#parked.delete(run);
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

  /** A person wants it tried now. */
  tryNow(): void {
    this.#feed({ kind: "tryNow" });
    if (this.#breaker.kind === "open") this.#probeAt(this.#needs.clock.nowMs());
  }

  close(): void {
    this.#closed = true;
    this.#cancelTimer?.();
  }

  #feed(event: BreakerEvent): void {
    const before = this.#breaker;
    const now = breakerNext(before, event, this.#options.breaker, this.#at);
    this.#breaker = now;
    if (now.kind === "open") {
      if (before.kind === "closed") this.#recordOutage(now);
      if (before.kind !== "open" && now.probeAtMs !== null) this.#probeAt(now.probeAtMs);
      this.#moveLine();
    } else if (now.kind === "closed" && before.kind === "probing") {
      const head = { integration: this.name, to: "closed" as const, probeAtMs: null };
      this.#needs.record({ ...head, reason: "it answers again" });
      this.#releaseAfter(0);
    } else if (now.kind === "closed" && this.#line.length > 0) {
      // The ramp may have grown.
      this.#moveLine();
    }
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
    this.#after(atMs - this.#needs.clock.nowMs(), () => void this.#probe());
  }

  /** One goes first: the system's own health check, else a parked run. */
  async #probe(): Promise<void> {
    if (this.#breaker.kind === "closed") return;
    const { health, breaker } = this.#options;
    if (health !== null) {
      await this.#askHealth(health);
      return;
    }
    const [first] = this.#parked;
    if (first !== undefined) {
      this.#parked.delete(first[0]);
      first[1]();
    } else if (!(await this.#needs.wakeParked(this.name, 1))) {
      // Nobody waits: whoever comes next is the canary.
      return;
    }
    // A run that does not come after all (cancelled, held) must not leave the gate closed.
    this.#after(breaker.probeFirstMs, () => void this.#probe());
  }

  async #askHealth(health: () => Promise<boolean>): Promise<void> {
    const { breaker } = this.#options;
    const admission = admit(this.#breaker, this.#inFlight, breaker, this.#needs.clock.nowMs());
    if (admission.kind === "wait") {
      if (admission.atMs !== null) this.#probeAt(admission.atMs);
      return;
    }
    this.#breaker = admission.state;
    const failure = await unhealthy(health);
    this.#feed(
      failure === null
        ? { kind: "succeeded", canary: true }
        : { kind: "failed", canary: true, failure },
    );
  }

  #releaseAfter(delayMs: number): void {
    this.#after(delayMs, () => void this.#release());
  }

  /** Brings parked runs back, as many as the ramp allows, until none is left. */
  async #release(): Promise<void> {
    const state = this.#breaker;
    if (state.kind !== "closed") return;
    const count =
      Math.min(this.#options.concurrency, state.ramp?.limit ?? this.#options.concurrency) * 2;
    for (const [run, callback] of [...this.#parked].slice(0, count)) {
      this.#parked.delete(run);
      callback();
    }
    const more = await this.#needs.wakeParked(this.name, count);
    if (more || this.#parked.size > 0) this.#releaseAfter(RELEASE_EVERY_MS);
  }

  #after(delayMs: number, callback: () => void): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    if (this.#closed) return;
    this.#cancelTimer = this.#needs.clock.after(Math.max(0, delayMs), () => {
      this.#cancelTimer = null;
      callback();
    });
  }
}

/** Null if the system says that it is well; a check that throws says that it is not. */
async function unhealthy(health: () => Promise<boolean>): Promise<Failure | null> {
  let message = "its health check says no";
  try {
    if (await health()) return null;
  } catch (error) {
    message = error instanceof Error ? error.message : String(error);
  }
  return {
    effect: "never",
    class: "unavailable",
    scope: "dependency",
    origin: "remote",
    reasonCode: "HEALTH:DOWN",
    message,
    evidence: { message },
    rule: { source: "integration", id: "integration/health", version: 1 },
  };
}
