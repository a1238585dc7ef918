/**
 * The breaker of one integration as all workers of a store share it: what one worker's own breaker
 * has come to, for the others to follow. Its times are of the store's clock.
 */
import { assertNever } from "./assert.ts";
import { comingBack, type BreakerState, type Outage, type Ramp } from "./breaker.ts";
import type { FailureClass } from "./failure.ts";
import type { Incident } from "./incident.ts";
import type { DependencyHead } from "./journal.ts";

export type SharedBreaker =
  | {
      readonly kind: "closed";
      readonly ramp: Ramp | null;
      readonly spacingMs: number | null;
    }
  | { readonly kind: "open"; readonly outage: Outage; readonly probeAtMs: number | null }
  | {
      readonly kind: "probing";
      readonly outage: Outage;
      readonly startedAtMs: number;
      /** The worker whose call is the canary. */
      readonly by: number;
      /** Given up then, and another one may go. */
      readonly untilMs: number;
    };

export const CALM_BREAKER: Extract<SharedBreaker, { kind: "closed" }> = {
  kind: "closed",
  ramp: null,
  spacingMs: null,
};

/** What the store's records say of it, where workers share nothing yet. `row` null: nothing. */
export function sharedKnown(
  row: {
    readonly state: string;
    readonly reason: string;
    readonly class: FailureClass | null;
    readonly sinceMs: number;
    readonly probeAtMs: number | null;
    readonly byHand: 0 | 1;
  } | null,
  nowMs: number,
  spacingMs: number,
): SharedBreaker {
  if (row === null || row.state === "closed") return CALM_BREAKER;
  const { reason, class: failureClass, sinceMs, probeAtMs, byHand } = row;
  const known = { class: failureClass ?? "unavailable", reason, sinceMs, spacingMs };
  const outage: Outage = byHand === 1 ? { ...known, byHand: true } : known;
  // A setting may have been mended since: it is tried again soon.
  return { kind: "open", outage, probeAtMs: probeAtMs ?? nowMs };
}

/**
 * What a worker tells the others; null while it only tries: that has to be claimed.
 *
 * @param aheadMs - the store's clock minus this worker's.
 */
export function sharedOf(state: BreakerState, aheadMs: number): SharedBreaker | null {
  switch (state.kind) {
    case "closed":
      return { kind: "closed", ramp: state.ramp, spacingMs: state.spacingMs };
    case "open": {
      const { outage, probeAtMs } = state;
      return {
        kind: "open",
        outage: movedOutage(outage, aheadMs),
        probeAtMs: probeAtMs === null ? null : probeAtMs + aheadMs,
      };
    }
    case "probing":
      return null;
    default:
      return assertNever(state);
  }
}

/**
 * This worker's own breaker by what all know. What it counts by itself goes on while both are closed.
 *
 * @param aheadMs - the store's clock minus this worker's.
 */
export function ownOf(shared: SharedBreaker, before: BreakerState, aheadMs: number): BreakerState {
  switch (shared.kind) {
    case "closed": {
      const { ramp, spacingMs } = shared;
      return before.kind === "closed"
        ? { ...before, ramp, spacingMs }
        : comingBack(ramp, spacingMs);
    }
    case "open": {
      const { outage, probeAtMs } = shared;
      return {
        kind: "open",
        outage: movedOutage(outage, -aheadMs),
        probeAtMs: probeAtMs === null ? null : probeAtMs - aheadMs,
      };
    }
    case "probing": {
      const outage = movedOutage(shared.outage, -aheadMs);
      return { kind: "probing", outage, startedAtMs: shared.startedAtMs - aheadMs };
    }
    default:
      return assertNever(shared);
  }
}

/** Whether a canary may go now. */
export function mayProbe(breaker: SharedBreaker, nowMs: number): boolean {
  switch (breaker.kind) {
    case "closed":
      return false;
    case "open":
      return breaker.probeAtMs !== null && nowMs >= breaker.probeAtMs;
    case "probing":
      return nowMs >= breaker.untilMs;
    default:
      return assertNever(breaker);
  }
}

/** A canary whose worker is dead says nothing any more: another one may go at once. */
export function withoutDeadCanary(
  breaker: SharedBreaker,
  living: ReadonlySet<number>,
  nowMs: number,
): SharedBreaker {
  return breaker.kind === "probing" && !living.has(breaker.by)
    ? { kind: "open", outage: breaker.outage, probeAtMs: nowMs }
    : breaker;
}

/** Whether people have to hear of this change: it went down, is back, or is down for another reason. */
export function isIncident(before: SharedBreaker, now: SharedBreaker): boolean {
  if (before.kind === "closed" || now.kind === "closed") return before.kind !== now.kind;
  return before.outage.reason !== now.outage.reason;
}

/** The record of where it stands. `atMs`: by the store's clock, so that the newest is the newest. */
export function incidentOf(
  integration: string,
  breaker: SharedBreaker,
  incident: Incident | null,
  atMs: number,
): DependencyHead {
  const about = incident === null ? {} : { incident };
  if (breaker.kind === "closed") {
    const sinceMs = incident?.endedAtMs ?? atMs;
    const closed = { to: "closed" as const, reason: "it answers again", probeAtMs: null };
    return { integration, ...closed, ...about, sinceMs, atMs };
  }
  const probeAtMs = breaker.kind === "open" ? breaker.probeAtMs : breaker.startedAtMs;
  const { reason, class: failureClass, byHand } = breaker.outage;
  const to = probeAtMs === null ? "parked" : "open";
  const hand = byHand === true ? { byHand } : {};
  return { integration, to, reason, class: failureClass, probeAtMs, ...hand, ...about, atMs };
}

function movedOutage(outage: Outage, byMs: number): Outage {
  const { sinceMs, ownTryAtMs, inVainAtMs } = outage;
  const own = typeof ownTryAtMs === "number" ? { ownTryAtMs: ownTryAtMs + byMs } : {};
  const inVain = inVainAtMs === undefined ? {} : { inVainAtMs: inVainAtMs + byMs };
  return { ...outage, sinceMs: sinceMs + byMs, ...own, ...inVain };
}
