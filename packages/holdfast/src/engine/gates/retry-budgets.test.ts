/** Retry budgets, ranks and learned limits at a gate, as runs meet them. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testIntegration, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const MINUTE_MS = 60_000;
/** Never opens by the share of calls that fail. */
const PATIENT = { openAt: "100%", of: 1_000_000, probeEvery: "5s" } as const;

let world: TestWorld;
let erp: Counterpart;
beforeEach(() => {
  world = new TestWorld();
  erp = world.counterpart("erp", "keys");
});
afterEach(() => world.remove());

const incidents = () =>
  world.life.events.flatMap((event) =>
    event.type === "dependency.changed" ? [`${event.to}: ${event.reason}`] : [],
  );

async function startedBreaking(count: number) {
  const on = testIntegration("erp", { breaker: PATIENT });
  const act = testEffect("keyed", erp, "act", {
    on,
    keyWindow: "7d",
    retry: { attempts: 1_000, within: "24h" },
  });
  const flow = testWorkflow("flow", (input, run) => run.do(act, input));
  await world.begin([flow]);
  erp.always("act", { kind: "lostAnswer", happened: false });
  const runs: number[] = [];
  for (let n = 0; n < count; n += 1) runs.push(await world.start(flow, { id: String(n) }));
  return { flow, runs };
}

describe("a retry budget that is empty", () => {
  test("parks the integration and no run fails for it; what comes through costs nothing", async () => {
    const { runs } = await startedBreaking(30);
    await world.until("it is parked", () => incidents().length > 0, 30 * MINUTE_MS);
    expect(incidents()).toEqual([expect.stringContaining("open: more of its calls are retries")]);
    // A hundred, what first attempts add, and one a second.
    const retries = erp.requests.length - 30;
    const sinceMs = (erp.requests.at(-1)?.atMs ?? 0) - (erp.requests[0]?.atMs ?? 0);
    expect(retries).toBeGreaterThanOrEqual(100);
    expect(retries).toBeLessThanOrEqual(103 + sinceMs / 1_000 + 1);

    erp.always("act", { kind: "ok" });
    await world.advance(60 * MINUTE_MS);
    for (const run of runs) expect(await world.stateOf(run)).toBe("completed");
    expect(await world.exceptions()).toEqual([]);
  });

  test("is not filled by a restart", async () => {
    const { flow } = await startedBreaking(30);
    await world.until("most of it is gone", () => erp.requests.length >= 120, 30 * MINUTE_MS);
    await world.crash();
    erp.requests.length = 0;
    await world.begin([flow]);
    const atMs = world.clock.nowMs();
    await world.until("it is parked", () => incidents().length > 0, 30 * MINUTE_MS);
    // What was left is on record to a quarter of it.
    const most = 35 + (world.clock.nowMs() - atMs) / 1_000;
    expect(erp.requests.length).toBeLessThanOrEqual(most);
  });

  test("lets retries that succeed through for nothing", async () => {
    const on = testIntegration("erp", { breaker: PATIENT });
    const act = testEffect("keyed", erp, "act", { on, keyWindow: "7d" });
    const flow = testWorkflow("flow", (input, run) => run.do(act, input));
    await world.begin([flow]);
    for (let n = 0; n < 300; n += 1) {
      erp.plan("act", { kind: "lostAnswer", happened: true });
      await world.start(flow, { id: String(n) });
      await world.advance(3_000);
    }
    expect(incidents()).toEqual([]);
  });
});

test("a first attempt goes before the repeats that wait, and a replay after them", async () => {
  const on = testIntegration("erp", { limit: { concurrency: 1 } });
  const options = { on, timeout: "1h", keyWindow: "7d" } as const;
  const act = testEffect("keyed", erp, "act", options);
  const flow = testWorkflow("flow", (input, run) => run.do(act, input));
  await world.begin([flow]);
  erp.plan("act", { kind: "no", class: "data" }, { kind: "lostAnswer", happened: false });
  const replayed = await world.start(flow, { id: "replayed" });
  await world.untilState(replayed, "exception");
  await world.start(flow, { id: "repeated" });
  await world.settle();
  erp.always("act", { kind: "slow", takesMs: 10 * MINUTE_MS });
  await world.start(flow, { id: "blocks" });
  await world.settle();
  await world.engine.commands.resume(replayed, null, "ana", "mended");
  await world.advance(MINUTE_MS);
  await world.start(flow, { id: "new" });
  await world.advance(60 * MINUTE_MS);
  const order = erp.requests.slice(2).map(({ id }) => id);
  expect(order).toEqual(["blocks", "new", "repeated", "replayed"]);
});

describe("what the answers teach", () => {
  test("fewer calls at a time after calls that were not answered in time", async () => {
    const on = testIntegration("erp", { limit: { concurrency: 16 } });
    const act = testEffect("keyed", erp, "act", { on, timeout: "5s", keyWindow: "7d" });
    const flow = testWorkflow("flow", (input, run) => run.do(act, input));
    await world.begin([flow]);
    let open = 0;
    let most = 0;
    const call = erp.call.bind(erp);
    erp.call = async (action, id, attempt) => {
      open += 1;
      most = Math.max(most, open);
      try {
        return await call(action, id, attempt);
      } finally {
        open -= 1;
      }
    };
    erp.plan("act", { kind: "silent", happened: false });
    erp.always("act", { kind: "slow", takesMs: 1_000 });
    for (let n = 0; n < 17; n += 1) await world.start(flow, { id: String(n) });
    await world.advance(6_000);
    expect(most).toBe(16);
    most = 0;
    for (let n = 20; n < 60; n += 1) await world.start(flow, { id: String(n) });
    await world.advance(500);
    // Nothing but the one was open: twice that, or eight, and seven tenths of it.
    expect(most).toBeLessThanOrEqual(6);
    await world.advance(30 * MINUTE_MS);
    expect(erp.count("act")).toBe(57);
  });

  test("a slower pace after a 429, which nobody has declared, and then the old one again", async () => {
    const act = testEffect("keyed", erp, "act", { keyWindow: "7d" });
    const flow = testWorkflow("flow", (input, run) => run.do(act, input));
    await world.begin([flow]);
    erp.plan("act", { kind: "throttled", afterMs: 2_000 });
    await world.start(flow, { id: "first" });
    await world.settle();
    const fromMs = world.clock.nowMs();
    for (let n = 0; n < 20; n += 1) await world.start(flow, { id: String(n) });
    await world.advance(MINUTE_MS);
    const times = erp.requests.slice(1).map(({ atMs }) => atMs - fromMs);
    // All wait with the one that was told to, and then they come about one a second.
    expect(Math.min(...times)).toBeGreaterThanOrEqual(1_900);
    expect(times.filter((ms) => ms < 10_000).length).toBeLessThanOrEqual(8);
    expect(erp.count("act")).toBe(21);
    await world.advance(2 * MINUTE_MS);
    const before = erp.requests.length;
    for (let n = 30; n < 50; n += 1) await world.start(flow, { id: String(n) });
    await world.settle();
    expect(erp.requests.length - before).toBe(20);
  });
});
