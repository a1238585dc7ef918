/**
 * Who is tried first while an integration is down: one parked run whose call does no harm if nobody
 * knows what became of it; where there is none such, the integration's own health check; where it has
 * none, whoever waits. Source: failure model R12.
 */
import type { Admission, BreakerEvent, BreakerState } from "../../core/breaker.ts";
import type { Failure } from "../../core/failure.ts";
import type { Clock } from "../clock.ts";
import type { Entry, GateOptions, OwnPass } from "./gate.ts";
import type { GateShare } from "./gate-share.ts";
import { HEALTH_MS_MAX, healthTooLate, unhealthy } from "./health-check.ts";

export interface CanaryNeeds {
  readonly clock: Clock;
  readonly share: GateShare | null;
  wakeParked(integration: string, count: number): Promise<boolean>;
  readonly gate: {
    breaker(): BreakerState;
    admission(): Admission;
    options(): GateOptions;
    become(state: BreakerState): void;
    feed(event: BreakerEvent): void;
    /** Lets one step try whose run is in memory. False if there is none. */
    callParked(which: "all" | "those that may be tried"): boolean;
  };
}

type Probing = Extract<BreakerState, { kind: "probing" }>;
type Open = Exclude<BreakerState, { kind: "closed" }>;

/** After a canary that never called, another one may go, milliseconds: nothing has been learnt. */
const AGAIN_MS = 1_000;
/** Parked runs that are woken to find one that may be tried, where the oldest may not. */
const CANDIDATES_MAX = 8;

export class Canaries {
  readonly #name: string;
  readonly #needs: CanaryNeeds;
  /** `oldest`: the oldest run is asked; then some more; then the health check, or whoever comes. */
  #search: "oldest" | "some" | "anybody" = "oldest";
  #cancel: (() => void) | null = null;
  #closed = false;

  constructor(name: string, needs: CanaryNeeds) {
    this.#name = name;
    this.#needs = needs;
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
  }

  /** Whether this one goes, now that one may. If not, a better one is looked for. */
  takes({ mayTry }: Entry): boolean {
    const { health } = this.#needs.gate.options();
    if (mayTry || (this.#search === "anybody" && health === null)) return true;
    if (this.#search === "oldest") {
      this.#search = "some";
      this.#after(0, () => void this.#probe());
    }
    return false;
  }

  /** One is under way. Should it never say anything, another one goes. */
  gone(): void {
    this.#search = "oldest";
    this.lookAfter(this.#needs.gate.breaker());
  }

  /** The pass of a canary. If it ends without a word on the system, its place is given back. */
  passOf({ outage, startedAtMs }: Probing, pass: OwnPass): OwnPass {
    const { clock, gate, share } = this.#needs;
    this.#search = "oldest";
    let hasSaid = false;
    const giveBack = () => {
      const now = gate.breaker();
      // It may have been given up, and another one be under way.
      if (hasSaid || now.kind !== "probing" || now.startedAtMs !== startedAtMs) return;
      const probeAtMs = clock.nowMs() + AGAIN_MS;
      const open = { kind: "open", outage, probeAtMs } as const;
      gate.become(open);
      share?.publish(open);
      this.probeAt(probeAtMs);
    };
    return {
      begins: () => {
        pass.begins();
      },
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

  /** When it may be tried, by what is known. */
  lookAfter(state: BreakerState): void {
    if (state.kind === "closed") return;
    const atMs = this.#dueAtMs(state);
    if (atMs !== null) this.probeAt(atMs);
  }

  #dueAtMs(state: Open): number | null {
    const { canaryMaxMs } = this.#needs.gate.options().breaker;
    return state.kind === "open" ? state.probeAtMs : state.startedAtMs + canaryMaxMs;
  }

  probeAt(atMs: number): void {
    this.#after(atMs - this.#needs.clock.nowMs(), () => void this.#probe());
  }

  againSoon(): void {
    this.#after(AGAIN_MS, () => void this.#probe());
  }

  async #probe(): Promise<void> {
    const { gate, share } = this.#needs;
    // Another worker may try already, or know that it is back.
    if (share !== null) await share.refresh();
    if (gate.breaker().kind === "closed" || this.#closed) return;
    const admission = gate.admission();
    if (admission.kind === "wait") {
      if (admission.atMs !== null) this.probeAt(admission.atMs);
      return;
    }
    const { health, breaker } = gate.options();
    if (this.#search === "anybody" && health !== null) {
      await this.#askHealth(admission.state, health);
      return;
    }
    const search = this.#search;
    const hasOne = await this.#call();
    // Who has come meanwhile may not be tried: somebody else is looked for already.
    if (this.#closed || this.#search !== search) return;
    if (!hasOne && health !== null) {
      // Nobody waits who may be tried; it need not wait for somebody.
      await this.#askHealth(admission.state, health);
      return;
    }
    if (this.#search === "some") {
      this.#search = "anybody";
      this.#after(AGAIN_MS, () => void this.#probe());
      return;
    }
    // Nobody waits: whoever comes next is the canary. A run that does not come after all (cancelled,
    // held) must not leave the gate closed.
    if (hasOne) this.#after(breaker.probeFirstMs, () => void this.#probe());
  }

  /** Lets somebody come who may be the canary. False if nobody waits. */
  async #call(): Promise<boolean> {
    const { gate } = this.#needs;
    const which = this.#search === "anybody" ? "all" : "those that may be tried";
    if (gate.callParked(which)) return true;
    const count = this.#search === "some" ? CANDIDATES_MAX : 1;
    return await this.#needs.wakeParked(this.#name, count);
  }

  async #askHealth(state: BreakerState, health: () => Promise<boolean>): Promise<void> {
    const { gate, share } = this.#needs;
    if (gate.breaker().kind === "closed") return;
    if (share === null) gate.become(state);
    else if (!(await share.claim(false))) return;
    this.#search = "oldest";
    const failure = await new Promise<Failure | null>((resolve) => {
      this.#after(HEALTH_MS_MAX, () => {
        resolve(healthTooLate());
      });
      void unhealthy(health).then(resolve);
    });
    if (this.#closed) return;
    gate.feed(
      failure === null
        ? { kind: "succeeded", canary: true }
        : { kind: "failed", canary: true, failure },
    );
  }

  #after(delayMs: number, callback: () => void): void {
    this.#cancel?.();
    this.#cancel = this.#closed ? null : this.#needs.clock.after(Math.max(0, delayMs), callback);
  }
}
