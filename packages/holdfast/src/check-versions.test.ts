import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { checkBuild } from "./check-versions.ts";
import type { Counterpart } from "./engine/counterpart.test-support.ts";
import { testEffect, testWorkflow, type TestEffect } from "./engine/test-effects.test-support.ts";
import { TestWorld } from "./engine/test-world.test-support.ts";
import { formatRunId } from "./core/run-number.ts";
import { openSqliteReader } from "./store-sqlite/index.ts";
import { readKey } from "./store-sqlite/key-file.ts";
import type { AnyWorkflow } from "./workflow/workflow.ts";
import { review } from "./workflow/review.ts";
import type { Run } from "./workflow/run.ts";
import { listVersions } from "./operate/list-versions.ts";

let world: TestWorld;
let system: Counterpart;
let tax: TestEffect;
let vat: TestEffect;
beforeEach(() => {
  world = new TestWorld();
  system = world.counterpart("erp", "keys");
  tax = testEffect("keyed", system, "tax");
  vat = testEffect("keyed", system, "vat");
});
afterEach(() => world.remove());

type Body = (input: { id: string }, run: Run) => Promise<unknown>;
const big = review("big", { subject: z.any(), decision: z.any(), by: "boss" });

/** Run 1 sleeps, run 2 waits for a person, run 3 for a child, run 4 was cut off inside an effect. */
const body =
  (first: () => TestEffect, executed: { count: number }): Body =>
  async (input, run) => {
    if (input.id !== "4") await run.do(first(), input);
    await run.step("note", () => {
      executed.count += 1;
      return executed.count;
    });
    if (input.id === "1") await run.sleep("10d");
    if (input.id === "2") await run.ask(big, input);
    if (input.id === "3") await run.call(child, input);
    return run.do(first(), input, { as: "last" });
  };
const child = testWorkflow("child", async (_input, run) => run.sleep("30d"));
/** Asks for the version first. */
const either: Body = async (input, run) => {
  const isNew = await run.since("v45");
  return body(() => (isNew ? vat : tax), { count: 0 })(input, run);
};
const flowOf = (bodyOf: Body) => testWorkflow("flow", bodyOf);

async function started(): Promise<number[]> {
  const executed = { count: 0 };
  const flow = flowOf(body(() => tax, executed));
  await world.begin([flow, child], { version: "v44" });
  const runs: number[] = [];
  for (const id of ["1", "2", "3"]) runs.push(await world.start(flow, { id }));
  await world.settle();
  system.always("tax", { kind: "silent", happened: true });
  runs.push(await world.start(flow, { id: "4" }));
  await world.settle();
  return runs;
}

const check = (workflows: readonly AnyWorkflow[], version = "v45") =>
  checkBuild(
    {
      openReader: () => openSqliteReader({ path: world.path }),
      secret: () => readKey(world.path),
    },
    { workflows, effects: [tax, vat], version },
  );

/** Everything that the store says, and everything that was asked of others. */
async function allThatIs() {
  const runs = await world.allRuns();
  const records = await Promise.all(runs.map(({ run }) => world.records(run)));
  return JSON.stringify([runs, records, system.requests.length, system.lookups.length]);
}

describe("a build that is not deployed", () => {
  test("fits all runs, whatever they wait for, and nothing is executed, written or called", async () => {
    await started();
    const before = await allThatIs();
    const executed = { count: 0 };
    // An engine is at work on the store meanwhile.
    const found = await check([flowOf(body(() => tax, executed)), child]);
    expect(found).toMatchObject({
      version: "v45",
      checked: 5,
      fits: 5,
      misfits: [],
      hasMore: false,
    });
    expect(executed.count).toBe(0);
    await world.settle();
    expect(await allThatIs()).toBe(before);
  });

  test("does not fit: which run, at which step, and how to mend it", async () => {
    const runs = await started();
    const before = await allThatIs();
    const found = await check([flowOf(body(() => vat, { count: 0 })), child]);
    // The fourth was cut off at its last step, and the child knows nothing of it.
    expect(found).toMatchObject({ checked: 5, fits: 1, misfitCount: 4 });
    expect(found.misfits.map(({ run, key }) => [run, key])).toEqual(
      runs.map((run, at) => [formatRunId(run), String(at + 1)]),
    );
    for (const { code, message, version, codeVersion } of found.misfits) {
      expect(code).toBe("HF2104");
      expect(message).toMatch(/step "tax(#last)?" was the effect "tax"/);
      expect([version, codeVersion]).toEqual(["v44", "v44"]);
    }
    expect(found.misfits[0]?.remedy).toMatch(/resume/);
    await world.settle();
    expect(await allThatIs()).toBe(before);
  });

  test("fits again with the question for the version", async () => {
    await started();
    expect(await check([flowOf(either), child])).toMatchObject({ checked: 5, fits: 5 });
    // The version that it names must be its own, or one before it.
    const slipped = await check([flowOf(either), child], "v46");
    expect(slipped).toMatchObject({ fits: 1, misfitCount: 4 });
    expect(slipped.misfits[0]).toMatchObject({ code: "HF1111" });
  });

  test("that lacks a workflow is told so", async () => {
    await started();
    const found = await check([flowOf(body(() => tax, { count: 0 }))]);
    expect(found.misfits).toMatchObject([{ workflow: "child", code: "HF2105" }]);
  });

  test("is checked against what is held, too: it says what a resume would find", async () => {
    const [run = 0] = await started();
    await world.crash();
    await world.begin([flowOf(body(() => vat, { count: 0 })), child], { version: "v45" });
    await world.engine.wakes.reach(run);
    await world.settle();
    expect(await world.stateOf(run)).toBe("held");
    const mended = await check([flowOf(body(() => tax, { count: 0 })), child], "v46");
    expect(mended).toMatchObject({ misfits: [] });
    const same = await check([flowOf(body(() => vat, { count: 0 })), child], "v46");
    expect(same.misfits.map(({ key }) => key)).toContain("1");
  });

  test("says nothing of runs that have ended, or that are taken back without their code", async () => {
    const [first = 0, , , last = 0] = await started();
    await world.engine.commands.cancel(first, "ana", "no longer wanted");
    // What became of its effect has to be found out before it is over.
    await world.engine.commands.cancel(last, "ana", "no longer wanted");
    await world.settle();
    expect([await world.stateOf(first), await world.stateOf(last)]).toEqual([
      "cancelled",
      "cancelling",
    ]);
    const found = await check([flowOf(body(() => vat, { count: 0 })), child]);
    expect(found.misfits.map(({ key }) => key)).toEqual(["2", "3"]);
  });
});

test("versions are listed with what is open of each, the newest first", async () => {
  const runs = await started();
  await world.crash();
  world.clock.setMs(world.clock.nowMs() + 1_000);
  await world.begin([flowOf(body(() => vat, { count: 0 })), child], { version: "v45" });
  await world.engine.wakes.reach(runs[0] ?? 0);
  await world.settle();
  const reader = await openSqliteReader({ path: world.path });
  const page = await listVersions(reader);
  await reader.close();
  expect(page.versions).toMatchObject([
    { version: "v45", isNewest: true, openRuns: 0, standingRuns: 0 },
    { version: "v44", isNewest: false, openRuns: 5 },
  ]);
  const [newest, before] = page.versions;
  // Run 1 is held by v45, run 2 asks a person; both were v44's last.
  expect(newest?.exceptions).toBeGreaterThan(0);
  expect(before?.standingRuns).toBeGreaterThan(1);
});
