/** What a review has found about repairs: each of these was done wrongly before. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";
import { Repairing } from "./repair-world.test-support.ts";

let world: TestWorld;
let people: Repairing;
beforeEach(() => {
  world = new TestWorld();
  people = new Repairing(world);
});
afterEach(() => world.remove());

function decide(run: number, seq: number, by: string, approve = true) {
  const decision = { run, seq, approve, by, reason: "looked at it", command: null };
  return world.engine.commands.repairs.decide(decision);
}

async function kindsOf(run: number, kind: string): Promise<number> {
  return (await world.records(run)).filter((record) => record.kind === kind).length;
}

async function failedInScope() {
  const shop = world.counterpart("shop");
  const book = testEffect("keyed", shop, "book", { undo: "call" });
  const pay = testEffect("keyed", shop, "pay", { undo: "call" });
  shop.plan("pay", { kind: "no", class: "permanent" });
  const flow = testWorkflow("trip", async (input, run) => {
    await run.scope(
      "unit",
      async (unit) => {
        await unit.do(book, input);
        await unit.do(pay, input);
      },
      { onFailure: "compensate" },
    );
    return "done";
  });
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "exception");
  return { run, shop };
}

describe("a scope that was undone", () => {
  test("is not gone on with in its middle: its first half was taken back", async () => {
    const { run, shop } = await failedInScope();
    const sent = shop.requests.length;
    const again = people.repair(run, "again", { step: "unit/pay" });
    await expect(again).rejects.toMatchObject({ code: "HF6003" });
    await world.settle();
    expect(shop.requests).toHaveLength(sent);
    expect(await kindsOf(run, "again")).toBe(0);
  });

  test("takes no result by hand for a step of it", async () => {
    const { run } = await failedInScope();
    const supply = people.repair(run, "supply", { step: "unit/pay", value: { ref: "x" } });
    await expect(supply).rejects.toMatchObject({ code: "HF6003" });
    expect((await kindsOf(run, "supplied")) + (await kindsOf(run, "proposed"))).toBe(0);
  });
});

test("a key is not used again when it is about to be forgotten", async () => {
  const shop = world.counterpart("shop", "keys");
  const charge = testEffect("keyed", shop, "charge", { keyWindow: "1h" });
  const crm = world.counterpart("crm", "upsert");
  const last = testEffect("idempotent", crm, "last");
  crm.plan("last", { kind: "no", class: "data" });
  const flow = testWorkflow("flow", async (input, run) => {
    await run.step("price", () => 1);
    await run.do(charge, input);
    await run.do(last, input);
    return "ok";
  });
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "exception");
  await world.advance(3_600_000 - 5);
  await people.repair(run, "again", { step: "price" });
  await world.settle();
  expect(shop.requestsOf("charge")).toHaveLength(1);
});

describe("two people at once", () => {
  test("decide about one proposal once", async () => {
    const shop = world.counterpart("shop", "none");
    shop.always("mail", { kind: "no", class: "data" });
    const mail = testEffect("once", shop, "mail");
    const flow = testWorkflow("flow", async (input, run) => (await run.do(mail, input)).ref);
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "exception");
    const { proposal } = await people.repair(run, "supply", { step: "mail", value: { ref: "x" } });
    const said = await Promise.allSettled([
      decide(run, proposal ?? 0, "bo", false),
      decide(run, proposal ?? 0, "cy"),
    ]);
    expect(said.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    expect(await kindsOf(run, "decided")).toBe(1);
    expect(await kindsOf(run, "supplied")).toBe(0);
  });

  test("start a run anew once", async () => {
    const shop = world.counterpart("shop");
    const pay = testEffect("once", shop, "pay");
    const flow = testWorkflow("flow", async (input, run) => (await run.do(pay, input)).ref);
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "completed");
    const { proposal } = await people.repair(run, "anew");
    const said = await Promise.allSettled([
      decide(run, proposal ?? 0, "bo"),
      decide(run, proposal ?? 0, "cy"),
    ]);
    expect(said.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    await world.settle();
    expect(shop.requests).toHaveLength(2);
  });
});
