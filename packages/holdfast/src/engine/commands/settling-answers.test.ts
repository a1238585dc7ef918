/** What a person may say of an effect that was answered, and whose answer is no use. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { CallFailed } from "../../workflow/attempt.ts";
import { effect } from "../../workflow/effect.ts";
import { testEffect, testIntegration, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

async function settle(run: number, happened: boolean): Promise<void> {
  const [row] = await world.effects(run);
  const said = { by: "cy", reason: "statement, line 14", ref: null };
  const value = happened ? { ref: "7" } : null;
  await world.engine.commands.settle({
    run,
    operation: row?.operation ?? 0,
    happened,
    value,
    ...said,
  });
}

/** An effect that was answered, and whose answer broke off. */
function unread() {
  const bank = { sent: 0 };
  const pay = effect("pay", {
    on: testIntegration("bank"),
    repeat: "once",
    input: z.object({ id: z.string() }),
    output: z.object({ ref: z.string() }),
    run: () => {
      bank.sent += 1;
      throw new CallFailed({
        message: "the answer broke off",
        evidence: { phase: "answered", status: 200, callCount: 1 },
        table: {
          says: { class: "transient", effect: "surely", origin: "remote", reasonCode: "BANK:CUT" },
          rule: { source: "table", id: "bank/CUT", version: 1 },
        },
      });
    },
  });
  return { bank, flow: testWorkflow("flow", (input, run) => run.do(pay, input)) };
}

test("that it was done cannot be denied where only its answer is lost", async () => {
  const { flow, bank } = unread();
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "exception");
  expect(await world.exceptions(run)).toMatchObject([{ class: "ambiguous", effect: "surely" }]);
  const denied = {
    code: "HF6003",
    message: expect.stringContaining("was done, and that is proven") as unknown,
  };
  await expect(settle(run, false)).rejects.toMatchObject(denied);
  expect(bank.sent).toBe(1);
  await settle(run, true);
  expect(await world.resultOf(run)).toEqual({ ref: "7" });
});

test("that an answer which is not what was declared says that nothing was done is taken", async () => {
  const bank = world.counterpart("bank");
  const pay = testEffect("once", bank, "pay");
  const flow = testWorkflow("flow", (input, run) => run.do(pay, input));
  bank.plan("pay", { kind: "answers", value: { error: "no funds" } });
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "exception");
  await settle(run, false);
  expect(await world.resultOf(run)).toEqual({ ref: "pay:1" });
});
