import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openSqliteReader } from "../../store-sqlite/index.ts";
import { listRuns } from "../../operate/list-runs.ts";
import { testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

const flow = testWorkflow("flow", async (_input, run) => {
  await run.sleep("1h", { as: "first" });
  await run.sleep("1h", { as: "second" });
  return "done";
});
const otherFlow = testWorkflow("flow", async (_input, run) => run.sleep("1h", { as: "other" }));

async function deploy(version: string, code = flow): Promise<void> {
  await world.close();
  world.clock.setMs(world.clock.nowMs() + 1_000);
  await world.begin([code], { version });
}

async function listed(codeVersion: string) {
  const reader = await openSqliteReader({ path: world.path });
  try {
    return (await listRuns(reader, { codeVersion, limit: 10 })).runs.map(({ key }) => key);
  } finally {
    await reader.close();
  }
}

describe("the version of the code that a run is on", () => {
  test("is on record when it begins, and when code of another version goes on with it", async () => {
    await world.begin([flow], { version: "v44" });
    const run = await world.start(flow, { id: "1" });
    expect(await world.row(run)).toMatchObject({ version: "v44", codeVersion: "v44" });
    await deploy("v45");
    // It sleeps: nothing has gone on with it yet.
    expect(await world.row(run)).toMatchObject({ version: "v44", codeVersion: "v44" });
    await world.advance(3_700_000);
    expect(await world.row(run)).toMatchObject({ version: "v44", codeVersion: "v45" });
    expect(await listed("v44")).toEqual([]);
    expect(await listed("v45")).toEqual(["1"]);
    await deploy("v44");
    expect(await world.resultOf(run)).toBe("done");
    const codes = (await world.records(run)).filter(({ kind }) => kind === "code");
    expect(codes.map(({ head }) => JSON.parse(head ?? "") as unknown)).toEqual([
      { version: "v45", from: "v44" },
      { version: "v44", from: "v45" },
    ]);
    expect(await listed("v44")).toEqual([]);
  });

  test("is not on record of code that does not fit, which never goes on with it", async () => {
    await world.begin([flow], { version: "v44" });
    const run = await world.start(flow, { id: "1" });
    await deploy("v45", otherFlow);
    await world.advance(3_700_000);
    expect(await world.row(run)).toMatchObject({ state: "held", codeVersion: "v44" });
    const [open] = await world.exceptions(run);
    expect(open?.record).toMatchObject({ codeVersion: "v45", runVersion: "v44" });
  });
});
