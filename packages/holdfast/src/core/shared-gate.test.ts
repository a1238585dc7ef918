import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { flowOf, refilled, type GateLimits } from "./gate-slices.ts";
import type { SharedBreaker } from "./shared-breaker.ts";
import {
  exchanged,
  left,
  NEW_GATE,
  type Exchange,
  type GateReport,
  type SharedGate,
} from "./shared-gate.ts";

const RATE = { count: 20, periodMs: 1_000, burst: 2 };
const OUTAGE = { class: "unavailable", reason: "refused", sinceMs: 0, spacingMs: 5_000 } as const;
const OPEN: SharedBreaker = { kind: "open", outage: OUTAGE, probeAtMs: 5_000 };
const COMING_BACK: SharedBreaker = {
  kind: "closed",
  ramp: { limit: 1, doneCount: 0 },
  spacingMs: 5_000,
};

function reportOf(worker: number, over: Partial<GateReport> = {}): GateReport {
  return {
    worker,
    inUse: 0,
    wants: 0,
    tokens: 0,
    limits: { concurrency: 10, rate: null },
    found: null,
    round: 0,
    doneCount: 0,
    rampDoneAt: 10,
    hasTold: false,
    drain: null,
    retries: { held: 0, earned: 0, needs: 0, isIdle: true },
    claim: null,
    ...over,
  };
}

/** Workers 1 to 3 as the engine plays them: less at once, more when it is on record. */
class Fleet {
  state: SharedGate = NEW_GATE;
  nowMs = 0;
  readonly living = new Set([1, 2, 3]);
  readonly limits: GateLimits;
  readonly workers = new Map<number, Player>();
  /** What the bucket would hold if there were one for all. */
  oneBucket: number;

  constructor(limits: GateLimits) {
    this.limits = limits;
    this.oneBucket = limits.rate?.burst ?? 0;
    for (const worker of this.living) this.workers.set(worker, new Player());
  }

  get view() {
    return { living: this.living, nowMs: this.nowMs };
  }

  of(worker: number): Player {
    const player = this.workers.get(worker);
    if (player === undefined) throw new Error(`no worker ${String(worker)}`);
    return player;
  }

  pass(ms: number): void {
    this.nowMs += ms;
    const { rate } = this.limits;
    if (rate !== null)
      this.oneBucket = Math.min(rate.burst, this.oneBucket + flowOf(rate, rate.burst) * ms);
    for (const player of this.workers.values()) player.refill(this.limits, ms);
  }

  /** @param isLost - another worker's write came first: nothing of this one's is put down. */
  exchange(worker: number, over: Partial<GateReport> = {}, isLost = false): Exchange {
    const player = this.of(worker);
    const { inUse, wants, tokens } = player;
    const round = this.state.round;
    const report = { inUse, wants: Math.max(inUse, wants), tokens, limits: this.limits, round };
    const next = exchanged(this.state, reportOf(worker, { ...report, ...over }), this.view);
    if (isLost) return next;
    this.state = next.state;
    Object.assign(player, { limit: next.limit, parts: next.parts, tokens: next.tokens });
    return next;
  }

  call(worker: number): boolean {
    const player = this.of(worker);
    const isPaced = this.limits.rate === null || player.tokens >= 1;
    if (player.inUse >= player.limit || !isPaced) return false;
    player.inUse += 1;
    if (this.limits.rate !== null) {
      player.tokens -= 1;
      this.oneBucket -= 1;
    }
    return true;
  }

  /** SIGKILL: its calls are cut, its slice counts until its lease has run out. */
  kill(worker: number): void {
    this.workers.delete(worker);
  }

  expire(worker: number): void {
    this.kill(worker);
    this.living.delete(worker);
  }

  join(worker: number): void {
    this.living.add(worker);
    this.workers.set(worker, new Player());
  }

  get parts(): number {
    let count = 0;
    for (const player of this.workers.values()) count += player.parts;
    return count;
  }

  /** Calls that could start at once, in all. */
  get tokens(): number {
    const { pool, slices } = this.state;
    const { rate } = this.limits;
    if (pool === null || rate === null) return 0;
    const free = rate.burst - slices.reduce((all, { parts }) => all + parts, 0);
    let { tokens } = refilled(pool, free, rate, this.nowMs);
    for (const player of this.workers.values()) tokens += player.tokens;
    return tokens;
  }

  get open(): number {
    let count = 0;
    for (const player of this.workers.values()) count += player.inUse;
    return count;
  }
}

class Player {
  inUse = 0;
  wants = 0;
  limit = 0;
  parts = 0;
  tokens = 0;

  refill({ rate }: GateLimits, ms: number): void {
    if (rate === null) return;
    this.tokens = Math.min(this.parts, this.tokens + flowOf(rate, this.parts) * ms);
  }
}

type Step =
  | { readonly does: "exchange" | "lost" | "call" | "back" | "kill" | "leave"; readonly of: number }
  | { readonly does: "wants"; readonly of: number; readonly count: number }
  | { readonly does: "pass"; readonly ms: number };

const worker = fc.integer({ min: 0, max: 2 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 16, arbitrary: stepOf("exchange") },
  { weight: 1, arbitrary: stepOf("lost") },
  { weight: 12, arbitrary: stepOf("call") },
  { weight: 4, arbitrary: stepOf("back") },
  { weight: 1, arbitrary: stepOf("kill") },
  { weight: 1, arbitrary: stepOf("leave") },
  {
    weight: 5,
    arbitrary: fc.record({
      does: fc.constant("wants" as const),
      of: worker,
      count: fc.integer({ min: 0, max: 20 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      does: fc.constant("pass" as const),
      ms: fc.integer({ min: 1, max: 1_500 }),
    }),
  },
);

function stepOf<Does extends "exchange" | "lost" | "call" | "back" | "kill" | "leave">(does: Does) {
  return fc.record({ does: fc.constant(does), of: worker });
}

/** Somebody new comes for everybody who goes. */
function play(fleet: Fleet, one: Step, ids: number[]): void {
  if (one.does === "pass") {
    fleet.pass(one.ms);
    return;
  }
  const id = ids[one.of] ?? 0;
  const player = fleet.of(id);
  switch (one.does) {
    case "exchange":
    case "lost":
      fleet.exchange(id, {}, one.does === "lost");
      return;
    case "call":
      // As many as it may.
      while (fleet.call(id));
      return;
    case "back":
      player.inUse = Math.max(0, player.inUse - 1);
      return;
    case "wants":
      player.wants = one.count;
      return;
    case "leave":
      fleet.state = left(fleet.state, id, player.tokens, fleet.view);
      fleet.expire(id);
      break;
    case "kill":
      fleet.expire(id);
      break;
  }
  const next = Math.max(...fleet.living, ...ids) + 1;
  ids[one.of] = next;
  fleet.join(next);
}

const limits = fc.record({
  concurrency: fc.integer({ min: 1, max: 12 }),
  rate: fc.constantFrom(
    null,
    RATE,
    { count: 1, periodMs: 1_000, burst: 1 },
    { count: 50, periodMs: 1_000, burst: 5 },
  ),
});

describe("what workers hold of a limit", () => {
  test("is never more than the limit, whatever they do and whenever one dies", () => {
    fc.assert(
      fc.property(limits, fc.array(step, { minLength: 60, maxLength: 200 }), (declared, steps) => {
        const fleet = new Fleet(declared);
        const ids = [1, 2, 3];
        for (const one of steps) {
          play(fleet, one, ids);
          expect(fleet.open).toBeLessThanOrEqual(declared.concurrency);
          const held = fleet.state.slices.filter(({ worker: id }) => fleet.living.has(id));
          const places = held.reduce((all, slice) => all + slice.places, 0);
          expect(places).toBeLessThanOrEqual(declared.concurrency);
          if (declared.rate === null) continue;
          // All buckets together never hold more than one for all would.
          expect(fleet.parts).toBeLessThanOrEqual(declared.rate.burst);
          expect(fleet.tokens).toBeLessThanOrEqual(fleet.oneBucket + 1e-6);
        }
      }),
      { numRuns: 400 },
    );
  });

  test("goes to everybody who wants it within some turns, also where there is only one", () => {
    fc.assert(
      fc.property(limits, (declared) => {
        const fleet = new Fleet(declared);
        const served = new Set<number>();
        for (let look = 0; look < 200 && served.size < 3; look += 1) {
          for (const id of [1, 2, 3]) {
            const player = fleet.of(id);
            player.inUse = 0;
            player.wants = 5;
            fleet.exchange(id);
            if (fleet.call(id)) served.add(id);
          }
          fleet.pass(200);
        }
        expect(served.size).toBe(3);
      }),
      { numRuns: 60 },
    );
  });

  test("is all of it where one worker is alone", () => {
    const fleet = new Fleet({ concurrency: 10, rate: RATE });
    fleet.of(1).wants = 50;
    expect(fleet.exchange(1)).toMatchObject({ limit: 10, parts: 2, tokens: 2 });
  });

  test("counts until the lease of a dead worker has run out", () => {
    const fleet = new Fleet({ concurrency: 10, rate: null });
    fleet.of(1).wants = 8;
    fleet.of(2).wants = 8;
    fleet.exchange(1);
    fleet.kill(1);
    expect(fleet.exchange(2).limit).toBe(2);
    fleet.expire(1);
    expect(fleet.exchange(2).limit).toBe(8);
  });

  test("comes back from who is idle, and is kept for calls that are open", () => {
    const fleet = new Fleet({ concurrency: 10, rate: null });
    fleet.of(1).wants = 10;
    fleet.exchange(1);
    fleet.of(2).wants = 10;
    fleet.exchange(2);
    fleet.of(1).inUse = 8;
    expect(fleet.exchange(1).limit).toBe(5);
    expect(fleet.exchange(2).limit).toBe(2);
    Object.assign(fleet.of(1), { inUse: 0, wants: 0 });
    fleet.exchange(1);
    expect(fleet.exchange(2).limit).toBe(10);
  });

  test("goes by the lowest limit while workers declare different ones", () => {
    const fleet = new Fleet({ concurrency: 10, rate: null });
    fleet.of(1).wants = 10;
    fleet.of(2).wants = 10;
    fleet.exchange(1);
    fleet.exchange(2, { limits: { concurrency: 4, rate: null } });
    expect(fleet.exchange(1).limit).toBe(2);
    expect(fleet.exchange(2, { limits: { concurrency: 4, rate: null } }).limit).toBe(2);
  });
});

describe("a breaker that workers share", () => {
  test("is opened once, by who found it first, and everybody holds nothing from then on", () => {
    const fleet = new Fleet({ concurrency: 10, rate: null });
    for (const id of [1, 2]) fleet.of(id).wants = 5;
    for (const id of [1, 2]) fleet.exchange(id);
    fleet.exchange(1, { found: OPEN });
    expect(fleet.state).toMatchObject({ round: 1, breaker: OPEN, teller: 1 });
    // It has found the same in the round before.
    const late = fleet.exchange(2, { found: { ...OPEN, probeAtMs: 9_000 }, round: 0 });
    expect(late).toMatchObject({ limit: 0, state: { round: 1, breaker: OPEN, teller: 1 } });
  });

  test("is put on record by another if who found it is dead, and by nobody once that is done", () => {
    const fleet = new Fleet({ concurrency: 10, rate: null });
    fleet.exchange(1, { found: OPEN });
    fleet.expire(1);
    expect(fleet.exchange(2).state.teller).toBe(2);
    expect(fleet.exchange(2, { hasTold: true }).state.teller).toBe(null);
  });

  test("is tried by one worker at a time, and by the next one if that is dead", () => {
    const fleet = new Fleet({ concurrency: 10, rate: RATE });
    const claim = { lastsMs: 60_000, takesPlace: true };
    fleet.exchange(1, { found: OPEN });
    expect(fleet.exchange(1, { claim }).claimed).toBe(false);
    fleet.pass(5_000);
    expect(fleet.exchange(2, { claim })).toMatchObject({ claimed: true, limit: 1 });
    expect(fleet.exchange(1, { claim }).claimed).toBe(false);
    // It keeps its place while it tries.
    expect(fleet.exchange(2).limit).toBe(1);
    fleet.expire(2);
    // What the dead one might have called counts as called.
    expect(fleet.exchange(3, { claim }).claimed).toBe(false);
    fleet.pass(100);
    expect(fleet.exchange(3, { claim }).claimed).toBe(true);
  });

  test("is not tried while all places are taken by calls that are still open", () => {
    const fleet = new Fleet({ concurrency: 1, rate: null });
    fleet.of(1).wants = 1;
    fleet.exchange(1);
    fleet.call(1);
    fleet.exchange(1, { found: OPEN });
    fleet.pass(5_000);
    const claim = { lastsMs: 60_000, takesPlace: true };
    expect(fleet.exchange(2, { claim }).claimed).toBe(false);
    fleet.of(1).inUse = 0;
    fleet.exchange(1);
    expect(fleet.exchange(2, { claim }).claimed).toBe(true);
  });

  test("comes back by one ramp for all", () => {
    const fleet = new Fleet({ concurrency: 10, rate: null });
    fleet.exchange(1, { found: OPEN });
    fleet.exchange(1, { found: COMING_BACK });
    for (const id of [1, 2, 3]) fleet.of(id).wants = 5;
    const most = () => [1, 2, 3].map((id) => fleet.exchange(id).limit).toSorted((a, b) => a - b);
    expect(most()).toEqual([0, 0, 1]);
    fleet.exchange(1, { doneCount: 1 });
    expect(most()).toEqual([0, 1, 1]);
    fleet.exchange(1, { doneCount: 2 });
    fleet.exchange(1, { doneCount: 4 });
    fleet.exchange(1, { doneCount: 8 });
    expect(fleet.state.breaker).toMatchObject({ kind: "closed", ramp: null });
  });
});
