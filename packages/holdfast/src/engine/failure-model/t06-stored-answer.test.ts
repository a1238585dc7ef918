/** T6 of the failure model: a receiver that answers a key it knows with the 500 it has stored. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { notDone } from "../../workflow/seen.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";
import { refusedWith } from "./http-answers.test-support.ts";

const DAY_MS = 86_400_000;

let world: TestWorld;
let bank: Counterpart;
const keys: string[] = [];
beforeEach(() => {
  world = new TestWorld();
  bank = world.counterpart("bank", "none");
  keys.length = 0;
  // The work itself fails once, and its answer is kept for as long as the key is.
  bank.call = (action, id, attempt) => {
    keys.push(attempt.key);
    bank.requests.push({ action, id, key: attempt.key, number: attempt.number, atMs: 0 });
    return Promise.reject(refusedWith({ status: 500 }, world.clock.nowMs()));
  };
});
afterEach(() => world.remove());

async function started(canProbe: boolean) {
  const pay = testEffect("keyed", bank, "pay", { keyWindow: "24h", replays: "all", canProbe });
  const flow = testWorkflow("flow", (input, run) => run.do(pay, input));
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.advance(2 * DAY_MS);
  return run;
}

test("is not asked again in vain, and never silently with a fresh key: a person decides", async () => {
  const run = await started(false);
  expect(keys).toHaveLength(1);
  expect(await world.stateOf(run)).toBe("exception");
  const [exception] = await world.exceptions(run);
  expect(exception?.because).toContain("the same key would bring the same answer");
});

test("is looked up; where it has nothing, a new key still needs a person's decision", async () => {
  bank.lookupSays("pay", notDone());
  const run = await started(true);
  expect(bank.lookups.length).toBeGreaterThanOrEqual(2);
  expect(keys).toHaveLength(1);
  expect(await world.stateOf(run)).toBe("exception");
  const [exception] = await world.exceptions(run);
  expect(exception?.because).toContain("a new key needs a person's decision");
});

test("is looked up, and what it has done all the same is adopted", async () => {
  bank.ledger.push({ action: "pay", id: "1", key: "its own", atMs: 0 });
  const run = await started(true);
  expect(keys).toHaveLength(1);
  expect(await world.stateOf(run)).toBe("completed");
});
