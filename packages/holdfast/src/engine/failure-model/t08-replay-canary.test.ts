/** T8 of the failure model: a replay whose fix is wrong ends with its second wave. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { ReplayWorld } from "../replay/replay-world.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
let replay: ReplayWorld;
beforeEach(async () => {
  world = new TestWorld();
  replay = new ReplayWorld(world);
  await replay.begin();
});
afterEach(() => world.remove());

test("stops at wave 2 when the fix helps the first item only: nothing after it is touched", async () => {
  const runs = await replay.stand(40);
  const plan = await replay.planned();
  const laid = await replay.laid(plan);
  replay.refuses = (id) => (id === "0" ? null : "data");
  replay.bank.requests.length = 0;
  await replay.say(plan, "start");
  expect(await replay.outcome(laid)).toEqual({
    end: "stopped",
    because: "1 of 1 items of this wave failed, more than one in ten",
    tally: {
      succeeded: 1,
      "failed-same": 1,
      passed: 0,
      "failed-anew": 0,
      "not-judged": 0,
      skipped: 0,
      "not-reached": 38,
    },
  });
  // The other item of the second wave had not begun: those of a wave do not all knock at once.
  expect(new Set(replay.bank.requests.map(({ id }) => id))).toEqual(new Set(["0", "1"]));
  expect(replay.bank.count("book")).toBe(1);
  for (const run of runs.slice(1)) expect(await world.stateOf(run)).toBe("exception");
});

test("a right fix brings every item through, wave by wave, and books each once", async () => {
  const runs = await replay.stand(40);
  const plan = await replay.planned();
  const laid = await replay.laid(plan);
  replay.refuses = () => null;
  await replay.say(plan, "start");
  expect(await replay.outcome(laid)).toMatchObject({ end: "completed", tally: { succeeded: 40 } });
  for (const run of runs) expect(await world.stateOf(run)).toBe("completed");
  for (let n = 0; n < 40; n += 1) expect(replay.bank.count("book", String(n))).toBe(1);
  // The first item alone, then two, then five: each wave begins after the one before has ended.
  const ends = [...(await replay.results(laid)).keys()];
  expect(ends[0]).toBe(0);
  expect(new Set(ends.slice(1, 3))).toEqual(new Set([1, 2]));
  expect(new Set(ends.slice(3, 8))).toEqual(new Set([3, 4, 5, 6, 7]));
});

test("stops at once when something new comes up, whatever its share", async () => {
  await replay.stand(40);
  const plan = await replay.planned({ canary: [] });
  const laid = await replay.laid(plan);
  replay.refuses = (id) => (id === "3" ? "policy" : null);
  await replay.say(plan, "start");
  const { end, because, tally } = await replay.outcome(laid);
  expect({ end, because }).toEqual({
    end: "stopped",
    because: expect.stringContaining("something new came up"),
  });
  expect(tally["failed-anew"]).toBe(1);
  expect(Object.values(tally).reduce((a, b) => a + b)).toBe(40);
});
