import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testIntegration, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const MINUTE_MS = 60_000;

let world: TestWorld;
let system: Counterpart;
beforeEach(() => {
  world = new TestWorld();
  system = world.counterpart("erp", "keys");
});
afterEach(() => world.remove());

function flowOf(options: Parameters<typeof testEffect>[3] = {}) {
  const act = testEffect("keyed", system, "act", options);
  return testWorkflow("flow", (input, run) => run.do(act, input));
}

async function startMany(flow: ReturnType<typeof flowOf>, count: number): Promise<number[]> {
  const runs: number[] = [];
  for (let n = 0; n < count; n += 1) runs.push(await world.start(flow, { id: String(n) }));
  await world.settle();
  return runs;
}

async function states(runs: readonly number[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const run of runs) {
    const state = await world.stateOf(run);
    counts[state] = (counts[state] ?? 0) + 1;
  }
  return counts;
}

function incidents(): readonly string[] {
  return world.life.events.flatMap((event) =>
    event.type === "dependency.changed" ? [event.to] : [],
  );
}

describe("a dependency that is down", () => {
  test("parks its runs without using up their attempts, and all come through when it is back", async () => {
    const flow = flowOf({ retry: { attempts: 2, within: "24h" }, keyWindow: "7d" });
    await world.begin([flow]);
    system.isDown = true;
    const runs = await startMany(flow, 50);
    await world.advance(2 * 60 * MINUTE_MS);
    expect(await states(runs)).toEqual({ parked: 50 });
    // A probe now and then, not fifty knocking all the time.
    expect(system.requests.length).toBeLessThan(150);
    expect(incidents()).toEqual(["open"]);
    // When it is tried next is on record, over all tries in vain; and since when it is down as well.
    const [down] = await world.dependencies();
    expect(down?.probeAtMs ?? 0).toBeGreaterThan(world.clock.nowMs());
    expect(down?.sinceMs).toBe(down?.incident?.startedAtMs);
    expect(world.engine.live.size).toBe(0);

    system.isDown = false;
    await world.advance(15 * MINUTE_MS);
    expect(await states(runs)).toEqual({ completed: 50 });
    expect(incidents()).toEqual(["open", "closed"]);
    // The one that was tried had waited like the others.
    expect(await world.dependencies()).toMatchObject([{ incident: { parkedCount: 50 } }]);
    for (let n = 0; n < 50; n += 1) expect(system.count("act", String(n))).toBe(1);
    // The outage is its owner's, and over; none of the runs is anybody's.
    expect((await world.exceptions()).map((one) => [one.run, one.reasonCode])).toEqual([
      [0, "HF3009"],
    ]);
  });

  test("is back also where it refuses every item alike, which is a defect of ours", async () => {
    const flow = flowOf();
    await world.begin([flow]);
    system.always("act", { kind: "no", class: "data", status: 400 });
    await startMany(flow, 50);
    system.isDown = true;
    const runs = await startMany(flow, 55);
    await world.advance(MINUTE_MS);
    expect(await states(runs)).toEqual({ held: 41, exception: 9, parked: 5 });
    system.isDown = false;
    await world.advance(15 * MINUTE_MS);
    expect(incidents()).toEqual(["open", "closed"]);
    expect(await states(runs)).toEqual({ held: 46, exception: 9 });
  });

  test("stays parked over a crash, and comes back by itself in the next life", async () => {
    const flow = flowOf({ retry: { attempts: 2, within: "24h" }, keyWindow: "7d" });
    await world.begin([flow]);
    system.isDown = true;
    const runs = await startMany(flow, 20);
    await world.advance(MINUTE_MS);
    await world.crash();
    await world.begin([flow]);
    await world.advance(MINUTE_MS);
    expect(await states(runs)).toEqual({ parked: 20 });
    await world.crash();
    system.isDown = false;
    await world.begin([flow]);
    await world.advance(15 * MINUTE_MS);
    expect(await states(runs)).toEqual({ completed: 20 });
  });

  test("also comes back where the engine was closed cleanly meanwhile", async () => {
    const flow = flowOf();
    await world.begin([flow]);
    system.isDown = true;
    const runs = await startMany(flow, 20);
    await world.advance(MINUTE_MS);
    await world.close();
    system.isDown = false;
    await world.begin([flow]);
    await world.advance(15 * MINUTE_MS);
    expect(await states(runs)).toEqual({ completed: 20 });
  });

  test("holds up nothing of other systems", async () => {
    const other = world.counterpart("crm", "upsert");
    const put = testEffect("idempotent", other, "put");
    const flow = flowOf();
    const free = testWorkflow("free", (input, run) => run.do(put, input));
    await world.begin([flow, free]);
    system.isDown = true;
    await startMany(flow, 20);
    const run = await world.start(free, { id: "x" });
    await world.advance(1_000);
    expect(await world.stateOf(run)).toBe("completed");
  });

  test("in one part stops only that part, and is told as that", async () => {
    const on = testIntegration("erp");
    const invoices = testEffect("keyed", system, "invoice", { on, group: "invoices" });
    const stock = testEffect("keyed", system, "stock", { on, group: "stock" });
    const flow = testWorkflow("flow", (input, run) => run.do(invoices, input));
    const other = testWorkflow("other", (input, run) => run.do(stock, input));
    await world.begin([flow, other]);
    system.always("invoice", { kind: "refused" });
    const runs = await startMany(flow, 10);
    expect(await states(runs)).toEqual({ parked: 10 });
    expect((await world.row(runs[0] ?? 0)).dependency).toBe("erp/invoices");
    const free = await world.start(other, { id: "x" });
    await world.advance(1_000);
    expect(await world.stateOf(free)).toBe("completed");
    expect((await world.dependencies()).map(({ integration }) => integration)).toEqual([
      "erp/invoices",
    ]);
  });

  test("for one namespace stops no other, where each has its own connection", async () => {
    const on = testIntegration("erp", { perNamespace: true });
    const act = testEffect("keyed", system, "act", { on });
    const flow = testWorkflow("flow", (input, run) => run.do(act, input));
    await world.begin([flow]);
    system.isDown = true;
    const runs = await startMany(flow, 4);
    expect((await world.row(runs[0] ?? 0)).dependency).toBe("erp@main");
  });

  test("comes back a few at a time", async () => {
    const flow = flowOf({ on: testIntegration("erp", { limit: { concurrency: 8 } }) });
    await world.begin([flow]);
    system.isDown = true;
    const runs = await startMany(flow, 40);
    await world.advance(MINUTE_MS);
    system.isDown = false;
    system.always("act", { kind: "slow", takesMs: 500 });
    let inFlight = 0;
    let most = 0;
    const perSecond: number[] = [];
    const call = system.call.bind(system);
    system.call = async (action, id, attempt) => {
      inFlight += 1;
      most = Math.max(most, inFlight);
      perSecond.push(inFlight);
      try {
        return await call(action, id, attempt);
      } finally {
        inFlight -= 1;
      }
    };
    await world.advance(30 * MINUTE_MS);
    expect(await states(runs)).toEqual({ completed: 40 });
    expect(most).toBeLessThanOrEqual(8);
    // One goes first, alone.
    expect(perSecond.slice(0, 2)).toEqual([1, 1]);
  });

  test("tries a call that does no harm, and not the health check, where one waits", async () => {
    let asked = 0;
    const health = () => {
      asked += 1;
      return Promise.resolve(true);
    };
    const on = testIntegration("erp", { health });
    const once = testEffect("once", system, "once", { on });
    const keyed = testEffect("keyed", system, "keyed", { on });
    const flow = testWorkflow("flow", (input, run) => run.do(once, input));
    const harmless = testWorkflow("harmless", (input, run) => run.do(keyed, input));
    await world.begin([flow, harmless]);
    system.isDown = true;
    const runs = await startMany(flow, 5);
    runs.push(await world.start(harmless, { id: "x" }));
    await world.settle();
    const before = system.requests.length;
    await world.advance(20 * MINUTE_MS);
    const tried = system.requests.slice(before);
    expect(tried.length).toBeGreaterThan(2);
    expect(new Set(tried.map(({ action }) => action))).toEqual(new Set(["keyed"]));
    expect(asked).toBe(0);
    system.isDown = false;
    await world.advance(15 * MINUTE_MS);
    expect(await states(runs)).toEqual({ completed: 6 });
  });

  test("asks the health check where nobody waits who may be tried, and sends nothing before it is well", async () => {
    let well = false;
    let asked = 0;
    const on = testIntegration("erp", {
      health: () => {
        asked += 1;
        return Promise.resolve(well);
      },
    });
    const once = testEffect("once", system, "act", { on });
    const flow = testWorkflow("flow", (input, run) => run.do(once, input));
    await world.begin([flow]);
    system.isDown = true;
    const runs = await startMany(flow, 20);
    await world.advance(MINUTE_MS);
    const before = system.requests.length;
    await world.advance(20 * MINUTE_MS);
    expect(asked).toBeGreaterThan(2);
    expect(system.requests.length).toBe(before);
    well = true;
    system.isDown = false;
    await world.advance(15 * MINUTE_MS);
    expect(await states(runs)).toEqual({ completed: 20 });
  });

  test("tries whoever waits where none does no harm and there is no health check", async () => {
    const once = testEffect("once", system, "act");
    const flow = testWorkflow("flow", (input, run) => run.do(once, input));
    await world.begin([flow]);
    system.isDown = true;
    const runs = await startMany(flow, 5);
    await world.advance(MINUTE_MS);
    system.isDown = false;
    await world.advance(15 * MINUTE_MS);
    expect(await states(runs)).toEqual({ completed: 5 });
  });

  test("a health check that throws is a no", async () => {
    let throws = true;
    const erp = testIntegration("erp", {
      health: () => {
        if (throws) throw new Error("no route");
        return Promise.resolve(true);
      },
    });
    const flow = flowOf({ on: erp });
    await world.begin([flow]);
    system.isDown = true;
    const runs = await startMany(flow, 5);
    await world.advance(10 * MINUTE_MS);
    expect(await states(runs)).toEqual({ parked: 5 });
    throws = false;
    system.isDown = false;
    await world.advance(15 * MINUTE_MS);
    expect(await states(runs)).toEqual({ completed: 5 });
  });

  test("does not keep its gate closed for a canary that is cancelled", async () => {
    const flow = flowOf();
    await world.begin([flow]);
    system.isDown = true;
    const runs = await startMany(flow, 5);
    await world.advance(MINUTE_MS);
    for (const run of runs.slice(0, 4)) await world.engine.commands.cancel(run, "ana", "no need");
    system.isDown = false;
    await world.advance(15 * MINUTE_MS);
    expect(await states(runs)).toEqual({ cancelled: 4, completed: 1 });
  });
});

describe("a wrong setting", () => {
  test("stops calls after three alike, and is not tried again by itself", async () => {
    const flow = flowOf();
    await world.begin([flow]);
    system.always("act", { kind: "no", class: "misconfigured" });
    const runs = await startMany(flow, 10);
    await world.advance(60 * MINUTE_MS);
    expect(await states(runs)).toEqual({ parked: 10 });
    const before = system.requests.length;
    await world.advance(10 * 60 * MINUTE_MS);
    expect(system.requests.length).toBe(before);
    expect(incidents()).toEqual(["parked"]);
  });
});

describe("a system that wants us slower", () => {
  test("is waited for as long as it says, at least, over a crash too", async () => {
    const flow = flowOf({ retry: { attempts: 2, within: "20h" } });
    await world.begin([flow]);
    system.plan("act", { kind: "throttled", afterMs: 6 * 60 * MINUTE_MS });
    const [run = 0] = await startMany(flow, 1);
    await world.advance(MINUTE_MS);
    await world.crash();
    world.clock.setMs(world.clock.nowMs() + 5 * 60 * MINUTE_MS);
    await world.begin([flow]);
    await world.advance(30 * MINUTE_MS);
    expect(system.requests).toHaveLength(1);
    expect(await world.resultOf(run)).toEqual({ ref: "act:0" });
    const [first, second] = system.requests;
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(6 * 60 * MINUTE_MS);
  });

  test("uses up no attempt", async () => {
    const flow = flowOf({ retry: { attempts: 1, within: "1h" } });
    await world.begin([flow]);
    system.plan(
      "act",
      ...Array.from({ length: 6 }, () => ({ kind: "throttled", afterMs: 1_000 }) as const),
    );
    const [run = 0] = await startMany(flow, 1);
    expect(await world.resultOf(run)).toEqual({ ref: "act:0" });
    expect(system.requests).toHaveLength(7);
  });

  test("is parked, and still not asked sooner, where it says longer than we may wait", async () => {
    const flow = flowOf({ retry: { attempts: 2, within: "10m" } });
    await world.begin([flow]);
    system.plan("act", { kind: "throttled", afterMs: 60 * MINUTE_MS });
    const [run = 0] = await startMany(flow, 1);
    await world.advance(MINUTE_MS);
    expect(await world.stateOf(run)).toBe("parked");
    await world.crash();
    await world.begin([flow]);
    await world.advance(50 * MINUTE_MS);
    expect(system.requests).toHaveLength(1);
    // Woken for another reason, it looks at the clock again.
    await world.engine.wakes.reach(run);
    await world.settle();
    expect(system.requests).toHaveLength(1);
    await world.advance(20 * MINUTE_MS);
    expect(await world.stateOf(run)).toBe("completed");
    expect(system.requests).toHaveLength(2);
  });
});

describe("declared limits", () => {
  test("never lets more calls through at a time than the integration takes", async () => {
    const flow = flowOf({
      on: testIntegration("erp", { limit: { concurrency: 3 } }),
      timeout: "1h",
    });
    await world.begin([flow]);
    system.always("act", { kind: "slow", takesMs: 1_000 });
    const runs = await startMany(flow, 20);
    expect(system.requests).toHaveLength(3);
    await world.advance(1_000);
    expect(system.requests).toHaveLength(6);
    await world.advance(10_000);
    expect(await states(runs)).toEqual({ completed: 20 });
  });

  test("never calls faster than the declared rate", async () => {
    const flow = flowOf({ on: testIntegration("erp", { limit: { rate: "2/s" } }) });
    await world.begin([flow]);
    const runs = await startMany(flow, 20);
    await world.advance(20_000);
    expect(await states(runs)).toEqual({ completed: 20 });
    const times = system.requests.map((request) => request.atMs);
    // Two a second, and one that may come at once after a quiet time.
    const inThree = times.slice(3).map((atMs, index) => atMs - (times[index] ?? 0));
    expect(Math.min(...inThree)).toBeGreaterThanOrEqual(1_000);
  });

  test("takes the wait for its turn in the rate for no time that the system takes", async () => {
    const breaker = { openAt: "50%", of: 4, probeEvery: "5s", slow: "2s" } as const;
    const on = testIntegration("erp", { limit: { rate: "2/s" }, breaker });
    const flow = flowOf({ on });
    await world.begin([flow]);
    const runs = await startMany(flow, 20);
    await world.advance(20_000);
    expect(await states(runs)).toEqual({ completed: 20 });
    expect(incidents()).toEqual([]);
    // It is slow now, and answers: half of four calls are enough.
    await world.advance(MINUTE_MS);
    system.always("act", { kind: "slow", takesMs: 2_100 });
    for (let n = 20; n < 26; n += 1) await world.start(flow, { id: String(n) });
    await world.advance(8_000);
    expect(incidents()).toEqual(["open"]);
    system.always("act", { kind: "ok" });
    await world.start(flow, { id: "26" });
    await world.advance(MINUTE_MS);
    expect(incidents()).toEqual(["open", "closed"]);
    expect(system.count("act")).toBe(27);
  });

  test("parks who finds the line full, and forgets nobody of them, over a crash too", async () => {
    const flow = flowOf({
      on: testIntegration("erp", { limit: { concurrency: 1 } }),
      timeout: "1h",
    });
    const limits = { gateQueueMax: 2 };
    await world.begin([flow], { limits });
    system.always("act", { kind: "slow", takesMs: 1_000 });
    const runs = await startMany(flow, 10);
    await world.crash();
    await world.begin([flow], { limits });
    await world.advance(10 * MINUTE_MS);
    expect(await states(runs)).toEqual({ completed: 10 });
    for (let n = 0; n < 10; n += 1) expect(system.count("act", String(n))).toBe(1);
  });

  test.each([
    ["limit.concurrency", { limit: { concurrency: 0 } }],
    ["limit.rate", { limit: { rate: "0/s" as const } }],
    [
      "breaker.slow",
      {
        breaker: { openAt: "50%" as const, of: 10, probeEvery: "5s" as const, slow: "0s" as const },
      },
    ],
    ["breaker.openAt", { breaker: { openAt: "0%" as const, of: 10, probeEvery: "5s" as const } }],
  ])("refuses an integration with a senseless %s where it is declared", (_what, options) => {
    const declare = () => testIntegration("erp", options);
    expect(declare).toThrow(expect.objectContaining({ code: "HF1001" }));
  });
});
