import { z } from "zod";
import { afterEach, beforeEach, expect, test } from "vitest";
import { review } from "../../workflow/review.ts";
import type { Run } from "../../workflow/run.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

const child = testWorkflow("child", () => Promise.resolve(null));
const look = review("look", { subject: z.string(), decision: z.boolean(), by: "team" });
const paid = { name: "paid", schema: z.string() };

// A caller in JavaScript: the casts give what the compiler would refuse.
const VERBS = {
  step: (run: Run) => run.step("x", () => 1, { durabel: true } as never),
  ask: (run: Run) => run.ask(look, "s", { ass: "x" } as never),
  wait: (run: Run) => run.wait(paid, { key: "k", whitin: "1s" } as never),
  call: (run: Run) => run.call(child, { id: "c" }, { name: "x" } as never),
  sleep: (run: Run) => run.sleep("1s", { sa: "x" } as never),
  stop: (run: Run) => run.stop("no", { compensat: true } as never),
} as const;

test.each(Object.keys(VERBS) as (keyof typeof VERBS)[])(
  "a misspelt option of run.%s holds the run, and the verb has done nothing",
  async (verb) => {
    const flow = testWorkflow("flow", async (_input, run) => {
      await VERBS[verb](run);
      return null;
    });
    await world.begin([flow, child]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "held");
    const [exception] = await world.exceptions(run);
    expect(exception).toMatchObject({ reasonCode: "HF1001", class: "defect" });
    expect(exception?.message).toContain(`run.${verb} has no option`);
    const kinds = (await world.records(run)).map(({ kind }) => kind);
    expect(kinds).toEqual(["started", "opened", "state"]);
  },
);

test.each(["do", "try"] as const)("run.%s refuses one before anything is sent", async (verb) => {
  const system = world.counterpart("erp");
  const act = testEffect("once", system, "act");
  const flow = testWorkflow("flow", async (input, run) => {
    await run[verb](act, input, { sa: "again" } as never);
    return null;
  });
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "held");
  expect((await world.exceptions(run))[0]?.message).toContain(`run.${verb} has no option "sa"`);
  expect(system.count("act")).toBe(0);
});
