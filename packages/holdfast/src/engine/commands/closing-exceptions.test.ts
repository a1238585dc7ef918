import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

const paid = { name: "paid", schema: z.object({ cents: z.number() }) };
const waits = testWorkflow("waits", (input, run) => run.wait(paid, { key: input.id }));

const close = (at: { readonly run: number; readonly seq: number } | undefined) =>
  world.engine.exceptions.beside.close(
    { run: at?.run ?? 0, seq: at?.seq ?? 0 },
    "ana",
    "told the shop",
  );

/** Two events under one id, and the exception of it at this run, or at none. */
async function conflict(key: string, run = 0) {
  const send = (cents: number) => world.engine.commands.send("paid", key, `e${key}`, { cents });
  await send(1);
  await send(2).catch(() => null);
  return (await world.exceptions()).find((exception) => exception.run === run);
}

describe("closing an exception that no step waits for", () => {
  test("says who has dealt with it, at a run that waits, has ended, or at none", async () => {
    await world.begin([waits]);
    const ended = await world.start(waits, { id: "1" });
    await world.untilState(ended, "waiting");
    const atEnded = await conflict("1", ended);
    expect(atEnded?.run).toBe(ended);
    const atNone = await conflict("2");
    expect(atNone?.run).toBe(0);
    expect(await world.exceptions()).toHaveLength(2);
    for (const one of [atEnded, atNone]) await close(one);
    for (const row of await world.exceptions())
      expect(row).toMatchObject({ resolution: "dealt-with", closedBy: "ana" });
    const closed = (await world.records(ended)).find((record) => record.kind === "closed");
    expect(closed?.head).toContain("told the shop");
    expect(await world.stateOf(ended)).toBe("completed");
  });

  test("lets a run that waits go on waiting, and outlives a crash", async () => {
    await world.begin([waits]);
    await world.engine.commands.send("paid", "1", "e1", { cents: "many" });
    const run = await world.start(waits, { id: "1" });
    expect(await world.stateOf(run)).toBe("waiting");
    await close((await world.exceptions(run))[0]);
    await world.crash();
    await world.begin([waits]);
    expect(await world.stateOf(run)).toBe("waiting");
    expect(await world.exceptions(run)).toMatchObject([{ resolution: "dealt-with" }]);
  });

  test("is refused the second time, and for one that there is not", async () => {
    await world.begin([waits]);
    const open = await conflict("1");
    await close(open);
    await expect(close(open)).rejects.toMatchObject({ code: "HF6003" });
    await expect(close({ run: 0, seq: 1 })).rejects.toMatchObject({ code: "HF6001" });
    await expect(close({ run: 4_711, seq: 1 })).rejects.toMatchObject({ code: "HF6001" });
  });

  test("needs a name and a reason", async () => {
    await world.begin([waits]);
    const open = await conflict("1");
    const id = { run: open?.run ?? 0, seq: open?.seq ?? 0 };
    expect(() => world.engine.exceptions.beside.close(id, " ", "why")).toThrow(
      expect.objectContaining({ code: "HF4102" }),
    );
    expect(() => world.engine.exceptions.beside.close(id, "ana", "")).toThrow(
      expect.objectContaining({ code: "HF4102" }),
    );
    expect(await world.exceptions()).toMatchObject([{ closedAtMs: null }]);
  });
});

describe("closing an exception that its run waits for", () => {
  test("is refused, with the way to go", async () => {
    const shop = world.counterpart("shop");
    const pay = testEffect("once", shop, "pay");
    const order = testEffect("keyed", world.counterpart("erp", "keys"), "order");
    const pays = testWorkflow("pays", (input, run) => run.do(pay, input));
    const orders = testWorkflow("orders", (input, run) => run.do(order, input));
    shop.plan("pay", { kind: "lostAnswer", happened: true });
    await world.begin([pays, orders]);
    const paying = await world.start(pays, { id: "1" });
    await world.untilState(paying, "exception");
    const [unknown] = await world.exceptions(paying);
    await expect(close(unknown)).rejects.toMatchObject({ code: "HF6004" });
    const held = testWorkflow("held", async () => {
      throw new TypeError("a mistake");
    });
    await world.close();
    await world.begin([pays, orders, held]);
    const holding = await world.start(held, { id: "1" });
    await world.untilState(holding, "held");
    const [defect] = await world.exceptions(holding);
    await expect(close(defect)).rejects.toMatchObject({ code: "HF6003" });
    expect((await world.exceptions(holding))[0]?.closedAtMs).toBeNull();
  });
});
