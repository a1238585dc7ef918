import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { workflow } from "../../workflow/workflow.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const nap = workflow(
  "nap",
  { input: z.object({ id: z.string() }), output: z.string(), key: (i) => i.id, owner: "team-nap" },
  async (_input, run) => {
    await run.sleep("1h");
    return await run.step("after", () => "rested");
  },
);

describe("a run whose workflow the app does not have", () => {
  let world: TestWorld;
  beforeEach(() => {
    world = new TestWorld();
  });
  afterEach(() => world.remove());

  test("is held and owned when it is due, and goes on once the code is back", async () => {
    await world.begin([nap]);
    const run = await world.start(nap, { id: "a" });
    await world.close();
    await world.begin([]);
    await world.advance(2 * 3_600_000);
    expect(await world.stateOf(run)).toBe("held");
    expect(await world.exceptions(run)).toMatchObject([
      { class: "defect", owner: "team-nap", reasonCode: "HF2105" },
    ]);
    await world.close();
    const engine = await world.begin([nap]);
    await engine.commands.resume(run, null, "ana", "deployed again");
    await world.settle();
    expect(await world.stateOf(run)).toBe("completed");
    expect(await world.resultOf(run)).toBe("rested");
  });

  test("is not resumed without it, and the refusal says what is missing", async () => {
    const run = await heldNap();
    await expect(world.engine.commands.resume(run, null, "ana", "try")).rejects.toMatchObject({
      code: "HF2105",
      message: expect.stringContaining('needs workflow "nap"') as unknown,
    });
    expect(await world.stateOf(run)).toBe("held");
  });

  test("is taken back by its journal: what it did is undone by the effects of the app", async () => {
    const { run, shop } = await heldOrder();
    await world.engine.commands.cancel(run, "ana", "no longer wanted");
    await world.untilState(run, "cancelled");
    expect(shop.ledger.map(({ action }) => action)).toEqual(["reserve", "undo-reserve"]);
    expect((await world.exceptions(run)).filter(({ closedAtMs }) => closedAtMs === null)).toEqual(
      [],
    );
  });

  test.each([1, 2, 3])("is taken back so over a crash at flush %s", async (at) => {
    const { run, shop, reserve } = await heldOrder();
    await world.close();
    let left = at;
    await world.beginOnly([], {
      effects: [reserve],
      fateOf: () => {
        left -= 1;
        return left === 0 ? "diesAfter" : "applied";
      },
    });
    const cancelled = world.engine.commands.cancel(run, "ana", "no longer wanted");
    cancelled.catch(() => undefined);
    await world.settle();
    await world.crash();
    await world.begin([], { effects: [reserve] });
    await world.engine.commands.cancel(run, "ana", "no longer wanted").catch(() => undefined);
    await world.untilState(run, "cancelled");
    expect(shop.ledger.map(({ action }) => action)).toEqual(["reserve", "undo-reserve"]);
  });

  test("is taken back by its journal before its turn in a lane, too", async () => {
    const laned = workflow(
      "laned",
      {
        input: z.object({ id: z.string() }),
        output: z.null(),
        key: (i) => i.id,
        owner: "t",
        lane: () => "L",
      },
      async (_input, run) => {
        await run.sleep("1h");
        return null;
      },
    );
    await world.begin([laned]);
    await world.start(laned, { id: "1" });
    const second = await world.start(laned, { id: "2" });
    await world.close();
    await world.begin([]);
    await world.engine.commands.cancel(second, "ana", "no longer wanted");
    await world.untilState(second, "cancelled");
    expect((await world.allRuns()).map(({ state }) => state)).toEqual(["waiting", "cancelled"]);
  });

  async function heldNap(): Promise<number> {
    await world.begin([nap]);
    const run = await world.start(nap, { id: "a" });
    await world.close();
    await world.begin([]);
    await world.advance(2 * 3_600_000);
    return run;
  }

  async function heldOrder() {
    const shop = world.counterpart("shop", "keys");
    const reserve = testEffect("keyed", shop, "reserve", { undo: "call" });
    const order = testWorkflow("order", async (input, run) => {
      await run.do(reserve, input);
      await run.sleep("1h");
      return null;
    });
    await world.begin([order]);
    const run = await world.start(order, { id: "1" });
    await world.close();
    await world.begin([], { effects: [reserve] });
    await world.advance(2 * 3_600_000);
    expect(await world.stateOf(run)).toBe("held");
    return { run, shop, reserve };
  }
});
