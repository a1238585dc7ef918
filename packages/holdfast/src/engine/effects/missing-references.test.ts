/** What the data name may be late, and not wrong: that is waited for, but not for ever. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const MINUTE_MS = 60_000;

let world: TestWorld;
let crm: Counterpart;
beforeEach(() => {
  world = new TestWorld();
  crm = world.counterpart("crm", "keys");
});
afterEach(() => world.remove());

/** The customer is not there until somebody enters it. */
async function begun(mayComeWithinMs: number): Promise<number> {
  const act = testEffect("once", crm, "act", {
    classify: () => ({
      class: "data",
      effect: "never",
      reasonCode: "CRM:NO_CUSTOMER",
      mayComeWithinMs,
    }),
  });
  const flow = testWorkflow("flow", (input, run) => run.do(act, input));
  crm.always("act", { kind: "no", class: "data", status: 404 });
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.settle();
  return run;
}

test("a reference that comes in time is found, and nobody hears of it", async () => {
  const run = await begun(10 * MINUTE_MS);
  await world.advance(3 * MINUTE_MS);
  crm.always("act", { kind: "ok" });
  expect(await world.resultOf(run)).toEqual({ ref: "act:1" });
  expect(await world.exceptions(run)).toEqual([]);
  expect(crm.count("act")).toBe(1);
});

test("one that does not come is the owner's of the data when the time is over", async () => {
  const run = await begun(10 * MINUTE_MS);
  const beganAtMs = world.clock.nowMs();
  await world.untilState(run, "exception");
  expect(world.clock.nowMs() - beganAtMs).toBeLessThanOrEqual(10 * MINUTE_MS);
  expect(crm.requestsOf("act").length).toBeGreaterThan(3);
  expect(await world.exceptions(run)).toMatchObject([{ class: "data" }]);
});

test("without that it is the owner's at once", async () => {
  const run = await begun(0);
  expect(await world.stateOf(run)).toBe("exception");
  expect(crm.requestsOf("act")).toHaveLength(1);
});
