/** Reads of the store that fail: they are tried again, and nobody who waits for them is lost. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { formatRunId } from "../../core/run-number.ts";
import { openSqliteReader } from "../../store-sqlite/index.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

const naps = testWorkflow("naps", async (input, run) => {
  await run.sleep("10m");
  return input.id;
});

async function startAll(count: number): Promise<number[]> {
  const runs: number[] = [];
  for (let n = 0; n < count; n += 1) runs.push(await world.start(naps, { id: String(n) }));
  await world.settle();
  return runs;
}

/** True for the next `count` reads of this verb. */
function next(verb: string, count: number): (asked: string) => boolean {
  let left = count;
  return (asked) => {
    if (asked !== verb || left === 0) return false;
    left -= 1;
    return true;
  };
}

function failNext(verb: string, count: number): void {
  world.life.watched.failsRead = next(verb, count);
}

function retries(): readonly { readonly what: string; readonly delayMs: number }[] {
  return world.life.events.filter((event) => event.type === "store.retry");
}

describe("a read that fails", () => {
  test("of runs that are due is tried again: all of them wake", async () => {
    await world.begin([naps]);
    const runs = await startAll(20);
    failNext("load", 4);
    await world.advance(620_000);
    for (const run of runs) expect(await world.stateOf(run)).toBe("completed");
    expect(retries()).toHaveLength(4);
    expect(retries()[0]).toMatchObject({ what: "runs that are due" });
    expect(world.life.events.filter((event) => event.type === "engine.fatal")).toEqual([]);
  });

  test("is tried ever less often, for as long as it takes", async () => {
    await world.begin([naps]);
    const runs = await startAll(3);
    world.life.watched.failsRead = (verb) => verb === "load";
    await world.advance(600_000 + 3_600_000);
    const tries = retries().length;
    // Half a minute at most between two, a third of that on the whole for the jitter of those waits.
    expect(tries).toBeGreaterThan(120);
    expect(tries).toBeLessThan(500);
    world.life.watched.failsRead = () => false;
    await world.advance(60_000);
    for (const run of runs) expect(await world.stateOf(run)).toBe("completed");
  });

  test("because of one run holds up no other of its batch, and that one comes when it can", async () => {
    await world.begin([naps]);
    const runs = await startAll(30);
    const bad = runs[11] ?? 0;
    world.life.watched.failsRead = (verb, asked) =>
      verb === "load" && Array.isArray(asked) && asked.includes(bad);
    await world.advance(640_000);
    const rows = await world.allRuns();
    expect(rows.filter((row) => row.state !== "completed").map((row) => row.run)).toEqual([bad]);
    world.life.watched.failsRead = () => false;
    await world.untilState(bad, "completed");
  });

  test("makes batches small only until one succeeds", async () => {
    await world.begin([naps]);
    const runs = await startAll(64);
    let loads = 0;
    world.life.watched.failsRead = (verb) => {
      if (verb === "load") loads += 1;
      return verb === "load" && loads <= 7;
    };
    await world.advance(640_000);
    for (const run of runs) expect(await world.stateOf(run)).toBe("completed");
    // Seven that failed, and then 1, 2, 4, 8, 16 and 32 and the rest.
    expect(loads).toBeLessThanOrEqual(7 + 7);
  });

  test("of what falls due next is tried again: nobody is overslept", async () => {
    await world.begin([naps]);
    const runs = await startAll(5);
    failNext("due", 5);
    await world.advance(660_000);
    for (const run of runs) expect(await world.stateOf(run)).toBe("completed");
    expect(retries()).toHaveLength(5);
  });

  test("of what falls due next loses none that fell due while it failed", async () => {
    const short = testWorkflow("short", async (input, run) => {
      await run.sleep("70s");
      return input.id;
    });
    await world.begin([short]);
    const run = await world.start(short, { id: "1" });
    await world.advance(29_000);
    world.life.watched.failsRead = (verb) => verb === "due";
    await world.advance(50_000);
    expect(await world.stateOf(run)).toBe("waiting");
    world.life.watched.failsRead = () => false;
    await world.advance(31_000);
    expect(await world.stateOf(run)).toBe("completed");
  });

  test("of runs that are brought back is tried again", async () => {
    const slow = testWorkflow("slow", async (input, run) => {
      await run.step(
        "work",
        () => new Promise((resolve) => world.clock.after(5_000, () => resolve(1))),
      );
      return input.id;
    });
    await world.begin([slow]);
    const runs: number[] = [];
    for (let n = 0; n < 6; n += 1) runs.push(await world.start(slow, { id: String(n) }));
    for (const verb of ["page", "load", "load"]) {
      await world.crash();
      await world.beginOnly([slow], { failsRead: next(verb, 2) });
      await world.until("two failures", () => retries().length === 2);
      // Long enough to be at work again, and too short to be done.
      await world.advance(2_000);
    }
    await world.advance(120_000);
    for (const run of runs) expect(await world.stateOf(run)).toBe("completed");
    expect(world.life.events.filter((event) => event.type === "recovery.done")).toHaveLength(1);
  });

  test("of runs whose system is back is tried again", async () => {
    const system = world.counterpart("erp", "keys");
    const act = testEffect("keyed", system, "act");
    const flow = testWorkflow("flow", (input, run) => run.do(act, input));
    system.isDown = true;
    await world.begin([flow]);
    const runs: number[] = [];
    for (let n = 0; n < 8; n += 1) runs.push(await world.start(flow, { id: String(n) }));
    await world.advance(60_000);
    system.isDown = false;
    failNext("parked", 3);
    await world.advance(200_000);
    for (const run of runs) expect(await world.stateOf(run)).toBe("completed");
    expect(retries()).toHaveLength(3);
  });

  test("of commands is tried again: what was left in the inbox is done", async () => {
    await world.begin([naps], { limits: { inboxIdleMs: 200, inboxBusyMs: 25 } });
    const [run = 0] = await startAll(1);
    failNext("inbox", 2);
    const poster = await openSqliteReader({ path: world.path });
    const data = JSON.stringify({ run: formatRunId(run), reason: "no need" });
    await poster.post({ id: "c", topic: "cancel", atMs: 1, by: "ana", data });
    await poster.close();
    await world.advance(5_000);
    expect(await world.stateOf(run)).toBe("cancelled");
    expect(retries()).toHaveLength(2);
  });

  test("of a parent whose child has ended is tried again, before it looks by itself", async () => {
    const child = testWorkflow("child", async (input, run) => {
      await run.sleep("30s");
      return input.id;
    });
    const parent = testWorkflow("parent", (input, run) => run.call(child, input));
    await world.begin([parent, child]);
    const run = await world.start(parent, { id: "1" });
    await world.untilState(run, "waiting");
    await world.advance(29_000);
    world.life.watched.failsRead = (verb, asked) =>
      verb === "load" && Array.isArray(asked) && asked.includes(run);
    await world.advance(1_500);
    world.life.watched.failsRead = () => false;
    await world.advance(3_000);
    expect(await world.stateOf(run)).toBe("completed");
  });

  test("of whether a child was started before is tried again: the child is called", async () => {
    const child = testWorkflow("child", (input) => Promise.resolve(input.id));
    const parent = testWorkflow("parent", async (input, run) => {
      await run.sleep("1m");
      return run.call(child, input);
    });
    await world.begin([parent, child]);
    const run = await world.start(parent, { id: "1" });
    failNext("find", 2);
    await world.advance(70_000);
    expect(await world.stateOf(run)).toBe("completed");
    expect(retries()).toHaveLength(2);
  });

  // Whichever of the looks at the child it is.
  test.each([0, 1, 2, 3])(
    "of a child that is taken back is tried again: both are cancelled (%i)",
    async (at) => {
      const child = testWorkflow("child", (_input, run) => run.sleep("9d"));
      const parent = testWorkflow("parent", (input, run) => run.call(child, input));
      await world.begin([parent, child]);
      const run = await world.start(parent, { id: "1" });
      await world.settle();
      const kid = (await world.allRuns()).find((row) => row.parentRun === run)?.run ?? 0;
      let loads = 0;
      world.life.watched.failsRead = (verb, asked) => {
        if (verb !== "load" || !Array.isArray(asked) || !asked.includes(kid)) return false;
        loads += 1;
        return loads === at + 1;
      };
      await world.engine.commands.cancel(run, "ana", "no need");
      await world.advance(60_000);
      expect(loads).toBeGreaterThan(at);
      expect(await world.stateOf(run)).toBe("cancelled");
      expect(await world.stateOf(kid)).toBe("cancelled");
    },
  );

  test("holds up no closing while a child is to be called", async () => {
    const child = testWorkflow("child", (input) => Promise.resolve(input.id));
    const parent = testWorkflow("parent", async (input, run) => {
      await run.sleep("1m");
      return run.call(child, input);
    });
    await world.begin([parent, child]);
    const run = await world.start(parent, { id: "1" });
    world.life.watched.failsRead = (verb) => verb === "find";
    await world.advance(70_000);
    await world.engine.close();
    expect(world.clock.nextAtMs).toBeNull();
    await world.close();
    await world.begin([parent, child]);
    expect(await world.resultOf(run)).toBe("1");
  });

  test("holds up no closing while a child is taken back", async () => {
    const child = testWorkflow("child", (_input, run) => run.sleep("9d"));
    const parent = testWorkflow("parent", (input, run) => run.call(child, input));
    const system = world.counterpart("erp", "keys");
    system.plan("act", { kind: "slow", takesMs: 10_000 });
    const act = testEffect("keyed", system, "act", { timeout: "20s" });
    const busy = testWorkflow("busy", (input, run) => run.do(act, input));
    const workflows = [parent, child, busy];
    await world.begin(workflows);
    const run = await world.start(parent, { id: "1" });
    await world.settle();
    const kid = (await world.allRuns()).find((row) => row.parentRun === run)?.run ?? 0;
    world.life.watched.failsRead = (verb, asked) =>
      verb === "load" && Array.isArray(asked) && asked.includes(kid);
    await world.engine.commands.cancel(run, "ana", "no need");
    // What is in flight is waited for: the engine ends, and its store still answers.
    await world.start(busy, { id: "1" });
    await world.advance(5_000);
    const closing = world.engine.close();
    await world.advance(10_000);
    await closing;
    await world.close();
    await world.begin(workflows);
    await world.untilState(run, "cancelled");
    expect(await world.stateOf(kid)).toBe("cancelled");
  });

  test("holds up no closing", async () => {
    await world.begin([naps]);
    const [run = 0] = await startAll(1);
    world.life.watched.failsRead = (verb) => verb === "load";
    await world.advance(700_000);
    await world.engine.close();
    // Not even a timer is left.
    expect(world.clock.nextAtMs).toBeNull();
    await world.close();
    await world.begin([naps]);
    expect(await world.resultOf(run)).toBe("0");
  });
});
