/** A 400 is about the data of one item; at nearly every item of a step it is a defect of ours. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
let erp: Counterpart;
beforeEach(() => {
  world = new TestWorld();
  erp = world.counterpart("erp", "keys");
});
afterEach(() => world.remove());

const REFUSED = { kind: "no", class: "data", status: 400 } as const;

/** Classes of the exceptions of so many runs, in their order; `goodCount` of them come through first. */
async function classesOf(count: number, goodCount: number, status = 400) {
  const act = testEffect("keyed", erp, "act");
  const flow = testWorkflow("flow", (input, run) => run.do(act, input));
  await world.begin([flow]);
  for (let n = 0; n < count; n += 1) {
    erp.always("act", n < goodCount ? { kind: "ok" } : { ...REFUSED, status });
    await world.start(flow, { id: String(n) });
    await world.settle();
  }
  return await world.exceptions();
}

test("of the tenth item on, where all were refused alike, it is the code owner's and waits for a version", async () => {
  const exceptions = await classesOf(12, 0);
  expect(exceptions.map((one) => one.class)).toEqual([
    ...Array.from({ length: 9 }, () => "data"),
    ...Array.from({ length: 3 }, () => "defect"),
  ]);
  expect(exceptions.at(-1)?.message).toContain("12 of 12 items of this step are answered alike");
  expect((await world.allRuns()).at(-1)?.state).toBe("held");
});

test("where more than a tenth come through it stays about the data", async () => {
  const exceptions = await classesOf(14, 3);
  expect(new Set(exceptions.map((one) => one.class))).toEqual(new Set(["data"]));
});

test("other refusals say which data are wrong, however many there are", async () => {
  const exceptions = await classesOf(12, 0, 422);
  expect(new Set(exceptions.map((one) => one.class))).toEqual(new Set(["data"]));
});

test("one item that is tried again and again is one item", async () => {
  const act = testEffect("keyed", erp, "act");
  const flow = testWorkflow("flow", (input, run) => run.do(act, input));
  erp.always("act", REFUSED);
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  for (let tries = 0; tries < 12; tries += 1) {
    await world.untilState(run, "exception");
    await world.engine.commands.resume(run, null, "ana", "again");
    await world.settle();
  }
  expect((await world.exceptions()).at(-1)).toMatchObject({ class: "data" });
});
