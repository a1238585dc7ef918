import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import type { AppRetention, RetentionOptions } from "../../core/retention.ts";
import { formatRunId } from "../../core/run-number.ts";
import { verifyStore } from "../../store-sqlite/index.ts";
import type { Store } from "../../store/store.ts";
import type { AnyWorkflow } from "../../workflow/workflow.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld, type LifeOptions } from "../test-world.test-support.ts";

const DAY_MS = 86_400_000;
const paid = { name: "paid", schema: z.object({ cents: z.number() }) };

let world: TestWorld;
let system: Counterpart;
let life: { workflows: readonly AnyWorkflow[]; options: LifeOptions };
beforeEach(() => {
  world = new TestWorld();
  system = world.counterpart("bank");
});
afterEach(() => world.remove());

const done = testWorkflow("done", async (input, run) => {
  await run.step("work", () => 1);
  return input.id;
});
const sleepy = testWorkflow("sleepy", async (_input, run) => {
  await run.sleep("9h");
  return null;
});
const stops = testWorkflow("stops", (_input, run) => Promise.resolve(run.stop("not today")));
const parent = testWorkflow("parent", (input, run) => run.call(done, { id: `${input.id}-child` }));
const takesEvent = testWorkflow("takes-event", (input, run) => run.wait(paid, { key: input.id }));

async function begin(workflows: readonly AnyWorkflow[], options: LifeOptions = {}): Promise<void> {
  life = { workflows, options };
  await world.begin(workflows, options);
}

/** With another life of the engine, which begins then: timers of so long a time are many. */
async function daysLater(days: number): Promise<void> {
  await world.close();
  world.clock.setMs(world.clock.nowMs() + days * DAY_MS);
  await world.begin(life.workflows, life.options);
}

/** An order as `holdfast archive` leaves it, for runs as they are now. */
async function remove(runs: readonly number[], archive = "arc_1") {
  const ordered = [];
  for (const run of runs) ordered.push({ run, records: (await world.records(run)).length });
  const order = { archive, file: "old.ndjson", by: "ana", runs: ordered };
  const removed = await world.engine.removals.remove(order);
  await world.settle();
  return removed;
}

async function verified(): Promise<void> {
  await world.close();
  expect((await verifyStore({ path: world.path })).damage).toEqual([]);
}

async function numbers(): Promise<readonly number[]> {
  return (await world.allRuns()).map(({ run }) => run);
}

function keptFor(retention: RetentionOptions): AnyWorkflow {
  return { ...stops, definition: { ...stops.definition, retention } };
}

/** The clock goes back when the second family is looked at. */
function setBackAtSecond(store: Store): Store {
  const { removal } = store;
  let looks = 0;
  const childrenOf: typeof removal.childrenOf = (runs) => {
    looks += 1;
    if (looks === 2) world.clock.setMs(world.clock.nowMs() - 20 * DAY_MS);
    return removal.childrenOf(runs);
  };
  return { ...store, removal: { ...removal, childrenOf } };
}

describe("runs leave", () => {
  test("with everything that is looked up of them, and the store is sound before and after a start", async () => {
    await begin([done, sleepy]);
    const gone = await world.start(done, { id: "1" });
    const stays = await world.start(sleepy, { id: "2" });
    await world.untilState(gone, "completed");
    expect(await remove([gone])).toEqual({ removed: 1, stays: [] });
    expect(await numbers()).toEqual([stays]);
    expect(await world.records(gone)).toEqual([]);
    await verified();
    await begin([done, sleepy]);
    expect(await world.stateOf(stays)).toBe("waiting");
    await verified();
  });

  test("and a key that has left still joins, and differs where another input comes", async () => {
    await begin([done]);
    const gone = await world.start(done, { id: "1" });
    await world.untilState(gone, "completed");
    await remove([gone]);
    const again = await world.engine.startRun(done, { id: "1" });
    expect(again).toEqual({ run: gone, isNew: false, differs: false });
    await expect(world.engine.end(gone)).rejects.toMatchObject({
      code: "HF6006",
      message: expect.stringContaining("arc_1") as string,
    });
    expect(await numbers()).toEqual([]);
    await verified();
  });

  test("and a parent that calls such a key hears that its run has left", async () => {
    await begin([done, parent]);
    const gone = await world.start(done, { id: "1-child" });
    await world.untilState(gone, "completed");
    await remove([gone]);
    const caller = await world.start(parent, { id: "1" });
    await world.untilState(caller, "held");
    expect((await world.row(caller)).reason).toContain("has left the store");
  });

  test("a key is free again once its time is over and the next run leaves", async () => {
    const retention: AppRetention = { keys: "10d" };
    await begin([done], { retention });
    const gone = await world.start(done, { id: "1" });
    const other = await world.start(done, { id: "2" });
    await world.untilState(other, "completed");
    await remove([gone]);
    await daysLater(11);
    expect(await world.engine.startRun(done, { id: "1" })).toMatchObject({ isNew: false });
    await remove([other], "arc_2");
    expect(await world.engine.startRun(done, { id: "1" })).toMatchObject({ isNew: true });
    await verified();
  });

  test("with their whole family, or not at all", async () => {
    await begin([parent, done]);
    const run = await world.start(parent, { id: "1" });
    await world.untilState(run, "completed");
    const [, child = 0] = await numbers();
    expect(await remove([run])).toEqual({
      removed: 0,
      stays: [{ run, because: `${formatRunId(child)}, which it has started, does not leave` }],
    });
    expect((await remove([child])).stays).toEqual([
      { run: child, because: `${formatRunId(run)}, which has started it, does not leave` },
    ]);
    expect(await remove([run, child])).toEqual({ removed: 2, stays: [] });
    await verified();
  });

  test("not while a run that they have started goes on", async () => {
    const caller = testWorkflow("caller", async (input, run) => {
      await run.call(sleepy, { id: `${input.id}-child` });
      return null;
    });
    await begin([caller, sleepy]);
    const run = await world.start(caller, { id: "1" });
    await world.settle();
    const all = await numbers();
    const { removed, stays } = await remove(all);
    expect(removed).toBe(0);
    expect(stays[0]).toEqual({ run, because: "it has not ended: it is waiting" });
    expect(stays[1]?.because).toContain(`it belongs to ${formatRunId(run)}, which stays`);
  });

  test("not while a run that somebody else has started, and that has called them, goes on", async () => {
    const caller = testWorkflow("caller", async (input, run) => {
      await run.call(sleepy, { id: `${input.id}-child` });
      return null;
    });
    await begin([caller, sleepy]);
    const called = await world.start(sleepy, { id: "1-child" });
    const waits = await world.start(caller, { id: "1" });
    await world.untilState(waits, "waiting");
    await world.close();
    // Held, because its code is missing: it has not heard yet how the other has ended.
    await begin([sleepy]);
    await world.untilState(called, "completed");
    expect(await remove([called])).toEqual({
      removed: 0,
      stays: [
        {
          run: called,
          because: `${formatRunId(waits)}, which has called it, has not heard how it ended`,
        },
      ],
    });
    await world.close();
    await begin([caller, sleepy]);
    await world.engine.commands.resume(waits, null, "ana", "its code is back");
    await world.untilState(waits, "completed");
    expect((await remove([called])).removed).toBe(1);
    await verified();
  });

  test("a failure only as its policy says, and not sooner", async () => {
    await begin([stops]);
    const run = await world.start(stops, { id: "1" });
    await world.untilState(run, "stopped");
    await daysLater(900);
    expect((await remove([run])).stays[0]?.because).toBe(
      "it is stopped, and no policy lets such a run leave",
    );
    await world.close();
    await begin([keptFor({ failed: "1000d" })], { retention: { failed: "1d" } });
    expect((await remove([run])).stays[0]?.because).toContain("its policy keeps it for 1000 d");
    await daysLater(101);
    expect((await remove([run])).removed).toBe(1);
    await verified();
  });

  test("not while an outcome is unknown or an exception open", async () => {
    system.plan("pay", { kind: "lostAnswer", happened: true });
    const pay = testEffect("once", system, "pay");
    const flow = testWorkflow("flow", async (input, run) => {
      await run.do(pay, input);
      return null;
    });
    const options: LifeOptions = { retention: { failed: "0s" } };
    await begin([flow], options);
    const run = await world.start(flow, { id: "1" });
    await world.settle();
    await world.engine.commands.cancel(run, "ana", "called off");
    await world.settle();
    expect((await remove([run])).removed).toBe(0);
    const [effect] = await world.effects(run);
    await world.engine.commands.settle({
      run,
      operation: effect?.operation ?? 0,
      happened: false,
      value: null,
      ref: null,
      by: "ana",
      reason: "seen there",
    });
    await world.untilState(run, "cancelled");
    expect(await remove([run])).toEqual({ removed: 1, stays: [] });
    expect(await world.exceptions()).toEqual([]);
    expect(await world.effects(run)).toEqual([]);
    await verified();
  });

  test("not while the id of an event that they took is remembered; a later fold forgets the same", async () => {
    await begin([takesEvent, done]);
    await world.engine.commands.send("paid", "1", "e1", { cents: 1 });
    const early = await world.start(takesEvent, { id: "1" });
    const late = await world.start(takesEvent, { id: "2" });
    await world.untilState(early, "completed");
    await world.untilState(late, "waiting");
    await world.engine.commands.send("paid", "2", "e2", { cents: 2 });
    await world.untilState(late, "completed");
    for (const { because } of (await remove([early, late])).stays) {
      expect(because).toContain("the id of an event that it took is remembered for another");
    }
    await daysLater(31);
    // Forgets the two: a fold without the records of this run would not.
    const third = await world.start(takesEvent, { id: "3" });
    await world.untilState(third, "waiting");
    await world.engine.commands.send("paid", "3", "e3", { cents: 3 });
    await world.untilState(third, "completed");
    expect(await remove([early, late])).toEqual({ removed: 2, stays: [] });
    await daysLater(31);
    expect(await remove([third], "arc_2")).toEqual({ removed: 1, stays: [] });
    await verified();
  });

  test("not by a clock that is set back while they are looked at", async () => {
    await begin([takesEvent], { onStore: setBackAtSecond });
    const runs: number[] = [];
    for (const id of ["1", "2"]) {
      const run = await world.start(takesEvent, { id });
      await world.untilState(run, "waiting");
      await world.engine.commands.send("paid", id, `e${id}`, { cents: 1 });
      await world.untilState(run, "completed");
      runs.push(run);
    }
    await daysLater(31);
    expect((await remove(runs)).removed).toBe(0);
    await verified();
  });

  test("sums go on counting them", async () => {
    await begin([done]);
    const run = await world.start(done, { id: "1" });
    await world.start(done, { id: "2" });
    await world.untilState(run, "completed");
    const before = await world.counters("runs/done/");
    await remove([run]);
    expect(await world.counters("runs/done/")).toEqual(before);
    await verified();
  });

  test("not where the code that says how long they are kept is missing", async () => {
    await begin([done]);
    const run = await world.start(done, { id: "1" });
    await world.untilState(run, "completed");
    await world.close();
    await begin([sleepy]);
    expect((await remove([run])).stays[0]?.because).toContain('does not have its workflow "done"');
  });

  test("an exception that comes while its run leaves stands beside the store", async () => {
    await begin([done]);
    const run = await world.start(done, { id: "1", more: 1 });
    await world.untilState(run, "completed");
    const starting = world.engine.startRun(done, { id: "1", more: 2 });
    await Promise.all([starting, remove([run])]);
    const [exception] = await world.exceptions();
    expect([0, run]).toContain(exception?.run);
    await verified();
  });

  test("not with another number of records than the archive has", async () => {
    await begin([done]);
    const run = await world.start(done, { id: "1" });
    await world.untilState(run, "completed");
    const order = { archive: "arc_1", file: "f", by: "ana", runs: [{ run, records: 2 }] };
    const { removed, stays } = await world.engine.removals.remove(order);
    expect(removed).toBe(0);
    expect(stays).toEqual([{ run, because: "it has 3 records, the archive has 2 of it" }]);
  });

  test.each(["diesBefore", "diesAfter"] as const)(
    "a process that dies in the middle (%s) loses nothing, and the order given again ends it",
    async (fate) => {
      const runs: number[] = [];
      let armed = false;
      const fateOf: LifeOptions["fateOf"] = (flush) =>
        armed && flush.kinds.includes("archived") ? fate : "applied";
      await begin([done], { fateOf });
      for (let n = 0; n < 250; n += 1) runs.push(await world.start(done, { id: String(n) }));
      await world.untilState(runs.at(-1) ?? 0, "completed");
      armed = true;
      const ordered = runs.map((run) => ({ run, records: 3 }));
      const order = { archive: "arc_1", file: "f", by: "ana", runs: ordered };
      void world.engine.removals.remove(order);
      await world.until("the process is dead", () => world.life.watched.isDead);
      await world.crash();
      expect(await numbers()).toHaveLength(fate === "diesBefore" ? 250 : 150);
      expect((await verifyStore({ path: world.path })).damage).toEqual([]);
      await begin([done]);
      expect(await world.engine.removals.remove(order)).toEqual({ removed: 250, stays: [] });
      expect(await numbers()).toEqual([]);
      await verified();
    },
    30_000,
  );
});
