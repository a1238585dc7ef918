import { afterEach, beforeEach, expect, test } from "vitest";
import { testEffect, testIntegration, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

test("a system found down by the last engine is tried at the pace that its integration declares", async () => {
  const system = world.counterpart("erp");
  const on = testIntegration("erp", {
    breaker: { openAt: "50%", of: 20, probeEvery: "1s" },
  });
  const act = testEffect("keyed", system, "act", { on });
  const flow = testWorkflow("flow", (input, run) => run.do(act, input));
  system.isDown = true;
  await world.begin([flow]);
  for (const id of ["1", "2", "3"]) await world.start(flow, { id });
  await world.advance(500);
  expect(system.requests).toHaveLength(3);
  await world.crash();

  await world.begin([flow]);
  await world.until("two trials", () => system.requests.length >= 5);
  const [first, second] = system.requests.slice(3).map((request) => request.atMs);
  // Twice the declared second, and a fifth of that for jitter.
  expect((second ?? 0) - (first ?? 0)).toBeLessThanOrEqual(2_400);
  system.isDown = false;
  await world.advance(60_000);
  expect(system.count("act")).toBe(3);
});

test("coming back is over once the integration's own limit holds", async () => {
  const system = world.counterpart("erp");
  const on = testIntegration("erp", { limit: { concurrency: 2 } });
  const act = testEffect("keyed", system, "act", { on });
  const flow = testWorkflow("flow", (input, run) => run.do(act, input));
  system.isDown = true;
  await world.begin([flow]);
  for (let id = 0; id < 6; id += 1) await world.start(flow, { id: String(id) });
  system.isDown = false;
  // The canary, one call at one at a time, and then two at a time: a sign from then on is one of many.
  await world.until("three are done", () => system.count("act") >= 3);
  system.plan("act", { kind: "refused" });
  await world.advance(60_000);
  expect(system.count("act")).toBe(6);
  const opened = world.life.events.filter(
    (event) => event.type === "dependency.changed" && event.to === "open",
  );
  expect(opened).toHaveLength(1);
});

test("a declared rate holds over engines that end one after the other: each begins with nothing in hand", async () => {
  const system = world.counterpart("erp");
  const on = testIntegration("erp", { limit: { rate: "20/s" } });
  const act = testEffect("keyed", system, "act", { on });
  const flow = testWorkflow("flow", (input, run) => run.do(act, input));
  for (let life = 0; life < 6; life += 1) {
    await world.begin([flow]);
    for (let n = 0; n < 3; n += 1) await world.start(flow, { id: `${String(life)}-${String(n)}` });
    await world.settle();
    if (life % 2 === 0) await world.crash();
    else await world.close();
  }
  // The first engine had a burst to give.
  expect(system.requests.filter(({ atMs }) => atMs === system.requests[0]?.atMs)).toHaveLength(2);
  await world.begin([flow]);
  await world.advance(60_000);
  const times = system.requests.map(({ atMs }) => atMs);
  expect(times).toHaveLength(18);
  for (const from of times)
    expect(times.filter((at) => at >= from && at < from + 1_000).length).toBeLessThanOrEqual(22);
});
