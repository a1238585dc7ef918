import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { formatRunId } from "../../core/run-number.ts";
import { openSqliteReader } from "../../store-sqlite/index.ts";
import { review } from "../../workflow/review.ts";
import type { Run } from "../../workflow/run.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const HOUR_MS = 3_600_000;

let world: TestWorld;
let shop: Counterpart;
let reserve: ReturnType<typeof testEffect>;
let charge: ReturnType<typeof testEffect>;
beforeEach(() => {
  world = new TestWorld();
  shop = world.counterpart("shop", "keys");
  reserve = testEffect("keyed", shop, "reserve", { undo: "call" });
  charge = testEffect("keyed", shop, "charge", { undo: "call" });
});
afterEach(() => world.remove());

type Body = (input: { id: string }, run: Run) => Promise<unknown>;

const actions = () => shop.ledger.map((row) => row.action);
const pause = (run: number) => world.engine.commands.pause(run, "ana", "the price is wrong");
const resume = (run: number, by = "ana", insteadOf?: string) =>
  world.engine.commands.resume(
    run,
    null,
    by,
    "it is right now",
    insteadOf === undefined ? {} : { insteadOf },
  );
const openOnes = async (run: number) =>
  (await world.exceptions(run)).filter((exception) => exception.closedAtMs === null);

async function begun(body: Body, options: Parameters<typeof testWorkflow>[2] = {}) {
  const flow = testWorkflow("flow", body, options);
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.settle();
  return { run, flow };
}

const boss = review("big", { subject: z.any(), decision: z.any(), by: "boss" });

/** Runs that wait for each kind of thing before they charge. */
const WAITS: Readonly<Record<string, Body>> = {
  "a timer": (_input, r) => r.sleep("1h"),
  "an event": (_input, r) => r.wait({ name: "e", schema: z.any() }, { key: "k" }),
  "a review": (_input, r) => r.ask(boss, {}),
  "a system that is down": (input, r) => r.do(reserve, input),
  "another attempt": (input, r) => r.do(reserve, input),
};

describe("a run that is paused", () => {
  test.each(Object.keys(WAITS))(
    "while it waits for %s begins nothing, over a crash",
    async (what) => {
      shop.isDown = what === "a system that is down";
      if (what === "another attempt") shop.always("reserve", { kind: "no", class: "contention" });
      const { run, flow } = await begun(async (input, r) => {
        await WAITS[what]?.(input, r);
        return await r.do(charge, input);
      });
      await pause(run);
      expect(await world.row(run)).toMatchObject({
        state: "paused",
        reason: "Paused by ana: the price is wrong",
      });
      const sent = shop.requests.length;
      shop.isDown = false;
      shop.always("reserve", { kind: "ok" });
      if (what === "an event") await world.engine.commands.send("e", "k", "e-1", {});
      await world.advance(2 * HOUR_MS);
      await world.crash();
      await world.begin([flow]);
      await world.advance(HOUR_MS);
      expect(shop.requests).toHaveLength(sent);
      expect(await world.stateOf(run)).toBe("paused");
      await resume(run);
      await world.settle();
      if (what === "a review") {
        const [asked] = await world.reviews(run);
        await world.engine.commands.answer(run, asked?.seq ?? 0, {}, "boss");
      }
      await world.advance(HOUR_MS);
      await world.untilState(run, "completed");
      expect(actions().filter((action) => action === "charge")).toHaveLength(1);
    },
  );

  test("while a call is under way has its end on record, and sends nothing after it", async () => {
    shop.plan("reserve", { kind: "slow", takesMs: 3_000 });
    const { run } = await begun(async (input, r) => {
      await r.do(reserve, input);
      return await r.do(charge, input);
    });
    await pause(run);
    await world.advance(HOUR_MS);
    expect(actions()).toEqual(["reserve"]);
    expect(await world.stateOf(run)).toBe("paused");
    expect(await world.effects(run)).toMatchObject([{ proof: "surely", ended: true }]);
    await resume(run);
    await world.untilState(run, "completed");
    expect(actions()).toEqual(["reserve", "charge"]);
  });

  test("is an exception of who has paused it, and goes on by them, or in their name", async () => {
    const { run } = await begun((_input, r) => r.sleep("1h"));
    await pause(run);
    const [open] = await openOnes(run);
    expect(open).toMatchObject({
      class: "interrupted",
      reasonCode: "RUN:PAUSED",
      owner: "team-flow",
    });
    expect(open?.handling.assignee).toBe("ana");
    expect(open?.dueAtMs).toBeGreaterThan(world.clock.nowMs());
    await expect(resume(run, "bo")).rejects.toMatchObject({
      code: "HF6002",
      remedy: expect.stringContaining('--instead-of "ana"') as unknown,
    });
    await expect(resume(run, "bo", "cy")).rejects.toMatchObject({ code: "HF6002" });
    const byStep = world.engine.commands.resume(run, "sleep", "bo", "go on");
    await expect(byStep).rejects.toMatchObject({ code: "HF6003" });
    expect(await world.stateOf(run)).toBe("paused");
    await resume(run, "bo", "Ana");
    await world.advance(HOUR_MS);
    expect(await world.stateOf(run)).toBe("completed");
    expect(await world.exceptions(run)).toMatchObject([{ resolution: "resumed", closedBy: "bo" }]);
  });

  test("is not paused again, nor is one that has ended, is taken back, or waits for a person", async () => {
    const { run, flow } = await begun(async (input, r) => {
      if (input.id === "2") throw new Error("a bug");
      return await r.sleep("1h");
    });
    await pause(run);
    await expect(pause(run)).rejects.toMatchObject({ message: expect.stringContaining("by ana") });
    await resume(run);
    await world.advance(HOUR_MS);
    await expect(pause(run)).rejects.toMatchObject({ code: "HF6003" });
    const other = await world.start(flow, { id: "2" });
    await world.untilState(other, "held");
    await expect(pause(other)).rejects.toMatchObject({
      message: expect.stringContaining("until a person has decided"),
    });
    expect(await world.exceptions(other)).toHaveLength(1);
  });

  test("is taken back by a cancel, which closes it", async () => {
    const { run } = await begun(async (input, r) => {
      await r.do(reserve, input);
      return await r.sleep("1h");
    });
    await pause(run);
    await world.engine.commands.cancel(run, "bo", "not wanted");
    await world.untilState(run, "cancelled");
    expect(actions()).toEqual(["reserve", "undo-reserve"]);
    expect(await openOnes(run)).toEqual([]);
  });

  test("keeps its lane, and is paused while it waits in one", async () => {
    const flow = testWorkflow("flow", (input, r) => r.do(charge, input), { lane: () => "one" });
    shop.plan("charge", { kind: "slow", takesMs: 3_000 });
    await world.begin([flow]);
    const [first, second, third] = [
      await world.start(flow, { id: "1" }),
      await world.start(flow, { id: "2" }),
      await world.start(flow, { id: "3" }),
    ];
    await world.settle();
    await pause(second);
    expect(await world.stateOf(second)).toBe("paused");
    await world.untilState(first, "completed");
    await world.advance(HOUR_MS);
    expect(await world.stateOf(second)).toBe("paused");
    expect(await world.stateOf(third)).toBe("waiting");
    await resume(second);
    await world.untilState(third, "completed");
    expect(shop.ledger.map(({ id }) => id)).toEqual(["1", "2", "3"]);
  });

  test("is late once it goes on: what its workflow says for that is done then", async () => {
    const late = { deadline: "2h", onLate: "compensate" } as const;
    const { run } = await begun(async (input, r) => {
      await r.do(reserve, input);
      return await r.sleep("9d");
    }, late);
    await pause(run);
    await world.advance(3 * HOUR_MS);
    expect(await world.stateOf(run)).toBe("paused");
    await resume(run);
    await world.untilState(run, "stopped");
    expect(actions()).toEqual(["reserve", "undo-reserve"]);
    expect(await openOnes(run)).toEqual([]);
  });

  test("while no engine runs is paused before it sends what comes next", async () => {
    const flow = testWorkflow("flow", async (input, r) => {
      await r.do(reserve, input);
      return await r.do(charge, input);
    });
    await world.begin([flow], {
      fateOf: ({ records }) =>
        records.some((record) => record === "outcome reserve") ? "diesBefore" : "applied",
    });
    const run = await world.start(flow, { id: "1" });
    await world.settle();
    await world.crash();
    const reader = await openSqliteReader({ path: world.path });
    const data = JSON.stringify({ run: formatRunId(run), reason: "look first" });
    await reader.post({ id: "p-1", topic: "pause", atMs: world.clock.nowMs(), by: "ana", data });
    await reader.close();
    await world.begin([flow]);
    await world.advance(HOUR_MS);
    expect(await world.stateOf(run)).toBe("paused");
    expect(shop.requests).toHaveLength(1);
    await resume(run);
    await world.untilState(run, "completed");
    expect(actions()).toEqual(["reserve", "charge"]);
  });

  test("keeps the answer of a review that comes meanwhile, and begins nothing because of it", async () => {
    const child = testWorkflow("child", (input, r) => r.do(reserve, input));
    const flow = testWorkflow("flow", async (input, r) => {
      await Promise.all([r.ask(boss, {}), r.sleep("1h").then(() => r.call(child, input))]);
      return await r.do(charge, input);
    });
    await world.begin([flow, child]);
    const run = await world.start(flow, { id: "1" });
    await world.advance(HOUR_MS - 1_000);
    const [asked] = await world.reviews(run);
    await pause(run);
    await world.engine.commands.answer(run, asked?.seq ?? 0, {}, "boss");
    await world.advance(HOUR_MS);
    expect(actions()).toEqual([]);
    expect(await world.stateOf(run)).toBe("paused");
    await resume(run);
    await world.untilState(run, "completed");
    expect(actions()).toEqual(["reserve", "charge"]);
  });

  test("is not paused by what was left for it where it undoes what it has done", async () => {
    const flow = testWorkflow("flow", async (input, r) => {
      await r.do(reserve, input);
      return r.stop("not needed", { compensate: true });
    });
    await world.begin([flow], {
      fateOf: ({ records }) =>
        records.some((record) => record.startsWith("outcome") && record.includes("undo"))
          ? "diesBefore"
          : "applied",
    });
    const run = await world.start(flow, { id: "1" });
    await world.settle();
    await world.crash();
    expect(await world.stateOf(run)).toBe("compensating");
    const reader = await openSqliteReader({ path: world.path });
    const data = JSON.stringify({ run: formatRunId(run), reason: "look first" });
    await reader.post({ id: "p-1", topic: "pause", atMs: world.clock.nowMs(), by: "ana", data });
    await reader.close();
    await world.begin([flow]);
    await world.untilState(run, "stopped");
    expect(await world.exceptions(run)).toEqual([]);
  });

  test("has children that go on, and hears of them once it goes on itself", async () => {
    const child = testWorkflow("child", async (input, r) => {
      await r.sleep("1h");
      return await r.do(reserve, input);
    });
    const flow = testWorkflow("flow", async (input, r) => {
      await r.call(child, input);
      return await r.do(charge, input);
    });
    await world.begin([flow, child]);
    const run = await world.start(flow, { id: "1" });
    await world.settle();
    await pause(run);
    await world.advance(2 * HOUR_MS);
    expect(actions()).toEqual(["reserve"]);
    expect(await world.stateOf(run)).toBe("paused");
    await resume(run);
    await world.untilState(run, "completed");
    expect(actions()).toEqual(["reserve", "charge"]);
  });
});
