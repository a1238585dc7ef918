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
import type { Rate } from "../../core/rate.ts";
import type { DependencyRow } from "../../store/rows.ts";
import type { Clock, Random } from "../clock.ts";
import { Canaries } from "./canaries.ts";
import { GateFlow } from "./gate-flow.ts";
import { GateLine, type Rank } from "./gate-line.ts";
import type { GateShare } from "./gate-share.ts";
import { Incidents } from "./incidents.ts";
import { ParkedSteps } from "./parked-steps.ts";

/** What asks for leave to make one call. */
export interface Entry {
  readonly namespace: string;
  readonly rank: Rank;
  /** Whether it may be the one call that is tried: it does no harm if nobody knows what became of it. */
  readonly mayTry: boolean;
  /** What it takes out of the retry budget; 0 for what is no retry. */
  readonly retryCost: number;
  /** Whether its run was parked and has come back for it. */
  readonly wasParked: boolean;
}

/** Leave to make one call. What the call says of the system as a whole goes back to the gate. */
export interface Pass {
  succeeded(): void;
  failed(failure: Failure): void;
  /** Gives the place back. Calling it again does nothing. */
  leave(): void;
}

export interface OwnPass extends Pass {
  /** The call goes out now, and not when it got its place. */
  begins(): void;
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
  /** Puts on record what nobody has to hear of at once. */
  note(head: DependencyHead): void;
  /** Wakes parked runs of this integration, oldest first. False if there were none. */
  wakeParked(integration: string, count: number): Promise<boolean>;
  /** Runs that are parked for it, of all workers; null if that cannot be told now. */
  countParked(integration: string): Promise<number | null>;
  /** Null where one engine has the store for itself: then all of the limit is this gate's. */
  readonly share: GateShare | null;
  /** When this engine began, if another one had the store before it; else null. */
  readonly tookOverAtMs: number | null;
  /** Called when no call is in flight any more. */
  quiet(): void;
}

/** Parked runs come back in portions this far apart, milliseconds. */
const RELEASE_EVERY_MS = 250;
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
  #inFlight = 0;
  readonly #flow: GateFlow;
  readonly #line = new GateLine();
  readonly #parked = new ParkedSteps();
  readonly #canaries: Canaries;
  readonly #incidents: Incidents;
  #cancelRelease: (() => void) | null = null;
  #closed = false;

  constructor(name: string, options: GateOptions, needs: GateNeeds) {
    this.name = name;
    this.#options = options;
    this.#needs = needs;
    const { clock, share, tookOverAtMs } = needs;
    this.#incidents = new Incidents(name, needs);
    this.#flow = new GateFlow(options, {
      clock,
      share,
      tookOverAtMs,
      keepBudget: (tokens) => {
        this.#incidents.keepBudget(tokens, this.#breaker);
      },
    });
    this.#canaries = new Canaries(name, {
      ...needs,
      gate: {
        breaker: () => this.#breaker,
        admission: () => this.#admission,
        options: () => this.#options,
        become: (state) => {
          this.#breaker = state;
        },
        feed: (event) => {
          // A health check: nobody's call.
          this.#incidents.canaryGoes(false);
          this.#feed(event);
        },
        callParked: (which) => this.#parked.call(1, which),
      },
    });
  }

  /** What the integration declares is known from its first use on; until then defaults hold. */
  configure(options: GateOptions): void {
    const { breaker } = this.#options;
    this.#options = options;
    this.#flow.configure(options);
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
    return breakerText(this.#breaker);
  }

  /** Whether calls are let through, if perhaps only a few. */
  get isClosed(): boolean {
    return this.#breaker.kind === "closed";
  }

  /** A person does not want it called now. */
  get isParkedByHand(): boolean {
    return this.#breaker.kind === "open" && this.#breaker.outage.byHand === true;
  }

  /** How long ago it was tried in vain, while it waits for a setting or a quota; null if it was not. */
  get triedInVainMs(): number | null {
    const state = this.#breaker;
    if (state.kind !== "open" || state.probeAtMs !== null) return null;
    const { inVainAtMs } = state.outage;
    return inVainAtMs === undefined ? null : Math.max(0, this.#needs.clock.nowMs() - inVainAtMs);
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

  get #admission() {
    const nowMs = this.#needs.clock.nowMs();
    return admit(this.#breaker, this.#inFlight, this.#options.breaker, nowMs);
  }

  /** A pass, at once or when there is room; null if the run has to park. */
  enter(entry: Entry): Pass | null | Promise<Pass | null> {
    return this.#enter(entry, false);
  }

  #enter(entry: Entry, isInTurn: boolean): Pass | null | Promise<Pass | null> {
    const { queueMax, share } = this.#needs;
    const admission = this.#admission;
    if (admission.kind === "wait" && this.#breaker.kind !== "closed") return null;
    if (admission.kind === "go" && admission.canary) {
      if (!this.#canaries.takes(entry)) return null;
      if (share !== null) return this.#claimedCanary(entry, share);
      this.#breaker = admission.state;
      const { state } = admission;
      if (state.kind !== "probing") throw new Error("a canary goes where one is being tried");
      this.#canaries.gone();
      this.#incidents.canaryGoes(entry.wasParked);
      return this.#paced(this.#canaries.passOf(state, this.#pass(entry, true)), entry, true);
    }
    const isNext = isInTurn || this.#line.length === 0;
    if (admission.kind === "go" && this.#flow.hasRoom(this.#inFlight, isNext)) {
      const payment = this.#flow.pay(entry.retryCost);
      if (payment === "paid") return this.#paced(this.#pass(entry, false), entry, false);
      if (payment === "empty") {
        // The integration is parked, and not the one run that happened to be the last.
        this.#feed({ kind: "retriesUsedUp" });
        return null;
      }
    }
    if (this.#line.length >= queueMax) return null;
    return new Promise((resolve) => {
      // The gate may have closed while it stood in line: then it parks after all.
      this.#line.add(entry.rank, entry.namespace, () => {
        resolve(this.#enter(entry, true));
      });
      share?.want();
    });
  }

  /** One worker's call is tried; the others' runs stay parked. */
  async #claimedCanary(entry: Entry, share: GateShare): Promise<Pass | null> {
    const isOurs = await share.claim(true);
    const state = this.#breaker;
    if (isOurs && state.kind === "probing") {
      share.take(this.#inFlight);
      this.#incidents.canaryGoes(entry.wasParked);
      return this.#canaries.passOf(state, this.#pass(entry, true));
    }
    // There was no place for it, or another worker tries.
    if (state.kind === "open") this.#canaries.againSoon();
    return null;
  }

  /** Takes its place in the rate; waits for its turn if that is later. */
  #paced(pass: OwnPass, entry: Entry, canary: boolean): Pass | Promise<Pass | null> {
    const waitMs = this.#flow.take(this.#inFlight - 1, entry.rank === "first");
    if (waitMs <= 0) return pass;
    return new Promise((resolve) => {
      this.#needs.clock.after(waitMs, () => {
        if (canary || this.isClosed) {
          // What it has waited for its turn is no time that the other system takes.
          pass.begins();
          resolve(pass);
          return;
        }
        pass.leave();
        resolve(null);
      });
    });
  }

  #pass({ retryCost }: Entry, canary: boolean): OwnPass {
    this.#inFlight += 1;
    const { clock } = this.#needs;
    let startedAtMs = clock.nowMs();
    let left = false;
    const tookMs = () => Math.max(0, clock.nowMs() - startedAtMs);
    return {
      begins: () => {
        startedAtMs = clock.nowMs();
      },
      succeeded: () => {
        if (!canary) this.#flow.refund(retryCost);
        this.#flow.ended(startedAtMs, null, this.#inFlight + 1);
        this.#feed({ kind: "succeeded", canary, tookMs: tookMs() });
      },
      failed: (failure) => {
        this.#flow.ended(startedAtMs, failure, this.#inFlight + 1);
        this.#feed({ kind: "failed", canary, failure, tookMs: tookMs() });
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

  /** Lets those in line try again: as many as there is room for, all if the gate has closed. */
  #moveLine(): void {
    // Who does not pass after all stands in line anew: each is called once.
    for (let count = this.#line.length; count > 0; count -= 1) {
      const hasRoom = this.#admission.kind === "go" && this.#flow.hasRoom(this.#inFlight, true);
      if (this.isClosed && !hasRoom) return;
      this.#line.take()?.();
    }
  }

  /** There may be more room by what others have given up. */
  roomCame(): void {
    if (this.isClosed) this.#moveLine();
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
    this.#canaries.lookAfter(now);
    this.#moveLine();
  }

  /** Calls back when a parked step whose run is still in memory may try again. */
  whenOpen(run: number, path: string, mayTry: boolean, callback: () => void): void {
    this.#parked.add(run, path, { mayTry, callback });
  }

  /** The run has left memory: the store knows that it is parked. */
  forget(run: number): void {
    this.#parked.forget(run);
  }

  /** What the last engine left. A setting may have been mended since: it is tried again soon. */
  restore(row: DependencyRow): void {
    this.#incidents.restore(row);
    if (row.retryTokens !== null) this.#flow.restore(row.retryTokens);
    if (row.state === "closed") {
      this.#releaseAfter(0);
      return;
    }
    const probeAtMs = row.probeAtMs ?? this.#needs.clock.nowMs();
    const outage = {
      reason: row.reason,
      class: row.class ?? "unavailable",
      sinceMs: row.sinceMs,
      ...(row.byHand === 1 ? { byHand: true as const } : {}),
    };
    this.#breaker = reopened(outage, probeAtMs, this.#options.breaker);
    this.#canaries.probeAt(probeAtMs);
  }

  /** Parked runs have come from elsewhere. While it is not closed, one of them may be the canary. */
  async lookForParked(): Promise<void> {
    await this.#needs.share?.refresh();
    if (this.#breaker.kind === "closed") this.#releaseAfter(0);
    else this.#canaries.lookAfter(this.#breaker);
  }

  /** A setting may have been mended; or, with a reason, a person wants it tried now. */
  tryNow(reason: string | null = null): void {
    this.#feed({ kind: "tryNow", reason });
    if (this.#breaker.kind !== "open") return;
    const { probeAtMs } = this.#breaker;
    if (probeAtMs !== null) this.#canaries.probeAt(probeAtMs);
    if (reason !== null && this.#needs.share === null) this.#incidents.changed(this.#breaker);
  }

  /** Nobody calls it, so nothing can be tried: that it was parked is taken back. */
  letGo(): void {
    const { share } = this.#needs;
    this.#breaker = CLOSED_BREAKER;
    if (share === null) this.#incidents.ended();
    else share.publish(this.#breaker);
    this.#releaseAfter(0);
  }

  /** A person does not want it called until then. */
  parkByHand(reason: string, untilMs: number): void {
    // Also while a canary is under way: what follows it has to be on record.
    const wasAway = this.#breaker.kind !== "closed";
    this.#feed({ kind: "parkedByHand", reason, untilMs });
    if (wasAway && this.#breaker.kind === "open") {
      this.#canaries.probeAt(untilMs);
      if (this.#needs.share === null) this.#incidents.changed(this.#breaker);
    }
  }

  /** It is back, and this worker is the one that counts who still waits. */
  drain(): void {
    this.#incidents.drain();
  }

  close(): void {
    this.#closed = true;
    this.#needs.share?.close();
    this.#canaries.close();
    this.#incidents.close();
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
      if (before.kind === "closed" && share === null) this.#incidents.began(now);
      if (before.kind === "probing" && share === null) this.#incidents.tried(now);
      if (before.kind !== "open" && now.probeAtMs !== null) this.#canaries.probeAt(now.probeAtMs);
      this.#moveLine();
    } else if (now.kind === "closed" && before.kind === "probing") {
      if (share === null) this.#incidents.ended();
      this.#releaseAfter(0);
    } else if (now.kind === "closed") {
      if (event.kind === "succeeded" && before.kind === "closed" && before.ramp !== null)
        share?.succeeded();
      // The ramp may have grown.
      if (this.#line.length > 0) this.#moveLine();
    }
  }

  /** Brings parked runs back, as many as the ramp allows, until none is left. */
  async #release(): Promise<void> {
    const state = this.#breaker;
    if (state.kind !== "closed") return;
    const { concurrency } = this.#flow.limits;
    const count = Math.min(concurrency, state.ramp?.limit ?? concurrency) * 2;
    // Where workers share the limit, those who were brought back may still stand in line.
    if (this.#needs.share !== null && this.#line.length >= count) {
      this.#releaseAfter(RELEASE_EVERY_MS);
      return;
    }
    this.#parked.call(count, "all");
    const more = await this.#needs.wakeParked(this.name, count);
    // It may have opened meanwhile: then the next canary begins anew.
    if (!this.isClosed) return;
    if (more || this.#parked.size > 0) this.#releaseAfter(RELEASE_EVERY_MS);
  }

  /** Coming back and trying have a timer each: neither may take the other's away. */
  #releaseAfter(delayMs: number): void {
    this.#cancelRelease?.();
    this.#cancelRelease = this.#closed
      ? null
      : this.#needs.clock.after(delayMs, () => void this.#release());
  }
}
