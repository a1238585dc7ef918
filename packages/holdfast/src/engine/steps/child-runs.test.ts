import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { formatRunId } from "../../core/run-number.ts";
import { StepFailed } from "../../workflow/run.ts";
import { workflow } from "../../workflow/workflow.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
let worked: string[];
beforeEach(() => {
  world = new TestWorld();
  worked = [];
});
afterEach(() => world.remove());

const child = testWorkflow("child", async (input, run) => {
  await run.step("work", () => worked.push(input.id), { durable: true });
  await run.sleep("1h");
  return `did ${input.id}`;
});
const stops = testWorkflow("stops", async (_input, run) => {
  await run.sleep("1s");
  run.stop("not today");
});
const parent = testWorkflow("parent", async (input, run) => {
  const got = await run.call(child, { id: `${input.id}-child` });
  return { got };
});

describe("run.call", () => {
  test("waits for the child's result and keeps nothing in memory meanwhile", async () => {
    const engine = await world.begin([parent, child]);
    const run = await world.start(parent, { id: "1" });
    await world.settle();
    expect(engine.live.size).toBe(0);
    expect(await world.row(run)).toMatchObject({ state: "waiting" });
    expect(await world.resultOf(run)).toEqual({ got: "did 1-child" });
  });

  test.each(["parent asleep", "child asleep", "both"])(
    "comes through crashes at every step of the way (%s)",
    async () => {
      await world.begin([parent, child]);
      const run = await world.start(parent, { id: "1" });
      for (let life = 0; life < 6; life += 1) {
        await world.crash();
        await world.begin([parent, child]);
        await world.advance(900_000);
      }
      expect(await world.resultOf(run)).toEqual({ got: "did 1-child" });
      expect(worked).toEqual(["1-child"]);
      expect(await world.allRuns()).toHaveLength(2);
    },
  );

  test("leaves no record for each look at a child that is at it for days", async () => {
    const slow = testWorkflow("slow", async (_input, run) => {
      await run.sleep("4d");
      return "done";
    });
    const patient = testWorkflow("patient", async (input, run) => {
      const [got] = await Promise.all([run.call(slow, input), run.sleep("2d")]);
      return got;
    });
    await world.begin([patient, slow]);
    const run = await world.start(patient, { id: "1" });
    await world.advance(3 * 24 * 3_600_000);
    const states = (await world.records(run)).filter(({ kind }) => kind === "state");
    // It waits; the sleep is over; it waits.
    expect(states.length).toBeLessThanOrEqual(3);
    expect(await world.resultOf(run)).toBe("done");
  });

  test("tells a parent that was asleep when the process died between the child's end and its hearing of it", async () => {
    let armed = false;
    await world.begin([parent, child], {
      fateOf: (flush) => (armed && flush.kinds.includes("finished") ? "diesAfter" : "applied"),
    });
    const run = await world.start(parent, { id: "1" });
    await world.untilState(run, "waiting");
    armed = true;
    await world.advance(3_601_000);
    expect(world.life.watched.isDead).toBe(true);
    await world.crash();
    await world.begin([parent, child]);
    expect(await world.resultOf(run)).toEqual({ got: "did 1-child" });
  });

  test("tells a parent that is in memory for something else at once", async () => {
    const short = testWorkflow("short", async (input, run) => {
      await run.sleep("300ms");
      return `did ${input.id}`;
    });
    const busy = testWorkflow("busy", async (input, run) => {
      const [got] = await Promise.all([
        run.call(short, { id: `${input.id}-child` }),
        run.sleep("900ms"),
      ]);
      return { got };
    });
    await world.begin([busy, short]);
    const run = await world.start(busy, { id: "1" });
    await world.advance(2_000);
    expect(await world.stateOf(run)).toBe("completed");
  });

  test("throws what the code can catch when the child was stopped", async () => {
    const caught: unknown[] = [];
    const flow = testWorkflow("flow", async (input, run) => {
      try {
        return await run.call(stops, { id: input.id });
      } catch (error) {
        caught.push(error);
        return "went on";
      }
    });
    await world.begin([flow, stops]);
    const run = await world.start(flow, { id: "1" });
    expect(await world.resultOf(run)).toBe("went on");
    expect(caught.at(-1)).toBeInstanceOf(StepFailed);
    expect(caught.at(-1)).toMatchObject({ errorName: "ChildFailed" });
    expect(String(caught.at(-1))).toContain("not today");
  });

  test("throws it also when the child was cancelled", async () => {
    const flow = testWorkflow("flow", (input, run) =>
      run.call(child, { id: input.id }).catch((error: unknown) => String(error)),
    );
    await world.begin([flow, child]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "waiting");
    const childRun = (await world.allRuns()).find((row) => row.workflow === "child");
    await world.engine.commands.cancel(childRun?.run ?? 0, "ana", "no need");
    expect(await world.resultOf(run)).toContain("cancelled");
  });

  test("joins a child that somebody else has started, and gets its result", async () => {
    await world.begin([parent, child]);
    const started = await world.start(child, { id: "1-child" });
    const run = await world.start(parent, { id: "1" });
    await world.untilState(run, "waiting");
    expect(await world.resultOf(run)).toEqual({ got: "did 1-child" });
    expect(await world.stateOf(started)).toBe("completed");
    expect(worked).toEqual(["1-child"]);
  });

  test("is not told of an engine that ends while it asks for the run that it joins", async () => {
    const shop = world.counterpart("shop");
    const book = testEffect("keyed", shop, "book");
    const books = testWorkflow("books", (input, run) => run.do(book, input));
    await world.begin([parent, child, books]);
    const started = await world.start(child, { id: "1-child" });
    await world.untilState(started, "waiting");
    let loads = 0;
    // How it has ended can be read, and what it waits for cannot.
    world.life.watched.failsRead = (verb, runs) => {
      if (verb !== "load" || !Array.isArray(runs) || !runs.includes(started)) return false;
      loads += 1;
      return loads > 1;
    };
    const run = await world.start(parent, { id: "1" });
    await world.advance(5_000);
    expect(loads).toBeGreaterThan(1);
    // A call is outside: until it has ended runs are still at work.
    shop.plan("book", { kind: "slow", takesMs: 3_000 });
    await world.start(books, { id: "1" });
    await world.settle();
    await world.close();
    expect((await world.records(run)).map(({ kind }) => kind)).not.toContain("returned");
    await world.begin([parent, child, books]);
    expect(await world.resultOf(run)).toEqual({ got: "did 1-child" });
  });

  test("gives two parents of one child its result each", async () => {
    const shared = testWorkflow("shared", (_input, run) => run.call(child, { id: "c" }));
    await world.begin([shared, child]);
    const one = await world.start(shared, { id: "1" });
    const two = await world.start(shared, { id: "2" });
    expect(await world.resultOf(one)).toBe("did c");
    expect(await world.resultOf(two)).toBe("did c");
    expect(worked).toEqual(["c"]);
  });

  test("takes the result of a child that has ended long before", async () => {
    await world.begin([parent, child]);
    await world.resultOf(await world.start(child, { id: "1-child" }));
    expect(await world.resultOf(await world.start(parent, { id: "1" }))).toEqual({
      got: "did 1-child",
    });
  });

  test("gives the same answer on recovery, also where a child failed", async () => {
    const flow = testWorkflow("flow", async (input, run) => {
      const message = await run
        .call(stops, { id: input.id })
        .catch((error: unknown) => (error as Error).message);
      await run.sleep("1h");
      return message;
    });
    await world.begin([flow, stops]);
    const run = await world.start(flow, { id: "1" });
    await world.advance(60_000);
    await world.crash();
    await world.begin([flow, stops]);
    expect(await world.resultOf(run)).toContain("not today");
  });

  test("tells the code of an input that the child refuses, and starts nothing", async () => {
    const strict = workflow(
      "strict",
      { input: z.object({ n: z.number() }), output: z.null(), key: () => "k", owner: "team" },
      () => Promise.resolve(null),
    );
    const flow = testWorkflow("flow", (_input, run) =>
      // The cast makes what an untyped caller could pass.
      run.call(strict, { n: "one" } as unknown as { n: number }).then(
        () => "called",
        (error: { code?: string }) => error.code,
      ),
    );
    await world.begin([flow, strict]);
    expect(await world.resultOf(await world.start(flow, { id: "1" }))).toBe("HF4102");
    expect(await world.allRuns()).toHaveLength(1);
  });

  test("starts the child although a start from outside that it joins is refused", async () => {
    const called = testWorkflow("called", (input) => Promise.resolve(input.id));
    const calling = testWorkflow("calling", async (input, run) => {
      await run.sleep("1m");
      return run.call(called, input);
    });
    await world.begin([calling, called], { limits: { liveRunsMax: 1 } });
    const run = await world.start(calling, { id: "1" });
    const { engine } = world;
    const startChild = engine.startChild.bind(engine);
    const refusals: Promise<unknown>[] = [];
    // Somebody else starts the same just before the engine does.
    engine.startChild = async (...given) => {
      refusals.push(engine.startRun(called, { id: "1" }).catch((error: unknown) => error));
      await Promise.resolve();
      return startChild(...given);
    };
    expect(await world.resultOf(run)).toBe("1");
    expect(await Promise.all(refusals)).toMatchObject([{ code: "HF4201" }]);
    expect((await world.allRuns()).map((row) => row.parentRun)).toEqual([null, run]);
  });

  test("calls a hundred children at once", async () => {
    const flow = testWorkflow("flow", async (_input, run) => {
      const all = await Promise.all(
        Array.from({ length: 100 }, (_, n) =>
          run.call(child, { id: `c${String(n)}` }, { as: String(n) }),
        ),
      );
      return all.length;
    });
    await world.begin([flow, child]);
    const run = await world.start(flow, { id: "1" });
    await world.advance(60_000);
    await world.crash();
    await world.begin([flow, child]);
    expect(await world.resultOf(run)).toBe(100);
    expect(worked.toSorted()).toEqual(
      Array.from({ length: 100 }, (_, n) => `c${String(n)}`).toSorted(),
    );
  });
});

const refusedOnes = async () =>
  (await world.exceptions()).filter(({ reasonCode }) => reasonCode === "HF1204");

describe("runs that call each other", () => {
  type Flow = ReturnType<typeof testWorkflow>;
  /** Each sleeps a while and then calls the next one with the key that it has, if there is one. */
  function ring(sleeps: readonly ("1s" | "2s" | "3s")[]): Flow[] {
    const flows: Flow[] = [];
    for (const [at, pause] of sleeps.entries()) {
      flows.push(
        testWorkflow(`ring-${String(at)}`, async (input, run) => {
          await run.sleep(pause);
          const next = flows[(at + 1) % sleeps.length];
          return next === undefined ? null : await run.call(next, input);
        }),
      );
    }
    return flows;
  }

  async function startRing(flows: readonly Flow[]): Promise<number[]> {
    await world.begin(flows);
    const runs: number[] = [];
    for (const flow of flows) runs.push(await world.start(flow, { id: "1" }));
    return runs;
  }

  test("without a lane in between are refused, and all of them are named", async () => {
    const runs = await startRing(ring(["1s", "2s", "3s"]));
    await world.advance(60_000);
    const [failed, ...others] = await refusedOnes();
    expect(others).toEqual([]);
    expect(failed).toMatchObject({ run: runs[2], class: "defect" });
    for (const run of runs) expect(failed?.message).toContain(formatRunId(run));
  });

  test("at the same moment have one of them refused", async () => {
    const runs = await startRing(ring(["1s", "1s"]));
    await world.advance(60_000);
    expect(await refusedOnes()).toHaveLength(1);
    expect(runs).toContain((await refusedOnes())[0]?.run);
  });

  test("are refused where the called one calls the run that has started it", async () => {
    const flows = ring(["1s", "1s"]);
    await world.begin(flows);
    const [first] = flows;
    if (first === undefined) throw new Error("no workflow");
    const top = await world.start(first, { id: "1" });
    await world.advance(60_000);
    const [failed] = await refusedOnes();
    expect(failed?.run).not.toBe(top);
    expect(await world.allRuns()).toHaveLength(2);
  });

  test("are refused over a crash between the one call and the other", async () => {
    const flows = ring(["1s", "2s"]);
    const runs = await startRing(flows);
    await world.advance(1_500);
    await world.crash();
    await world.begin(flows);
    await world.advance(60_000);
    expect((await refusedOnes()).map(({ run }) => run)).toEqual([runs[1]]);
  });

  test("go on by resume once one of them has given up", async () => {
    const [a, b] = ring(["1s", "2s"]);
    if (a === undefined || b === undefined) throw new Error("no workflows");
    const [first = 0, second = 0] = await startRing([a, b]);
    await world.untilState(second, "held");
    await world.engine.commands.resume(second, null, "ana", "tries again");
    await world.advance(60_000);
    // Nothing has changed: it is refused again.
    expect(await world.stateOf(second)).toBe("held");
    expect(await refusedOnes()).toHaveLength(2);
    await world.engine.commands.cancel(first, "ana", "gives way");
    await world.untilState(first, "cancelled");
    await world.engine.commands.resume(second, null, "ana", "the other one is gone");
    await world.untilState(second, "held");
    const [last] = (await world.exceptions(second)).filter(({ closedAtMs }) => closedAtMs === null);
    expect(last?.message).toContain("was cancelled");
  });

  test("over a lane are refused, too", async () => {
    const options = {
      input: z.object({ id: z.string() }),
      output: z.unknown(),
      key: (input: { id: string }) => input.id,
      owner: "team",
      lane: () => "L",
    };
    const leaf = workflow("leaf", options, () => Promise.resolve("done"));
    const middle = testWorkflow("middle", async (input, run) => {
      await run.sleep("1s");
      return run.call(leaf, input);
    });
    const top = workflow("top", options, async (input, run) => {
      await run.sleep("2s");
      return run.call(middle, input);
    });
    await world.begin([top, middle, leaf]);
    const run = await world.start(top, { id: "1" });
    await world.start(middle, { id: "1" });
    await world.advance(60_000);
    expect((await refusedOnes()).map((failed) => failed.run)).toEqual([run]);
  });

  test("are let be where the one that is joined only waits for others", async () => {
    const waits = testWorkflow("waits", async (input, run) => {
      await run.call(child, input);
      return "waited";
    });
    const joins = testWorkflow("joins", async (input, run) => {
      await run.sleep("1s");
      return run.call(waits, input);
    });
    await world.begin([waits, joins, child]);
    await world.start(waits, { id: "1" });
    const joining = await world.start(joins, { id: "1" });
    expect(await world.resultOf(joining)).toBe("waited");
  });
});
