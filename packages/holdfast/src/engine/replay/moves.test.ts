import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkBuild, openBuildOf } from "../../check-versions.ts";
import { formatRunId } from "../../core/run-number.ts";
import type { ReplayPlan } from "../../core/replay/replay-plan.ts";
import { planReplay } from "../../operate/replay/plan-replay.ts";
import { openSqliteReader } from "../../store-sqlite/index.ts";
import { readKey } from "../../store-sqlite/key-file.ts";
import type { Run } from "../../workflow/run.ts";
import { testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";
import { ReplayWorld } from "./replay-world.test-support.ts";

let world: TestWorld;
let replays: ReplayWorld;
beforeEach(() => {
  world = new TestWorld();
  replays = new ReplayWorld(world);
});
afterEach(() => world.remove());

type Body = (input: { id: string }, run: Run) => Promise<unknown>;
const flowOf = (body: Body) => testWorkflow("flow", body);
const first: Body = async (input, run) => {
  await run.step(Number(input.id) > 2 ? "late" : "early", () => 1);
  await run.sleep("1h");
  return "done";
};
/** Knows nothing of what any run has done. */
const broken: Body = (_input, run) => run.step("other", () => 1);
/** Fits those whose first step was the early one. */
const mended: Body = async (_input, run) => {
  await run.step("early", () => 1);
  await run.sleep("1h");
  return "mended";
};

/** Runs 1 to 3, all held by v45. */
async function held(): Promise<readonly number[]> {
  const flow = flowOf(first);
  await world.begin([flow], { version: "v44" });
  const runs: number[] = [];
  for (const id of ["1", "2", "3"]) runs.push(await world.start(flow, { id }));
  await deploy("v45", broken);
  await world.advance(3_700_000);
  for (const run of runs) expect(await world.stateOf(run)).toBe("held");
  return runs;
}

async function deploy(version: string, body: Body): Promise<void> {
  await world.settle();
  await world.close();
  world.clock.setMs(world.clock.nowMs() + 1_000);
  await world.begin([flowOf(body)], { version });
}

/** As `holdfast move` makes it, without an inbox between. */
async function planned(version: string, body: Body): Promise<ReplayPlan> {
  const reader = await openSqliteReader({ path: world.path });
  const build = openBuildOf(() => readKey(world.path), { workflows: [flowOf(body)], version });
  const nowMs = () => world.clock.nowMs();
  try {
    const request = {
      query: "class:defect",
      by: "kim",
      reason: `moved to ${version}`,
      canary: [1],
      rate: null,
      atOnce: 1,
      first: null,
      evenSameVersion: false,
      how: null,
      to: { version, misfitOf: await build.against(reader) },
    };
    const patience = { nowMs, pause: () => Promise.resolve(), waitMs: 0 };
    return (await planReplay(reader, request, patience)).plan;
  } finally {
    await reader.close();
  }
}

const store = () => ({
  openReader: () => openSqliteReader({ path: world.path }),
  secret: () => readKey(world.path),
});

describe("runs that are moved to another version", () => {
  test("are those that it fits; each wave is verified, and they go on with it", async () => {
    const runs = await held();
    await deploy("v46", mended);
    const plan = await planned("v46", mended);
    expect(plan).toMatchObject({ to: "v46" });
    expect(plan.items.map(([run]) => run)).toEqual(runs.slice(0, 2).map(formatRunId));
    const why = expect.stringMatching(
      /The journal says step "late" was local work; your code asks for step early/u,
    ) as string;
    const refused = [formatRunId(runs[2] ?? 0), expect.any(Number), "does-not-fit", why];
    expect(plan.refused).toEqual([refused]);
    const run = await replays.laid(plan);
    // A plan is the engine's own run, and no code of the user's has to fit it.
    expect(
      await checkBuild(store(), { workflows: [flowOf(mended)], version: "v46" }),
    ).toMatchObject({
      checked: 3,
      fits: 2,
    });
    await replays.say(plan, "start");
    expect(await replays.outcome(run)).toMatchObject({ end: "completed", tally: { succeeded: 2 } });
    for (const moved of runs.slice(0, 2)) {
      expect(await world.resultOf(moved)).toBe("mended");
      expect(await world.row(moved)).toMatchObject({ version: "v44", codeVersion: "v46" });
    }
    expect(await world.stateOf(runs[2] ?? 0)).toBe("held");
  });

  test("are skipped where another version is deployed, whatever was shown", async () => {
    const runs = await held();
    const plan = await planned("v46", mended);
    // v45 is still what runs.
    const run = await replays.laid(plan);
    await replays.say(plan, "start");
    const outcome = await replays.outcome(run);
    expect(outcome.tally.succeeded).toBe(0);
    const [result] = (await replays.results(run)).values();
    expect(result?.because).toContain("was to go on with version v46, and its worker has v45");
    for (const stays of runs) expect(await world.stateOf(stays)).toBe("held");
  });

  test("may be moved back: a rollback is another version than the one that held them", async () => {
    const runs = await held();
    await deploy("v44", first);
    const plan = await planned("v44", first);
    expect(plan.items).toHaveLength(3);
    const run = await replays.laid(plan);
    await replays.say(plan, "start");
    expect(await replays.outcome(run)).toMatchObject({ tally: { succeeded: 3 } });
    for (const moved of runs) expect(await world.resultOf(moved)).toBe("done");
  });

  test("not by a version that has the defect", async () => {
    await held();
    const plan = await planned("v45", mended);
    expect(plan.items).toEqual([]);
    expect(plan.refused.map(([, , why]) => why)).toEqual(Array(3).fill("same-version"));
  });
});
