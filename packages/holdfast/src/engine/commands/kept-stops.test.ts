import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { formatRunId } from "../../core/run-number.ts";
import { openSqliteReader } from "../../store-sqlite/index.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow, type TestEffect } from "../test-effects.test-support.ts";
import { recordKeptStop } from "./kept-stops.ts";
import { TestWorld, type LifeOptions } from "../test-world.test-support.ts";

const OPEN: LifeOptions = { limits: { inboxIdleMs: 200, inboxBusyMs: 25 } };

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

/** As a person who finds no engine at work. */
async function leaveCancel(run: number, id = "cancel-1"): Promise<void> {
  const reader = await openSqliteReader({ path: world.path });
  const data = JSON.stringify({ run: formatRunId(run), reason: "customer asked" });
  await reader.post({ id, topic: "cancel", atMs: world.clock.nowMs(), by: "cli ana", data });
  await reader.close();
}

async function answerTo(id: string): Promise<unknown> {
  const reader = await openSqliteReader({ path: world.path });
  const answer = await reader.answer(id);
  await reader.close();
  return answer === null ? null : JSON.parse(answer);
}

const flow = testWorkflow("flow", async (input, r) => {
  await r.do(reserve, input);
  await r.do(charge, input);
  return null;
});

const sleeper = testWorkflow("sleeper", async (input, r) => {
  await r.do(reserve, input);
  await r.sleep("1h");
  return r.do(charge, input);
});

/** The process dies once the reservation is on record: the charge comes next. */
async function diedBeforeCharge(): Promise<number> {
  await world.begin([flow], {
    fateOf: ({ records }) =>
      records.some((record) => record === "outcome reserve") ? "diesBefore" : "applied",
  });
  const run = await world.start(flow, { id: "1" });
  await world.settle();
  await world.crash();
  return run;
}

describe("a cancel that was left while no engine ran", () => {
  test("is on record before its run goes on: nothing new is sent", async () => {
    const run = await diedBeforeCharge();
    await leaveCancel(run);
    await world.begin([flow], OPEN);
    await world.untilState(run, "cancelled");
    expect(system.requestsOf("charge")).toEqual([]);
    expect(actions()).toEqual(["reserve", "undo-reserve"]);
    expect(await answerTo("cancel-1")).toEqual({ ok: true });
    const records = await world.records(run);
    expect(records.filter(({ kind }) => kind === "cancel")).toHaveLength(1);
    const at = (is: string) =>
      world.life.watched.flushes.findIndex(({ records: all }) => all.some((one) => one === is));
    expect(at("cancel ")).toBeGreaterThanOrEqual(0);
    expect(at("cancel ")).toBeLessThan(at("group "));
    expect(at("group ")).toBeLessThan(at("intent undo/reserve"));
  });

  test("comes before a timer that is due", async () => {
    await world.begin([sleeper]);
    const run = await world.start(sleeper, { id: "1" });
    await world.untilState(run, "waiting");
    await world.close();
    await leaveCancel(run);
    world.clock.setMs(world.clock.nowMs() + 7_200_000);
    await world.begin([sleeper], OPEN);
    await world.untilState(run, "cancelled");
    expect(system.requestsOf("charge")).toEqual([]);
    expect(actions()).toEqual(["reserve", "undo-reserve"]);
  });

  test("is found behind more commands than are taken at a time", async () => {
    const run = await diedBeforeCharge();
    const reader = await openSqliteReader({ path: world.path });
    for (const id of ["a", "b", "c", "d", "e"]) {
      const data = JSON.stringify({ event: "e", key: id, payload: null });
      await reader.post({ id, topic: "send", atMs: world.clock.nowMs(), by: "bank", data });
    }
    await reader.close();
    await leaveCancel(run);
    await world.begin([flow], { limits: { ...OPEN.limits, inboxBatchMax: 2 } });
    await world.untilState(run, "cancelled");
    expect(system.requestsOf("charge")).toEqual([]);
    expect(await answerTo("a")).toMatchObject({ ok: true });
  });

  test("ends a run before its turn in a lane, without its code", async () => {
    const lane = testWorkflow(
      "laned",
      async (input, r) => {
        await r.do(reserve, input);
        await r.sleep("1h");
        return null;
      },
      { lane: () => "one" },
    );
    await world.begin([lane]);
    const first = await world.start(lane, { id: "1" });
    const second = await world.start(lane, { id: "2" });
    await world.untilState(first, "waiting");
    await world.crash();
    await leaveCancel(second);
    await world.begin([lane], OPEN);
    await world.untilState(second, "cancelled");
    expect(await world.stateOf(first)).toBe("waiting");
    expect(system.count("reserve", "2")).toBe(0);
  });

  test.each([1, 2, 3])(
    "is applied once over a crash at flush %s of the next engine",
    async (at) => {
      const run = await diedBeforeCharge();
      await leaveCancel(run);
      await leaveCancel(run, "cancel-2");
      let left = at;
      await world.beginOnly([flow], {
        ...OPEN,
        fateOf: () => {
          left -= 1;
          return left === 0 ? "diesAfter" : "applied";
        },
      });
      await world.settle();
      await world.crash();
      await world.begin([flow], OPEN);
      await world.untilState(run, "cancelled");
      expect(system.requestsOf("charge")).toEqual([]);
      expect(actions()).toEqual(["reserve", "undo-reserve"]);
      const records = await world.records(run);
      expect(records.filter(({ kind }) => kind === "cancel")).toHaveLength(1);
    },
  );

  test("that is not as it should be keeps nothing else from starting", async () => {
    const run = await diedBeforeCharge();
    const reader = await openSqliteReader({ path: world.path });
    const bad = { topic: "cancel", atMs: world.clock.nowMs(), by: "cli ana" } as const;
    await reader.post({ id: "bad-1", ...bad, data: "{" });
    await reader.post({ id: "bad-2", ...bad, data: JSON.stringify({ run: "nobody" }) });
    await reader.close();
    await leaveCancel(run);
    await world.begin([flow], OPEN);
    await world.untilState(run, "cancelled");
    expect(system.requestsOf("charge")).toEqual([]);
    expect(await answerTo("bad-1")).toMatchObject({ ok: false });
    expect(await answerTo("bad-2")).toMatchObject({ ok: false });
  });

  test("of a run that this app has no code for takes it back; of one that there is not is refused", async () => {
    const run = await diedBeforeCharge();
    await leaveCancel(run);
    await leaveCancel(4_711, "cancel-2");
    await world.begin([sleeper], { ...OPEN, effects: [reserve, charge] });
    await world.advance(1_000);
    expect(await answerTo("cancel-1")).toEqual({ ok: true });
    expect(await answerTo("cancel-2")).toMatchObject({ ok: false, code: "HF6001" });
    // Not a line of its code is run, and what it did has an owner.
    await world.untilState(run, "cancelled");
    expect(system.requestsOf("charge")).toEqual([]);
  });
});

describe("shards that have come to a worker", () => {
  test("bring cancels of their runs alone: a run at rest elsewhere would not be brought back", async () => {
    await world.begin([sleeper]);
    const run = await world.start(sleeper, { id: "1" });
    await world.untilState(run, "waiting");
    const data = JSON.stringify({ run: formatRunId(run), reason: "customer asked" });
    const command = { id: "c", topic: "cancel", by: "ana", data, answer: null } as const;
    const row = { ...command, atMs: world.clock.nowMs(), isAsPosted: true };
    expect(await recordKeptStop(world.engine, row, [3])).toBe(false);
    expect((await world.records(run)).some(({ kind }) => kind === "cancel")).toBe(false);
    expect(await recordKeptStop(world.engine, row)).toBe(true);
  });
});
