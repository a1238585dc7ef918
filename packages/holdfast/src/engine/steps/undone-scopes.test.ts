import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EffectFailed, type Run } from "../../workflow/run.ts";
import { timelineEntry } from "../../operate/timeline.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow, type TestEffect } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
let shop: Counterpart;
let book: TestEffect;
let pay: TestEffect;
let ship: TestEffect;

beforeEach(() => {
  world = new TestWorld();
  shop = world.counterpart("shop");
  book = testEffect("keyed", shop, "book", { undo: "call" });
  pay = testEffect("keyed", shop, "pay", { undo: "call" });
  ship = testEffect("keyed", shop, "ship", { undo: "none" });
});
afterEach(() => world.remove());

const NO = { kind: "no", class: "permanent" } as const;
const COMPENSATE = { onFailure: "compensate" } as const;

/** The order in which the shop was asked, by action and business reference. */
function asked(): readonly string[] {
  return shop.requests.map(({ action, id }) => `${action} ${id}`);
}

/** A scope that books and pays, and says what came of it; then the run ships. */
function trip(inScope: (unit: Run, input: { id: string }) => Promise<unknown>) {
  return testWorkflow("trip", async (input, run) => {
    let came = "done";
    try {
      await run.scope("unit", (unit) => inScope(unit, input), COMPENSATE);
    } catch (error) {
      came = error instanceof EffectFailed ? `failed: ${error.failure.effectName}` : String(error);
    }
    await run.do(ship, input);
    return came;
  });
}

async function begun(flow: ReturnType<typeof testWorkflow>): Promise<number> {
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.settle();
  return run;
}

describe("an undoing that leaves something", () => {
  test.each([
    ["of a run", true],
    ["of a scope", false],
  ])("is shown as undone in part, with what stays (%s)", async (_what, isOfRun) => {
    const charge = testEffect("keyed", shop, "charge", { undo: "call", leaves: "the card fee" });
    shop.always("pay", NO);
    const body = async (unit: Run, input: { id: string }) => {
      await unit.do(charge, input);
      await unit.do(pay, input);
    };
    const flow = testWorkflow(
      "flow",
      async (input, run) => {
        if (isOfRun) return await body(run, input);
        return await run.scope("unit", (unit) => body(unit, input), COMPENSATE);
      },
      { onFailure: isOfRun ? "compensate" : "stop" },
    );
    const run = await begun(flow);
    await world.untilState(run, "stopped");
    const said = (await world.records(run)).map((record) => timelineEntry(record).what);
    const words = said.join("; ");
    expect(words).toMatch(/undone in part: the card fee stays/u);
    expect((await world.row(run)).compensated).toBe(isOfRun ? "partially" : "no");
    expect(asked()).toEqual(["charge 1", "pay 1", "undo-charge 1"]);
  });

  test("has to be the undoing of something", () => {
    const refusal = /says what its undoing leaves, and declares no undoing/u;
    expect(() => testEffect("keyed", shop, "odd", { leaves: "a fee" })).toThrow(refusal);
    expect(() => testEffect("keyed", shop, "odd", { leaves: "a fee", undo: "none" })).toThrow(
      refusal,
    );
  });
});

/** Books, and then cannot pay. */
function failing() {
  return trip(async (unit, input) => {
    await unit.do(book, input);
    await unit.do(pay, input);
  });
}

describe("a scope that is being undone", () => {
  test("is undone to its end when its run is cancelled meanwhile", async () => {
    shop.plan("pay", NO);
    shop.plan("undo-book", { kind: "throttled", afterMs: 60_000 });
    const run = await begun(failing());
    await world.advance(5_000);
    expect(await world.stateOf(run)).toBe("waiting");
    await world.engine.commands.cancel(run, "bo", "no longer wanted");
    await world.untilState(run, "cancelled");
    expect(asked()).toEqual(["book 1", "pay 1", "undo-book 1", "undo-book 1"]);
    expect(shop.count("undo-book")).toBe(1);
  });

  test("waits in the store for a person where its undoing fails, and goes on after it", async () => {
    shop.plan("pay", NO);
    shop.plan("undo-book", NO);
    const flow = failing();
    const run = await begun(flow);
    await world.untilState(run, "exception");
    expect(world.engine.live.size).toBe(0);
    const [open] = await world.exceptions(run);
    expect(open?.step).toBe("undo/unit/book");
    await world.crash();
    await world.begin([flow]);
    await world.engine.commands.resume(run, "undo/unit/book", "bo", "they take it back now");
    expect(await world.resultOf(run)).toBe("failed: pay");
    expect(shop.count("undo-book")).toBe(1);
  });

  test("sends nothing again after a crash that came before its steps were told", async () => {
    // A system of its own: what it asks to wait for slows no other.
    const hotel = world.counterpart("hotel");
    const room = testEffect("keyed", hotel, "room", { undo: "call" });
    hotel.plan("room", { kind: "throttled", afterMs: 60_000 });
    shop.plan("pay", { kind: "slow", takesMs: 1_000 }, NO);
    const flow = trip((unit, input) =>
      Promise.all([
        unit.do(room, input),
        (async () => {
          await unit.do(pay, input, { as: "a" });
          await unit.do(pay, input, { as: "b" });
        })(),
      ]),
    );
    await world.begin([flow], {
      fateOf: ({ records }) => (records.includes("outcome unit/pay#b") ? "diesAfter" : "applied"),
    });
    void world.engine.startRun(flow, { id: "1" }).catch(() => undefined);
    await world.advance(2_000);
    expect(world.life.watched.isDead).toBe(true);
    await world.crash();
    world.clock.setMs(world.clock.nowMs() + 120_000);
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    expect(await world.resultOf(run)).toBe("failed: pay");
    expect(asked()).toEqual(["pay 1", "pay 1", "undo-pay 1", "ship 1"]);
    expect(hotel.requests).toHaveLength(1);
  });
});

/** The same after a step of its own, and with a wait afterwards. */
function failingThenWaiting() {
  return testWorkflow("trip", async (input, run) => {
    await run.do(book, { id: "before" });
    await run
      .scope(
        "unit",
        async (unit) => {
          await unit.do(book, input);
          await unit.do(pay, input);
        },
        COMPENSATE,
      )
      .catch(() => undefined);
    await run.sleep("1h");
    await run.do(ship, input);
    return "over";
  });
}

describe("a run with a scope that was undone", () => {
  test("is undone without it when it is cancelled later", async () => {
    shop.plan("pay", NO);
    const flow = failingThenWaiting();
    const run = await begun(flow);
    await world.untilState(run, "waiting");
    await world.engine.commands.cancel(run, "bo", "no longer wanted");
    await world.untilState(run, "cancelled");
    expect(asked()).toEqual(["book before", "book 1", "pay 1", "undo-book 1", "undo-book before"]);
    expect((await world.row(run)).compensated).toBe("fully");
  });

  test.each([true, false])(
    "takes the same way again after a crash (cancelled then: %s)",
    async (isCancelled) => {
      shop.plan("pay", NO);
      const flow = failingThenWaiting();
      const run = await begun(flow);
      await world.untilState(run, "waiting");
      await world.crash();
      await world.begin([flow]);
      if (isCancelled) await world.engine.commands.cancel(run, "bo", "no longer wanted");
      await world.untilState(run, "completed", "cancelled");
      const rest = isCancelled ? ["undo-book before"] : ["ship 1"];
      expect(asked()).toEqual(["book before", "book 1", "pay 1", "undo-book 1", ...rest]);
    },
  );

  test("does not fit code in which the scope no longer fails", async () => {
    shop.plan("pay", NO);
    const run = await begun(failingThenWaiting());
    await world.untilState(run, "waiting");
    await world.crash();
    const other = testWorkflow("trip", async (input, r) => {
      await r.do(book, { id: "before" });
      await r.scope(
        "unit",
        async (unit) => {
          await unit.do(book, input);
          await unit.do(pay, input).catch(() => undefined);
        },
        COMPENSATE,
      );
      await r.sleep("1h");
      return "over";
    });
    await world.begin([other]);
    await world.advance(2 * 3_600_000);
    expect(await world.stateOf(run)).toBe("held");
    expect((await world.exceptions(run))[0]?.because).toMatch(
      /HF2104.*scope "?unit|scope that has/,
    );
  });

  test("is not done again where somebody resumes the run that failed by it", async () => {
    shop.plan("pay", NO);
    const flow = testWorkflow("flow", (input, run) =>
      run.scope(
        "unit",
        async (unit) => {
          await unit.do(book, input);
          await unit.do(pay, input);
        },
        COMPENSATE,
      ),
    );
    const run = await begun(flow);
    await world.untilState(run, "exception");
    await world.engine.commands.resume(run, null, "bo", "once more");
    await world.advance(60_000);
    await world.untilState(run, "exception");
    expect(asked()).toEqual(["book 1", "pay 1", "undo-book 1"]);
  });
});

/** What the shop really did in the end, and whether the flush of this number was ever reached. */
async function story(fate: "diesBefore" | "diesAfter", dieAt: number) {
  const own = new TestWorld();
  try {
    const own1 = own.counterpart("shop", "keys");
    const one = testEffect("keyed", own1, "book", { undo: "call" });
    const declined = testEffect("keyed", own1, "pay", { undo: "call" });
    const last = testEffect("keyed", own1, "ship", { undo: "none" });
    own1.always("pay", NO);
    const flow = testWorkflow("trip", async (input, run) => {
      const both = async (unit: Run) => {
        const ids = ["a", "b"] as const;
        await Promise.all(ids.map((id) => unit.do(one, { id }, { as: id })));
        await unit.do(declined, input);
      };
      await run.scope("unit", both, COMPENSATE).catch(() => undefined);
      await run.do(last, input);
      return "over";
    });
    const fateOf = ({ number }: { readonly number: number }) =>
      number === dieAt ? fate : "applied";
    await own.begin([flow], { fateOf });
    void own.engine.startRun(flow, { id: "1" }).catch(() => undefined);
    await own.settle();
    const isReached = own.life.watched.isDead;
    await own.crash();
    await own.begin([flow]);
    await own.untilState(await own.start(flow, { id: "1" }), "completed");
    return { isReached, did: own1.ledger.map(({ action, id }) => `${action} ${id}`) };
  } finally {
    await own.remove();
  }
}

describe("a scope that is undone when the process dies", () => {
  test.each(["diesBefore", "diesAfter"] as const)(
    "is undone once, at whatever flush that is (%s), and the run goes on",
    async (fate) => {
      let dieAt = 2;
      for (; dieAt < 60; dieAt += 1) {
        const { isReached, did } = await story(fate, dieAt);
        expect(did.toSorted()).toEqual([
          "book a",
          "book b",
          "ship 1",
          "undo-book a",
          "undo-book b",
        ]);
        expect(did.at(-1)).toBe("ship 1");
        if (!isReached) break;
      }
      // The start, the intents side by side, each later one and the end: seven flushes.
      expect(dieAt).toBeGreaterThan(7);
    },
  );
});
