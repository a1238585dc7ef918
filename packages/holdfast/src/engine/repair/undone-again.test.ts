/** Effects of a scope that was undone, in a run that is done again from before it. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ResultHead } from "../../core/journal.ts";
import type { Run } from "../../workflow/run.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow, type TestEffect } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";
import { Repairing } from "./repair-world.test-support.ts";

let world: TestWorld;
let people: Repairing;
let hotel: Counterpart;
let shop: Counterpart;
beforeEach(() => {
  world = new TestWorld();
  people = new Repairing(world);
  hotel = world.counterpart("hotel", "none");
  shop = world.counterpart("shop", "keys");
});
afterEach(() => world.remove());

/** Books and pays; what cannot be paid is taken back. */
function tripOf(book: TestEffect) {
  const pay = testEffect("keyed", shop, "pay", { undo: "none" });
  return testWorkflow("trip", async (input, run) => {
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
}

async function undone(book: TestEffect) {
  const flow = tripOf(book);
  shop.always("pay", { kind: "no", class: "permanent" });
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "exception");
  return { run, flow };
}

/** Room taken back under a key of its own. */
function bookedUnderKeys() {
  const unbook = testEffect("keyed", shop, "unbook");
  return testEffect("idempotent", hotel, "book", {
    undo: { effect: unbook, input: ({ id }) => ({ id }) },
  });
}

/** Another engine, which dies once the answer of the next undoing is on record. */
async function beginAndDie(flow: ReturnType<typeof tripOf>) {
  await world.crash();
  let left = 2;
  await world.begin([flow], {
    fateOf: ({ records }) => {
      if (records.some((one) => one.endsWith("undo/unit/book"))) left -= 1;
      return left === 0 ? "diesAfter" : "applied";
    },
  });
}

/** How the scope was taken back, each time. */
async function compensatedIn(run: number): Promise<readonly unknown[]> {
  const ends = (await world.records(run)).filter(
    ({ kind, name }) => kind === "result" && name === "unit",
  );
  return ends.map(({ head }) => (JSON.parse(head ?? "") as ResultHead).scope?.compensated);
}

describe("what was undone, and then done again", () => {
  test.each([false, true])(
    "is undone again, under a key of its own, as often as that is (crashes in between: %s)",
    async (isCrashed) => {
      const { run, flow } = await undone(bookedUnderKeys());
      for (const times of [2, 3]) {
        if (isCrashed) await beginAndDie(flow);
        void people.repair(run, "again").catch(() => undefined);
        await world.settle();
        expect(world.life.watched.isDead).toBe(isCrashed);
        if (isCrashed) {
          await world.crash();
          await world.begin([flow]);
        }
        await world.untilState(run, "exception");
        expect([hotel.count("book"), shop.count("unbook")]).toEqual([times, times]);
      }
      expect(await compensatedIn(run)).toEqual(["fully", "fully", "fully"]);
      expect(new Set(shop.requestsOf("unbook").map(({ key }) => key)).size).toBe(3);
    },
  );

  test("is not sent under its old key when somebody resumes it: they would say that it is done", async () => {
    const { run, flow } = await undone(testEffect("keyed", shop, "book", { undo: "call" }));
    await people.repair(run, "again");
    await world.untilState(run, "exception");
    const sent = shop.requests.length;
    await world.engine.commands.resume(run, "unit/book", "bo", "once more");
    await world.settle();
    expect(shop.requests).toHaveLength(sent);
    const open = (await world.exceptions(run)).filter(({ closedAtMs }) => closedAtMs === null);
    expect(open).toMatchObject([{ step: "unit/book", reasonCode: "REPAIR:CHANGED_INPUT" }]);
    await world.crash();
    await world.begin([flow]);
    expect(await world.stateOf(run)).toBe("exception");
    expect(shop.requests).toHaveLength(sent);
  });

  test("is not undone by us where a person gave its result: nothing of it was done by us", async () => {
    const { run } = await undone(testEffect("keyed", shop, "book", { undo: "call" }));
    await people.repair(run, "again");
    await world.untilState(run, "exception");
    await people.both(run, "supply", { step: "unit/book", value: { ref: "by hand" } });
    await world.untilState(run, "exception");
    expect(shop.requestsOf("undo-book")).toHaveLength(1);
    expect(await compensatedIn(run)).toEqual(["fully", "no"]);
    await world.engine.commands.cancel(run, "bo", "no longer wanted");
    await world.untilState(run, "cancelled");
    expect(shop.requestsOf("undo-book")).toHaveLength(1);
  });

  test("stays where the run no longer asks for it: its owner hears of it", async () => {
    const unbook = testEffect("keyed", shop, "unbook");
    const undo = { effect: unbook, input: ({ id }: { id: string }) => ({ id }) };
    const book = testEffect("idempotent", hotel, "book", { undo });
    const last = testEffect("idempotent", hotel, "last");
    const ways = ["fails", "waits", "not"];
    const flow = testWorkflow("trip", async (input, run) => {
      const way = await run.step("way", () => ways.shift() ?? "not");
      const unit = async (of: Run) => {
        await of.do(book, input);
        if (way === "fails") throw new Failing();
      };
      if (way !== "not") await run.scope("unit", unit, { onFailure: "compensate" });
      if (way === "waits") await run.do(last, input);
      return way;
    });
    hotel.plan("last", { kind: "no", class: "data" });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "exception", "held");
    await people.repair(run, "again");
    await world.untilState(run, "exception");
    expect([hotel.count("book"), shop.count("unbook")]).toEqual([2, 1]);
    await people.repair(run, "again");
    expect(await world.resultOf(run)).toBe("not");
    const open = (await world.exceptions(run)).filter(({ closedAtMs }) => closedAtMs === null);
    expect(open).toMatchObject([{ step: "unit/book", reasonCode: "HF3004" }]);
  });
});

/** No error of the language: the scope is undone by it. */
class Failing extends Error {}
