import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Run } from "../../workflow/run.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow, type TestEffect } from "../test-effects.test-support.ts";
import { TestWorld, type LifeOptions } from "../test-world.test-support.ts";

let world: TestWorld;
let system: Counterpart;
let reserve: TestEffect;
let charge: TestEffect;
beforeEach(() => {
  world = new TestWorld();
  system = world.counterpart("shop", "keys");
  reserve = testEffect("keyed", system, "reserve", { undo: "call" });
  charge = testEffect("keyed", system, "charge", { undo: "call" });
});
afterEach(() => world.remove());

type Body = (input: { id: string }, run: Run) => Promise<unknown>;

const actions = () => system.ledger.map((row) => row.action);
const cancel = (run: number) => world.engine.commands.cancel(run, "ana", "customer asked");
const openOnes = async (run: number) =>
  (await world.exceptions(run)).filter((exception) => exception.closedAtMs === null);
const flowOf = (body: Body) => testWorkflow("flow", body);

/** Reserves, charges, sleeps. */
const original: Body = async (input, r) => {
  await r.do(reserve, input);
  await r.do(charge, input);
  await r.sleep("1h");
  return null;
};

/** Runs `first` until it waits, then has an engine with other code hold it. */
async function heldBy(body: Body, first: Body = original, life: LifeOptions = {}) {
  const flow = flowOf(first);
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "waiting", "parked");
  await world.close();
  await world.begin([flowOf(body)], { version: "2", ...life });
  await world.advance(3_700_000);
  expect(await world.row(run)).toMatchObject({ state: "held" });
  expect((await world.row(run)).reason).toMatch(/HF2104/);
  return run;
}

/** Reserves, sleeps, charges `second`, sleeps. */
const twice = (second: string): Body => {
  return async (input, r) => {
    await r.do(reserve, input);
    await r.sleep("1m");
    await r.do(charge, { id: second });
    await r.sleep("1h", { as: "later" });
    return null;
  };
};

/** Asks for the charge with another input. */
const otherInput: Body = async (input, r) => {
  await r.do(reserve, input);
  await r.do(charge, { id: "other" });
  return null;
};

describe("cancelling a run whose code does not fit it", () => {
  test("by another input undoes what it did, newest first", async () => {
    const run = await heldBy(otherInput);
    await cancel(run);
    await world.untilState(run, "cancelled");
    expect(actions()).toEqual(["reserve", "charge", "undo-charge", "undo-reserve"]);
    expect(new Set(system.ledger.map(({ id }) => id))).toEqual(new Set(["1"]));
    expect(await world.row(run)).toMatchObject({ compensated: "fully", reason: "customer asked" });
    expect(await openOnes(run)).toEqual([]);
    expect(await world.exceptions(run)).toMatchObject([
      { reasonCode: "HF2104", resolution: "cancelled", closedBy: "ana" },
    ]);
  });

  test("by another input of a step after a sleep undoes what it did", async () => {
    const flow = flowOf(twice("1"));
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.until("it was charged", () => system.count("charge") === 1);
    await world.crash();
    await world.begin([flowOf(twice("2"))]);
    await world.advance(3_700_000);
    expect(await world.stateOf(run)).toBe("held");
    await cancel(run);
    await world.untilState(run, "cancelled");
    expect(actions()).toEqual(["reserve", "charge", "undo-charge", "undo-reserve"]);
  });

  test("by another name undoes it under the recorded one", async () => {
    const run = await heldBy(async (input, r) => {
      await r.do(reserve, input);
      await r.do(charge, input, { as: "renamed" });
      return null;
    });
    await cancel(run);
    await world.untilState(run, "cancelled");
    expect(actions()).toEqual(["reserve", "charge", "undo-charge", "undo-reserve"]);
    const undone = (await world.effects(run)).filter((row) => row.undoes !== null);
    expect(undone.map((row) => row.undoes)).toEqual(["charge", "reserve"]);
  });

  test("gives an effect that was removed to the run's owner, and undoes the rest", async () => {
    const run = await heldBy(async (input, r) => {
      await r.do(reserve, input);
      await r.sleep("1h");
      return null;
    });
    await cancel(run);
    await world.untilState(run, "cancelled");
    expect(actions()).toEqual(["reserve", "charge", "undo-reserve"]);
    const row = await world.row(run);
    expect(row.compensated).toBe("partially");
    expect(row.reason).toBe("customer asked; charge stays done: the deployed code cannot undo it");
    const open = await openOnes(run);
    expect(open).toMatchObject([{ step: "charge", owner: "team-flow", reasonCode: "HF3004" }]);
    expect(open[0]?.because).toMatch(/effect "charge" is not known to this app/);
  });

  test("undoes by the app's list what its code does not ask for", async () => {
    const run = await heldBy(async () => null, original, { effects: [reserve, charge] });
    await cancel(run);
    await world.untilState(run, "cancelled");
    expect(actions()).toEqual(["reserve", "charge", "undo-charge", "undo-reserve"]);
  });

  test("gives an effect whose schema no longer takes its recorded input to its owner", async () => {
    const narrow = testEffect("keyed", system, "charge", { undo: "call", owner: "finance" });
    const strict = {
      ...narrow,
      definition: { ...narrow.definition, input: narrow.definition.output },
    };
    const run = await heldBy(async () => null, original, { effects: [reserve, strict] });
    await cancel(run);
    await world.untilState(run, "cancelled");
    expect(actions()).toEqual(["reserve", "charge", "undo-reserve"]);
    expect(await openOnes(run)).toMatchObject([{ step: "charge", owner: "finance" }]);
  });

  test("runs none of its code, and sends nothing that the journal does not hold", async () => {
    let begun = 0;
    const run = await heldBy(async (input, r) => {
      await r.do(reserve, input);
      await r.step("new", () => {
        begun += 1;
      });
      await r.do(charge, { id: "other" });
      return null;
    });
    await cancel(run);
    await world.untilState(run, "cancelled");
    expect(begun).toBe(0);
    expect(system.count("charge", "other")).toBe(0);
  });

  test.each([0, 1, 2, 3, 4, 5, 6, 7, 8])(
    "goes on after a crash at its flush %s, and undoes each effect once",
    async (flushes) => {
      const run = await heldBy(otherInput);
      let left = flushes;
      await world.close();
      await world.begin([flowOf(otherInput)], {
        fateOf: () => {
          left -= 1;
          return left < 0 ? "diesAfter" : "applied";
        },
      });
      void cancel(run).catch(() => undefined);
      await world.advance(1_000);
      await world.crash();
      await world.begin([flowOf(otherInput)]);
      await cancel(run).catch(() => undefined);
      await world.untilState(run, "cancelled");
      expect(actions()).toEqual(["reserve", "charge", "undo-charge", "undo-reserve"]);
      expect(await openOnes(run)).toEqual([]);
    },
  );

  test("waits until what is unknown was looked up, then undoes it too", async () => {
    const post = testEffect("probeable", system, "post", {
      undo: { effect: charge, input: ({ id }) => ({ id: `no-${id}` }) },
    });
    system.plan("post", { kind: "lostAnswer", happened: true });
    const first: Body = (input, r) => r.do(post, input);
    const flow = flowOf(first);
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.settle();
    await world.crash();
    await world.begin([flowOf((_input, r) => r.do(post, { id: "other" }))]);
    await world.advance(600_000);
    expect(await world.stateOf(run)).toBe("held");
    await cancel(run);
    await world.untilState(run, "cancelled");
    expect(system.lookups.map(({ id }) => id)).toContain("1");
    expect(system.ledger.map(({ action, id }) => [action, id])).toEqual([
      ["post", "1"],
      ["charge", "no-1"],
    ]);
  });

  test.each([
    ["once", true],
    ["once", false],
    ["keyed", true],
    ["keyed", false],
  ] as const)(
    "asks a person what became of a removed effect (%s) whose answer was lost (happened: %s)",
    async (repeat, happened) => {
      const mail = testEffect(repeat, system, "mail");
      system.plan("mail", { kind: "lostAnswer", happened });
      // Of a keyed one the next attempt is due when the code changes.
      system.always("mail", { kind: "refused" });
      const flow = flowOf(async (input, r) => {
        await r.do(reserve, input);
        return r.do(mail, input);
      });
      await world.begin([flow]);
      const run = await world.start(flow, { id: "1" });
      await world.settle();
      await world.crash();
      const sent = system.requestsOf("mail").length;
      await world.begin([flowOf(async (input, r) => r.do(reserve, { id: `x${input.id}` }))]);
      await world.advance(1_000);
      await cancel(run);
      await world.untilState(run, "exception");
      const [asked] = await openOnes(run);
      expect(asked).toMatchObject({ step: "mail", class: "ambiguous" });
      expect(system.requestsOf("mail")).toHaveLength(sent);
      const operation = asked?.operation ?? 0;
      const said = { run, operation, happened, value: null, ref: null, by: "bo", reason: "looked" };
      await world.engine.commands.settle(said);
      await world.untilState(run, "cancelled");
      expect(system.requestsOf("mail")).toHaveLength(sent);
      expect(system.count("undo-reserve")).toBe(1);
      expect(await openOnes(run)).toHaveLength(happened ? 1 : 0);
    },
  );

  test("takes its child back first", async () => {
    const child = testWorkflow("child", async (input, r) => {
      await r.do(charge, input);
      await r.sleep("9d");
      return null;
    });
    const parent = flowOf(async (input, r) => {
      await r.do(reserve, input);
      return r.call(child, input);
    });
    await world.begin([parent, child]);
    const run = await world.start(parent, { id: "1" });
    await world.untilState(run, "waiting");
    await world.crash();
    const changed = flowOf(async (_input, r) => r.do(reserve, { id: "other" }));
    await world.begin([changed, child]);
    await world.advance(3_700_000);
    expect(await world.stateOf(run)).toBe("held");
    await cancel(run);
    await world.untilState(run, "cancelled");
    expect(actions()).toEqual(["reserve", "charge", "undo-charge", "undo-reserve"]);
  });
});
