import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { RepeatKind } from "../../core/contract.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import {
  testEffect,
  testIntegration,
  testWorkflow,
  type TestEffect,
} from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
let system: Counterpart;
beforeEach(() => {
  world = new TestWorld();
  system = world.counterpart("erp", "keys");
});
afterEach(() => world.remove());

const flowWith = (effect: TestEffect) =>
  testWorkflow("flow", (input, run) => run.do(effect, input));
/** Has something to do behind it. */
const flowBy = (effect: TestEffect) =>
  testWorkflow("flow", async (input, run) => {
    await run.do(effect, input);
    await run.sleep("1h");
    return "done";
  });
const as = (kind: RepeatKind) => () => testEffect(kind, system, "pay");
const elsewhere = () => testEffect("keyed", system, "pay", { on: testIntegration("another-erp") });

/** Sends `pay` once, hears nothing of it, and starts an engine with another declaration. */
async function sentAs(kind: RepeatKind, redeclare: () => TestEffect): Promise<number> {
  system.always("pay", { kind: "silent", happened: true });
  const flow = flowWith(testEffect(kind, system, "pay"));
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.settle();
  await world.crash();
  await world.begin([flowWith(redeclare())], { version: "2" });
  await world.settle();
  return run;
}

describe("an effect that is declared otherwise while an attempt of it is open", () => {
  test.each([
    ["keyed", "idempotent", as("idempotent")],
    ["once", "keyed", as("keyed")],
    ["once", "probeable", as("probeable")],
    ["keyed", "keyed on another-erp", elsewhere],
  ] as const)("%s, now %s: held, and not sent again", async (was, now, redeclare) => {
    const run = await sentAs(was, redeclare);
    const row = await world.row(run);
    expect(row.state).toBe("held");
    expect(row.reason).toContain(
      `"pay" was sent to erp as ${was}, and what became of that is not known; your code declares ${now}`,
    );
    expect(system.requests).toHaveLength(1);
  });

  test.each([
    ["keyed", "keyed"],
    ["keyed", "once"],
  ] as const)("%s, now %s: goes on", async (was, now) => {
    const run = await sentAs(was, as(now));
    expect(await world.stateOf(run)).not.toBe("held");
  });

  test("cancelled, it asks a person what became of it, and sends nothing", async () => {
    const run = await sentAs("once", as("keyed"));
    await world.engine.commands.cancel(run, "ana", "no longer wanted");
    await world.settle();
    expect(await world.stateOf(run)).toBe("exception");
    expect(system.requests).toHaveLength(1);
  });

  test("goes on under the new declaration once it is known what became of every attempt", async () => {
    const flow = flowBy(testEffect("keyed", system, "pay"));
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "waiting");
    await world.close();
    await world.begin([flowBy(testEffect("once", system, "pay"))], { version: "2" });
    expect(await world.resultOf(run)).toBe("done");
  });
});
