import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { review } from "../../workflow/review.ts";
import type { Run } from "../../workflow/run.ts";
import { workflow } from "../../workflow/workflow.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
/** P2: by then a late run is an exception with an owner. */
const SEEN_WITHIN_MS = 60_000;

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
const kindsOf = async (run: number) => (await world.records(run)).map((record) => record.kind);
const resume = (run: number) => world.engine.commands.resume(run, null, "ana", "late is fine");

async function begun(body: Body, options: Options = { deadline: "1h" }) {
  const flow = testWorkflow("flow", body, options);
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.settle();
  return { run, flow };
}

const boss = review("big", { subject: z.any(), decision: z.any(), by: "boss" });

/** Runs that wait for each kind of thing, for longer than an hour. */
const WAITS: Readonly<Record<string, Body>> = {
  "a timer": (_input, r) => r.sleep("9d"),
  "an event": (_input, r) => r.wait({ name: "e", schema: z.any() }, { key: "k" }),
  "a review": (_input, r) => r.ask(boss, {}),
  "a system that is down": (input, r) => {
    shop.isDown = true;
    return r.do(charge, input);
  },
  "a person, for an effect": (input, r) => {
    shop.always("charge", { kind: "no", class: "data" });
    return r.do(charge, input);
  },
  "something of its own, in memory": () => new Promise(() => undefined),
};

describe("the deadline of a run", () => {
  test.each(Object.keys(WAITS))(
    "gives a run that waits for %s to its owner within a minute, once",
    async (what) => {
      const { run } = await begun(WAITS[what] as Body);
      await world.advance(HOUR_MS - 1_000);
      expect((await openOnes(run)).filter((one) => one.class === "expired")).toEqual([]);
      await world.advance(1_000 + SEEN_WITHIN_MS);
      expect(await world.row(run)).toMatchObject({ state: "exception", wakeAtMs: null });
      const late = (await openOnes(run)).filter((one) => one.class === "expired");
      expect(late).toMatchObject([
        { owner: "team-flow", step: "", family: "policy", reasonCode: "RUN:DEADLINE_PASSED" },
      ]);
      expect(world.engine.live.size).toBe(0);
      await world.advance(5 * HOUR_MS);
      expect((await kindsOf(run)).filter((kind) => kind === "late")).toHaveLength(1);
      expect((await world.exceptions(run)).filter((e) => e.class === "expired")).toHaveLength(1);
    },
  );

  test.each([1, 2])("survives %s crashes, also one that lasts beyond it", async (crashes) => {
    const { run, flow } = await begun((_input, r) => r.sleep("9d"));
    for (let life = 0; life < crashes; life += 1) {
      await world.crash();
      await world.advance(life === 0 ? 10 * MINUTE_MS : 2 * HOUR_MS);
      await world.begin([flow]);
    }
    await world.advance(crashes === 1 ? 50 * MINUTE_MS + SEEN_WITHIN_MS : SEEN_WITHIN_MS);
    expect(await openOnes(run)).toMatchObject([{ class: "expired" }]);
    await world.crash();
    await world.begin([flow]);
    await world.advance(HOUR_MS);
    expect(await openOnes(run)).toHaveLength(1);
  });

  test.each(["diesBefore", "diesAfter"] as const)(
    "is not lost and asks once although the process %s of the flush that says so",
    async (fate) => {
      for (const flushRecordsMax of [1, 2, 3, 2_000]) {
        const own = new TestWorld(flushRecordsMax);
        const flow = testWorkflow("flow", (_input, r) => r.sleep("9d"), { deadline: "1h" });
        await own.begin([flow], {
          fateOf: ({ kinds }) => (kinds.includes("late") ? fate : "applied"),
          limits: { flushRecordsMax },
        });
        const run = await own.start(flow, { id: "1" });
        await own.advance(HOUR_MS + SEEN_WITHIN_MS);
        expect(own.life.watched.isDead).toBe(true);
        await own.crash();
        await own.begin([flow]);
        await own.advance(SEEN_WITHIN_MS);
        expect((await own.exceptions(run)).map((one) => one.class)).toEqual(["expired"]);
        expect(await own.stateOf(run)).toBe("exception");
        await own.remove();
      }
    },
  );

  test("costs a sleeping run no memory: nothing of it is held that is far away", async () => {
    const { run } = await begun(
      (_input, r) => r.wait({ name: "e", schema: z.any() }, { key: "k" }),
      {
        deadline: "30d",
      },
    );
    expect(world.engine.live.size).toBe(0);
    expect(await world.row(run)).toMatchObject({
      state: "waiting",
      wakeAtMs: (await world.row(run)).deadlineAtMs,
    });
  });

  test("may depend on the input, as a time or as a duration", async () => {
    const atMs = world.clock.nowMs() + 2 * HOUR_MS;
    const dated = testWorkflow("dated", (_input, r) => r.sleep("9d"), {
      deadline: ({ id }) => (id === "date" ? new Date(atMs) : "3h"),
    });
    await world.begin([dated]);
    const [date, duration] = [
      await world.start(dated, { id: "date" }),
      await world.start(dated, { id: "duration" }),
    ];
    expect((await world.row(date)).deadlineAtMs).toBe(atMs);
    const { startedAtMs, deadlineAtMs } = await world.row(duration);
    expect(deadlineAtMs).toBe(startedAtMs + 3 * HOUR_MS);
  });

  test.each([
    ["no date", () => new Date(Number.NaN), "HF4102"],
    ["nothing", () => undefined as unknown as Date, "HF4102"],
    ["a slip of the keyboard", () => "2 days" as "2d", "HF1001"],
  ])("that is %s refuses the start, and nothing was started", async (_what, deadline, code) => {
    const flow = testWorkflow("flow", () => Promise.resolve(null), { deadline });
    await world.begin([flow]);
    await expect(world.start(flow, { id: "1" })).rejects.toMatchObject({ code });
    expect(await world.allRuns()).toEqual([]);
  });

  test.each([
    [{ deadline: "2 days" as "2d" }, "deadline of workflow"],
    [{ onLate: "shout" as "ask" }, '"onLate" is not valid'],
  ])("that cannot be meant is refused where it is written: %o", (options, message) => {
    const define = () => testWorkflow("flow", () => Promise.resolve(null), options);
    expect(define).toThrow(expect.objectContaining({ code: "HF1001" }));
    expect(define).toThrow(message);
  });

  test("leaves a run alone that is done in time", async () => {
    const { run } = await begun(async (input, r) => {
      await r.sleep("59m");
      return (await r.do(charge, input)).ref;
    });
    await world.advance(3 * HOUR_MS);
    expect(await world.resultOf(run)).toBe("charge:1");
    expect(await world.exceptions(run)).toEqual([]);
  });

  test("passes for a run before its turn in a lane, which then keeps its place", async () => {
    const laned = workflow(
      "laned",
      {
        input: z.object({ id: z.string(), wait: z.boolean() }),
        output: z.string(),
        key: (input) => input.id,
        owner: "team",
        lane: () => "L",
        deadline: (input) => (input.wait ? "9d" : "1h"),
      },
      async (input, run) => {
        if (input.wait) await run.sleep("3h");
        return input.id;
      },
    );
    await world.begin([laned]);
    const first = await world.start(laned, { id: "1", wait: true });
    const second = await world.start(laned, { id: "2", wait: false });
    const third = await world.start(laned, { id: "3", wait: false });
    await world.advance(HOUR_MS + SEEN_WITHIN_MS);
    expect(await openOnes(second)).toMatchObject([{ class: "expired", owner: "team" }]);
    await world.engine.commands.resume(second, null, "ana", "go on");
    expect(await world.stateOf(second)).toBe("waiting");
    await world.engine.commands.cancel(third, "ana", "too late");
    await world.untilState(third, "cancelled");
    await world.crash();
    await world.begin([laned]);
    await world.untilState(first, "completed");
    await world.untilState(second, "completed");
  });

  test("of a child is never later than that of its parent", async () => {
    const child = testWorkflow("child", (_input, r) => r.sleep("9d"), { deadline: "5d" });
    const flow = testWorkflow("flow", (input, r) => r.call(child, input), { deadline: "1h" });
    await world.begin([flow, child]);
    const run = await world.start(flow, { id: "1" });
    await world.settle();
    const [, childRow] = await world.allRuns();
    expect(childRow?.deadlineAtMs).toBe((await world.row(run)).deadlineAtMs);
  });
});

describe("a late run whose owner is asked", () => {
  test("stands still: its code does nothing more until the owner has decided", async () => {
    const { run } = await begun(async (input, r) => {
      await r.sleep("90m");
      return (await r.do(charge, input)).ref;
    });
    await world.advance(9 * HOUR_MS);
    expect(await world.stateOf(run)).toBe("exception");
    expect(actions()).toEqual([]);
  });

  test.each([0, 1])(
    "goes on when it is resumed, and is not late again (%s crashes)",
    async (crashes) => {
      const { run, flow } = await begun(async (input, r) => {
        await r.do(reserve, input);
        await r.sleep("90m");
        return (await r.do(charge, input)).ref;
      });
      await world.advance(HOUR_MS + SEEN_WITHIN_MS);
      for (let life = 0; life < crashes; life += 1) {
        await world.crash();
        await world.begin([flow]);
      }
      await resume(run);
      expect(await world.resultOf(run)).toBe("charge:1");
      expect(actions()).toEqual(["reserve", "charge"]);
      expect(await openOnes(run)).toEqual([]);
    },
  );

  test("is undone when it is cancelled instead", async () => {
    const { run } = await begun(async (input, r) => {
      await r.do(reserve, input);
      await r.sleep("9d");
      return null;
    });
    await world.advance(2 * HOUR_MS);
    await world.engine.commands.cancel(run, "ana", "too late");
    await world.untilState(run, "cancelled");
    expect(actions()).toEqual(["reserve", "undo-reserve"]);
    expect(await openOnes(run)).toEqual([]);
  });

  test("does not lose the answer of an attempt that was under way", async () => {
    const slow = testEffect("once", shop, "wire", { timeout: "50m" });
    shop.plan("wire", { kind: "slow", takesMs: 40 * MINUTE_MS });
    const { run } = await begun(async (input, r) => {
      await r.sleep("5m");
      const { ref } = await r.do(slow, input);
      await r.do(charge, input);
      return ref;
    });
    await world.advance(44 * MINUTE_MS);
    // The clock jumps beyond the deadline while the call is out, which was begun in time.
    world.clock.setMs(world.clock.nowMs() + 20 * MINUTE_MS);
    await world.advance(SEEN_WITHIN_MS);
    expect(await openOnes(run)).toMatchObject([{ class: "expired" }]);
    expect((await world.effects(run))[0]).toMatchObject({ proof: "surely", ended: true });
    expect(actions()).toEqual(["wire"]);
    await resume(run);
    expect(await world.resultOf(run)).toBe("wire:1");
    expect(shop.requestsOf("wire")).toHaveLength(1);
  });

  test("is not asked about twice if its owner has an exception of it open already", async () => {
    const { run } = await begun(async (_input, r) => {
      await r.sleep("1s");
      throw new Error("broken");
    });
    await world.untilState(run, "held");
    await world.advance(2 * HOUR_MS);
    expect(await openOnes(run)).toMatchObject([{ class: "defect" }]);
    expect(await kindsOf(run)).toContain("late");
    expect((await world.row(run)).wakeAtMs).toBeNull();
  });
});

describe("a late run that says so is taken back by itself", () => {
  test.each([
    ["compensate", 0],
    ["compensate", 1],
    ["stop", 0],
    ["stop", 1],
  ] as const)("onLate %s, over %s crashes", async (onLate, crashes) => {
    const { run, flow } = await begun(
      async (input, r) => {
        await r.do(reserve, input);
        await r.do(charge, input);
        await r.sleep("9d");
        return null;
      },
      { deadline: "1h", onLate },
    );
    if (crashes > 0) {
      await world.crash();
      await world.advance(HOUR_MS);
      await world.begin([flow]);
    }
    await world.advance(HOUR_MS + SEEN_WITHIN_MS);
    const undone = onLate === "compensate";
    expect(await world.row(run)).toMatchObject({
      state: "stopped",
      compensated: undone ? "fully" : "no",
    });
    expect((await world.row(run)).reason).toContain("deadline");
    expect(actions()).toEqual(
      undone ? ["reserve", "charge", "undo-charge", "undo-reserve"] : ["reserve", "charge"],
    );
    expect(await world.exceptions(run)).toEqual([]);
  });

  test.each(["diesBefore", "diesAfter"] as const)(
    "goes on over a crash at each flush of the way back (%s)",
    async (fate) => {
      for (let at = 0; at < 8; at += 1) {
        const own = new TestWorld(at);
        const system = own.counterpart("shop", "keys");
        const one = testEffect("keyed", system, "one", { undo: "call" });
        const two = testEffect("keyed", system, "two", { undo: "call" });
        const flow = testWorkflow(
          "flow",
          async (input, r) => {
            await r.do(one, input);
            await r.do(two, input);
            await r.sleep("9d");
            return null;
          },
          { deadline: "1h", onLate: "compensate" },
        );
        let armed = Number.POSITIVE_INFINITY;
        await own.begin([flow], {
          fateOf: () => {
            armed -= 1;
            return armed < 0 ? fate : "applied";
          },
        });
        const run = await own.start(flow, { id: "1" });
        await own.untilState(run, "waiting");
        armed = at;
        await own.advance(HOUR_MS + SEEN_WITHIN_MS);
        await own.crash();
        await own.begin([flow]);
        await own.untilState(run, "stopped");
        expect(system.ledger.map((r) => r.action)).toEqual(["one", "two", "undo-two", "undo-one"]);
        await own.remove();
      }
    },
  );

  test("settles what is unknown before it undoes anything", async () => {
    const mail = testEffect("once", shop, "mail");
    shop.plan("mail", { kind: "lostAnswer", happened: true });
    const { run } = await begun(
      async (input, r) => {
        await r.do(reserve, input);
        return r.do(mail, input);
      },
      { deadline: "1h", onLate: "compensate" },
    );
    await world.advance(5 * HOUR_MS);
    expect(actions()).toEqual(["reserve", "mail"]);
    const [operation] = (await world.effects(run)).filter((row) => row.effect === "mail");
    await world.engine.commands.settle({
      run,
      operation: operation?.operation ?? 0,
      happened: true,
      value: { ref: "m" },
      ref: null,
      by: "cy",
      reason: "sent box",
    });
    await world.untilState(run, "stopped");
    expect(actions()).toEqual(["reserve", "mail", "undo-reserve"]);
  });

  test("closes the exception that it waited for, whose question is answered by the time", async () => {
    shop.always("charge", { kind: "no", class: "data" });
    const { run } = await begun(
      async (input, r) => {
        await r.do(reserve, input);
        return r.do(charge, input);
      },
      { deadline: "1h", onLate: "compensate" },
    );
    await world.untilState(run, "exception");
    await world.advance(2 * HOUR_MS);
    expect(await world.stateOf(run)).toBe("stopped");
    expect(actions()).toEqual(["reserve", "undo-reserve"]);
    expect(await openOnes(run)).toEqual([]);
  });
});
