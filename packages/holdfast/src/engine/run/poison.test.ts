import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { effect } from "../../workflow/effect.ts";
import { ANSWER, integrationOf, REFERENCE, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const HOUR_MS = 3_600_000;

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

/** Runs whose id is in here end the process when they are worked on. */
const deadly = new Set<string>();

/** The process ends in the step of a deadly run; all others come through it. */
const flow = testWorkflow("flow", async (input, run) => {
  await run.step("before", () => 1, { durable: true });
  await run.step("deadly", () => {
    if (!deadly.has(input.id)) return 1;
    world.life.watched.isDead = true;
    return new Promise<never>(() => undefined);
  });
  await run.sleep("30d");
  return null;
});

async function dieIfDeadly(id: string): Promise<void> {
  if (!deadly.has(id)) return;
  world.life.watched.isDead = true;
  await new Promise<never>(() => undefined);
}

const sleeper = testWorkflow("sleeper", async (input, run) => {
  await run.sleep("1h");
  await dieIfDeadly(input.id);
  return null;
});

const atOnce = testWorkflow("at-once", async (input) => {
  await dieIfDeadly(input.id);
  return null;
});

async function lives(count: number): Promise<void> {
  for (let life = 0; life < count; life += 1) {
    await world.crash();
    await world.beginOnly([flow]);
    await world.settle();
    await world.advance(2_000);
  }
}

async function putAway(): Promise<string[]> {
  return (await world.allRuns()).filter((row) => row.state === "exception").map((row) => row.key);
}

describe("a run that crashes the process", () => {
  beforeEach(() => {
    deadly.clear();
  });

  test("alone three times is put away with its owner told, and its neighbours go on", async () => {
    deadly.add("7");
    await world.begin([flow]);
    for (let n = 0; n < 20; n += 1)
      void world.engine.startRun(flow, { id: String(n) }).catch(() => undefined);
    await world.settle();
    expect(world.life.watched.isDead).toBe(true);
    let life = 0;
    for (; life < 30 && (await putAway()).length === 0; life += 1) await lives(1);
    expect(await putAway()).toEqual(["7"]);
    await world.advance(5_000);
    expect(world.life.watched.isDead).toBe(false);
    const rows = await world.allRuns();
    expect(rows.filter((row) => row.state === "waiting")).toHaveLength(rows.length - 1);
    const [exception] = await world.exceptions();
    expect(exception).toMatchObject({ class: "poison", owner: "team-flow" });
    // Nobody is a suspect any more.
    expect(await world.engine.store.openGroups()).toEqual([]);
    // Halving 20 runs takes five crashes at most; then three alone.
    expect(life).toBeLessThanOrEqual(12);
  });

  test("is put away after three crashes where it is the only one, that of its first process included", async () => {
    deadly.add("0");
    await world.begin([flow]);
    void world.engine.startRun(flow, { id: "0" }).catch(() => undefined);
    await world.settle();
    let crashes = 1;
    for (; crashes < 10 && (await putAway()).length === 0; crashes += 1) {
      expect(world.life.watched.isDead).toBe(true);
      await lives(1);
    }
    expect(await putAway()).toEqual(["0"]);
    // The last of these lives has put it away instead of dying of it.
    expect(crashes - 1).toBe(3);
    expect(world.life.watched.isDead).toBe(false);
  });

  test("is put away where it ends the process in the very turn in which it comes back from rest", async () => {
    await world.begin([sleeper]);
    const run = await world.start(sleeper, { id: "0" });
    await world.untilState(run, "waiting");
    deadly.add("0");
    await world.advance(HOUR_MS);
    expect(world.life.watched.isDead).toBe(true);
    let count = 0;
    for (; count < 10 && (await putAway()).length === 0; count += 1) {
      await world.crash();
      await world.beginOnly([sleeper]);
      await world.settle();
      await world.advance(2_000);
    }
    expect(await putAway()).toEqual(["0"]);
    expect(world.life.watched.isDead).toBe(false);
    // Of the first death nothing is on disk; then three alone, and the life that puts it away.
    expect(count).toBeLessThanOrEqual(5);
  });

  test("is put away where it ends the process in its very first turn, and who starts it comes again", async () => {
    deadly.add("0");
    await world.begin([atOnce]);
    let count = 0;
    for (; count < 10 && (await putAway()).length === 0; count += 1) {
      void world.engine.startRun(atOnce, { id: "0" }).catch(() => undefined);
      await world.settle();
      expect(world.life.watched.isDead).toBe(true);
      await world.crash();
      await world.beginOnly([atOnce]);
      await world.settle();
      await world.advance(2_000);
      // It may have died of what it has found at work.
      if (!world.life.watched.isDead) continue;
      await world.crash();
      await world.beginOnly([atOnce]);
      await world.settle();
      await world.advance(2_000);
    }
    expect(await putAway()).toEqual(["0"]);
    expect(count).toBeLessThanOrEqual(6);
    // Others begin as ever.
    await world.start(atOnce, { id: "1" });
    await world.settle();
    const [other] = (await world.allRuns()).filter(({ key }) => key === "1");
    expect(other?.state).toBe("completed");
  });

  test("is put away while it is being undone, and goes on once somebody says so", async () => {
    const bank = world.counterpart("bank", "keys");
    const isDeadly = { now: true };
    const pay = effect("pay", {
      on: integrationOf(bank),
      repeat: "keyed",
      keyWindow: "30d",
      input: REFERENCE,
      output: ANSWER,
      run: ({ id }, attempt) => bank.call("pay", id, attempt),
      compensate: async ({ id }, _output, attempt) => {
        if (isDeadly.now) {
          world.life.watched.isDead = true;
          await new Promise<never>(() => undefined);
        }
        await bank.call("refund", id, attempt);
      },
    });
    const taken = testWorkflow("taken-back", async (input, run) => {
      await run.do(pay, input);
      await run.sleep("30d");
      return null;
    });
    await world.begin([taken]);
    const run = await world.start(taken, { id: "1" });
    await world.untilState(run, "waiting");
    void world.engine.commands.cancel(run, "ana", "wrong").catch(() => undefined);
    await world.settle();
    const isAway = async () => (await world.exceptions(run)).some((one) => one.class === "poison");
    for (let crashes = 0; crashes < 10 && !(await isAway()); crashes += 1) {
      await world.crash();
      await world.beginOnly([taken]);
      await world.settle();
      await world.advance(2_000);
    }
    expect(await isAway()).toBe(true);
    expect(world.life.watched.isDead).toBe(false);
    isDeadly.now = false;
    await world.close();
    await world.begin([taken]);
    await world.advance(HOUR_MS);
    await world.engine.commands.resume(run, null, "bo", "mended");
    await world.untilState(run, "cancelled");
    expect(bank.count("refund", "1")).toBe(1);
  });

  test("is put away where the first turn that it gets in its lane ends the process", async () => {
    const laned = testWorkflow(
      "laned",
      async (input) => {
        if (input.id === "0")
          await new Promise<void>((resolve) => world.clock.after(HOUR_MS, resolve));
        await dieIfDeadly(input.id);
        return null;
      },
      { lane: () => "one" },
    );
    deadly.add("1");
    await world.begin([laned]);
    for (const id of ["0", "1"]) void world.engine.startRun(laned, { id }).catch(() => undefined);
    await world.settle();
    let count = 0;
    for (; count < 10 && (await putAway()).length === 0; count += 1) {
      await world.advance(HOUR_MS);
      await world.crash();
      await world.beginOnly([laned]);
      await world.settle();
      await world.advance(2_000);
    }
    expect(await putAway()).toEqual(["1"]);
  });

  test("is not reached by what somebody has for it before it is on record that it comes back", async () => {
    const reviewed = testWorkflow("reviewed", async (input, run) => {
      await run.step("before", () => 1, { durable: true });
      await dieIfDeadly(input.id);
      return null;
    });
    deadly.add("0");
    await world.begin([reviewed]);
    void world.engine.startRun(reviewed, { id: "0" }).catch(() => undefined);
    await world.settle();
    const [row] = await world.allRuns();
    let count = 0;
    for (; count < 10 && (await putAway()).length === 0; count += 1) {
      await world.crash();
      await world.beginOnly([reviewed]);
      // As early as the inbox would bring it.
      void world.engine.commands.cancel(row?.run ?? 0, "ana", "not wanted").catch(() => undefined);
      await world.settle();
      await world.advance(2_000);
      if ((await world.allRuns())[0]?.state === "cancelled") break;
    }
    expect(count).toBeLessThanOrEqual(4);
    expect(world.life.watched.isDead).toBe(false);
  });

  test("is no suspect any more once an engine that had it at work has ended in order", async () => {
    const sleepless = testWorkflow("sleepless", async (_input, run) => {
      await run.step("work", () => new Promise(() => undefined));
      return null;
    });
    await world.begin([sleepless]);
    await world.start(sleepless, { id: "0" });
    for (let round = 0; round < 4; round += 1) {
      await world.crash();
      await world.begin([sleepless]);
      expect(await world.engine.store.openGroups()).toMatchObject([{ crashes: 1 }]);
      await world.close();
      await world.begin([sleepless]);
      expect(await world.engine.store.openGroups()).toEqual([]);
    }
    expect(await putAway()).toEqual([]);
  });

  test("is found among others that do the same", async () => {
    for (const id of ["3", "11", "17"]) deadly.add(id);
    await world.begin([flow]);
    for (let n = 0; n < 20; n += 1)
      void world.engine.startRun(flow, { id: String(n) }).catch(() => undefined);
    await world.settle();
    for (let life = 0; life < 60 && (await putAway()).length < 3; life += 1) await lives(1);
    expect((await putAway()).toSorted()).toEqual(["11", "17", "3"]);
    await world.advance(5_000);
    const rows = await world.allRuns();
    expect(rows.filter((row) => row.state === "waiting")).toHaveLength(rows.length - 3);
  });

  test("is not to be mistaken for a process that is killed from outside", async () => {
    const slow = testWorkflow("slow", async (input, run) => {
      await run.step(
        "work",
        () => new Promise((resolve) => world.clock.after(2_000, () => resolve(1))),
      );
      return input.id;
    });
    await world.begin([slow]);
    for (let n = 0; n < 10; n += 1) void world.engine.startRun(slow, { id: String(n) });
    await world.settle();
    for (let life = 0; life < 12; life += 1) {
      await world.crash();
      await world.beginOnly([slow]);
      await world.settle();
      await world.advance(5_000);
    }
    expect(await putAway()).toEqual([]);
    await world.advance(10 * 60_000);
    await world.crash();
    await world.begin([slow]);
    await world.advance(10 * 60_000);
    expect((await world.allRuns()).map((row) => row.state)).toEqual(
      Array.from({ length: 10 }, () => "completed"),
    );
  });

  test("goes on when its owner has mended it and says so", async () => {
    deadly.add("0");
    await world.begin([flow]);
    void world.engine.startRun(flow, { id: "0" }).catch(() => undefined);
    await world.settle();
    for (let life = 0; life < 10 && (await putAway()).length === 0; life += 1) await lives(1);
    const [row] = await world.allRuns();
    expect(row?.state).toBe("exception");
    deadly.clear();
    await world.engine.commands.resume(row?.run ?? 0, null, "dev", "mended");
    await world.untilState(row?.run ?? 0, "waiting");
    expect((await world.exceptions())[0]).toMatchObject({ resolution: "resumed" });
    await world.advance(60_000);
    await world.crash();
    await world.begin([flow]);
    expect(await world.stateOf(row?.run ?? 0)).toBe("waiting");
  });
});

describe("a run whose work takes longer than suspicion", () => {
  const long = testWorkflow("long", async (input, run) => {
    await run.step(
      "work",
      () => new Promise((resolve) => world.clock.after(HOUR_MS, () => resolve(1))),
    );
    return input.id;
  });

  async function startLong(count: number): Promise<void> {
    await world.begin([long]);
    for (let n = 0; n < count; n += 1) await world.start(long, { id: String(n) });
  }

  test("is proved innocent by time, however often the process is killed after that", async () => {
    await startLong(3);
    for (let life = 0; life < 8; life += 1) {
      await world.crash();
      await world.beginOnly([long]);
      await world.settle();
      await world.advance(60_000);
      expect(await world.engine.store.openGroups()).toEqual([]);
    }
    expect(await putAway()).toEqual([]);
    await world.advance(HOUR_MS);
    expect((await world.allRuns()).map((row) => row.state)).toEqual(
      Array.from({ length: 3 }, () => "completed"),
    );
  });

  test("is a suspect before that time, and stays one over the next crash", async () => {
    await startLong(2);
    await world.crash();
    await world.beginOnly([long]);
    await world.advance(9_000);
    expect(await world.engine.store.openGroups()).toMatchObject([{ crashes: 0 }]);
    await world.crash();
    await world.beginOnly([long]);
    await world.advance(2_000);
    // Halved: one alone, and the other waits for its turn in the group that both were in.
    const groups = await world.engine.store.openGroups();
    expect(groups.map(({ runs, crashes }) => [runs.length, crashes])).toEqual([
      [2, 0],
      [1, 0],
    ]);
  });

  test("lets the groups behind it have their turn after that time", async () => {
    await startLong(4);
    await world.crash();
    await world.beginOnly([long]);
    await world.advance(2_000);
    await world.crash();
    await world.beginOnly([long]);
    await world.advance(2_000);
    expect(world.engine.live.size).toBe(2);
    await world.advance(10_000);
    expect(world.engine.live.size).toBe(4);
    await world.advance(10_000);
    expect(await world.engine.store.openGroups()).toEqual([]);
    expect(world.life.events.filter((event) => event.type === "recovery.done")).toHaveLength(1);
  });

  test("proves nothing for those whose turn had not come", async () => {
    await startLong(4);
    for (let life = 0; life < 6; life += 1) {
      await world.crash();
      await world.beginOnly([long]);
      // Never long enough for anybody to be proved innocent: the last ones are never tried.
      await world.advance(1_000);
    }
    const groups = await world.engine.store.openGroups();
    const keys = new Map((await world.allRuns()).map((row) => [row.run, row.key]));
    const suspects = new Set(groups.flatMap(({ runs }) => runs.map((run) => keys.get(run))));
    // The first was alone three times; the others wait for their turn, and none is forgotten.
    expect(await putAway()).toEqual(["0"]);
    for (const key of ["1", "2", "3"]) expect(suspects.has(key)).toBe(true);
    await world.advance(2 * HOUR_MS);
    const states = (await world.allRuns()).map((row) => row.state);
    expect(states).toEqual(["exception", "completed", "completed", "completed"]);
  });
});
