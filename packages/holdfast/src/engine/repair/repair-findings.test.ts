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

test("an approval is not used up by a refusal that passes", async () => {
  const shop = world.counterpart("shop");
  const pay = testEffect("once", shop, "pay");
  const flow = testWorkflow("flow", async (input, run) => (await run.do(pay, input)).ref);
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "completed");
  const { proposal } = await people.repair(run, "anew");
  await world.close();
  await world.begin([flow], { limits: { liveRunsMax: 0 } });
  await expect(decide(run, proposal ?? 0, "bo")).rejects.toMatchObject({ code: "HF4201" });
  expect(await kindsOf(run, "decided")).toBe(0);
  await world.close();
  await world.begin([flow]);
  const { run: next } = await decide(run, proposal ?? 0, "bo");
  await world.untilState(next ?? 0, "completed");
  expect(shop.count("pay")).toBe(2);
});

describe("an approval that is given again by its command", () => {
  test.each(["diesBefore", "diesAfter"] as const)(
    "has started one run, and says which, whatever flush the engine dies at (%s)",
    async (fate) => {
      const flow = testWorkflow("flow", () => Promise.resolve("over"));
      // Each turn of a run in a flush of its own, where nothing holds them together.
      const limits = { flushRecordsMax: 1 };
      for (let dieAt = 1; ; dieAt += 1) {
        await world.begin([flow], { limits });
        const id = String(dieAt);
        const run = await world.start(flow, { id });
        await world.untilState(run, "completed");
        const { proposal } = await people.repair(run, "anew");
        await world.close();
        await world.begin([flow], {
          limits,
          fateOf: ({ number }) => (number === dieAt ? fate : "applied"),
        });
        const command = `cmd_${id}`;
        const said = { run, seq: proposal ?? 0, approve: true, by: "bo", reason: "yes", command };
        void world.engine.commands.repairs.decide(said).catch(() => undefined);
        await world.settle();
        const isReached = world.life.watched.isDead;
        await world.crash();
        await world.begin([flow], { limits });
        const { run: next } = await world.engine.commands.repairs.decide(said);
        await world.untilState(next ?? 0, "completed");
        const { generation } = await world.row(next ?? 0);
        expect([generation, await kindsOf(run, "decided")]).toEqual([2, 1]);
        await world.close();
        if (!isReached) break;
      }
    },
  );
});
