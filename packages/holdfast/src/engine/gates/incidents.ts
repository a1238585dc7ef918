/**
 * What people hear of one integration: one incident for an outage, with its start and end, how many
 * runs waited, and when the last of them did not any more. Where workers share the store one of them
 * tells (gate-share.ts), and this only counts for it.
 */
import type { BreakerState } from "../../core/breaker.ts";
import {
  incidentAfter,
  incidentBegan,
  incidentEnded,
  type Drain,
  type Incident,
} from "../../core/incident.ts";
import type { DependencyHead } from "../../core/journal.ts";
import type { DependencyRow } from "../../store/rows.ts";
import type { Clock } from "../clock.ts";
import type { GateShare } from "./gate-share.ts";

export interface IncidentNeeds {
  readonly clock: Clock;
  readonly share: GateShare | null;
  record(head: DependencyHead): void;
  /** Like `record`, for what nobody has to hear of at once. */
  note(head: DependencyHead): void;
  countParked(integration: string): Promise<number | null>;
}

type Open = Extract<BreakerState, { kind: "open" }>;

/** Runs that still wait are counted again after so long, then after twice as long, milliseconds. */
const COUNT_AGAIN_MS = 1_000;
const COUNT_AGAIN_MS_MAX = 60_000;

export class Incidents {
  readonly #name: string;
  readonly #needs: IncidentNeeds;
  #incident: Incident | null = null;
  #retryTokens: number | null = null;
  #cancel: (() => void) | null = null;
  /** It is on record that it stays down until somebody acts. */
  #isParked = false;
  #canaryWaited = false;
  /** Since when it is down for the reason that is on record. */
  #sinceMs = 0;
  #closed = false;

  constructor(name: string, needs: IncidentNeeds) {
    this.#name = name;
    this.#needs = needs;
  }

  /** One call is tried. Its run waited like the others, and is not parked any more when they are counted. */
  canaryGoes(wasParked: boolean): void {
    this.#canaryWaited = wasParked;
  }

  began(open: Open): void {
    this.#canaryWaited = false;
    this.#incident = incidentBegan(this.#needs.clock.nowMs());
    this.changed(open);
  }

  /** One call did not get through: news only if it turns out that it stays so until somebody acts. */
  tried(open: Open): void {
    if (open.probeAtMs !== null && !this.#isParked)
      this.#needs.note({ ...this.#openHead(open), sinceMs: this.#sinceMs });
    else if (open.probeAtMs === null && !this.#isParked) this.changed(open);
  }

  /** It is not called for another reason now. */
  changed(open: Open): void {
    this.#cancel?.();
    this.#isParked = open.probeAtMs === null;
    this.#sinceMs = this.#needs.clock.nowMs();
    this.#needs.record(this.#openHead(open));
  }

  #openHead({ outage, probeAtMs }: Open): DependencyHead {
    return {
      ...this.#head,
      to: probeAtMs === null ? "parked" : "open",
      reason: outage.reason,
      class: outage.class,
      probeAtMs,
      ...(outage.byHand === true ? { byHand: true } : {}),
    };
  }

  ended(): void {
    this.#isParked = false;
    this.#incident = incidentEnded(this.#incident, this.#needs.clock.nowMs());
    this.#needs.record(this.#closedHead("it answers again"));
    this.drain();
  }

  get #head() {
    return {
      integration: this.#name,
      ...(this.#incident === null ? {} : { incident: this.#incident }),
      ...(this.#retryTokens === null ? {} : { retryTokens: this.#retryTokens }),
    };
  }

  #closedHead(reason: string): DependencyHead {
    return { ...this.#head, to: "closed", reason, probeAtMs: null };
  }

  /** So many retries are left. While it is down that is told with what comes next. */
  keepBudget(tokens: number, breaker: BreakerState): void {
    this.#retryTokens = tokens;
    if (breaker.kind === "closed")
      this.#needs.note(this.#closedHead(`${String(tokens)} retries are left`));
  }

  restore({ state, sinceMs, incident, retryTokens }: DependencyRow): void {
    this.#sinceMs = sinceMs;
    this.#incident = incident;
    this.#retryTokens = retryTokens;
    this.#isParked = state === "parked";
    if (state === "closed" && incident !== null && incident.drainedAtMs === null) this.drain();
  }

  /** It answers again: those who wait for it are counted until there are none. */
  drain(): void {
    this.#count(COUNT_AGAIN_MS);
  }

  #count(againMs: number): void {
    this.#cancel?.();
    if (this.#closed) return;
    let isOver = false;
    this.#cancel = () => {
      isOver = true;
    };
    void this.#needs.countParked(this.#name).then((parkedCount) => {
      if (isOver || this.#closed) return;
      const isDrained = parkedCount === 0;
      const drainedAtMs = isDrained ? this.#needs.clock.nowMs() : null;
      if (parkedCount !== null)
        this.#found({ parkedCount: parkedCount + Number(this.#canaryWaited), drainedAtMs });
      if (isDrained) return;
      this.#cancel = this.#needs.clock.after(againMs, () => {
        this.#count(Math.min(2 * againMs, COUNT_AGAIN_MS_MAX));
      });
    });
  }

  #found(drain: Drain): void {
    const { share } = this.#needs;
    if (share !== null) {
      share.drained(drain);
      return;
    }
    const before = this.#incident;
    if (before === null) return;
    this.#incident = incidentAfter(before, drain);
    const isNews = before.parkedCount === null || drain.drainedAtMs !== null;
    if (isNews) this.#needs.note(this.#closedHead("it answers again"));
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
  }
}
