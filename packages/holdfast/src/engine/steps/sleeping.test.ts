import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const DAY_MS = 86_400_000;

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

const month = testWorkflow("month", async (_input, run) => {
  const from = run.now("from").getTime();
  await run.sleep("30d");
  return run.now("to").getTime() - from;
});

function napping(ms: number) {
  return testWorkflow("nap", async (_input, run) => {
    await run.sleep(`${ms}ms`);
    return "woke";
  });
}

describe("run.sleep", () => {
  test("lasts thirty days over restarts and crashes, to the minute", async () => {
    await world.begin([month]);
    const run = await world.start(month, { id: "1" });
    await world.untilState(run, "waiting");
    for (let day = 0; day < 29; day += 1) {
      if (day % 2 === 0) await world.crash();
      else await world.close();
      world.clock.setMs(world.clock.nowMs() + DAY_MS);
      await world.begin([month]);
      expect(await world.stateOf(run)).toBe("waiting");
    }
    await world.advance(DAY_MS - 60_000);
    expect(await world.stateOf(run)).toBe("waiting");
    await world.advance(120_000);
    const lasted = (await world.resultOf(run)) as number;
    expect(lasted).toBeGreaterThanOrEqual(30 * DAY_MS);
    expect(lasted).toBeLessThan(30 * DAY_MS + 60_000);
  });

  test("is over at once if it ended while nothing ran", async () => {
    await world.begin([month]);
    const run = await world.start(month, { id: "1" });
    await world.untilState(run, "waiting");
    await world.crash();
    world.clock.setMs(world.clock.nowMs() + 40 * DAY_MS);
    await world.begin([month]);
    await world.advance(1_000);
    expect(await world.stateOf(run)).toBe("completed");
  });

  test("takes a point in time, also one that is past", async () => {
    const flow = testWorkflow("flow", async (_input, run) => {
      const now = run.now("now").getTime();
      await run.sleep(new Date(now - 5_000), { as: "past" });
      await run.sleep(new Date(now + 5_000), { as: "soon" });
      return run.now("then").getTime() - now;
    });
    await world.begin([flow]);
    expect(await world.resultOf(await world.start(flow, { id: "1" }))).toBeGreaterThanOrEqual(
      5_000,
    );
  });

  test("refuses what is no time, and the code hears of it", async () => {
    const flow = testWorkflow("flow", async (_input, run) => {
      const codes: unknown[] = [];
      const note = (error: { code?: string }) => {
        codes.push(error.code);
      };
      await run.sleep(new Date(Number.NaN), { as: "a" }).catch(note);
      // The cast makes what an untyped caller could pass.
      await run.sleep("soon" as "1s", { as: "b" }).catch(note);
      return codes;
    });
    await world.begin([flow]);
    expect(await world.resultOf(await world.start(flow, { id: "1" }))).toEqual([
      "HF1001",
      "HF1001",
    ]);
  });

  test("wakes each of many sleepers once, none before its time", async () => {
    const woken = new Map<string, number[]>();
    const flow = testWorkflow("flow", async (input, run) => {
      const ms = Number(input.id);
      const from = run.now("from").getTime();
      await run.sleep(`${ms}ms`);
      const tookMs = world.clock.nowMs() - from;
      woken.set(input.id, [...(woken.get(input.id) ?? []), tookMs]);
      return null;
    });
    await world.begin([flow]);
    const delays = Array.from({ length: 120 }, (_, n) => 1 + n * 1_733);
    for (const ms of delays) await world.start(flow, { id: String(ms) });
    await world.advance(Math.max(...delays) + 5_000);
    for (const ms of delays) {
      expect(woken.get(String(ms)), `sleeper of ${String(ms)} ms`).toHaveLength(1);
      const [took = 0] = woken.get(String(ms)) ?? [];
      expect(took).toBeGreaterThanOrEqual(ms);
      expect(took).toBeLessThanOrEqual(ms + 1_000);
    }
  });

  test("loses nobody who goes to sleep just while the next sleepers are being read", async () => {
    // Due beyond what is held at that moment, and within what the read under way will hold.
    const flow = napping(50_000);
    await world.begin([flow]);
    let started = false;
    const { store } = world.life.watched;
    const due = store.due.bind(store);
    Object.assign(store, {
      due: async (...args: Parameters<typeof due>) => {
        const rows = await due(...args);
        if (!started) {
          started = true;
          void world.start(flow, { id: "1" });
          for (let turn = 0; turn < 50; turn += 1)
            await new Promise<void>((resolve) => setImmediate(resolve));
        }
        return rows;
      },
    });
    await world.advance(31_000);
    expect(started).toBe(true);
    const [row] = await world.allRuns();
    expect(row?.state).toBe("waiting");
    await world.advance(180_000);
    expect((await world.allRuns())[0]?.state).toBe("completed");
  });

  test("keeps nothing of a sleeping run in memory", async () => {
    const flow = napping(DAY_MS);
    const engine = await world.begin([flow]);
    for (let n = 0; n < 50; n += 1) await world.start(flow, { id: String(n) });
    await world.settle();
    expect(engine.live.size).toBe(0);
  });

  test("is neither lost nor doubled by a clock that jumps", async () => {
    const flow = napping(100_000);
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.settle();
    world.clock.setMs(world.clock.nowMs() - 3_600_000);
    await world.advance(1_000);
    expect(await world.stateOf(run)).toBe("waiting");
    await world.advance(3_600_000 + 100_000);
    expect(await world.stateOf(run)).toBe("completed");
    const fired = (await world.records(run)).filter((record) => record.kind === "fired");
    expect(fired).toHaveLength(1);
  });
});
