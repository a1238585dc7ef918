import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
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
type Options = Parameters<typeof testWorkflow>[2];

const openOnes = async (run: number) =>
  (await world.exceptions(run)).filter((exception) => exception.closedAtMs === null);
const actions = () => shop.ledger.map((row) => row.action);
const resume = (run: number) => world.engine.commands.resume(run, null, "ana", "late is fine");

async function begun(body: Body, options: Options = { deadline: "1h" }) {
  const flow = testWorkflow("flow", body, options);
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.settle();
  return { run, flow };
}

// Attempts take five seconds at most, by their timeout.
const lateBy = (body: Body, options: Options) =>
  begun(async (input, r) => {
    await r.sleep("3596s");
    return body(input, r);
  }, options);

describe("an attempt that could not end before the deadline", () => {
  test("is not begun; the code is told that it is too late, and may handle it", async () => {
    const { run } = await lateBy(
      async (input, r) => {
        const outcome = await r.try(charge, input);
        return outcome.ok ? "done" : [outcome.failure.class, outcome.failure.family];
      },
      { deadline: "1h" },
    );
    expect(await world.resultOf(run)).toEqual(["expired", "policy"]);
    expect(shop.requests).toEqual([]);
    expect(await world.effects(run)).toEqual([]);
  });

  test("is begun if it can", async () => {
    const { run } = await begun(
      async (input, r) => {
        await r.sleep("3594s");
        return r.do(charge, input);
      },
      { deadline: "1h" },
    );
    expect(await world.resultOf(run)).toEqual({ ref: "charge:1" });
  });

  test("leaves the run to what onLate says", async () => {
    const { run } = await lateBy((input, r) => r.do(charge, input), {
      deadline: "1h",
      onLate: "stop",
    });
    await world.advance(2 * HOUR_MS);
    expect(await world.stateOf(run)).toBe("stopped");
    expect(shop.requests).toEqual([]);
  });

  test("is made after all if the owner says that late is fine", async () => {
    const { run } = await lateBy((input, r) => r.do(charge, input), { deadline: "1h" });
    await world.untilState(run, "exception");
    expect(await openOnes(run)).toMatchObject([{ class: "expired", owner: "team-flow" }]);
    await world.advance(2 * HOUR_MS);
    expect(await openOnes(run)).toHaveLength(1);
    await resume(run);
    expect(await world.resultOf(run)).toEqual({ ref: "charge:1" });
    expect(shop.requestsOf("charge")).toHaveLength(1);
  });

  test("is made after all also where attempts before it had met something else", async () => {
    shop.always("charge", { kind: "no", class: "contention" });
    const { run } = await begun(async (input, r) => {
      await r.sleep("3594900ms");
      return r.do(charge, input);
    });
    await world.untilState(run, "exception");
    expect(await openOnes(run)).toMatchObject([
      { class: "expired", reasonCode: "RUN:NO_TIME_LEFT" },
    ]);
    const before = shop.requestsOf("charge").length;
    await resume(run);
    await world.settle();
    expect(shop.requestsOf("charge").length).toBeGreaterThan(before);
    await world.advance(HOUR_MS);
    expect((await world.records(run)).map(({ kind }) => kind)).not.toContain("late");
  });

  test("is no repeat either", async () => {
    shop.always("charge", { kind: "no", class: "contention" });
    const patient = testEffect("keyed", shop, "charge", { retry: { within: "2h", attempts: 900 } });
    const { run } = await begun(
      async (input, r) => {
        await r.sleep("3594s");
        return r.do(patient, input);
      },
      { deadline: "1h", onLate: "stop" },
    );
    await world.untilState(run, "stopped");
    const deadlineAtMs = (await world.row(run)).deadlineAtMs ?? 0;
    for (const { atMs } of shop.requests) expect(atMs + 5_000).toBeLessThanOrEqual(deadlineAtMs);
    expect((await world.effects(run))[0]).toMatchObject({ proof: "never", ended: true });
  });

  test("is no matter for an undoing: what is taken back is, however late", async () => {
    const { run } = await begun(
      async (input, r) => {
        await r.do(reserve, input);
        await r.sleep("9d");
        return null;
      },
      { deadline: "1h", onLate: "compensate" },
    );
    shop.plan("undo-reserve", { kind: "no", class: "transient" }, { kind: "refused" });
    await world.untilState(run, "stopped");
    expect(actions()).toEqual(["reserve", "undo-reserve"]);
  });
});

describe("an effect that the other system found too late", () => {
  test("and that its owner lets go on leaves the deadline of its run as it is", async () => {
    shop.plan("charge", { kind: "no", class: "expired" });
    const { run } = await begun(
      async (input, r) => {
        await r.do(charge, input);
        await r.wait({ name: "go", schema: z.unknown() }, { key: "k" });
      },
      { deadline: "2d" },
    );
    await world.untilState(run, "exception");
    await world.engine.commands.resume(run, null, "ana", "the cut-off was moved");
    await world.untilState(run, "waiting");
    await world.advance(48 * HOUR_MS);
    expect(await world.stateOf(run)).toBe("exception");
    expect(await openOnes(run)).toMatchObject([{ reasonCode: "RUN:DEADLINE_PASSED" }]);
  });
});
