import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import type { StateHead } from "../../core/journal.ts";
import type { Run } from "../../workflow/run.ts";
import { workflow } from "../../workflow/workflow.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { headOf } from "./recovery.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

let world: TestWorld;
let shop: Counterpart;
beforeEach(() => {
  world = new TestWorld();
  shop = world.counterpart("shop", "keys");
});
afterEach(() => world.remove());

const openOnes = async (run: number) =>
  (await world.exceptions(run)).filter((exception) => exception.closedAtMs === null);
const actions = () => shop.ledger.map((row) => row.action);
const resume = (run: number) => world.engine.commands.resume(run, null, "ana", "late is fine");

async function begun(
  body: (input: { id: string }, run: Run) => Promise<unknown>,
  options: Parameters<typeof testWorkflow>[2] = { deadline: "1h" },
) {
  const flow = testWorkflow("flow", body, options);
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.settle();
  return { run, flow };
}

/** A run whose attempt is still out when its deadline passes: the clock has jumped meanwhile. */
async function lateUnderWay() {
  const wire = testEffect("keyed", shop, "wire", { timeout: "50m", undo: "call" });
  shop.plan("wire", { kind: "slow", takesMs: 40 * MINUTE_MS });
  const begin = await begun(async (input, r) => {
    await r.sleep("5m");
    return (await r.do(wire, input)).ref;
  });
  await world.advance(30 * MINUTE_MS);
  world.clock.setMs(world.clock.nowMs() + 35 * MINUTE_MS);
  await world.untilState(begin.run, "exception");
  expect(actions()).toEqual([]);
  return begin;
}

describe("a run that turns out to be late", () => {
  test("when it is brought back does nothing first of what has fallen due as well", async () => {
    let worked = 0;
    const { run, flow } = await begun(async (_input, r) => {
      await r.sleep("50m");
      return r.step("work", () => (worked += 1));
    });
    await world.crash();
    await world.advance(2 * HOUR_MS);
    await world.begin([flow]);
    await world.advance(MINUTE_MS);
    expect(await openOnes(run)).toMatchObject([{ class: "expired" }]);
    expect(worked).toBe(0);
    await resume(run);
    await world.untilState(run, "completed");
    expect(worked).toBe(1);
  });

  test("while an attempt is out is not said to be running again when that ends", async () => {
    const { run } = await lateUnderWay();
    await world.advance(HOUR_MS);
    const records = await world.records(run);
    const late = records.findIndex((record) => record.kind === "late");
    const since = records.slice(late).filter((record) => record.kind === "state");
    expect(since.map((record) => headOf<StateHead>(record).to)).not.toContain("running");
    expect(await world.stateOf(run)).toBe("exception");
    expect(world.engine.live.size).toBe(0);
  });

  test("while an attempt is out can be cancelled, and what that did is undone once", async () => {
    const { run } = await lateUnderWay();
    await expect(resume(run)).rejects.toMatchObject({ code: "HF6003" });
    await world.engine.commands.cancel(run, "ana", "too late");
    await world.untilState(run, "cancelled");
    expect(actions()).toEqual(["wire", "undo-wire"]);
    expect(shop.requestsOf("wire")).toHaveLength(1);
    expect(await openOnes(run)).toEqual([]);
  });

  test("has its owner's older question closed where it is taken back", async () => {
    const { run } = await begun(
      async (_input, r) => {
        await r.sleep("1s");
        throw new Error("broken");
      },
      { deadline: "1h", onLate: "compensate" },
    );
    await world.untilState(run, "held");
    await world.advance(2 * HOUR_MS);
    expect(await world.stateOf(run)).toBe("stopped");
    expect(await world.exceptions(run)).toMatchObject([{ resolution: "superseded" }]);
  });

  test("no longer has a time at which it wakes once it is being cancelled", async () => {
    const mail = testEffect("once", shop, "mail");
    shop.plan("mail", { kind: "lostAnswer", happened: true });
    const { run } = await begun((input, r) => r.do(mail, input));
    await world.untilState(run, "exception");
    expect((await world.row(run)).wakeAtMs).not.toBeNull();
    await world.engine.commands.cancel(run, "ana", "not wanted");
    await world.settle();
    expect(await world.row(run)).toMatchObject({ wakeAtMs: null, state: "exception" });
  });

  test("goes on at once if its owner says so before the deadline itself has passed", async () => {
    const charge = testEffect("keyed", shop, "charge");
    const { run } = await begun(async (input, r) => {
      await r.sleep("3596s");
      return r.do(charge, input);
    });
    await world.untilState(run, "exception");
    expect(shop.requests).toEqual([]);
    await resume(run);
    await world.settle();
    expect(shop.requestsOf("charge")).toHaveLength(1);
    expect(await world.stateOf(run)).toBe("completed");
  });
});

describe("an effect given up because of the time", () => {
  test("is expired for the code, whatever its attempts had met before", async () => {
    shop.always("charge", { kind: "no", class: "contention" });
    const charge = testEffect("keyed", shop, "charge");
    const { run } = await begun(async (input, r) => {
      await r.sleep("3594900ms");
      const outcome = await r.try(charge, input);
      return outcome.ok ? "done" : [outcome.failure.class, outcome.failure.effect];
    });
    expect(await world.resultOf(run)).toEqual(["expired", "never"]);
    expect(shop.requestsOf("charge").length).toBeGreaterThan(0);
  });
});

describe("a late run of a lane", () => {
  const laned = workflow(
    "laned",
    {
      input: z.object({ id: z.string(), first: z.boolean() }),
      output: z.string(),
      key: (input) => input.id,
      owner: "team",
      lane: () => "L",
      deadline: (input) => (input.first ? "9d" : "20s"),
    },
    async (input, run) => {
      if (input.first) await run.sleep("3h");
      return input.id;
    },
  );

  test("is seen within a minute although it is due sooner than the store is asked again", async () => {
    await world.begin([laned]);
    await world.start(laned, { id: "1", first: true });
    const second = await world.start(laned, { id: "2", first: false });
    await world.advance(20_000 + MINUTE_MS);
    expect(await openOnes(second)).toMatchObject([{ class: "expired", owner: "team" }]);
    expect(world.engine.live.size).toBe(0);
  });

  test("gets its turn after its owner let it go on, over a crash at just that moment", async () => {
    let armed = false;
    await world.begin([laned], {
      fateOf: ({ kinds }) => (armed && kinds.includes("finished") ? "diesAfter" : "applied"),
    });
    await world.start(laned, { id: "1", first: true });
    const second = await world.start(laned, { id: "2", first: false });
    await world.advance(HOUR_MS);
    await resume(second);
    armed = true;
    await world.advance(3 * HOUR_MS);
    expect(world.life.watched.isDead).toBe(true);
    await world.crash();
    await world.begin([laned]);
    await world.advance(MINUTE_MS);
    expect(await world.stateOf(second)).toBe("completed");
  });
});
