/** Plans that give the results of effects by hand: what two people do for one run, for many. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { versionOf } from "../../core/run-version.ts";
import { formatRunId } from "../../core/run-number.ts";
import type { ReplayMode } from "../../core/replay/replay-plan.ts";
import { TestWorld } from "../test-world.test-support.ts";
import { ReplayWorld } from "./replay-world.test-support.ts";

let world: TestWorld;
let replays: ReplayWorld;
beforeEach(() => {
  world = new TestWorld();
  replays = new ReplayWorld(world);
});
afterEach(() => world.remove());

const RESULT = { ref: "by hand" };

async function laidPlan(count: number, how: ReplayMode) {
  await replays.begin();
  const runs = await replays.stand(count);
  const { items } = await replays.planned();
  const versions = await Promise.all(runs.map(async (run) => versionOf(await world.records(run))));
  const standing = items.map(([run, seq, print], at) => [run, seq, print, versions[at]] as const);
  const plan = await replays.planned({ how, items: standing.map(([...item]) => item as never) });
  return { plan, runs, own: await replays.laid(plan) };
}

async function supplied(run: number) {
  const record = (await world.records(run)).find(({ kind }) => kind === "supplied");
  return record === undefined ? null : (JSON.parse(record.head ?? "") as Record<string, unknown>);
}

test.each(["supply", "skip"] as const)(
  "a plan of %s is carried out once a second person has approved it, and says so at each run",
  async (act) => {
    const { plan, runs, own } = await laidPlan(3, { act, value: RESULT });
    await expect(replays.say(plan, "start")).resolves.toBeUndefined();
    await world.advance(10_000);
    // Nobody but its maker has said anything: it is not started.
    expect(await supplied(runs[0] ?? 0)).toBeNull();
    await replays.say(plan, "approve", "bo");
    await replays.say(plan, "start", "cy");
    await world.advance(60_000);
    expect(await replays.outcome(own)).toMatchObject({
      end: "completed",
      tally: { succeeded: 3 },
    });
    for (const run of runs) {
      expect(await supplied(run)).toMatchObject({ by: "kim", approvedBy: "bo" });
      expect(await world.resultOf(run)).toEqual(RESULT);
    }
    // Nothing was sent for it, and nothing was done.
    expect(["0", "1", "2"].map((id) => replays.bank.count("book", id))).toEqual([0, 0, 0]);
  },
);

test("what says that it is an item of a plan is held against what was approved", async () => {
  const { plan, runs, own } = await laidPlan(2, { act: "supply", value: RESULT });
  const [run = 0, other = 0] = runs;
  const version = versionOf(await world.records(run));
  const order = {
    run,
    act: "supply" as const,
    step: "book",
    version,
    value: RESULT as unknown,
    by: "kim",
    reason: "x",
    command: null,
  };
  const planned = { ...order, plan: formatRunId(own), item: 0 };
  const give = (change: Partial<typeof planned>) =>
    world.engine.commands.repairs.repair({ ...planned, ...change });
  await expect(give({})).rejects.toMatchObject({ message: expect.stringContaining("not started") });
  await replays.say(plan, "approve", "bo");
  await replays.say(plan, "start");
  // Paused in the moment in which it begins: its items wait.
  await replays.say(plan, "pause");
  for (const change of [
    { value: { ref: "another" } },
    { item: 1 },
    { item: 7 },
    { run: other, item: 0 },
    { plan: formatRunId(run) },
    { act: "skip" as never },
  ])
    await expect(give(change)).rejects.toMatchObject({ code: "HF6003" });
  expect(await supplied(run)).toBeNull();
  // Without a plan it is laid before a second person, as ever.
  expect(await world.engine.commands.repairs.repair(order)).toMatchObject({
    proposal: expect.any(Number) as number,
  });
});
