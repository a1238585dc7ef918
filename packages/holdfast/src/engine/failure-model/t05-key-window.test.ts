/** T5 of the failure model: a key grows too old while its run is parked. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const HOUR_MS = 3_600_000;

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

/** The answer to the first request is lost, then the system is away until the key is forgotten. */
async function parkedOverItsWindow(canProbe: boolean) {
  const bank = world.counterpart("bank", "none");
  const pay = testEffect("keyed", bank, "pay", { keyWindow: "4h", canProbe });
  const flow = testWorkflow("flow", (input, run) => run.do(pay, input));
  await world.begin([flow]);
  bank.plan("pay", { kind: "lostAnswer", happened: true });
  const run = await world.start(flow, { id: "1" });
  await world.settle();
  bank.isDown = true;
  await world.advance(2 * HOUR_MS);
  expect(await world.stateOf(run)).toBe("parked");
  const sent = () => bank.ledger.length;
  expect(sent()).toBe(1);
  await world.crash();
  world.clock.setMs(world.clock.nowMs() + 2 * HOUR_MS);
  bank.isDown = false;
  bank.requests.length = 0;
  await world.begin([flow]);
  await world.advance(HOUR_MS);
  return { bank, run };
}

test("no repeat is sent once the key is no longer known: a person is asked", async () => {
  const { bank, run } = await parkedOverItsWindow(false);
  expect(bank.requests).toEqual([]);
  expect(bank.count("pay")).toBe(1);
  expect(await world.stateOf(run)).toBe("exception");
  expect(await world.exceptions(run)).toEqual([
    expect.objectContaining({ because: expect.stringContaining("too old to repeat") }),
  ]);
});

test("no repeat is sent where it can be looked up instead, and what was done is adopted", async () => {
  const { bank, run } = await parkedOverItsWindow(true);
  expect(bank.requests).toEqual([]);
  expect(bank.lookups.length).toBeGreaterThan(0);
  expect(bank.count("pay")).toBe(1);
  expect(await world.stateOf(run)).toBe("completed");
});

test("what surely never left goes out late, with its own key", async () => {
  const bank = world.counterpart("bank", "none");
  const pay = testEffect("keyed", bank, "pay", { keyWindow: "4h" });
  const flow = testWorkflow("flow", (input, run) => run.do(pay, input));
  await world.begin([flow]);
  bank.isDown = true;
  const run = await world.start(flow, { id: "1" });
  await world.advance(5 * HOUR_MS);
  bank.isDown = false;
  await world.advance(HOUR_MS);
  expect(await world.stateOf(run)).toBe("completed");
  expect(bank.count("pay")).toBe(1);
  expect(new Set(bank.requests.map(({ key }) => key)).size).toBe(1);
});
