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
  /** The worker that has yet to put the newest incident on record; null: it is. */
  readonly teller: number | null;
  /** Null until a rate is known. */
  readonly pool: RatePool | null;
  readonly slices: readonly Slice[];
}

export const NEW_GATE: SharedGate = {
  round: 0,
  breaker: CALM_BREAKER,
  teller: null,
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
  /** It has put the newest incident on record. */
  readonly hasTold: boolean;
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
  const slice = sliceAfter(self, shares, report.inUse, view.nowMs);
  const next: SharedGate = {
    round: breaker.round,
    breaker: breaker.breaker,
    teller: breaker.teller,
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

type Standing = Pick<SharedGate, "round" | "breaker" | "teller">;

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
    return { worker, places: 0, parts: 0, wants, ...since, limits };
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
    if (isIncident(breaker, found)) teller = worker;
    return { round: state.round + 1, breaker: found, teller };
  }
  // Who was to put it on record is dead, and may not have.
  if (teller !== null && !living.has(teller)) teller = worker;
  else if (isNews && hasTold && teller === worker) teller = null;
  if (isNews && doneCount > 0 && breaker.kind === "closed" && breaker.ramp !== null) {
    const ramp = rampAfter(breaker.ramp, doneCount, rampDoneAt);
    breaker = ramp === null ? CALM_BREAKER : { ...breaker, ramp };
  }
  const alive = withoutDeadCanary(breaker, living, nowMs);
  return { round: alive === breaker ? state.round : state.round + 1, breaker: alive, teller };
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
