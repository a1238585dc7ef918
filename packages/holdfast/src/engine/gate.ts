/**
 * The gate of one integration: how many calls at a time, how fast, and none while it is down.
 *
 * Runs that cannot pass are parked, not failed: they use up no attempts. When the system is tried
 * again one run goes first; if it gets an answer the others follow, a few at a time, oldest first.
 */
import {
  breakerEventOf,
  breakerNext,
  CLOSED_BREAKER,
  type BreakerConfig,
  type BreakerEvent,
  type BreakerState,
} from "../core/breaker.ts";
import type { Failure, FailureClass } from "../core/failure.ts";
import type { DependencyHead } from "../core/journal.ts";
import { takeToken, type Rate, type RateState } from "../core/rate.ts";
import type { Clock, Random } from "./clock.ts";

/** Leave to make one call. */
export interface Pass {
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
  /** Wakes parked runs of this integration, oldest first. True if there may be more. */
  wakeParked(integration: string, count: number): Promise<boolean>;
  /** Called when no call is in flight any more. */
  quiet(): void;
}

/** Parked runs are looked for this often while the gate is open to them, milliseconds. */
const RELEASE_EVERY_MS = 250;
/** Wait of a run that was turned away while the gate itself stayed open, milliseconds. */
const SOFT_PARK_MS = 1_000;

export class Gate {
  readonly name: string;
  readonly #needs: GateNeeds;
  options: GateOptions;
  #breaker: BreakerState = CLOSED_BREAKER;
  #tokens: RateState | null = null;
  #inFlight = 0;
  #canaryOut = false;
  #reason = "";
  readonly #queue: (() => void)[] = [];
  readonly #parked = new Map<number, () => void>();
  #cancelTimer: (() => void) | null = null;
  #cancelRate: (() => void) | null = null;
  #closed = false;

  constructor(name: string, options: GateOptions, needs: GateNeeds) {
    this.name = name;
    this.options = options;
    this.#needs = needs;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Why runs are parked here. */
  get reason(): string {
    return this.#reason === "" ? "it is tried again in a moment" : this.#reason;
  }

  /** True if a run may try its luck at `enter` now. */
  isOpenFor(_run: number): boolean {
    return this.#breaker.kind === "closed"
      ? this.#cancelTimer === null || this.#breaker.ramp !== null
      : this.#breaker.kind === "probing" && !this.#canaryOut;
  }

  /** A pass, at once or when there is room; null if the run has to park. */
  enter(run: number): Pass | null | Promise<Pass | null> {
    if (this.#breaker.kind === "open") return null;
    if (this.#breaker.kind === "probing") {
      if (this.#canaryOut) return null;
      this.#canaryOut = true;
      return this.#pass(true);
    }
    if (this.#mayGo()) return this.#pass(false);
    if (this.#queue.length >= this.#needs.queueMax) return null;
    return new Promise((resolve) => {
      this.#queue.push(() => {
        // The gate may have closed while it stood in line.
        resolve(this.#breaker.kind === "closed" ? this.#pass(false) : this.enter(run));
      });
      this.#pumpLater();
    });
  }

  #mayGo(): boolean {
    const ramp = this.#breaker.kind === "closed" ? this.#breaker.ramp : 1;
    const limit = Math.min(this.options.concurrency, ramp ?? Number.POSITIVE_INFINITY);
    if (this.#inFlight >= limit) return false;
    if (this.options.rate === null) return true;
    const { state, waitMs } = takeToken(this.#tokens, this.#needs.clock.nowMs(), this.options.rate);
    this.#tokens = state;
    return waitMs === 0;
  }

  #pass(canary: boolean): Pass {
    this.#inFlight += 1;
    let left = false;
    return {
      leave: () => {
        if (left) return;
        left = true;
        this.#inFlight -= 1;
        if (canary) this.#canaryOut = false;
        this.#pump();
        if (this.#inFlight === 0) this.#needs.quiet();
      },
    };
  }

  /** Lets those in line go, as far as there is room; all of them if the gate has closed. */
  #pump(): void {
    while (this.#queue.length > 0) {
      if (this.#breaker.kind === "closed" && !this.#mayGo()) {
        this.#pumpLater();
        return;
      }
      this.#queue.shift()?.();
    }
  }

  /** Only a rate needs a clock: room is made by calls that leave. */
  #pumpLater(): void {
    const { rate } = this.options;
    if (rate === null || this.#cancelRate !== null) return;
    this.#cancelRate = this.#needs.clock.after(Math.ceil(1_000 / rate.perSecond), () => {
      this.#cancelRate = null;
      this.#pump();
    });
  }

  succeeded(): void {
    this.#feed({ kind: "answered" });
  }

  failed(failure: Failure): void {
    const event = breakerEventOf(failure);
    if (event !== null) this.#feed(event, failure);
    else if (this.#breaker.kind === "probing") this.#feed({ kind: "answered" });
  }

  /** A run was told to park. If the gate stays open it is tried again in a moment. */
  park(failure: Failure, because: string): void {
    if (this.#breaker.kind === "closed" && this.#cancelTimer === null) {
      this.#record("closed", because, failure.class, null);
      this.#releaseAfter(SOFT_PARK_MS);
    }
  }

  /** Calls back, once, when a parked run may try again. Given up when the run leaves memory. */
  whenOpen(run: number, callback: () => void): void {
    this.#parked.set(run, callback);
    if (this.#breaker.kind === "closed" && this.#cancelTimer === null) this.#releaseAfter(SOFT_PARK_MS);
  }

  /** The run has left memory: the store knows that it is parked. */
  forget(run: number): void {
    this.#parked.delete(run);
  }

  /** The state that the last engine left. */
  restore(state: "closed" | "open", reason: string, probeAtMs: number | null): void {
    this.#reason = reason;
    const nowMs = this.#needs.clock.nowMs();
    if (state === "closed") {
      this.#releaseAfter(RELEASE_EVERY_MS);
      return;
    }
    this.#breaker = { kind: "open", probeAtMs: probeAtMs ?? nowMs, probes: 0 };
    this.#probeAt(probeAtMs ?? nowMs);
  }

  /** An operator wants it tried now. */
  probeNow(): void {
    if (this.#breaker.kind === "open") void this.#probe();
  }

  close(): void {
    this.#closed = true;
    this.#cancelTimer?.();
    this.#cancelRate?.();
  }

  #feed(event: BreakerEvent, failure?: Failure): void {
    const { clock, random } = this.#needs;
    const before = this.#breaker;
    this.#breaker = breakerNext(before, event, clock.nowMs(), random.next(), this.options.breaker);
    const now = this.#breaker;
    if (now.kind === "open" && before.kind !== "open") {
      this.#reason = failure === undefined ? "it does not answer" : `${failure.reasonCode}: ${failure.message}`;
      this.#record("open", this.#reason, failure?.class, now.probeAtMs);
      this.#probeAt(now.probeAtMs);
      this.#pump();
    } else if (now.kind === "closed" && before.kind === "probing") {
      this.#record("closed", "it answers again", undefined, null);
      this.#reason = "";
      this.#releaseAfter(0);
    }
  }

  #record(
    to: DependencyHead["to"],
    reason: string,
    failureClass: FailureClass | undefined,
    probeAtMs: number | null,
  ): void {
    this.#needs.record({
      integration: this.name,
      to,
      reason,
      probeAtMs,
      ...(failureClass === undefined ? {} : { class: failureClass }),
    });
  }

  #probeAt(atMs: number): void {
    this.#after(atMs - this.#needs.clock.nowMs(), () => void this.#probe());
  }

  /** One goes first: the system's own health check, else a parked run. */
  async #probe(): Promise<void> {
    const { clock, random } = this.#needs;
    this.#breaker = breakerNext(this.#breaker, { kind: "probeDue" }, clock.nowMs(), random.next(), this.options.breaker);
    if (this.#breaker.kind !== "probing") return;
    if (this.options.health !== null) {
      const healthy = await this.#isHealthy(this.options.health);
      this.#feed(healthy ? { kind: "answered" } : { kind: "failed", certain: false });
      return;
    }
    const [first] = this.#parked;
    if (first === undefined) {
      const found = await this.#needs.wakeParked(this.name, 1);
      // Nobody waits: the next one who comes is the probe.
      if (!found) return;
    } else {
      this.#parked.delete(first[0]);
      first[1]();
    }
    // A run that does not come after all (cancelled, held) must not leave the gate closed.
    this.#after(this.options.breaker.probeEveryMs, () => {
      if (this.#breaker.kind === "probing" && !this.#canaryOut) void this.#probe();
    });
  }

  async #isHealthy(health: () => Promise<boolean>): Promise<boolean> {
    try {
      return await health();
    } catch {
      // A health check that throws is the answer "no".
      return false;
    }
  }

  #releaseAfter(delayMs: number): void {
    this.#after(delayMs, () => void this.#release());
  }

  /** Brings parked runs back, as many as the ramp allows, until none is left. */
  async #release(): Promise<void> {
    if (this.#breaker.kind !== "closed") return;
    const count = Math.max(1, Math.min(this.options.concurrency, (this.#breaker.ramp ?? 64) * 2));
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
