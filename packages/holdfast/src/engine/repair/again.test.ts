import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { review } from "../../workflow/review.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";
import { Repairing } from "./repair-world.test-support.ts";

let world: TestWorld;
let people: Repairing;
beforeEach(() => {
  world = new TestWorld();
  people = new Repairing(world);
});
afterEach(async () => {
  await world.remove();
});

interface Systems {
  readonly crm: Counterpart;
  readonly shop: Counterpart;
  readonly erp: Counterpart;
  readonly mail: Counterpart;
}

/** One effect of each contract after local work that answers `price()`, then one that is refused. */
function story(price: () => string) {
  const systems: Systems = {
    crm: world.counterpart("crm", "upsert"),
    shop: world.counterpart("shop", "keys"),
    erp: world.counterpart("erp"),
    mail: world.counterpart("mail"),
  };
  const customer = testEffect("idempotent", systems.crm, "customer");
  const charge = testEffect("keyed", systems.shop, "charge", { keyWindow: "1h" });
  const invoice = testEffect("probeable", systems.erp, "invoice", { settle: "5s" });
  const notify = testEffect("once", systems.mail, "notify");
  const last = testEffect("idempotent", systems.crm, "last");
  systems.crm.plan("last", { kind: "no", class: "data" });
  const flow = testWorkflow("flow", async (_input, run) => {
    const id = await run.step("price", price);
    await run.do(customer, { id });
    const { ref } = await run.do(charge, { id });
    await run.do(invoice, { id });
    await run.do(notify, { id });
    await run.do(last, { id });
    return ref;
  });
  return { flow, ...systems };
}

describe("a run that is done again from a step", () => {
  test("does nothing outside a second time: sent again, looked up or kept, by contract", async () => {
    const { flow, crm, shop, erp, mail } = story(() => "7");
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "exception");
    const { proposal } = await people.repair(run, "again", { step: "price" });
    expect(proposal).toBeNull();
    expect(await world.resultOf(run)).toBe("charge:7");
    expect([crm.count("customer"), shop.count("charge")]).toEqual([1, 1]);
    expect([erp.count("invoice"), mail.count("notify")]).toEqual([1, 1]);
    // By contract: the same requests once more, one look-up, and nothing at all.
    expect(crm.requestsOf("customer")).toHaveLength(2);
    expect(shop.requestsOf("charge")).toHaveLength(2);
    expect(erp.requestsOf("invoice")).toHaveLength(1);
    expect(erp.lookups).toHaveLength(1);
    expect(mail.requestsOf("notify")).toHaveLength(1);
    const effects = await world.effects(run);
    expect(effects.map(({ effect, proof }) => `${effect} ${proof}`)).toEqual([
      "customer surely",
      "charge surely",
      "invoice surely",
      "notify surely",
      "last surely",
    ]);
    await world.crash();
    await world.begin([flow]);
    expect(await world.stateOf(run)).toBe("completed");
  });

  test("leaves what came before the step as it is", async () => {
    const { flow, crm, shop, erp } = story(() => "7");
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "exception");
    await people.repair(run, "again", { step: "invoice" });
    expect(await world.resultOf(run)).toBe("charge:7");
    expect(crm.requestsOf("customer")).toHaveLength(1);
    expect(shop.requestsOf("charge")).toHaveLength(1);
    expect(erp.lookups).toHaveLength(1);
  });

  test("keeps a keyed result once its key may be forgotten", async () => {
    const { flow, shop } = story(() => "7");
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "exception");
    await world.advance(3_600_000);
    await people.repair(run, "again", { step: "price" });
    expect(await world.resultOf(run)).toBe("charge:7");
    expect(shop.requestsOf("charge")).toHaveLength(1);
    const kept = (await world.records(run)).filter(({ kind }) => kind === "supplied");
    expect(kept.map(({ name }) => name)).toEqual(["charge", "notify"]);
  });

  test("asks a person where an effect was done with another input, and takes their result", async () => {
    const prices = ["7", "8"];
    const { flow, crm, shop } = story(() => prices.shift() ?? "8");
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "exception");
    await people.repair(run, "again", { step: "price" });
    await world.untilState(run, "exception");
    const open = (await world.exceptions(run)).filter(({ closedAtMs }) => closedAtMs === null);
    expect(open).toMatchObject([{ step: "charge", reasonCode: "REPAIR:CHANGED_INPUT" }]);
    // What is only set to a value was set to the new one.
    expect(crm.count("customer")).toBe(2);
    await world.crash();
    await world.begin([flow]);
    expect(await world.stateOf(run)).toBe("exception");
    const edited = people.repair(run, "edit", { step: "charge", value: [], newKey: true });
    await expect(edited).rejects.toMatchObject({ code: "HF6003" });
    await people.both(run, "supply", { step: "charge", value: { ref: "charge:1" } });
    await world.untilState(run, "exception");
    expect(shop.requestsOf("charge")).toHaveLength(1);
  });

  test("gives to its owner what it no longer asks for, when it has ended", async () => {
    const shop = world.counterpart("shop", "keys");
    const charge = testEffect("keyed", shop, "charge");
    const pay = testEffect("keyed", shop, "pay");
    const ways = ["card", "bank"];
    shop.plan("pay", { kind: "no", class: "data" });
    const flow = testWorkflow("flow", async (input, run) => {
      const way = await run.step("way", () => ways.shift() ?? "bank");
      if (way === "card") await run.do(charge, input);
      return (await run.do(pay, input)).ref;
    });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "exception");
    await people.repair(run, "again", { step: "way" });
    expect(await world.resultOf(run)).toBe("pay:1");
    const open = (await world.exceptions(run)).filter(({ closedAtMs }) => closedAtMs === null);
    expect(open).toMatchObject([{ step: "charge", reasonCode: "HF3004", owner: "team-shop" }]);
    await world.engine.commands.settle({
      run,
      operation: open[0]?.operation ?? 0,
      happened: true,
      value: null,
      ref: null,
      by: "ana",
      reason: "refunded",
    });
  });

  test("withdraws its open questions and asks them anew", async () => {
    const ok = z.object({ ok: z.boolean() });
    const approve = review("approve", { subject: z.any(), decision: ok, by: "boss" });
    const flow = testWorkflow("flow", async (_input, run) => {
      const price = await run.step("price", () => 1);
      return (await run.ask(approve, { price })).ok;
    });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "review");
    await people.repair(run, "again", { step: "price" });
    await world.untilState(run, "review");
    const reviews = await world.reviews(run);
    expect(reviews.map(({ state }) => state)).toEqual(["withdrawn", "open"]);
    await world.engine.commands.answer(run, reviews[1]?.seq ?? 0, { ok: true }, "bo");
    expect(await world.resultOf(run)).toBe(true);
  });

  test("may be one whose code no longer fits what it has done", async () => {
    const shop = world.counterpart("shop", "keys");
    const [charge, book] = ["charge", "book"].map((name) => testEffect("keyed", shop, name));
    const flowOf = (effect: typeof charge) =>
      testWorkflow("flow", async (input, run) => {
        await run.step("begin", () => 1);
        if (effect !== undefined) await run.do(effect, input);
        await run.sleep("10d");
      });
    const first = flowOf(charge);
    await world.begin([first]);
    const run = await world.start(first, { id: "1" });
    await world.untilState(run, "waiting");
    await world.close();
    await world.begin([flowOf(book)]);
    await world.engine.commands.resume(run, null, "ana", "look").catch(() => undefined);
    await world.untilState(run, "held");
    await people.repair(run, "again", { step: "charge" });
    await world.untilState(run, "waiting");
    expect([shop.count("charge"), shop.count("book")]).toEqual([1, 1]);
  });
});

function shopFlow() {
  const shop = world.counterpart("shop", "keys");
  const charge = testEffect("keyed", shop, "charge");
  const input = z.object({ id: z.string(), item: z.string(), cents: z.number() });
  shop.plan("charge", { kind: "no", class: "data" });
  const options = {
    input,
    editable: ["/item", "/cents", "/id"],
    fourEyes: ["/cents"],
  } as const;
  const flow = testWorkflow(
    "flow",
    async (given, run) => {
      const { item } = given as z.output<typeof input>;
      return (await run.do(charge, { id: item })).ref;
    },
    // The test's own schema in the place of the usual one.
    options as unknown as Parameters<typeof testWorkflow>[2],
  );
  return { flow, shop };
}

describe("a run whose input is corrected", () => {
  test("is done again from its beginning with it", async () => {
    const { flow, shop } = shopFlow();
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1", item: "wrogn", cents: 1 });
    await world.untilState(run, "exception");
    await people.repair(run, "correct", { value: [{ at: "/item", value: "right" }] });
    expect(await world.resultOf(run)).toBe("charge:right");
    expect(shop.requestsOf("charge").map(({ id }) => id)).toEqual(["wrogn", "right"]);
    await world.crash();
    await world.begin([flow]);
    expect(await world.stateOf(run)).toBe("completed");
  });

  test("is not made another run, and money needs a second person", async () => {
    const { flow } = shopFlow();
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1", item: "a", cents: 1 });
    await world.untilState(run, "exception");
    const other = people.repair(run, "correct", { value: [{ at: "/id", value: "2" }] });
    await expect(other).rejects.toMatchObject({ code: "HF6003" });
    const cents = await people.repair(run, "correct", { value: [{ at: "/cents", value: 2 }] });
    expect(cents.proposal).not.toBeNull();
  });
});

describe("a run that is started anew", () => {
  test("has the key of the one before, another generation and new operation keys", async () => {
    const shop = world.counterpart("shop", "keys");
    const charge = testEffect("keyed", shop, "charge", { undo: "none" });
    const flow = testWorkflow("flow", async (input, run) => (await run.do(charge, input)).ref);
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "completed");
    const { run: second } = await people.both(run, "anew");
    expect(await world.resultOf(second ?? 0)).toBe("charge:1");
    expect(await world.row(second ?? 0)).toMatchObject({ key: "1", generation: 2 });
    expect(shop.count("charge")).toBe(2);
    // A start joins the newest of its key, and only that one can be started anew.
    expect(await world.start(flow, { id: "1" })).toBe(second);
    await expect(people.repair(run, "anew")).rejects.toMatchObject({ code: "HF6003" });
  });

  test("has to wait until the one before has ended", async () => {
    const flow = testWorkflow("flow", async (_input, run) => {
      await run.sleep("10d");
    });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "waiting");
    await expect(people.repair(run, "anew")).rejects.toMatchObject({ code: "HF6003" });
  });
});
