/**
 * What a run writes at once is durable at once: the process may die after any flush, whatever its
 * size, and finds no run that is halfway between two states.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld, type LifeOptions } from "../test-world.test-support.ts";

const HOUR_MS = 3_600_000;
let world: TestWorld;
let bank: Counterpart;
beforeEach(() => {
  world = new TestWorld();
  bank = world.counterpart("bank");
});
afterEach(() => world.remove());

/** Flushes are as small as they can be; the process dies after the one with this record. */
function diesAfter(kind: string): LifeOptions {
  return {
    limits: { flushRecordsMax: 1 },
    fateOf: ({ kinds }) => (kinds.some((one) => one === kind) ? "diesAfter" : "applied"),
  };
}

/** Its code throws until it is mended, which it is in the next life. */
function breaks(isMended: () => boolean) {
  return testWorkflow("flow", async (_input, run) => {
    await run.sleep("1s");
    if (!isMended()) throw new Error("broken");
    return 1;
  });
}

async function crashedBy(act: Promise<void>): Promise<void> {
  // Nobody hears how it ends: the process is gone.
  act.catch(() => undefined);
  await world.until("death", () => world.life.watched.isDead);
  await world.crash();
}

const openCount = async (run: number) =>
  (await world.exceptions(run)).filter(({ closedAtMs }) => closedAtMs === null).length;

describe("a crash in the middle", () => {
  test("of a cancel leaves a run that is cancelled, and its exception closed", async () => {
    const flow = breaks(() => false);
    await world.begin([flow], diesAfter("cancel"));
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "held");
    await crashedBy(world.engine.commands.cancel(run, "ana", "x"));
    await world.begin([flow]);
    await world.untilState(run, "cancelled");
    expect(await openCount(run)).toBe(0);
  });

  test("of a resume leaves a run that goes on", async () => {
    let isMended = false;
    const flow = breaks(() => isMended);
    await world.begin([flow], diesAfter("closed"));
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "held");
    isMended = true;
    await crashedBy(world.engine.commands.resume(run, null, "ana", "mended"));
    await world.begin([flow]);
    await world.untilState(run, "completed");
    expect(await openCount(run)).toBe(0);
  });

  test("of a resume of a step leaves a step that goes on", async () => {
    const pay = testEffect("keyed", bank, "pay");
    bank.plan("pay", { kind: "no", class: "data" });
    const flow = testWorkflow("flow", (input, run) => run.do(pay, input));
    await world.begin([flow], diesAfter("closed"));
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "exception");
    await crashedBy(world.engine.commands.resume(run, null, "ana", "mended"));
    await world.begin([flow]);
    await world.untilState(run, "completed");
    expect([await openCount(run), bank.count("pay")]).toEqual([0, 1]);
  });

  test("of a settlement leaves its exception closed", async () => {
    const pay = testEffect("once", bank, "pay");
    bank.plan("pay", { kind: "lostAnswer", happened: true });
    const flow = testWorkflow("flow", (input, run) => run.do(pay, input));
    await world.begin([flow], diesAfter("settled"));
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "exception");
    const operation = (await world.effects(run))[0]?.operation ?? 0;
    const said = { happened: true, value: { ref: "pay:1" }, ref: null, by: "bo", reason: "seen" };
    await crashedBy(world.engine.commands.settle({ run, operation, ...said }));
    await world.begin([flow]);
    await world.untilState(run, "completed");
    expect([await openCount(run), bank.count("pay")]).toEqual([0, 1]);
  });

  test("of the end of a deadline leaves an exception that asks its owner", async () => {
    const flow = testWorkflow("flow", (_input, run) => run.sleep("9h"), { deadline: "1h" });
    await world.begin([flow], diesAfter("late"));
    const run = await world.start(flow, { id: "1" });
    world.clock.setMs(world.clock.nowMs() + HOUR_MS);
    await world.until("death", () => world.life.watched.isDead);
    await world.crash();
    await world.begin([flow]);
    await world.untilState(run, "exception");
    expect(await openCount(run)).toBe(1);
  });
});
