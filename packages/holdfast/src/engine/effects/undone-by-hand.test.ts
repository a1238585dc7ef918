import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Counterpart } from "../counterpart.test-support.ts";
import { z } from "zod";
import { effect } from "../../workflow/effect.ts";
import {
  ANSWER,
  integrationOf,
  REFERENCE,
  testEffect,
  testWorkflow,
  type TestEffect,
} from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

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

const actions = () => system.ledger.map((row) => row.action);
const openOnes = async (run: number) =>
  (await world.exceptions(run)).filter((exception) => exception.closedAtMs === null);
const undoing = async (run: number) =>
  (await world.effects(run)).find((row) => row.undoes === "charge");

const flow = testWorkflow("flow", async (input, r) => {
  await r.do(reserve, input);
  await r.do(charge, input);
  await r.sleep("1h");
  return null;
});

/** A run that is being taken back, and whose undoing of the charge the other system has refused. */
async function refusedUndoing() {
  system.always("undo-charge", { kind: "no", class: "data", status: 422 });
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "waiting");
  await world.engine.commands.cancel(run, "ana", "customer asked");
  await world.untilState(run, "exception");
  const [exception] = await openOnes(run);
  expect(exception).toMatchObject({ step: "undo/charge", class: "data", effect: "never" });
  const { operation, seq } = exception ?? { operation: null, seq: 0 };
  if (operation === null) throw new Error("it is about no operation");
  const settle = (happened: boolean, value: unknown = null) =>
    world.engine.commands.settle({
      run,
      operation,
      happened,
      value,
      ref: null,
      by: "bo",
      reason: "paid back in the portal",
    });
  const close = () =>
    world.engine.exceptions.beside.close({ run, seq }, "bo", "the customer keeps it");
  return { run, settle, close };
}

describe("an undoing that the other system refuses", () => {
  test.each([0, 1])("may be done by hand: the rest is undone (%s crashes)", async (crashes) => {
    const { run, settle } = await refusedUndoing();
    if (crashes > 0) {
      await world.crash();
      await world.begin([flow]);
    }
    await settle(true);
    await world.untilState(run, "cancelled");
    expect(actions()).toEqual(["reserve", "charge", "undo-reserve"]);
    expect(await world.row(run)).toMatchObject({
      compensated: "fully",
      reason: "customer asked; charge was undone, says bo",
    });
    expect(await undoing(run)).toMatchObject({ proof: "surely", ended: true, settledBy: "bo" });
    expect(await openOnes(run)).toEqual([]);
    expect((await world.exceptions(run))[0]).toMatchObject({ resolution: "settled" });
  });

  test("by an effect may be done by hand without saying what that would have answered", async () => {
    const refund = testEffect("keyed", system, "refund");
    charge = testEffect("keyed", system, "charge", { undo: { effect: refund, input: (i) => i } });
    system.always("refund", { kind: "no", class: "permanent" });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "waiting");
    await world.engine.commands.cancel(run, "ana", "customer asked");
    await world.untilState(run, "exception");
    const [open] = await openOnes(run);
    const said = { value: null, ref: null, by: "bo", reason: "paid back" };
    const operation = open?.operation ?? 0;
    await world.engine.commands.settle({ run, operation, happened: true, ...said });
    await world.crash();
    await world.begin([flow]);
    await world.untilState(run, "cancelled");
    expect(actions()).toEqual(["reserve", "charge", "undo-reserve"]);
  });

  test("is known not to have been done: that is not settled once more", async () => {
    const { settle } = await refusedUndoing();
    await expect(settle(false)).rejects.toMatchObject({ code: "HF6003" });
  });

  test.each(["applied", "diesAfter"] as const)(
    "may be left: what was done stays, and the rest is undone (flush %s)",
    async (fate) => {
      const { run, close } = await refusedUndoing();
      await world.crash();
      await world.begin([flow], {
        fateOf: ({ records }) =>
          records.some((record) => record === "closed undo/charge") ? fate : "applied",
      });
      void close();
      await world.settle();
      if (fate === "diesAfter") {
        await world.crash();
        await world.begin([flow]);
      }
      await world.untilState(run, "cancelled");
      expect(actions()).toEqual(["reserve", "charge", "undo-reserve"]);
      expect(await world.row(run)).toMatchObject({
        compensated: "partially",
        reason: "customer asked; charge stays done, says bo",
      });
      expect(await undoing(run)).toMatchObject({ proof: "never", ended: true, settledBy: "bo" });
      expect(await openOnes(run)).toEqual([]);
      expect((await world.exceptions(run))[0]).toMatchObject({
        resolution: "dealt-with",
        closedBy: "bo",
      });
    },
  );

  test("that was the only one, and is left, leaves the run not undone", async () => {
    reserve = testEffect("keyed", system, "reserve", { undo: "none" });
    const { run, close } = await refusedUndoing();
    await close();
    await world.untilState(run, "cancelled");
    expect(await world.row(run)).toMatchObject({ compensated: "no" });
  });

  test("is closed once, and not after it was done after all", async () => {
    const { run, close } = await refusedUndoing();
    system.always("undo-charge", { kind: "ok" });
    await world.engine.commands.resume(run, null, "cy", "mended");
    await world.untilState(run, "cancelled");
    await expect(close()).rejects.toMatchObject({ code: "HF6003" });
    expect(await world.row(run)).toMatchObject({ compensated: "fully" });
  });

  test("that may have happened is not left: it is settled", async () => {
    system.plan("undo-charge", { kind: "lostAnswer", happened: true });
    charge = testEffect("once", system, "charge", {
      undo: { effect: testEffect("once", system, "undo-charge"), input: (input) => input },
    });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "waiting");
    await world.engine.commands.cancel(run, "ana", "customer asked");
    await world.untilState(run, "exception");
    const [open] = await openOnes(run);
    const closing = world.engine.exceptions.beside.close({ run, seq: open?.seq ?? 0 }, "bo", "no");
    await expect(closing).rejects.toMatchObject({ code: "HF6004" });
  });
});

function chargeSaying(described: { readonly amount?: string; readonly currency?: string } | null) {
  const keys = { charge: "c-1" };
  return effect("charge", {
    on: integrationOf(system),
    repeat: "keyed",
    keyWindow: "24h",
    timeout: "5s",
    settle: "20s",
    input: REFERENCE,
    output: ANSWER,
    ...(described === null ? {} : { describe: () => ({ ...described, keys }) }),
    run: (input: z.output<typeof REFERENCE>, attempt) => system.call("charge", input.id, attempt),
    compensate: async (input, _output, attempt) => {
      await system.call("undo-charge", input.id, attempt);
    },
  });
}

/** A run of 90 EUR that has charged, and whose undoing the other system refuses. */
async function failedUndoing(own: ReturnType<typeof chargeSaying>) {
  const valued = testWorkflow(
    "valued",
    async (input, r) => {
      await r.do(own, input);
      await r.sleep("1h");
      return null;
    },
    { describe: () => ({ amount: "90", currency: "EUR", keys: { order: "1" } }) },
  );
  system.always("undo-charge", { kind: "no", class: "data", status: 422 });
  await world.begin([valued]);
  const run = await world.start(valued, { id: "1" });
  await world.untilState(run, "waiting");
  await world.engine.commands.cancel(run, "ana", "customer asked");
  await world.untilState(run, "exception");
  return (await openOnes(run))[0];
}

describe("the exception of an undoing that has failed", () => {
  test("has the value of what was done", async () => {
    const open = await failedUndoing(chargeSaying({ amount: "30", currency: "USD" }));
    expect(open).toMatchObject({ step: "undo/charge", amount: "30", currency: "USD" });
  });

  test.each([null, {}])(
    "has the value of its run where what was done has none (%j)",
    async (own) => {
      const open = await failedUndoing(chargeSaying(own));
      expect(open).toMatchObject({ step: "undo/charge", amount: "90", currency: "EUR" });
      expect(open?.record.keys).toEqual(own === null ? { order: "1" } : { charge: "c-1" });
    },
  );
});
