import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

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

describe("close", () => {
  test("lets a call under way end and keeps its outcome; nothing new is sent", async () => {
    const first = testEffect("once", system, "first");
    const second = testEffect("once", system, "second");
    const flow = testWorkflow("flow", async (input, run) => {
      await run.do(first, input);
      return run.do(second, input);
    });
    system.plan("first", { kind: "slow", takesMs: 4_000 });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.settle();
    await world.close();
    expect(system.count("first")).toBe(1);
    expect(system.requestsOf("second")).toHaveLength(0);
    await world.begin([flow]);
    expect(await world.resultOf(run)).toEqual({ ref: "second:1" });
    expect(system.requestsOf("first")).toHaveLength(1);
  });

  test("does not wait longer than allowed for a call that hangs", async () => {
    const flow = flowOf({ timeout: "1h" });
    system.plan("act", { kind: "deaf", happened: true });
    await world.begin([flow], { limits: { drainMs: 3_000 } });
    const run = await world.start(flow, { id: "1" });
    await world.settle();
    const beforeMs = world.clock.nowMs();
    await world.close();
    expect(world.clock.nowMs() - beforeMs).toBeLessThanOrEqual(4_000);
    await world.begin([flow]);
    expect(await world.resultOf(run)).toEqual({ ref: "act:1" });
    expect(system.count("act")).toBe(1);
  });

  test("refuses what is started after it, and lets its callers know", async () => {
    const flow = flowOf();
    const engine = await world.begin([flow]);
    const closing = engine.close();
    expect(() => engine.startRun(flow, { id: "1" })).toThrow(
      expect.objectContaining({ code: "HF4201" }),
    );
    await closing;
  });

  test("leaves nothing behind that writes or sends later", async () => {
    const flow = flowOf({ retry: { attempts: 50, within: "1h" } });
    const naps = testWorkflow("naps", async (_input, run) => {
      for (let n = 0; n < 1_000; n += 1) await run.sleep("200ms", { as: String(n) });
      return null;
    });
    const works = testWorkflow("works", async (_input, run) => {
      for (let n = 0; n < 100_000; n += 1) {
        await run.step("n", () => new Promise((resolve) => setImmediate(resolve)), {
          as: String(n),
        });
      }
      return null;
    });
    system.always("act", { kind: "no", class: "transient" });
    const engine = await world.begin([]).then(async () => {
      await world.close();
      return world.beginOnly([flow, naps, works]);
    });
    for (let n = 0; n < 5; n += 1) await engine.startRun(flow, { id: String(n) });
    await engine.startRun(naps, { id: "x" });
    await engine.startRun(works, { id: "y" });
    for (let turn = 0; turn < 50; turn += 1)
      await new Promise<void>((resolve) => setImmediate(resolve));
    const { watched } = world.life;
    await engine.close();
    const flushes = watched.flushes.length;
    const requests = system.requests.length;
    for (let fired = 0; fired < 500 && world.clock.fireNext(); fired += 1)
      await new Promise<void>((resolve) => setImmediate(resolve));
    expect(watched.flushes.length).toBe(flushes);
    expect(system.requests.length).toBe(requests);
  });

  test("keeps a run that is about to call another for the next engine", async () => {
    const child = testWorkflow("child", (input) => Promise.resolve(input.id));
    const slow = testEffect("keyed", system, "slow");
    const parent = testWorkflow("parent", async (input, run) => {
      await run.do(slow, input);
      return run.call(child, input);
    });
    system.plan("slow", { kind: "slow", takesMs: 2_000 });
    await world.begin([parent, child]);
    const run = await world.start(parent, { id: "1" });
    await world.settle();
    await world.close();
    await world.begin([parent, child]);
    expect(await world.resultOf(run)).toBe("1");
    expect(await world.exceptions(run)).toHaveLength(0);
  });

  test("twice is once", async () => {
    const engine = await world.begin([flowOf()]);
    const flushes = world.life.watched.flushes.length;
    await Promise.all([engine.close(), engine.close()]);
    await engine.close();
    expect(world.life.watched.flushes.length).toBe(flushes);
  });

  test("at once after the start, and again, loses nothing", async () => {
    const flow = flowOf();
    for (let life = 0; life < 10; life += 1) {
      const engine = await world.beginOnly([flow]);
      await engine.startRun(flow, { id: String(life) });
      await world.close();
    }
    await world.begin([flow]);
    await world.advance(60_000);
    const rows = await world.allRuns();
    expect(rows).toHaveLength(10);
    for (const row of rows) expect(row.state).toBe("completed");
    for (let life = 0; life < 10; life += 1) expect(system.count("act", String(life))).toBe(1);
  });
});

describe("a store that fails", () => {
  test.each(["refused", "unsaid"] as const)(
    "ends the engine: it writes and sends nothing more (%s)",
    async (fate) => {
      const flow = flowOf({ retry: { attempts: 50, within: "1h" } });
      const naps = testWorkflow("naps", async (_input, run) => {
        for (let n = 0; n < 100; n += 1) await run.sleep("200ms", { as: String(n) });
        return null;
      });
      let armed = false;
      await world.begin([flow, naps], { fateOf: () => (armed ? fate : "applied") });
      system.always("act", { kind: "no", class: "transient" });
      for (let n = 0; n < 5; n += 1) await world.start(flow, { id: String(n) });
      await world.start(naps, { id: "x" });
      await world.settle();
      armed = true;
      const lost = await world
        .start(flow, { id: "late" })
        .catch((error: { code?: string }) => error.code);
      expect(lost).toBe("HF5008");
      expect(
        world.life.events.filter((event) => event.type === "engine.fatal").length,
      ).toBeGreaterThan(0);
      const flushes = world.life.watched.flushes.length;
      const requests = system.requests.length;
      for (let fired = 0; fired < 300 && world.clock.fireNext(); fired += 1)
        await new Promise<void>((resolve) => setImmediate(resolve));
      expect(world.life.watched.flushes.length).toBe(flushes);
      expect(world.life.watched.appliedAfterFailure).toBe(0);
      expect(system.requests.length).toBe(requests);
      await expect(world.start(flow, { id: "later" })).rejects.toMatchObject({ code: "HF4201" });
    },
  );

  test.each(["refused", "unsaid"] as const)(
    "tells everyone who waits for it (%s)",
    async (fate) => {
      const flow = flowOf();
      let armed = false;
      const engine = await world.begin([flow], { fateOf: () => (armed ? fate : "applied") });
      armed = true;
      const ends = await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          engine.startRun(flow, { id: String(n) }).then(
            () => "accepted",
            (error: { code?: string }) => error.code,
          ),
        ),
      );
      expect(new Set(ends)).toEqual(new Set(["HF5008"]));
    },
  );
});
