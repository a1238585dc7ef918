import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { formatRunId } from "../../core/run-number.ts";
import type { LaneOf } from "../../workflow/lane.ts";
import { testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";
import type { EngineEvent } from "../events.ts";

let world: TestWorld;
let done: string[];
beforeEach(() => {
  world = new TestWorld();
  done = [];
});
afterEach(() => world.remove());

const HOUR_MS = 3_600_000;

function sleeper(name: string, lane: LaneOf<{ id: string }>) {
  return testWorkflow(
    name,
    async (input, run) => {
      await run.sleep("1h");
      await run.step("say", () => done.push(input.id), { durable: true });
      return input.id;
    },
    { lane },
  );
}

const of = () => "acme";
const latest = sleeper("latest", { of, policy: "latest-wins" });
const strict = sleeper("strict", { of, policy: "strict" });

async function startAll(flow: typeof latest, ids: readonly string[]): Promise<number[]> {
  const runs: number[] = [];
  for (const id of ids) runs.push(await world.start(flow, { id }));
  return runs;
}

async function statesOf(runs: readonly number[]): Promise<string[]> {
  const states: string[] = [];
  for (const run of runs) states.push(await world.stateOf(run));
  return states;
}

describe("latest-wins", () => {
  test("of the runs that wait does only the newest, and says of each older one what took its place", async () => {
    await world.begin([latest]);
    const runs = await startAll(latest, ["1", "2", "3", "4"]);
    await world.settle();
    expect(await statesOf(runs)).toEqual(["waiting", "cancelled", "cancelled", "waiting"]);
    const [, second = 0, third = 0, fourth = 0] = runs;
    for (const [run, by] of [
      [second, third],
      [third, fourth],
    ] as const) {
      const cancel = (await world.records(run)).find(({ kind }) => kind === "cancel");
      expect(JSON.parse(cancel?.head ?? "null")).toEqual({
        by: "engine",
        reason: `superseded by ${formatRunId(by)} in lane "acme": latest wins`,
      });
    }
    await world.untilState(fourth, "completed");
    expect(done).toEqual(["1", "4"]);
  });

  test("never ends a run that has begun, also not one that waits", async () => {
    await world.begin([latest]);
    const [first = 0] = await startAll(latest, ["1", "2"]);
    await world.settle();
    expect((await world.row(first)).reason).not.toContain("superseded");
    await world.untilState(first, "completed");
  });

  test("leaves runs of other workflows in the same lane where they are", async () => {
    await world.begin([latest, strict]);
    await startAll(strict, ["a", "b"]);
    await startAll(latest, ["1", "2"]);
    await startAll(strict, ["c"]);
    await world.until("all done", () => done.length === 4, 9 * HOUR_MS);
    expect(done).toEqual(["a", "b", "2", "c"]);
  });

  test("ends an older one at its turn, where the process died before it could be ended", async () => {
    await world.begin([latest], {
      fateOf: ({ kinds }) => (kinds.includes("cancel") ? "diesBefore" : "applied"),
    });
    const [first = 0, second = 0] = await startAll(latest, ["1", "2"]);
    void world.engine.startRun(latest, { id: "3" }).catch(() => undefined);
    await world.settle();
    expect(world.life.watched.isDead).toBe(true);
    await world.crash();
    await world.begin([latest]);
    expect(await statesOf([first, second])).toEqual(["waiting", "waiting"]);
    await world.until("all done", () => done.length === 2, 9 * HOUR_MS);
    expect(done).toEqual(["1", "3"]);
    expect(await world.stateOf(second)).toBe("cancelled");
  });
});

describe("policies", () => {
  test("strict is that of a function alone, and none has no order and no lane", async () => {
    const none = sleeper("none", { of, policy: "none" });
    await world.begin([strict, none]);
    const held = await startAll(strict, ["1", "2"]);
    const free = await startAll(none, ["3", "4"]);
    expect((await world.row(held[1] ?? 0)).reason).toContain("waits behind");
    for (const run of free) expect(await world.row(run)).toMatchObject({ lane: null });
    await world.advance(HOUR_MS);
    expect(done.toSorted()).toEqual(["1", "3", "4"]);
  });

  test.each([
    [{ of }, /lane of workflow "w" needs "policy"/u],
    [{ policy: "strict" }, /lane of workflow "w" needs "of"/u],
    [{ of, policy: "newest" }, /strict, latest-wins, none/u],
    [{ of, policy: "strict", depth: 3 }, /no option "depth"/u],
    ["acme", /expected a function, or \{ of, policy \}, got string/u],
  ])("refuses %j where it is written", (lane, message) => {
    expect(() => sleeper("w", lane as unknown as LaneOf<{ id: string }>)).toThrow(message);
  });
});

function alarms(): Extract<EngineEvent, { type: "lane.alarm" }>[] {
  return world.life.events.filter((event) => event.type === "lane.alarm");
}

describe("alarms", () => {
  test("tell once of a lane that is deep", async () => {
    const limits = { laneDepthAlarm: 3, laneAgeAlarmMs: 30 * 24 * HOUR_MS };
    await world.begin([strict], { limits });
    const [first = 0] = await startAll(strict, ["1", "2"]);
    expect(alarms()).toEqual([]);
    await startAll(strict, ["3", "4"]);
    expect(alarms()).toMatchObject([
      { limit: "laneDepthAlarm", lane: "acme", namespace: "main", depth: 3, head: first },
    ]);
  });

  test("tell once of who has waited for long, also of a wait that began before a restart", async () => {
    const limits = { laneAgeAlarmMs: HOUR_MS / 4 };
    await world.begin([strict], { limits });
    const [first = 0] = await startAll(strict, ["1", "2"]);
    await world.advance(HOUR_MS / 8);
    await world.crash();
    await world.begin([strict], { limits });
    expect(alarms()).toEqual([]);
    await world.advance(HOUR_MS / 8 + 1_000);
    expect(alarms()).toMatchObject([{ limit: "laneAgeAlarmMs", depth: 2, head: first }]);
    await world.advance(HOUR_MS / 2);
    expect(alarms()).toHaveLength(1);
    await world.until("both done", () => done.length === 2, 9 * HOUR_MS);
    await world.advance(HOUR_MS);
    expect(world.engine.laneAlarms.keptCount).toBe(0);
  });
});
