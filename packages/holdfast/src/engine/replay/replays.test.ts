import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseJson } from "../../core/json-text.ts";
import { parseRate } from "../../core/rate.ts";
import type { ReplayEnd } from "../../core/replay/replay-tally.ts";
import { testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";
import { ReplayWorld } from "./replay-world.test-support.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

let world: TestWorld;
let replay: ReplayWorld;
beforeEach(() => {
  world = new TestWorld();
  replay = new ReplayWorld(world);
});
afterEach(() => world.remove());

function sumOf(tally: Readonly<Record<ReplayEnd, number>>): number {
  return Object.values(tally).reduce((sum, count) => sum + count);
}

/** How often each run was resumed, by the plan or not. */
async function resumedTimes(runs: readonly number[]): Promise<readonly number[]> {
  const times: number[] = [];
  for (const run of runs)
    times.push((await world.records(run)).filter(({ kind }) => kind === "resumed").length);
  return times;
}

describe("who decides", () => {
  test("nothing is resumed before the plan is started", async () => {
    await replay.begin();
    const runs = await replay.stand(3);
    const plan = await replay.planned();
    await replay.laid(plan);
    await world.advance(HOUR_MS);
    expect(await resumedTimes(runs)).toEqual([0, 0, 0]);
  });

  test("above 50 items the maker can neither start it alone nor approve it; another can", async () => {
    await replay.begin();
    await replay.stand(51);
    const plan = await replay.planned();
    const run = await replay.laid(plan);
    replay.refuses = () => null;
    await replay.say(plan, "start");
    await replay.say(plan, "approve", " KIM");
    await replay.say(plan, "start");
    await world.advance(MINUTE_MS);
    expect((await replay.results(run)).size).toBe(0);
    await replay.say(plan, "approve", "bo");
    await replay.say(plan, "start");
    expect(await replay.outcome(run)).toMatchObject({ end: "completed", tally: { succeeded: 51 } });
  });

  test("so it is where 10,000 or more of one currency are at stake", async () => {
    await replay.begin();
    await replay.stand(1);
    const plan = await replay.planned({ money: [{ currency: "EUR", amount: "10000.00" }] });
    const run = await replay.laid(plan);
    await replay.say(plan, "start");
    await world.advance(MINUTE_MS);
    expect((await replay.results(run)).size).toBe(0);
  });

  test("a plan that nobody starts within 24 hours expires", async () => {
    await replay.begin();
    const runs = await replay.stand(2);
    const plan = await replay.planned();
    const run = await replay.laid(plan);
    await world.advance(24 * HOUR_MS);
    expect(await replay.outcome(run)).toMatchObject({
      end: "expired",
      tally: { "not-reached": 2 },
    });
    expect(await resumedTimes(runs)).toEqual([0, 0]);
  });

  test("a plan other than the one that was shown is refused", async () => {
    await replay.begin();
    await replay.stand(2);
    const plan = await replay.planned();
    const other = { ...plan, items: plan.items.slice(1) };
    await expect(replay.laid(other)).rejects.toMatchObject({ code: "HF4102" });
  });

  test("paused nothing begins, resumed it goes on, stopped the rest is not reached", async () => {
    await replay.begin();
    await replay.stand(30);
    replay.refuses = () => null;
    const plan = await replay.planned({ rate: parseRate("1/m", "rate"), canary: [] });
    const run = await replay.laid(plan);
    await replay.say(plan, "start");
    await world.advance(5 * MINUTE_MS);
    await replay.say(plan, "pause");
    const before = replay.bank.count("book");
    // At once, and then one a minute.
    expect(before).toBeGreaterThanOrEqual(5);
    expect(before).toBeLessThanOrEqual(6);
    await world.advance(10 * MINUTE_MS);
    expect(replay.bank.count("book")).toBe(before);
    expect((await replay.results(run)).size).toBe(before);
    await replay.say(plan, "resume");
    await world.advance(5 * MINUTE_MS);
    expect(replay.bank.count("book")).toBeGreaterThan(before);
    await replay.say(plan, "stop");
    const { end, because, tally } = await replay.outcome(run);
    expect({ end, because }).toEqual({ end: "stopped", because: "kim: because" });
    expect(tally.succeeded).toBe(replay.bank.count("book"));
    expect(tally["not-reached"]).toBe(30 - tally.succeeded);
  });
});

describe("what becomes of an item", () => {
  test("one that somebody else has dealt with is skipped, and so are those that were refused", async () => {
    await replay.begin();
    const [first = 0, second = 0] = await replay.stand(3);
    const all = await replay.planned();
    const [gone = ["", 0, 0] as const, ...items] = all.items;
    const plan = await replay.planned({
      items,
      refused: [[gone[0], gone[1], "unknown-outcome"]],
    });
    const run = await replay.laid(plan);
    replay.refuses = () => null;
    await world.engine.commands.resume(second, null, "bo", "by hand");
    await world.settle();
    await replay.say(plan, "start");
    expect(await replay.outcome(run)).toMatchObject({ tally: { succeeded: 1, skipped: 2 } });
    expect(await world.stateOf(first)).toBe("exception");
    expect((await replay.results(run)).get(0)?.because).toBe("its run is completed already");
  });

  test("one that somebody has paused stays theirs, before the plan was made or since", async () => {
    await replay.begin();
    const [first = 0, second = 0, third = 0] = await replay.stand(3);
    const pause = (run: number) => world.engine.commands.pause(run, "ana", "wait");
    await pause(first);
    const plan = await replay.planned();
    expect(plan.items).toHaveLength(4);
    const run = await replay.laid(plan);
    await pause(second);
    replay.refuses = () => null;
    await replay.say(plan, "start");
    expect((await replay.outcome(run)).tally).toMatchObject({ succeeded: 1 });
    expect(await world.stateOf(first)).toBe("paused");
    expect(await world.stateOf(second)).toBe("paused");
    expect(await world.stateOf(third)).toBe("completed");
  });

  test("a defect is not done again by the version that has it, unless that is asked for", async () => {
    let isBroken = true;
    const flow = testWorkflow("broken", async (input, run) => {
      await Promise.resolve();
      if (isBroken) throw new TypeError("no");
      return run.key + input.id;
    });
    await world.begin([flow, replay.flow]);
    await world.start(flow, { id: "1" });
    await world.settle();
    const plan = await replay.planned();
    const run = await replay.laid(plan);
    isBroken = false;
    await replay.say(plan, "start");
    expect(await replay.outcome(run)).toMatchObject({ tally: { skipped: 1 } });
    const again = await replay.planned({ evenSameVersion: true });
    const other = await replay.laid(again);
    await replay.say(again, "start");
    expect(await replay.outcome(other)).toMatchObject({ tally: { succeeded: 1 } });
  });

  test("waits while the system that it needs is parked", async () => {
    await replay.begin();
    const runs = await replay.stand(2);
    const plan = await replay.planned();
    const run = await replay.laid(plan);
    replay.refuses = () => null;
    await world.engine.parking.parkByHand("bank", "window", world.clock.nowMs() + HOUR_MS);
    await replay.say(plan, "start");
    await world.advance(30 * MINUTE_MS);
    expect(await resumedTimes(runs)).toEqual([0, 0]);
    await world.advance(HOUR_MS);
    expect(await replay.outcome(run)).toMatchObject({ tally: { succeeded: 2 } });
  });

  test("is judged by what came of it: sent is no result", async () => {
    await replay.begin();
    await replay.stand(3);
    const plan = await replay.planned();
    const run = await replay.laid(plan);
    replay.refuses = () => null;
    replay.bank.plan("book", { kind: "refused" }, { kind: "refused" });
    await replay.say(plan, "start");
    // The first is tried again: nothing else begins meanwhile.
    await world.until("its first attempt", () => replay.bank.requests.length > 3);
    expect((await replay.results(run)).size).toBe(0);
    expect(replay.bank.requests.slice(3).map(({ id }) => id)).toEqual(["0"]);
    expect(await replay.outcome(run)).toMatchObject({ tally: { succeeded: 3 } });
  });
});

describe("killed at any moment", () => {
  test("no item is resumed twice, none is lost, and the plan comes to its end", async () => {
    const SMALL = 6;
    let unfinished = 0;
    for (let dieAt = 1; dieAt <= 40; dieAt += 3) {
      const one = new TestWorld(dieAt);
      const its = new ReplayWorld(one);
      await its.begin();
      const runs = await its.stand(SMALL);
      const plan = await its.planned({ canary: [1, 2] });
      const run = await its.laid(plan);
      its.refuses = () => null;
      const { engine } = one;
      let flushes = 0;
      engine.on((event) => {
        if (event.type === "flush") flushes += 1;
      });
      await its.say(plan, "start");
      const isOver = async () => flushes >= dieAt || (await one.stateOf(run)) === "completed";
      await one.until("so many flushes, or the end", isOver);
      await one.crash();
      if ((await its.results(run)).size < SMALL) unfinished += 1;
      await its.begin();
      expect(await its.outcome(run)).toMatchObject({
        end: "completed",
        tally: { succeeded: SMALL },
      });
      for (const each of runs) {
        const resumed = (await one.records(each)).filter(({ kind }) => kind === "resumed");
        expect(resumed.map(({ head }) => parseJson(head ?? "null"))).toEqual([
          expect.objectContaining({ command: expect.stringContaining(plan.id) }),
        ]);
      }
      expect(its.bank.ledger.length).toBe(SMALL);
      await one.remove();
    }
    // Else the crashes have proved nothing.
    expect(unfinished).toBeGreaterThanOrEqual(5);
  });
});

test("an engine that closes in the middle leaves what is under way to the next, which goes on", async () => {
  await replay.begin();
  await replay.stand(5);
  const plan = await replay.planned({ rate: parseRate("1/m", "rate"), canary: [] });
  const run = await replay.laid(plan);
  replay.refuses = () => null;
  const first = replay.bank.requests.length;
  // While its call is outside, the engine waits for it, and everything else of the plan is given up.
  replay.bank.plan("book", { kind: "slow", takesMs: 3_000 });
  await replay.say(plan, "start");
  await world.until("the first call", () => replay.bank.requests.length > first);
  await world.close();
  await replay.begin();
  expect(await world.stateOf(run)).toBe("running");
  expect(await replay.outcome(run)).toMatchObject({ end: "completed", tally: { succeeded: 5 } });
  expect(replay.bank.ledger.length).toBe(5);
});

test("the ends of a plan add up to all of it, whatever happens", async () => {
  await replay.begin();
  await replay.stand(12);
  const all = await replay.planned();
  const plan = await replay.planned({
    items: all.items.slice(2),
    refused: all.items.slice(0, 2).map(([run, seq]) => [run, seq, "nothing-waits"] as const),
    canary: [],
  });
  const run = await replay.laid(plan);
  replay.refuses = (id) => (Number(id) % 4 === 0 ? "data" : null);
  await replay.say(plan, "start");
  const { tally } = await replay.outcome(run);
  expect(sumOf(tally)).toBe(12);
});
