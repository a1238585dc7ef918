import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { effect } from "../../workflow/effect.ts";
import { ANSWER, testIntegration, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

test("a message that is cut shows no half of what is sensitive", async () => {
  const iban = "DE89370400440532013000";
  const pay = effect("pay", {
    on: testIntegration("bank"),
    repeat: "once",
    input: z.object({ iban: z.string() }),
    output: ANSWER,
    sensitive: ["/iban"],
    // What is sensitive stands across the place where messages are cut.
    run: () => Promise.reject(new Error(`${"x".repeat(485)} ${iban} is unknown`)),
  });
  const flow = testWorkflow("flow", (_input, run) => run.do(pay, { iban }));
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "exception");
  const written = (await world.records(run)).filter(({ kind }) => kind !== "intent");
  expect(JSON.stringify(written)).not.toContain(iban.slice(0, 6));
});
