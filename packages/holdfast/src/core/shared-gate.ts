/**
 * The gate of one integration as the workers of a store share it: the slices of its limit, and its
 * breaker. One function says what a worker makes of it; the store takes that only if nobody else has
 * changed it since it was read.
 */
import { rampAfter } from "./breaker.ts";
import {
  lowestLimits,
  movedParts,
  partsDue,
  placesDue,
  refilled,
  type Dues,
  type GateLimits,
  type RatePool,
  type Slice,
} from "./gate-slices.ts";
import {
  incidentAfter,
  incidentBegan,
  incidentEnded,
  type Drain,
  type Incident,
} from "./incident.ts";
import type { RetryBudget } from "./retry-budget.ts";
import { sharedRetries, type OwnRetries, type SharedRetries } from "./shared-retries.ts";
import {
  CALM_BREAKER,
  isIncident,
  mayProbe,
  withoutDeadCanary,
  type SharedBreaker,
} from "./shared-breaker.ts";

export interface SharedGate {
  /** Grows with every change of the breaker: what a worker found before it does not count. */
  readonly round: number;
  readonly breaker: SharedBreaker;
  /** The worker that has yet to put the newest of the incident on record; null: it is. */
  readonly teller: number | null;
  /** The outage that is, or the last one; null: none is known. */
  readonly incident: Incident | null;
  /** The worker that counts who still waits after it; null: nobody does any more. */
  readonly drainer: number | null;
  /** What nobody holds of the retry budget; null before the first call. */
  readonly retries: RetryBudget | null;
  /** Null until a rate is known. */
  readonly pool: RatePool | null;
  readonly slices: readonly Slice[];
}

export const NEW_GATE: SharedGate = {
  round: 0,
  breaker: CALM_BREAKER,
  teller: null,
  incident: null,
  drainer: null,
  retries: null,
  pool: null,
  slices: [],
};

export interface GateReport {
  readonly worker: number;
  /** Calls that it has open: never more than its places. */
  readonly inUse: number;
  /** Calls that it has open or that wait here, the most of late. */
  readonly wants: number;
  /** What it may start at once by its share of the rate. */
  readonly tokens: number;
  /** Null: it does not know yet what the integration declares. */
  readonly limits: GateLimits | null;
  /** What its own breaker has come to in round `round`; null: nothing new. */
  readonly found: SharedBreaker | null;
  readonly round: number;
  /** Calls that came through in this round while coming back. */
  readonly doneCount: number;
  /** Concurrency at which coming back is over. */
  readonly rampDoneAt: number;
  /** It has put the newest of the incident on record. */
  readonly hasTold: boolean;
  /** What it has counted after the outage, if it is who counts; by the store's clock. */
  readonly drain: Drain | null;
  readonly retries: OwnRetries;
  /** It asks for leave to try: null if not, else until when a canary has, ms, and if it takes a place. */
  readonly claim: { readonly lastsMs: number; readonly takesPlace: boolean } | null;
}

export interface GateView {
  readonly living: ReadonlySet<number>;
  /** By the store's clock. */
  readonly nowMs: number;
}

export interface Exchange {
  readonly state: SharedGate;
  /** Calls that it may have open. */
  readonly limit: number;
  readonly parts: number;
  /** What is in its bucket afterwards. */
  readonly tokens: number;
  readonly claimed: boolean;
  readonly retries: SharedRetries;
  /** Calls that its slice is reckoned by. */
  readonly wants: number;
  /** Whether places or parts have yet to go from one worker to another. */
  readonly isUnsettled: boolean;
}

/** What becomes of the gate by one worker's report, and what that worker may do then. */
export function exchanged(state: SharedGate, report: GateReport, view: GateView): Exchange {
  const before = withoutDead(state, view);
  const self = ownSlice(before, report, view.nowMs);
  const others = before.slices.filter(({ worker }) => worker !== report.worker);
  const found = withFound(state, before, report, view);
  const slices = inAge([...others, self]);
  const limits = lowestLimits(slices);
  const pool = poolOf(before, limits, others, self, view.nowMs);
  const table: Table = { self, others, slices, limits, pool };
  const granted = claimedPlaces(found, report, table, view);
  const shares = granted ?? shared(found, report, table, view);
  const breaker = granted === null ? found : { ...found, ...granted.breaker };
  const held = others.map((other) => other.retries);
  const retries = sharedRetries(before.retries, report.retries, held, view.nowMs);
  const slice = { ...sliceAfter(self, shares, report.inUse, view.nowMs), retries: retries.held };
  const next: SharedGate = {
    round: breaker.round,
    breaker: breaker.breaker,
    teller: breaker.teller,
    incident: breaker.incident,
    drainer: breaker.drainer,
    retries: retries.pool,
    // It fills by itself, and is written when its parts change.
    pool: shares.parts === self.parts && before.pool !== null ? before.pool : shares.pool,
    slices: inAge([...others, slice]),
  };
  return {
    state: next,
    limit: shares.limit,
    parts: shares.parts,
    tokens: shares.tokens,
    claimed: granted !== null,
    retries,
    wants: slice.wants,
    isUnsettled: shares.isUnsettled,
  };
}

/** What a worker leaves that ends in order: all that it had is free at once. */
export function left(
  state: SharedGate,
  worker: number,
  tokens: number,
  view: GateView,
): SharedGate {
  const self = state.slices.find((slice) => slice.worker === worker);
  if (self === undefined) return state;
  const others = state.slices.filter((slice) => slice !== self);
  const pool = poolOf(state, lowestLimits(state.slices), others, self, view.nowMs);
  const back = pool === null ? null : { ...pool, tokens: pool.tokens + tokens };
  // What it held of the retry budget is taken to be spent.
  return { ...state, slices: others, pool: back };
}

interface Table {
  readonly self: Slice;
  readonly others: readonly Slice[];
  readonly slices: readonly Slice[];
  readonly limits: GateLimits | null;
  readonly pool: RatePool | null;
}

interface Shares {
  readonly limit: number;
  readonly parts: number;
  readonly tokens: number;
  readonly pool: RatePool | null;
  readonly isUnsettled: boolean;
}

type Standing = Pick<SharedGate, "round" | "breaker" | "teller" | "incident" | "drainer">;

/** What the dead held is free: the tokens of their parts are taken to be used. */
function withoutDead(state: SharedGate, { living, nowMs }: GateView): SharedGate {
  const slices = state.slices.filter(({ worker }) => living.has(worker));
  if (slices.length === state.slices.length) return state;
  const rate = lowestLimits(state.slices)?.rate ?? null;
  const { pool } = state;
  const now =
    rate === null || pool === null
      ? pool
      : refilled(pool, rate.burst - sumOf(state.slices, "parts"), rate, nowMs);
  return { ...state, slices, pool: now };
}

function ownSlice(state: SharedGate, report: GateReport, nowMs: number): Slice {
  const { worker, limits } = report;
  const known = state.slices.find((slice) => slice.worker === worker);
  const wants = Math.min(roomFor(report.wants), limits?.concurrency ?? 0);
  if (known === undefined) {
    const since = { placesSinceMs: nowMs, partsSinceMs: nowMs };
    return { worker, places: 0, parts: 0, wants, retries: 0, ...since, limits };
  }
  const begins = known.wants === 0 && wants > 0;
  return {
    ...known,
    wants,
    limits,
    placesSinceMs: begins && known.places === 0 ? nowMs : known.placesSinceMs,
    partsSinceMs: begins && known.parts === 0 ? nowMs : known.partsSinceMs,
  };
}

/** Some more than is wanted now: each change of a slice costs a write. */
function roomFor(wants: number): number {
  return wants <= 0 ? 0 : 2 ** Math.ceil(Math.log2(wants));
}

/** What there is to put on record; the teller has, if it has told the same. */
export function newsOf({ breaker, incident }: Pick<SharedGate, "breaker" | "incident">): string {
  const why = breaker.kind === "closed" ? "" : breaker.outage.reason;
  const { parkedCount = null, drainedAtMs = null } = incident ?? {};
  return JSON.stringify([breaker.kind === "closed", why, parkedCount, drainedAtMs]);
}

/** The breaker by what this worker has found, if it knew of the newest change. */
function withFound(
  state: SharedGate,
  before: SharedGate,
  report: GateReport,
  { living, nowMs }: GateView,
): Standing {
  const { worker, found, round, doneCount, rampDoneAt, hasTold } = report;
  const isNews = round === state.round;
  let { breaker, teller } = before;
  if (isNews && found !== null) {
    const after = incidentByFound(before, found, worker, nowMs);
    return { round: state.round + 1, breaker: found, ...(after ?? standingOf(before)) };
  }
  // Who was to put it on record is dead, and may not have.
  if (teller !== null && !living.has(teller)) teller = worker;
  else if (isNews && hasTold && teller === worker) teller = null;
  if (isNews && doneCount > 0 && breaker.kind === "closed" && breaker.ramp !== null) {
    const ramp = rampAfter(breaker.ramp, doneCount, rampDoneAt);
    breaker = ramp === null ? CALM_BREAKER : { ...breaker, ramp };
  }
  const alive = withoutDeadCanary(breaker, living, nowMs);
  const next = alive === breaker ? state.round : state.round + 1;
  return { round: next, breaker: alive, ...drained({ ...before, teller }, report, living) };
}

function standingOf({ teller, incident, drainer }: SharedGate) {
  return { teller, incident, drainer };
}

/** Null if people need not hear of it. */
function incidentByFound(
  { breaker, incident }: SharedGate,
  found: SharedBreaker,
  worker: number,
  nowMs: number,
): Pick<SharedGate, "teller" | "incident" | "drainer"> | null {
  if (!isIncident(breaker, found)) return null;
  if (found.kind === "closed")
    return { teller: worker, incident: incidentEnded(incident, nowMs), drainer: worker };
  const began = breaker.kind === "closed" ? incidentBegan(nowMs) : incident;
  return { teller: worker, incident: began, drainer: null };
}

/** By what the worker has counted that counts; another one does where that is dead. */
function drained(
  state: SharedGate,
  { worker, drain }: GateReport,
  living: ReadonlySet<number>,
): Pick<SharedGate, "teller" | "incident" | "drainer"> {
  const { drainer, incident } = state;
  if (drainer === null || incident === null) return standingOf(state);
  if (!living.has(drainer)) return { ...standingOf(state), drainer: worker };
  if (drainer !== worker || drain === null) return standingOf(state);
  const after = incidentAfter(incident, drain);
  const isSame =
    after.parkedCount === incident.parkedCount && after.drainedAtMs === incident.drainedAtMs;
  if (isSame) return standingOf(state);
  return { teller: worker, incident: after, drainer: after.drainedAtMs === null ? worker : null };
}

/** The pool as it stands now, if what is free of the rate changes by anything but this worker. */
function poolOf(
  state: SharedGate,
  limits: GateLimits | null,
  others: readonly Slice[],
  self: Slice,
  nowMs: number,
): RatePool | null {
  const rate = limits?.rate ?? null;
  if (rate === null) return state.pool;
  if (state.pool === null) return { tokens: rate.burst, atMs: nowMs };
  return refilled(state.pool, rate.burst - sumOf(others, "parts") - self.parts, rate, nowMs);
}

/** Leave to try, together with the place that the try needs; null if it is not given. */
function claimedPlaces(
  { round, breaker }: Standing,
  { worker, inUse, tokens, claim }: GateReport,
  { self, others, limits, pool }: Table,
  { nowMs }: GateView,
): (Shares & { readonly breaker: Pick<Standing, "round" | "breaker"> }) | null {
  if (claim === null || breaker.kind === "closed" || !mayProbe(breaker, nowMs)) return null;
  const { outage } = breaker;
  const probing: SharedBreaker = {
    kind: "probing",
    outage,
    startedAtMs: nowMs,
    by: worker,
    untilMs: nowMs + claim.lastsMs,
  };
  const now = { breaker: { round: round + 1, breaker: probing } };
  const as = { pool, isUnsettled: false, ...now };
  if (!claim.takesPlace) return { limit: inUse, parts: self.parts, tokens, ...as };
  const concurrency = limits?.concurrency ?? 1;
  if (sumOf(others, "places") + inUse + 1 > concurrency) return null;
  const rate = limits?.rate ?? null;
  if (rate === null || pool === null) return { limit: inUse + 1, parts: 0, tokens, ...as };
  const free = rate.burst - sumOf(others, "parts") - self.parts;
  const moved = movedParts({ parts: self.parts, tokens }, rate.burst, free, pool);
  return moved.tokens < 1 ? null : { ...as, limit: inUse + 1, ...moved };
}

/** Its share by what all want while it is closed; else nothing but what is in use. */
function shared(
  { breaker }: Standing,
  { worker, tokens }: GateReport,
  { self, others, slices, limits, pool }: Table,
  { nowMs }: GateView,
): Shares {
  // The canary keeps what it was given.
  if (breaker.kind === "probing" && breaker.by === worker)
    return { limit: self.places, parts: self.parts, tokens, pool, isUnsettled: false };
  const rate = limits?.rate ?? null;
  const most = breaker.kind === "closed" ? (limits?.concurrency ?? 0) : 0;
  const total = breaker.kind === "closed" ? Math.min(most, breaker.ramp?.limit ?? most) : 0;
  const places = placesDue(total, slices, nowMs);
  const free = total - sumOf(others, "places");
  const limit = Math.max(0, Math.min(places.get(worker) ?? 0, free));
  const waits = slices.filter(({ wants }) => wants > 0).length > total && total > 0;
  if (rate === null || pool === null) {
    const isUnsettled = waits || areUnsettled(others, "places", places);
    return { limit, parts: 0, tokens: 0, pool, isUnsettled };
  }
  const parts = partsDue(rate.burst, slices, places, nowMs);
  const notOthers = rate.burst - sumOf(others, "parts");
  const own = { parts: self.parts, tokens };
  const moved = movedParts(own, parts.get(worker) ?? 0, notOthers - self.parts, pool);
  const isUnsettled =
    waits ||
    rate.burst < places.size ||
    areUnsettled(others, "places", places) ||
    areUnsettled(others, "parts", parts);
  return { limit, ...moved, isUnsettled };
}

/** Whether another has not what it is due. */
function areUnsettled(others: readonly Slice[], what: "places" | "parts", due: Dues): boolean {
  return others.some((slice) => slice[what] !== (due.get(slice.worker) ?? 0));
}

/** A call that is open keeps its place, whatever the worker may start. */
function sliceAfter(self: Slice, { limit, parts }: Shares, inUse: number, nowMs: number): Slice {
  const places = Math.max(limit, inUse);
  return {
    ...self,
    places,
    parts,
    placesSinceMs: places > 0 === self.places > 0 ? self.placesSinceMs : nowMs,
    partsSinceMs: parts > 0 === self.parts > 0 ? self.partsSinceMs : nowMs,
  };
}

function sumOf(slices: readonly Slice[], what: "places" | "parts"): number {
  let sum = 0;
  for (const slice of slices) sum += slice[what];
  return sum;
}

/** In an order of their own, whoever writes them. */
function inAge(slices: readonly Slice[]): readonly Slice[] {
  return slices.toSorted((a, b) => a.worker - b.worker);
}
