/** Code that hangs becomes an exception of its owner; what waits for something does not. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { review } from "../../workflow/review.ts";
import type { Run } from "../../workflow/run.ts";
import { workflow } from "../../workflow/workflow.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const MINUTE_MS = 60_000;

let world: TestWorld;
let shop: Counterpart;
let charge: ReturnType<typeof testEffect>;
beforeEach(() => {
  world = new TestWorld();
  shop = world.counterpart("shop", "keys");
  charge = testEffect("keyed", shop, "charge", { undo: "call" });
});
afterEach(() => world.remove());

type Body = (input: { id: string }, run: Run) => Promise<unknown>;

/** Shorter than the default, which has a test of its own. */
const LIMITED = { limits: { stillMs: 10 * MINUTE_MS } };

const forever = () => new Promise<never>(() => undefined);

async function begun(body: Body, options: Parameters<typeof testWorkflow>[2] = {}) {
  const flow = testWorkflow("flow", body, options);
  await world.begin([flow], LIMITED);
  const run = await world.start(flow, { id: "1" });
  await world.settle();
  return { run, flow };
}

const openOnes = async (run: number) =>
  (await world.exceptions(run)).filter(({ closedAtMs }) => closedAtMs === null);

const HANGS: Readonly<Record<string, readonly [Body, RegExp]>> = {
  "a step": [(_input, r) => r.step("read", forever), /step "read" has not come back/u],
  "the code itself": [forever, /waits for something that is no step/u],
  "the code behind an effect": [
    async (input, r) => {
      await r.do(charge, input);
      await forever();
    },
    /waits for something that is no step/u,
  ],
};

describe("code that hangs", () => {
  test.each(Object.keys(HANGS))("in %s is its owner's after the limit", async (what) => {
    const [body, says] = HANGS[what] ?? [forever, /none/u];
    const { run, flow } = await begun(body);
    await world.advance(9 * MINUTE_MS);
    expect(await openOnes(run)).toEqual([]);
    await world.advance(2 * MINUTE_MS);
    expect(await openOnes(run)).toMatchObject([
      { owner: "team-flow", step: "", class: "defect", reasonCode: "HF2108" },
    ]);
    expect(await world.row(run)).toMatchObject({
      state: "held",
      reason: expect.stringMatching(says) as string,
    });
    // Told once, over crashes.
    await world.crash();
    await world.begin([flow], LIMITED);
    await world.advance(60 * MINUTE_MS);
    expect(await openOnes(run)).toHaveLength(1);
  });

  test("is left to the code's own watch over it, and is its owner's if that does nothing", async () => {
    const { run } = await begun((_input, r) =>
      Promise.all([r.step("export", forever), r.sleep("20m")]),
    );
    await world.advance(19 * MINUTE_MS);
    expect(await openOnes(run)).toEqual([]);
    await world.advance(12 * MINUTE_MS);
    expect(await openOnes(run)).toMatchObject([{ reasonCode: "HF2108" }]);
  });

  test("is its owner's after two hours where nobody says otherwise", async () => {
    const flow = testWorkflow("flow", forever);
    await world.begin([flow], { limits: { inboxIdleMs: MINUTE_MS } });
    const run = await world.start(flow, { id: "1" });
    await world.advance(119 * MINUTE_MS);
    expect(await openOnes(run)).toEqual([]);
    await world.advance(2 * MINUTE_MS);
    expect(await openOnes(run)).toMatchObject([{ reasonCode: "HF2108" }]);
  });

  test("goes on where a person resumes it: what hung is done again", async () => {
    let isMended = false;
    const { run } = await begun((_input, r) =>
      r.step("read", () => (isMended ? "read" : forever())),
    );
    await world.advance(11 * MINUTE_MS);
    isMended = true;
    await world.engine.commands.resume(run, null, "ana", "the share is there again");
    expect(await world.resultOf(run)).toBe("read");
  });

  test("is asked about again where it hangs again", async () => {
    const { run } = await begun((_input, r) => r.step("read", forever));
    await world.advance(11 * MINUTE_MS);
    await world.engine.commands.resume(run, null, "ana", "once more");
    await world.advance(11 * MINUTE_MS);
    expect(await world.exceptions(run)).toHaveLength(2);
    expect(await openOnes(run)).toHaveLength(1);
  });

  test("can be cancelled, and what it did is undone", async () => {
    const { run } = await begun(HANGS["the code behind an effect"]?.[0] ?? forever);
    await world.advance(11 * MINUTE_MS);
    await world.engine.commands.cancel(run, "ana", "not worth it");
    await world.untilState(run, "cancelled");
    expect(shop.ledger.map(({ action }) => action)).toEqual(["charge", "undo-charge"]);
  });

  test.each([
    ["2h", 119, 121],
    ["1m", 0.9, 1.1],
  ] as const)("has as long as its workflow says: %s", async (stillAfter, before, after) => {
    const { run } = await begun(forever, { stillAfter });
    await world.advance(before * MINUTE_MS);
    expect(await openOnes(run)).toEqual([]);
    await world.advance((after - before) * MINUTE_MS);
    expect(await openOnes(run)).toHaveLength(1);
  });

  test("is left alone where its workflow says never", async () => {
    const { run } = await begun(forever, { stillAfter: "never" });
    await world.advance(60 * MINUTE_MS);
    expect(await openOnes(run)).toEqual([]);
    expect(await world.stateOf(run)).toBe("running");
  });

  test("with a deadline is looked at when that passes", async () => {
    const { run } = await begun(forever, { deadline: "1h" });
    await world.advance(59 * MINUTE_MS);
    expect(await openOnes(run)).toEqual([]);
    await world.advance(3 * MINUTE_MS);
    expect(await openOnes(run)).toMatchObject([{ class: "expired" }]);
  });

  test.each([
    ["5m", "HF2108"],
    ["2h", "RUN:DEADLINE_PASSED"],
  ] as const)(
    "with a deadline of 1h and a stillness of %s has both, and then %s",
    async (stillAfter, reasonCode) => {
      const { run } = await begun(forever, { deadline: "1h", stillAfter });
      await world.advance(4 * MINUTE_MS);
      expect(await openOnes(run)).toEqual([]);
      await world.advance((stillAfter === "5m" ? 10 : 60) * MINUTE_MS);
      expect(await openOnes(run)).toMatchObject([{ reasonCode }]);
    },
  );
});

/** Eight minutes of the world's clock. */
function pause(): Promise<void> {
  return new Promise((resolve) => {
    world.clock.after(8 * MINUTE_MS, resolve);
  });
}

const boss = review("big", { subject: z.any(), decision: z.any(), by: "boss" });
const child = testWorkflow("child", (_input, r) => r.sleep("9d"));

const WAITS: Readonly<Record<string, readonly [Body, string]>> = {
  "a timer": [(_input, r) => r.sleep("9d"), "waiting"],
  "an event": [(_input, r) => r.wait({ name: "e", schema: z.any() }, { key: "k" }), "waiting"],
  "a review": [(_input, r) => r.ask(boss, {}), "review"],
  "a child": [(input, r) => r.call(child, input), "waiting"],
  "a system that is down": [
    (input, r) => {
      shop.isDown = true;
      return r.do(charge, input);
    },
    "parked",
  ],
  "a person, for an effect": [
    (input, r) => {
      shop.always("charge", { kind: "no", class: "data" });
      return r.do(charge, input);
    },
    "exception",
  ],
};

describe("a run that waits for", () => {
  test.each(Object.keys(WAITS))("%s is not still", async (what) => {
    const [body, state] = WAITS[what] ?? [forever, ""];
    const flow = testWorkflow("flow", body);
    await world.begin([flow, child], LIMITED);
    const run = await world.start(flow, { id: "1" });
    await world.settle();
    await world.advance(60 * MINUTE_MS);
    expect((await openOnes(run)).filter(({ reasonCode }) => reasonCode === "HF2108")).toEqual([]);
    expect(await world.stateOf(run)).toBe(state);
  });

  test("a call outside that takes its own time is not still", async () => {
    shop.plan("charge", { kind: "slow", takesMs: 25 * MINUTE_MS });
    const slow = testEffect("keyed", shop, "charge", { timeout: "30m" });
    const { run } = await begun((input, r) => r.do(slow, input));
    await world.advance(20 * MINUTE_MS);
    expect(await world.exceptions(run)).toEqual([]);
    await world.advance(6 * MINUTE_MS);
    expect(await world.stateOf(run)).toBe("completed");
  });

  test("one that moves now and then is not still", async () => {
    const { run } = await begun(async (_input, r) => {
      for (const step of ["a", "b", "c", "d"]) {
        await r.step(step, pause);
      }
      return "done";
    });
    await world.advance(40 * MINUTE_MS);
    expect(await world.exceptions(run)).toEqual([]);
    expect(await world.stateOf(run)).toBe("completed");
  });
});

test.each(["soon", "0s", 5, {}])("stillAfter %j is refused where it is written", (stillAfter) => {
  const options = { input: z.string(), output: z.string(), key: String, owner: "team" };
  expect(() =>
    workflow("w", { ...options, stillAfter: stillAfter as never }, async (text) => text),
  ).toThrow(expect.objectContaining({ code: "HF1001" }));
});
