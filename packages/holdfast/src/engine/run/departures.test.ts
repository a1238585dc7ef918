import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { review } from "../../workflow/review.ts";
import { Deferred } from "./deferred.ts";
import { Departures } from "./departures.ts";
import { MEMORY_OF, testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

describe("Departures", () => {
  test("a watch knows who has left since it began, until it ends", () => {
    const departures = new Departures();
    departures.note(1);
    const watch = departures.watch();
    const other = departures.watch();
    departures.note(2);
    other.end();
    departures.note(3);
    expect([1, 2, 3].map((run) => watch.hasLeft(run))).toEqual([false, true, true]);
    expect(other.hasLeft(3)).toBe(false);
  });
});

describe("a run that was read from the store", () => {
  let world: TestWorld;
  beforeEach(() => {
    world = new TestWorld();
  });
  afterEach(() => world.remove());

  test("is read again if it came and went meanwhile, so that no record is written twice", async () => {
    const flow = testWorkflow("flow", async (_input, run) => {
      await run.sleep("1d");
      return "woke";
    });
    const engine = await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "waiting");
    const { store } = engine;
    const load = store.load.bind(store);
    const held = new Deferred<void>();
    // The first reading is under way for so long that a second one overtakes it.
    store.load = async (runs) => {
      store.load = load;
      const stored = await load(runs);
      await held.promise;
      return stored;
    };
    const slow = engine.wakes.reach(run);
    await world.settle();
    const quick = await engine.wakes.reach(run);
    expect(quick?.row.run).toBe(run);
    await world.settle();
    expect(engine.live.has(run)).toBe(false);
    held.resolve();
    await slow;
    await world.settle();
    expect(engine.committer.hasFailed).toBe(false);
    expect(await world.resultOf(run)).toBe("woke");
  });

  test("names an operation by its intent, also where it had to be woken for it", async () => {
    const system = world.counterpart("erp", MEMORY_OF.probeable);
    const act = testEffect("probeable", system, "act");
    const flow = testWorkflow("flow", (input, run) => run.do(act, input));
    system.plan("act", { kind: "refused" });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "parked");
    await world.untilState(run, "completed");
    const [operation] = await world.effects(run);
    const records = await world.records(run);
    const named = records.find((record) => record.seq === operation?.operation);
    expect(named).toMatchObject({ kind: "intent", name: "act" });
    expect(operation).toMatchObject({ proof: "surely", ended: true });
  });

  test("writes nothing any more once it has left, although work of it ends after that", async () => {
    const asked = new Deferred<void>();
    // A schema that takes its time: the first asking ends after the run was loaded anew.
    let isFirst = true;
    const subject = z.unknown().refine(async () => {
      if (isFirst) await asked.promise;
      return true;
    });
    const big = review("big", { subject, decision: z.unknown(), by: "boss" });
    let breaks = true;
    const flow = testWorkflow("flow", async (_input, run) => {
      const answer = run.ask(big, {});
      if (breaks) throw new Error("a defect");
      return answer;
    });
    const engine = await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.settle();
    expect(engine.live.get(run)?.ending.exception).not.toBeNull();
    breaks = false;
    isFirst = false;
    await engine.commands.resume(run, null, "ana", "mended");
    await world.untilState(run, "review");
    asked.resolve();
    await world.settle();
    expect(engine.committer.hasFailed).toBe(false);
    const [question, ...others] = await world.reviews(run);
    expect(others).toEqual([]);
    await engine.commands.answer(run, question?.seq ?? 0, "yes", "boss");
    expect(await world.resultOf(run)).toBe("yes");
    const records = await world.records(run);
    expect(records.map((record) => record.seq)).toEqual(records.map((_, index) => index + 1));
    expect(records.filter((record) => record.kind === "asked")).toHaveLength(1);
  });

  test("writes nothing any more either when the work ends in the life after a crash", async () => {
    const work = new Deferred<string>();
    let isFirst = true;
    const flow = testWorkflow("flow", async (_input, run) => {
      await run.step("a", () => 1, { durable: true });
      return run.step("b", () => (isFirst ? work.promise : "second life"));
    });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.settle();
    await world.crash();
    isFirst = false;
    await world.begin([flow]);
    work.resolve("first life");
    expect(await world.resultOf(run)).toBe("second life");
    expect(world.engine.committer.hasFailed).toBe(false);
  });
});
