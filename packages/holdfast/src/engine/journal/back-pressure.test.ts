import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { Deferred } from "../run/deferred.ts";
import { testEffect, testIntegration, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const RECORDS_MAX = 100;

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

/** Most that was ever buffered at once, looked at whenever something is written. */
function watchPeak(): { records: number; chars: number } {
  const { backlog } = world.engine.committer;
  const peak = { records: 0, chars: 0 };
  const add = backlog.add.bind(backlog);
  backlog.add = (chars) => {
    add(chars);
    peak.records = Math.max(peak.records, backlog.records);
    peak.chars = Math.max(peak.chars, backlog.chars);
  };
  return peak;
}

/** Nothing is refused, so that a few runs can fill it. */
const FULL_INTAKE = { limits: { bufferedRecordsMax: RECORDS_MAX, intakeShare: 1 } };

const loops = testWorkflow("loops", async (input, run) => {
  for (let n = 0; n < 60; n += 1) await run.step("s", () => n, { as: String(n) });
  return input.id;
});

/** Holds the store back and has two runs fill the buffer. The answer waits for their starts. */
async function fill(): Promise<() => Promise<readonly { readonly run: number }[]>> {
  world.life.watched.hold();
  const starts = ["fill 1", "fill 2"].map((id) => world.engine.startRun(loops, { id }));
  await world.settle();
  expect(world.engine.committer.backlog.isFull).toBe(true);
  return () => Promise.all(starts);
}

describe("a store that does not keep up", () => {
  test("holds up steps at the bound, and lets them go on in order once it writes", async () => {
    await world.begin([loops], FULL_INTAKE);
    const peak = watchPeak();
    world.life.watched.hold();
    const starts = Array.from({ length: 20 }, (_, n) =>
      world.engine.startRun(loops, { id: String(n) }),
    );
    await world.settle();
    const { backlog } = world.engine.committer;
    expect(backlog).toMatchObject({ isFull: true, records: RECORDS_MAX, waitingCount: 20 });
    world.life.watched.release();
    const runs = (await Promise.all(starts)).map((started) => started.run);
    for (const run of runs) expect(await world.resultOf(run)).toBeTypeOf("string");
    // Each run may say that it has ended.
    expect(peak.records).toBeLessThanOrEqual(RECORDS_MAX + runs.length);
    expect(backlog).toMatchObject({ records: 0, chars: 0, waitingCount: 0 });
    for (const run of runs) {
      const steps = (await world.records(run)).filter((record) => record.kind === "result");
      expect(steps.map((record) => record.name)).toEqual(
        Array.from({ length: 60 }, (_, n) => `s#${String(n)}`),
      );
    }
  });

  test("holds up a run that asks for a thousand steps at once, and loses none of them", async () => {
    const wide = testWorkflow("wide", async (_input, run) => {
      const all = Array.from({ length: 1_000 }, (_, n) =>
        run.step("s", () => "x".repeat(100), { as: String(n) }),
      );
      return (await Promise.all(all)).length;
    });
    await world.begin([wide], { limits: { bufferedRecordsMax: RECORDS_MAX } });
    const peak = watchPeak();
    const { run } = await world.engine.startRun(wide, { id: "1" });
    expect(await world.resultOf(run)).toBe(1_000);
    expect(peak.records).toBe(RECORDS_MAX);
    const steps = (await world.records(run)).filter((record) => record.kind === "result");
    expect(steps.map((record) => record.name)).toEqual(
      Array.from({ length: 1_000 }, (_, n) => `s#${String(n)}`),
    );
  });

  test("has a bound of characters too, for payloads are what is large", async () => {
    const heavy = testWorkflow("heavy", async (input, run) => {
      for (let n = 0; n < 40; n += 1)
        await run.step("s", () => "x".repeat(10_000), { as: String(n) });
      return input.id;
    });
    await world.begin([heavy], { limits: { bufferedCharsMax: 50_000 } });
    const peak = watchPeak();
    world.life.watched.hold();
    const started = world.engine.startRun(heavy, { id: "1" });
    await world.settle();
    expect(world.engine.committer.backlog.chars).toBeGreaterThanOrEqual(50_000);
    world.life.watched.release();
    expect(await world.resultOf((await started).run)).toBe("1");
    expect(peak.chars).toBeLessThan(60_100);
    expect(world.engine.committer.backlog.chars).toBe(0);
  });

  test("refuses starts and events before steps of accepted runs have to wait", async () => {
    await world.begin([loops], { limits: { bufferedRecordsMax: RECORDS_MAX } });
    world.life.watched.hold();
    const { engine } = world;
    const accepted = engine.startRun(loops, { id: "first" });
    await world.settle();
    const { backlog } = engine.committer;
    expect(backlog.isFull).toBe(false);
    expect(backlog.takesIntake).toBe(false);
    await expect(engine.startRun(loops, { id: "second" })).rejects.toMatchObject({
      code: "HF4201",
      message: expect.stringContaining("bufferedRecordsMax 100"),
      remedy: "Try again in a moment; nothing was started.",
    });
    await expect(engine.commands.send("paid", "k", "1", {})).rejects.toMatchObject({
      code: "HF4201",
      remedy: "Try again in a moment; the event was not taken.",
    });
    world.life.watched.release();
    expect(await world.resultOf((await accepted).run)).toBe("first");
    expect(await engine.startRun(loops, { id: "second" })).toMatchObject({ isNew: true });
    await world.settle();
    expect((await world.allRuns()).map((row) => row.key)).toEqual(["first", "second"]);
  });

  test("still writes down the end of every call that was under way", async () => {
    const system = world.counterpart("erp");
    const act = testEffect("once", system, "act");
    system.always("act", { kind: "slow", takesMs: 1_000 });
    const flow = testWorkflow("flow", (input, run) => run.do(act, input));
    await world.begin([flow, loops], FULL_INTAKE);
    const runs: number[] = [];
    for (let n = 0; n < 10; n += 1)
      runs.push((await world.engine.startRun(flow, { id: String(n) })).run);
    await world.settle();
    const filling = await fill();
    const { backlog } = world.engine.committer;
    expect(backlog.isFull).toBe(true);
    const before = backlog.records;
    await world.advance(2_000);
    // An outcome and an end for each of the ten.
    expect(backlog.records).toBe(before + 20);
    world.life.watched.release();
    for (const run of runs) expect(await world.resultOf(run)).toMatchObject({ ref: /act/ });
    for (const { run } of await filling()) expect(await world.stateOf(run)).toBe("completed");
    expect(system.ledger).toHaveLength(10);
  });

  test("lets no read leave whose answer it could not take, and leaves no gate taken", async () => {
    const system = world.counterpart("erp");
    const on = testIntegration("erp", { limit: { concurrency: 5 } });
    const look = testEffect("read", system, "look", { on });
    const reads = testWorkflow("reads", async (_input, run) => {
      const all = Array.from({ length: 200 }, (_, n) =>
        run.do(look, { id: String(n) }, { as: String(n) }),
      );
      return (await Promise.all(all)).length;
    });
    await world.begin([reads], { limits: { bufferedRecordsMax: RECORDS_MAX } });
    world.life.watched.hold();
    const started = world.engine.startRun(reads, { id: "1" });
    await world.settle();
    expect(world.engine.committer.backlog.records).toBeLessThanOrEqual(RECORDS_MAX + 5);
    expect(system.requests.length).toBeLessThanOrEqual(RECORDS_MAX + 5);
    world.life.watched.release();
    expect(await world.resultOf((await started).run)).toBe(200);
    expect(system.requests).toHaveLength(200);
  });

  test("makes results of local work wait that took its time", async () => {
    const slow = testWorkflow("slow", async (_input, run) => {
      const all = Array.from({ length: 30 }, (_, n) =>
        run.step(
          "s",
          () => new Promise((resolve) => world.clock.after(1_000, () => resolve("x".repeat(10)))),
          { as: String(n) },
        ),
      );
      return (await Promise.all(all)).length;
    });
    await world.begin([slow], { limits: { bufferedRecordsMax: 10 } });
    const peak = watchPeak();
    const run = await world.start(slow, { id: "1" });
    await world.advance(500);
    world.life.watched.hold();
    await world.advance(1_000);
    expect(world.engine.committer.backlog.records).toBe(10);
    world.life.watched.release();
    expect(await world.resultOf(run)).toBe(30);
    expect(peak.records).toBe(10);
  });

  test("does nothing of a run that is cancelled while its step waits for room", async () => {
    const system = world.counterpart("erp");
    const act = testEffect("once", system, "act");
    const wanted = new Deferred<void>();
    const late = testWorkflow("late", async (input, run) => {
      await wanted.promise;
      return run.do(act, input);
    });
    await world.begin([late, loops], FULL_INTAKE);
    const run = await world.start(late, { id: "1" });
    const filling = await fill();
    const { backlog } = world.engine.committer;
    const before = backlog.waitingCount;
    wanted.resolve();
    await world.settle();
    expect(backlog.waitingCount).toBe(before + 1);
    const cancelled = world.engine.commands.cancel(run, "ana", "no need");
    await world.settle();
    world.life.watched.release();
    await cancelled;
    expect(await world.stateOf(run)).toBe("cancelled");
    expect(system.requests).toHaveLength(0);
    for (const { run: one } of await filling()) expect(await world.stateOf(one)).toBe("completed");
    expect(backlog).toMatchObject({ records: 0, waitingCount: 0 });
  });

  test("holds up an attempt that is due, and sends it once there is room", async () => {
    const system = world.counterpart("erp", "keys");
    const act = testEffect("keyed", system, "act");
    const flow = testWorkflow("flow", (input, run) => run.do(act, input));
    system.plan("act", { kind: "throttled", afterMs: 900 });
    await world.begin([flow, loops], FULL_INTAKE);
    const run = await world.start(flow, { id: "1" });
    await world.settle();
    expect(system.requests).toHaveLength(1);
    await fill();
    const before = world.engine.committer.backlog.records;
    await world.advance(950);
    expect(world.engine.committer.backlog.records).toBe(before);
    world.life.watched.release();
    expect(await world.resultOf(run)).toMatchObject({ ref: "act:1" });
    expect(system.count("act")).toBe(1);
  });

  test("begins no step of any kind for which there is no room", async () => {
    let worked = 0;
    const kinds = testWorkflow("kinds", async (_input, run) => {
      const all = Array.from({ length: 200 }, (_, n) => [
        run.sleep("2s", { as: String(n) }),
        run.wait({ name: "paid", schema: z.unknown() }, { key: "k", within: "2s", as: String(n) }),
        run.step("s", async () => (worked += 1), { as: String(n) }),
      ]);
      return (await Promise.all(all.flat())).length;
    });
    await world.begin([kinds], FULL_INTAKE);
    world.life.watched.hold();
    const started = world.engine.startRun(kinds, { id: "1" });
    await world.settle();
    const { backlog } = world.engine.committer;
    expect(backlog.records).toBe(RECORDS_MAX);
    // Those that were begun before it was full.
    expect(worked).toBeLessThanOrEqual(RECORDS_MAX / 2);
    world.life.watched.release();
    expect(await world.resultOf((await started).run)).toBe(600);
    expect(worked).toBe(200);
  });

  test("refuses starts by the characters that wait, too", async () => {
    const heavy = testWorkflow("heavy", async (_input, run) => {
      await run.step("s", () => "x".repeat(30_000));
      await run.sleep("1h");
      return null;
    });
    await world.begin([heavy], { limits: { bufferedCharsMax: 50_000 } });
    world.life.watched.hold();
    const first = world.engine.startRun(heavy, { id: "1" });
    await world.settle();
    await expect(world.engine.startRun(heavy, { id: "2" })).rejects.toMatchObject({
      code: "HF4201",
    });
    world.life.watched.release();
    expect(await first).toMatchObject({ isNew: true });
    expect(await world.engine.startRun(heavy, { id: "2" })).toMatchObject({ isNew: true });
  });

  test("is closed in order while steps wait: they are begun by the next engine", async () => {
    const naps = testWorkflow("naps", async (input, run) => {
      await Promise.all(Array.from({ length: 200 }, (_, n) => run.sleep("2s", { as: String(n) })));
      return input.id;
    });
    await world.begin([naps], FULL_INTAKE);
    world.life.watched.hold();
    const started = world.engine.startRun(naps, { id: "1" });
    await world.settle();
    expect(world.engine.committer.backlog.waitingCount).toBe(200 - RECORDS_MAX + 1);
    const closing = world.close();
    await world.settle();
    world.life.watched.release();
    await closing;
    await world.begin([naps], FULL_INTAKE);
    expect(await world.resultOf((await started).run)).toBe("1");
  });

  test("is closed in order while attempts wait, too: they are left to the next engine", async () => {
    const system = world.counterpart("erp", "keys");
    const act = testEffect("keyed", system, "act");
    const flow = testWorkflow("flow", (input, run) => run.do(act, input));
    system.plan("act", { kind: "throttled", afterMs: 900 });
    await world.begin([flow, loops], FULL_INTAKE);
    const run = await world.start(flow, { id: "1" });
    await world.settle();
    await fill();
    await world.advance(950);
    const closing = world.close();
    await world.settle();
    world.life.watched.release();
    await closing;
    const intents = (await world.records(run)).filter((record) => record.kind === "intent");
    expect(intents).toHaveLength(1);
    await world.begin([flow, loops], FULL_INTAKE);
    expect(await world.resultOf(run)).toMatchObject({ ref: "act:1" });
  });

  test("that fails lets nobody go on", async () => {
    await world.begin([loops], {
      ...FULL_INTAKE,
      fateOf: ({ number }) => (number > 1 ? "refused" : "applied"),
    });
    const { backlog } = world.engine.committer;
    world.life.watched.hold();
    const started = world.engine.startRun(loops, { id: "1" });
    const second = world.engine.startRun(loops, { id: "2" });
    await world.settle();
    expect(backlog.waitingCount).toBe(2);
    world.life.watched.release();
    await expect(started).rejects.toMatchObject({ code: "HF5008" });
    await expect(second).rejects.toMatchObject({ code: "HF5008" });
    expect(backlog.waitingCount).toBe(0);
  });

  test("ends in order with the process: what waited for room is done by the next engine", async () => {
    await world.begin([loops], { limits: { bufferedRecordsMax: 10 } });
    const run = await world.start(loops, { id: "1" });
    world.life.watched.hold();
    const second = world.engine.startRun(loops, { id: "2" });
    second.catch(() => undefined);
    await world.settle();
    await world.crash();
    await world.begin([loops], { limits: { bufferedRecordsMax: 10 } });
    expect(await world.resultOf(run)).toBe("1");
  });
});
