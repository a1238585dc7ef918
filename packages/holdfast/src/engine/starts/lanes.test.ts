import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { formatRunId } from "../../core/run-number.ts";
import type { Duration } from "../../core/duration.ts";
import type { Run } from "../../workflow/run.ts";
import { workflow } from "../../workflow/workflow.ts";
import { TestWorld } from "../test-world.test-support.ts";

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

type Workflows = readonly Parameters<Run["call"]>[0][];
type Body = (input: { id: string }, run: Run) => Promise<unknown>;

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

const options = (name: string, lane: string | null) => ({
  input: z.object({ id: z.string() }),
  output: z.unknown(),
  key: (input: { id: string }) => `${name} ${input.id}`,
  owner: "team",
  ...(lane === null ? {} : { lane: () => lane }),
});

/** Calls down a line of workflows; the last of them is in lane L. */
function line(lanes: readonly (string | null)[]) {
  const first: Workflows = [workflow("leaf", options("leaf", "L"), () => Promise.resolve("done"))];
  return lanes.reduceRight((below, lane, at) => {
    const [next] = below;
    if (next === undefined) throw new Error("no workflow below");
    const name = `level-${String(at)}`;
    const body: Body = (input, run) => run.call(next, input);
    return [workflow(name, options(name, lane), body), ...below];
  }, first);
}

async function startLine(lanes: readonly (string | null)[]): Promise<number> {
  const workflows = line(lanes);
  await world.begin(workflows);
  const [top] = workflows;
  if (top === undefined) throw new Error("no workflow");
  const run = await world.start(top, { id: "1" });
  await world.advance(1_000);
  return run;
}

describe("a call into a lane that somebody above holds", () => {
  const MESSAGE = /lane "L": they would wait for each other/;

  test.each([
    ["its caller", ["L"]],
    ["its caller's caller", ["L", null]],
    ["one three calls up", ["L", null, "M", null]],
  ] as const)("is refused if it is %s, with the same error", async (_who, lanes) => {
    const run = await startLine(lanes);
    const failed = (await world.exceptions()).filter((one) => one.reasonCode === "HF1204");
    expect(failed.map((one) => one.message).join()).toMatch(MESSAGE);
    expect(await world.stateOf(run)).not.toBe("running");
    expect((await world.allRuns()).map((row) => row.workflow)).not.toContain("leaf");
  });

  test("is refused after a crash of those above, too", async () => {
    const top = workflow("top", options("top", "L"), (input, run) => run.call(middle, input));
    const leaf = workflow("leaf", options("leaf", "L"), () => Promise.resolve("done"));
    const middle: ReturnType<typeof workflow<"middle", z.ZodType<{ id: string }>, z.ZodType>> =
      workflow("middle", options("middle", null), async (input, run) => {
        await run.sleep("1h");
        return run.call(leaf, input);
      });
    await world.begin([top, middle, leaf]);
    await world.start(top, { id: "1" });
    await world.advance(1_000);
    await world.crash();
    await world.begin([top, middle, leaf]);
    await world.advance(2 * HOUR_MS);
    const [failed] = await world.exceptions();
    expect(failed?.message).toMatch(MESSAGE);
  });

  test("is refused if the run is there already and waits behind the one above", async () => {
    const leaf = workflow("leaf", options("leaf", "L"), () => Promise.resolve("done"));
    const top = workflow("top", options("top", "L"), async (input, run) => {
      await run.sleep("1m");
      return run.call(leaf, input);
    });
    await world.begin([top, leaf]);
    await world.start(top, { id: "1" });
    await world.start(leaf, { id: "1" });
    await world.advance(2 * 60_000);
    const [failed] = await world.exceptions();
    expect(failed?.message).toMatch(MESSAGE);
  });

  test("is made anew by resume once the lane was mended, also over a crash", async () => {
    let lane = "L";
    const leaf = workflow("leaf", { ...options("leaf", "L"), lane: () => lane }, async (_, run) => {
      await run.sleep("1h");
      return "done";
    });
    const top = workflow("top", options("top", "L"), (input, run) => run.call(leaf, input));
    await world.begin([top, leaf]);
    const run = await world.start(top, { id: "1" });
    await world.untilState(run, "held");
    lane = "M";
    await world.engine.commands.resume(run, null, "ana", "mended");
    await world.untilState(run, "waiting");
    await world.crash();
    await world.begin([top, leaf]);
    expect(await world.resultOf(run)).toBe("done");
  });

  test("is not refused for another lane", async () => {
    const run = await startLine(["M", null]);
    expect(await world.resultOf(run)).toBe("done");
  });
});

const leafOf = (lane: string) =>
  workflow(`leaf-${lane}`, options(`leaf-${lane}`, lane), () => Promise.resolve("done"));
/** Holds its lane for a while and then calls into another one. */
const callerOf = (lane: string, pause: Duration, other: Workflows[number]) =>
  workflow(`caller-${lane}`, options(`caller-${lane}`, lane), async (input, run) => {
    await run.sleep(pause);
    return run.call(other, input);
  });

async function refused() {
  const [failed, ...others] = await world.exceptions();
  expect(others).toEqual([]);
  expect(failed).toMatchObject({ class: "defect", reasonCode: "HF1204" });
  return failed;
}

describe("calls between lanes", () => {
  const [leafA, leafB, leafC] = [leafOf("A"), leafOf("B"), leafOf("C")];
  const circle = [
    callerOf("A", "3s", leafB),
    callerOf("B", "2s", leafC),
    callerOf("C", "1s", leafA),
  ] as const;
  const two = [callerOf("A", "2s", leafB), callerOf("B", "1s", leafA)] as const;

  test("that would wait for each other are refused, and both lanes and runs are named", async () => {
    await world.begin([...two, leafA, leafB]);
    const first = await world.start(two[0], { id: "1" });
    const other = await world.start(two[1], { id: "1" });
    await world.advance(HOUR_MS);
    const failed = await refused();
    expect(failed?.run).toBe(first);
    for (const name of [formatRunId(first), formatRunId(other), 'lane "A"', 'lane "B"'])
      expect(failed?.message).toContain(name);
    // Once somebody has given up the first one, the other one's child has its turn.
    await world.engine.commands.cancel(first, "ana", "mends itself");
    await world.untilState(other, "completed");
  });

  test("are refused over a third lane, too", async () => {
    await world.begin([...circle, leafA, leafB, leafC]);
    const runs = [];
    for (const one of circle) runs.push(await world.start(one, { id: "1" }));
    await world.advance(HOUR_MS);
    expect((await refused())?.run).toBe(runs[0]);
  });

  test("are refused after a crash between the one call and the other", async () => {
    await world.begin([...two, leafA, leafB]);
    const first = await world.start(two[0], { id: "1" });
    await world.start(two[1], { id: "1" });
    await world.advance(1_500);
    await world.crash();
    await world.begin([...two, leafA, leafB]);
    await world.advance(HOUR_MS);
    expect((await refused())?.run).toBe(first);
  });

  test("are refused if the called run was there before", async () => {
    await world.begin([...two, leafA, leafB]);
    const first = await world.start(two[0], { id: "1" });
    const other = await world.start(two[1], { id: "1" });
    await world.start(leafA, { id: "1" });
    await world.start(leafB, { id: "1" });
    await world.advance(HOUR_MS);
    expect((await refused())?.run).toBe(first);
    expect(await world.stateOf(other)).toBe("waiting");
  });

  test("are refused as soon as recovery knows of both, and stay so", async () => {
    await world.begin([...two, leafA, leafB]);
    await world.start(two[0], { id: "1" });
    const other = await world.start(two[1], { id: "1" });
    await world.start(leafA, { id: "1" });
    await world.advance(1_500);
    // Who waits for a run that somebody else has started looks again after a minute.
    await world.crash();
    await world.begin([...two, leafA, leafB]);
    await world.advance(HOUR_MS);
    expect((await refused())?.run).toBe(other);
    expect((await world.records(other)).map(({ kind }) => kind)).toContain("called");
    await world.crash();
    await world.begin([...two, leafA, leafB]);
    await world.advance(HOUR_MS);
    expect((await refused())?.run).toBe(other);
  });

  test("into a lane whose run waits for somebody else come to their turn", async () => {
    const aside = callerOf("B", "1s", leafC);
    await world.begin([two[0], aside, leafB, leafC]);
    const first = await world.start(two[0], { id: "1" });
    await world.start(aside, { id: "1" });
    expect(await world.resultOf(first)).toBe("done");
  });

  test("are refused where more runs wait than are looked at", async () => {
    await world.begin([...two, leafA, leafB], { limits: { laneWalkMax: 0 } });
    await world.start(two[0], { id: "1" });
    await world.start(two[1], { id: "1" });
    await world.advance(HOUR_MS);
    expect((await refused())?.message).toContain("limit laneWalkMax");
  });
});
