import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { workflow } from "../workflow/workflow.ts";
import { TestWorld } from "./test-world.test-support.ts";

let world: TestWorld;
let order: string[];
beforeEach(() => {
  world = new TestWorld();
  order = [];
});
afterEach(() => world.remove());

const laned = workflow(
  "laned",
  {
    input: z.object({ id: z.string(), lane: z.string(), ms: z.number() }),
    output: z.string(),
    key: (input) => input.id,
    owner: "team",
    lane: (input) => input.lane,
  },
  async (input, run) => {
    await run.step("begin", () => order.push(`begin ${input.id}`), { durable: true });
    await run.sleep(`${input.ms}ms`);
    await run.step("end", () => order.push(`end ${input.id}`), { durable: true });
    return input.id;
  },
);

const HOUR_MS = 3_600_000;

async function startAll(ids: readonly string[], lane: string, ms: number): Promise<number[]> {
  const runs: number[] = [];
  for (const id of ids) runs.push(await world.start(laned, { id, lane, ms }));
  return runs;
}

function oneByOne(ids: readonly string[]): string[] {
  return ids.flatMap((id) => [`begin ${id}`, `end ${id}`]);
}

describe("a lane", () => {
  test("does its runs one at a time, in the order of acceptance", async () => {
    await world.begin([laned]);
    const ids = ["c", "a", "b"];
    const runs = await startAll(ids, "L", HOUR_MS);
    expect(await world.stateOf(runs[1] ?? 0)).toBe("waiting");
    await world.until("all done", () => order.length === 6);
    expect(order).toEqual(oneByOne(ids));
    for (const run of runs) expect(await world.stateOf(run)).toBe("completed");
  });

  test("does not hold up other lanes", async () => {
    await world.begin([laned]);
    await startAll(["slow"], "one", HOUR_MS);
    await startAll(["quick"], "two", 1);
    await world.advance(1_000);
    expect(order).toEqual(["begin slow", "begin quick", "end quick"]);
  });

  test("keeps its order over a crash at any moment", async () => {
    const ids = ["1", "2", "3", "4"];
    await world.begin([laned]);
    await startAll(ids, "L", 10_000);
    for (let life = 0; life < 9; life += 1) {
      await world.advance(5_000);
      await world.crash();
      await world.begin([laned]);
    }
    await world.until("all done", () => order.length >= 8, HOUR_MS);
    expect(order).toEqual(oneByOne(ids));
  });

  test("goes on after a clean restart, also with the run whose turn it is", async () => {
    const ids = ["1", "2", "3"];
    await world.begin([laned]);
    await startAll(ids, "L", 10_000);
    await world.advance(1_000);
    await world.close();
    await world.begin([laned]);
    await world.until("all done", () => order.length >= 6, HOUR_MS);
    expect(order).toEqual(oneByOne(ids));
  });

  test("hands the turn on, although the process dies between the end of one and the start of the next", async () => {
    let armed = false;
    await world.begin([laned], {
      fateOf: (flush) => (armed && flush.kinds.includes("finished") ? "diesAfter" : "applied"),
    });
    const runs = await startAll(["1", "2"], "L", 10_000);
    await world.advance(1_000);
    armed = true;
    await world.advance(10_000);
    expect(world.life.watched.isDead).toBe(true);
    await world.crash();
    await world.begin([laned]);
    await world.untilState(runs[1] ?? 0, "completed");
    expect(order).toEqual(oneByOne(["1", "2"]));
  });

  test("goes on behind a run that is cancelled before its turn", async () => {
    await world.begin([laned]);
    const runs = await startAll(["1", "2", "3"], "L", 10_000);
    await world.engine.commands.cancel(runs[1] ?? 0, "ana", "not wanted");
    await world.until("all done", () => order.length >= 4, HOUR_MS);
    await world.settle();
    expect(order).toEqual(oneByOne(["1", "3"]));
    expect(await world.stateOf(runs[1] ?? 0)).toBe("cancelled");
  });

  test("has nothing of a run done before its turn when it is cancelled or looked at", async () => {
    await world.begin([laned]);
    const [, second = 0] = await startAll(["1", "2"], "L", HOUR_MS);
    await world.engine.commands.cancel(second, "ana", "not wanted");
    await world.untilState(second, "cancelled");
    expect(order).toEqual(["begin 1"]);
  });

  test("gives a run its turn that comes while the run is lent to a command", async () => {
    await world.begin([laned]);
    const ids = ["1", "2", "3"];
    const [first = 0, second = 0] = await startAll(ids, "L", 10_000);
    const lent = await world.engine.wakes.reach(second, true);
    const giveBack = lent?.pin();
    await world.untilState(first, "completed");
    await world.advance(HOUR_MS);
    // The command has it still, and its code does not run beside that.
    expect(order).toEqual(oneByOne(["1"]));
    giveBack?.();
    await world.until("all done", () => order.length >= 6, HOUR_MS);
    expect(order).toEqual(oneByOne(ids));
  });

  test("gives a run no turn before its time because a command has looked at it", async () => {
    await world.begin([laned]);
    const [, second = 0] = await startAll(["1", "2"], "L", HOUR_MS);
    const lent = await world.engine.wakes.reach(second, true);
    lent?.pin()();
    await world.settle();
    expect(world.engine.live.has(second)).toBe(false);
    expect(order).toEqual(["begin 1"]);
    expect((await world.records(second)).map((record) => record.kind)).toEqual(["started"]);
  });

  test("hands a turn on over a crash that comes while the run is lent to a command", async () => {
    await world.begin([laned]);
    const [first = 0, second = 0] = await startAll(["1", "2"], "L", 10_000);
    const lent = await world.engine.wakes.reach(second, true);
    lent?.pin();
    await world.untilState(first, "completed");
    await world.crash();
    await world.begin([laned]);
    await world.untilState(second, "completed");
    expect(order).toEqual(oneByOne(["1", "2"]));
  });
});
