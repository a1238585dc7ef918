import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Run } from "../../workflow/run.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
let system: Counterpart;
let reserve: ReturnType<typeof testEffect>;
beforeEach(() => {
  world = new TestWorld();
  system = world.counterpart("shop", "keys");
  reserve = testEffect("keyed", system, "reserve", { undo: "call" });
});
afterEach(() => world.remove());

const actions = () => system.ledger.map((row) => row.action);
const cancel = (run: number) => world.engine.commands.cancel(run, "ana", "customer asked");
const openOnes = async (run: number) =>
  (await world.exceptions(run)).filter((exception) => exception.closedAtMs === null);

async function begun(body: (input: { id: string }, run: Run) => Promise<unknown>, options = {}) {
  const flow = testWorkflow("flow", body, options);
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.settle();
  return { run, flow };
}

describe("cancelling", () => {
  test("names what stays, and gives it to its owner, over a crash", async () => {
    const ship = testEffect("keyed", system, "ship", { owner: "warehouse" });
    const note = testEffect("keyed", system, "note", { undo: "none" });
    const look = testEffect("read", system, "look");
    const { run, flow } = await begun(async (input, r) => {
      await r.do(reserve, input);
      await r.do(ship, input);
      await r.do(note, input);
      await r.do(look, input);
      await r.sleep("1h");
      return null;
    });
    await world.crash();
    await world.begin([flow]);
    await cancel(run);
    await world.untilState(run, "cancelled");
    const row = await world.row(run);
    expect(row.compensated).toBe("partially");
    expect(row.reason).toBe("customer asked; ship stays done: it declares no undoing");
    expect(await openOnes(run)).toMatchObject([
      {
        step: "ship",
        effectName: "ship",
        owner: "warehouse",
        reasonCode: "HF3004",
        effect: "surely",
        record: { severity: "critical" },
      },
    ]);
    expect(actions()).toContain("undo-reserve");
    // The question is still there after another life, once.
    await world.crash();
    await world.begin([flow]);
    expect(await openOnes(run)).toHaveLength(1);
  });

  test("of what needs no undoing says that nothing was undone, and asks nobody", async () => {
    const note = testEffect("keyed", system, "note", { undo: "none" });
    const { run } = await begun(async (input, r) => {
      await r.do(note, input);
      await r.sleep("1h");
      return null;
    });
    await cancel(run);
    expect(await world.row(run)).toMatchObject({ reason: "customer asked", compensated: "no" });
    expect(await openOnes(run)).toEqual([]);
  });

  test("leaves what stays open until its owner says how it was dealt with", async () => {
    const ship = testEffect("once", system, "ship");
    const { run } = await begun(async (input, r) => {
      await r.do(ship, input);
      await r.sleep("1h");
      return null;
    });
    await cancel(run);
    const [stays] = await openOnes(run);
    const settle = (happened: boolean) =>
      world.engine.commands.settle({
        run,
        operation: stays?.operation ?? 0,
        happened,
        value: null,
        ref: null,
        by: "bo",
        reason: "sent back, parcel 7",
      });
    await expect(settle(false)).rejects.toMatchObject({ code: "HF6003" });
    await settle(true);
    expect(await openOnes(run)).toEqual([]);
    const [closed] = await world.exceptions(run);
    expect(closed).toMatchObject({ resolution: "settled", closedBy: "bo" });
    expect((await world.effects(run))[0]).toMatchObject({ proof: "surely", settledBy: null });
    await expect(settle(true)).rejects.toMatchObject({ code: "HF6003" });
  });
});
