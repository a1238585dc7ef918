import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { effect } from "../../workflow/effect.ts";
import { testIntegration, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

/** The name of this function is what the stacks must hold. */
function mapLines(): never {
  throw new TypeError("no lines", { cause: new RangeError("none at all") });
}

async function stackIn(run: number, kind: string): Promise<string> {
  const record = (await world.records(run)).find((one) => one.kind === kind && one.data !== null);
  return String(JSON.parse(record?.data ?? "null"));
}

function expectStack(stack: string): void {
  expect(stack).toMatch(/^TypeError: no lines\n/);
  expect(stack).toMatch(/\n {4}at (?:LocalStep\.)?mapLines .*stacks\.test\.ts:\d+:\d+/);
  expect(stack).toContain("caused by RangeError: none at all");
  expect(stack).not.toMatch(/node:|live-run/);
  expect(stack.length).toBeLessThanOrEqual(4_000);
}

describe("the stack of an error", () => {
  test("that the code of a run throws is kept with its exception", async () => {
    const flow = testWorkflow("flow", async () => mapLines());
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "held");
    expectStack(await stackIn(run, "opened"));
    // Never in a list: those show the row, which has frames without their lines to group by.
    expect(JSON.stringify(await world.exceptions(run))).not.toMatch(/stacks\.test\.ts:\d/u);
  });

  test("that local work throws is kept with the step, and the code gets it again", async () => {
    const seen: string[] = [];
    const flow = testWorkflow("flow", async (_input, r) => {
      await r.step("map", mapLines).catch((error: unknown) => {
        seen.push(error instanceof Error ? (error.stack ?? "") : "");
      });
      await r.sleep("1h");
      return null;
    });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "waiting");
    expectStack(await stackIn(run, "result"));
    await world.crash();
    await world.begin([flow]);
    await world.resultOf(run);
    expect(seen).toHaveLength(2);
    for (const stack of seen) expectStack(stack);
  });

  test("that an effect throws is kept with the attempt, where no rule knows the error", async () => {
    const broken = effect("broken", {
      on: testIntegration("shop"),
      repeat: "read",
      input: z.any(),
      output: z.any(),
      run: async () => mapLines(),
    });
    const flow = testWorkflow("flow", (input, r) => r.do(broken, input));
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "held", "exception");
    expectStack(await stackIn(run, "outcome"));
  });

  test("is bounded, whatever the error says", async () => {
    const flow = testWorkflow("flow", async () => {
      const long = "x".repeat(100_000);
      const inner = new Error(long, { cause: new Error(long) });
      throw new Error(long, { cause: inner });
    });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "held");
    expect(await stackIn(run, "opened")).toHaveLength(4_000);
  });
});
