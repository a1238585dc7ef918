import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { effect } from "../../workflow/effect.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { ANSWER, integrationOf, testEffect, testWorkflow } from "../test-effects.test-support.ts";
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

const INPUT = z.object({ id: z.string(), street: z.string(), iban: z.string() });

/** Refuses every street but the right one. */
function book(shop: Counterpart) {
  return effect("book", {
    on: integrationOf(shop),
    repeat: "keyed",
    keyWindow: "24h",
    input: INPUT,
    output: ANSWER,
    editable: ["/street", "/iban"],
    fourEyes: ["/iban"],
    classify: () => ({ class: "data", effect: "never" }),
    run: (input, attempt) =>
      input.street === "High Street 1"
        ? shop.call("book", `${input.id} ${input.iban}`, attempt)
        : Promise.reject(new Error("no such street")),
  });
}

function bookFlow(shop: Counterpart) {
  const booking = book(shop);
  return testWorkflow("flow", async ({ id }, run) => {
    const { ref } = await run.do(booking, { id, street: "Hihg Street 1", iban: "DE1" });
    return ref;
  });
}

const STREET = { at: "/street", value: "High Street 1" };

describe("a result that is given by hand", () => {
  test("needs a second person, and then is what the code gets; nothing is sent", async () => {
    const shop = world.counterpart("shop", "keys");
    const flow = bookFlow(shop);
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "exception");
    const value = { ref: "by phone" };
    const { proposal } = await people.repair(run, "supply", { step: "book", value });
    expect(await world.stateOf(run)).toBe("exception");
    await people.decide(run, proposal);
    expect(await world.resultOf(run)).toBe("by phone");
    expect(shop.count("book")).toBe(0);
    const supplied = (await world.records(run)).find(({ kind }) => kind === "supplied");
    expect(JSON.parse(supplied?.head ?? "")).toMatchObject({ by: "ana", approvedBy: "bo" });
    const open = (await world.exceptions(run)).filter(({ closedAtMs }) => closedAtMs === null);
    expect(open).toEqual([]);
  });

  test("that does not fit the effect's schema is refused", async () => {
    const flow = bookFlow(world.counterpart("shop", "keys"));
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "exception");
    const supplied = people.repair(run, "skip", { step: "book", value: 1 });
    await expect(supplied).rejects.toMatchObject({ code: "HF4102" });
  });

  test("takes the place of an error by which the code has failed, also after a crash", async () => {
    const shop = world.counterpart("shop", "none");
    const mail = testEffect("once", shop, "mail");
    const flow = testWorkflow("flow", async (input, run) => (await run.do(mail, input)).ref);
    shop.plan("mail", { kind: "no", class: "permanent" });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "exception");
    const value = { ref: "none" };
    const { proposal } = await people.repair(run, "skip", { step: "mail", value });
    await world.crash();
    await world.begin([flow]);
    await people.decide(run, proposal);
    expect(await world.resultOf(run)).toBe("none");
    await world.crash();
    await world.begin([flow]);
    expect(await world.stateOf(run)).toBe("completed");
  });

  test("is not undone when the run is taken back: nothing was done outside", async () => {
    const shop = world.counterpart("shop", "keys");
    const charge = testEffect("keyed", shop, "charge", { undo: "call" });
    const flow = testWorkflow("flow", async (input, run) => {
      await run.do(charge, input);
      await run.sleep("10d");
    });
    shop.plan("charge", { kind: "no", class: "permanent" });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "exception");
    await people.both(run, "supply", { step: "charge", value: { ref: "x" } });
    await world.untilState(run, "waiting");
    await world.engine.commands.cancel(run, "ana", "no");
    await world.untilState(run, "cancelled");
    expect(shop.count("undo-charge")).toBe(0);
  });

  test("is refused while an outcome of the run is unknown", async () => {
    const shop = world.counterpart("shop", "none");
    const mail = testEffect("once", shop, "mail");
    const booking = book(shop);
    const flow = testWorkflow("flow", async ({ id }, run) => {
      const booked = run.do(booking, { id, street: "?", iban: "DE1" });
      await Promise.all([run.do(mail, { id }), booked]);
    });
    shop.plan("mail", { kind: "lostAnswer", happened: true });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "exception");
    await world.advance(120_000);
    const unknown = { code: "HF6004" };
    const supplied = people.repair(run, "supply", { step: "book", value: { ref: "x" } });
    await expect(supplied).rejects.toMatchObject(unknown);
    await expect(people.repair(run, "again", { step: "book" })).rejects.toMatchObject(unknown);
  });
});

describe("an input that is corrected by hand", () => {
  test("is sent under the same key; what was corrected and the original stay on record", async () => {
    const shop = world.counterpart("shop", "keys");
    const flow = bookFlow(shop);
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "exception");
    const [before] = await world.effects(run);
    const repaired = await people.repair(run, "edit", { step: "book", value: [STREET] });
    expect(repaired.proposal).toBeNull();
    expect(await world.resultOf(run)).toBe("book:1 DE1");
    const effects = await world.effects(run);
    expect(effects).toMatchObject([{ key: before?.key, attempts: 2, proof: "surely" }]);
    const records = await world.records(run);
    const inputs = records.filter(({ kind, data }) => /intent|edited/.test(kind) && data !== null);
    expect(inputs.map(({ data }) => (JSON.parse(data ?? "") as { street: string }).street)).toEqual(
      ["Hihg Street 1", "High Street 1"],
    );
    const edited = records.find(({ kind }) => kind === "edited");
    expect(JSON.parse(edited?.head ?? "")).toMatchObject({ changed: ["/street"], by: "ana" });
  });

  test("is recovered after a crash at once after it was corrected", async () => {
    const shop = world.counterpart("shop", "keys");
    const flow = bookFlow(shop);
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "exception");
    shop.always("book", { kind: "silent", happened: false });
    await people.repair(run, "edit", { step: "book", value: [STREET] });
    await world.crash();
    shop.always("book", { kind: "ok" });
    await world.begin([flow]);
    expect(await world.resultOf(run)).toBe("book:1 DE1");
  });

  test("only in fields that are declared editable; money and identity with a second person", async () => {
    const flow = bookFlow(world.counterpart("shop", "keys"));
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "exception");
    const id = [{ at: "/id", value: "2" }];
    const stray = people.repair(run, "edit", { step: "book", value: id });
    await expect(stray).rejects.toMatchObject({ code: "HF6003" });
    const iban = [STREET, { at: "/iban", value: "DE2" }];
    const { proposal } = await people.repair(run, "edit", { step: "book", value: iban });
    await people.decide(run, proposal);
    expect(await world.resultOf(run)).toBe("book:1 DE2");
  });

  test("where it did not fit its schema: the original is kept beside it", async () => {
    const shop = world.counterpart("shop", "keys");
    const booking = book(shop);
    const flow = testWorkflow("flow", async ({ id }, run) => {
      const input = { id, street: 1 as unknown as string, iban: "DE1" };
      return (await run.do(booking, input)).ref;
    });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "held");
    await people.repair(run, "edit", { step: "book", value: [STREET] });
    expect(await world.resultOf(run)).toBe("book:1 DE1");
    const edits = (await world.records(run)).filter(({ kind }) => kind === "edited");
    expect(edits.map(({ data }) => (JSON.parse(data ?? "") as { street: unknown }).street)).toEqual(
      [1, "High Street 1"],
    );
  });

  test("stays corrected when the run is done again, also after a crash", async () => {
    const shop = world.counterpart("shop", "keys");
    const booking = book(shop);
    const last = testEffect("once", shop, "last");
    shop.always("last", { kind: "no", class: "data" });
    const flow = testWorkflow("flow", async ({ id }, run) => {
      await run.step("begin", () => 1);
      await run.do(booking, { id, street: "Hihg Street 1", iban: "DE1" });
      await run.do(last, { id });
    });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "exception");
    await people.repair(run, "edit", { step: "book", value: [STREET] });
    await world.untilState(run, "exception");
    await people.repair(run, "again", { step: "begin" });
    await world.untilState(run, "exception");
    await world.crash();
    await world.begin([flow]);
    await world.engine.commands.resume(run, null, "ana", "look");
    await world.untilState(run, "exception", "held");
    const open = (await world.exceptions(run)).filter(({ closedAtMs }) => closedAtMs === null);
    expect(open.map(({ step }) => step)).toEqual(["last"]);
    expect(shop.requestsOf("book")).toHaveLength(2);
    expect(shop.count("book")).toBe(1);
  });

  test("of another intent gets a new key, with a second person", async () => {
    const shop = world.counterpart("shop", "keys");
    const flow = bookFlow(shop);
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "exception");
    const value = [STREET];
    await people.both(run, "edit", { step: "book", value, newKey: true });
    expect(await world.resultOf(run)).toBe("book:1 DE1");
    const effects = await world.effects(run);
    expect(effects).toMatchObject([
      { generation: 1, proof: "never" },
      { generation: 2, proof: "surely" },
    ]);
    expect(effects[0]?.key).not.toBe(effects[1]?.key);
  });
});
