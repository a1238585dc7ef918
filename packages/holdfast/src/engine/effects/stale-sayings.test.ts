/** "It did not happen" is true of the moment in which it was said; what is sent later is looked up first. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cannotTell, notDone } from "../../workflow/seen.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const HOUR_MS = 3_600_000;

let world: TestWorld;
let bank: Counterpart;
beforeEach(() => {
  world = new TestWorld();
  bank = world.counterpart("bank");
});
afterEach(() => world.remove());

/** A run whose effect may have happened, and whose look-ups could not tell: a person is asked. */
async function asked(plan: Parameters<Counterpart["plan"]>[1]): Promise<number> {
  bank.plan("pay", plan);
  bank.lookupSays("pay", cannotTell("no access"));
  const pay = testEffect("probeable", bank, "pay", { settle: "1s" });
  const flow = testWorkflow("flow", (input, run) => run.do(pay, input));
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.advance(3 * HOUR_MS);
  await world.untilState(run, "exception");
  bank.lookups.length = 0;
  return run;
}

async function notHappened(run: number): Promise<void> {
  const [row] = await world.effects(run);
  const said = { run, operation: row?.operation ?? 0, happened: false, value: null, ref: null };
  await world.engine.commands.settle({ ...said, by: "ana", reason: "not in their list" });
  await world.settle();
}

describe("what a person says did not happen", () => {
  test("is looked up once more, and not repeated where it did happen", async () => {
    const run = await asked({ kind: "lostAnswer", happened: true });
    bank.lookupSays("pay", undefined);
    await notHappened(run);
    expect(await world.resultOf(run)).toEqual({ ref: "pay:1" });
    expect([bank.lookups.length, bank.count("pay")]).toEqual([1, 1]);
  });

  test("is sent at once where the look-up finds nothing either", async () => {
    const run = await asked({ kind: "lostAnswer", happened: false });
    bank.lookupSays("pay", undefined);
    await notHappened(run);
    expect(await world.stateOf(run)).toBe("completed");
    expect([bank.lookups.length, bank.count("pay")]).toEqual([1, 1]);
  });

  test("is sent where the look-up still cannot tell: that is why a person was asked", async () => {
    const run = await asked({ kind: "lostAnswer", happened: false });
    await notHappened(run);
    expect(await world.stateOf(run)).toBe("completed");
    expect([bank.lookups.length, bank.count("pay")]).toEqual([1, 1]);
  });

  test("is asked again where it waited for hours since, and the look-up cannot tell", async () => {
    const run = await asked({ kind: "lostAnswer", happened: false });
    const untilMs = world.clock.nowMs() + HOUR_MS;
    await world.engine.parking.parkByHand("bank", "they install a release", untilMs);
    await notHappened(run);
    await world.advance(3 * HOUR_MS);
    expect(await world.stateOf(run)).toBe("exception");
    expect(bank.count("pay")).toBe(0);
  });
});

/** Nothing is found twice; then the other system is away, and meanwhile a late request lands. */
async function afterOutage(found: "late" | "nothing"): Promise<number> {
  bank.plan("pay", { kind: "lostAnswer", happened: false });
  const pay = testEffect("probeable", bank, "pay", { settle: "20s" });
  const flow = testWorkflow("flow", (input, run) => run.do(pay, input));
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  // The second request meets an outage: nothing was sent.
  bank.isDown = true;
  await world.until("it was tried", () => bank.requestsOf("pay").length > 1);
  if (found === "late") {
    const [first] = bank.requestsOf("pay");
    bank.ledger.push({ action: "pay", id: "1", key: first?.key ?? "", atMs: 0 });
  }
  await world.advance(HOUR_MS);
  bank.isDown = false;
  await world.until("it ends", async () => (await world.stateOf(run)) === "completed");
  return run;
}

describe("what a look-up has not found", () => {
  test.each(["late", "nothing"] as const)(
    "is looked up again after an outage: %s",
    async (found) => {
      await afterOutage(found);
      expect(bank.count("pay")).toBe(1);
      expect(bank.lookups.length).toBeGreaterThan(2);
    },
  );
});

/** One request was lost and looked up twice, in vain; then a second one left. */
async function sentTwice(second: Parameters<Counterpart["plan"]>[1]): Promise<number> {
  bank.plan("pay", { kind: "lostAnswer", happened: false }, second);
  const pay = testEffect("probeable", bank, "pay", { settle: "20s" });
  const flow = testWorkflow("flow", (input, run) => run.do(pay, input));
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.until("it was sent again", () => bank.requestsOf("pay").length > 1);
  await world.settle();
  return run;
}

describe("what was not found before another attempt", () => {
  test("says nothing of that attempt: its lost answer takes two looks of its own", async () => {
    // It lands after the first look for it, which comes with its settle time.
    const run = await sentTwice({ kind: "late", afterMs: 22_000 });
    await world.advance(HOUR_MS);
    expect(await world.stateOf(run)).toBe("completed");
    expect([bank.count("pay"), bank.requestsOf("pay").length]).toEqual([1, 2]);
  });

  test("says nothing of what that attempt surely did, however late a look shows it", async () => {
    const run = await sentTwice({ kind: "answers", value: { nope: 1 } });
    bank.lookupSays("pay", notDone());
    await world.advance(30_000);
    bank.lookupSays("pay", undefined);
    await world.advance(HOUR_MS);
    expect(await world.stateOf(run)).toBe("completed");
    expect([bank.count("pay"), bank.requestsOf("pay").length]).toEqual([1, 2]);
  });

  test("says nothing of an attempt that a crash has cut off", async () => {
    const run = await sentTwice({ kind: "silent", happened: true });
    await world.crash();
    const pay = testEffect("probeable", bank, "pay", { settle: "20s" });
    await world.begin([testWorkflow("flow", (input, step) => step.do(pay, input))]);
    bank.lookupSays("pay", notDone());
    await world.until("it was looked up", () => bank.lookups.length > 2);
    bank.lookupSays("pay", undefined);
    await world.advance(HOUR_MS);
    expect(await world.stateOf(run)).toBe("completed");
    expect([bank.count("pay"), bank.requestsOf("pay").length]).toEqual([1, 2]);
  });
});
