import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { HoldfastError } from "../../core/error.ts";
import { review } from "../../workflow/review.ts";
import { EffectFailed, type Run } from "../../workflow/run.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow, type TestEffect } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
let shop: Counterpart;
let book: TestEffect;
let pay: TestEffect;
let ship: TestEffect;
let note: TestEffect;

beforeEach(() => {
  world = new TestWorld();
  shop = world.counterpart("shop");
  book = testEffect("keyed", shop, "book", { undo: "call" });
  pay = testEffect("keyed", shop, "pay", { undo: "call" });
  ship = testEffect("keyed", shop, "ship", { undo: "none" });
  note = testEffect("keyed", shop, "note");
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

describe("a scope", () => {
  test("lets two units of one run use the same names", async () => {
    const flow = testWorkflow("flow", async (input, run) => {
      const one = await run.scope("first", (unit) => unit.do(book, input));
      const two = await run.scope("second", (unit) => unit.do(book, { id: "2" }));
      return [one.ref, two.ref];
    });
    const run = await begun(flow);
    expect(await world.resultOf(run)).toEqual(["book:1", "book:2"]);
    expect((await world.effects(run)).map(({ step }) => step)).toEqual([
      "first/book",
      "second/book",
    ]);
  });

  test("that comes through writes nothing of its own", async () => {
    const run = await begun(trip((unit, input) => unit.do(book, input)));
    expect(await world.resultOf(run)).toBe("done");
    expect((await world.records(run)).filter(({ name }) => name === "unit")).toEqual([]);
  });

  test("that fails is undone newest first, and the run goes on", async () => {
    shop.plan("pay", NO);
    const run = await begun(
      trip(async (unit, input) => {
        await unit.do(book, input);
        await unit.do(book, { id: "2" }, { as: "more" });
        await unit.do(pay, input);
      }),
    );
    expect(await world.resultOf(run)).toBe("failed: pay");
    expect(asked()).toEqual(["book 1", "book 2", "pay 1", "undo-book 2", "undo-book 1", "ship 1"]);
    expect((await world.row(run)).compensated).toBe("no");
  });

  test("undoes what ended side by side in the order of its ends, the last one first", async () => {
    shop.plan("book", { kind: "slow", takesMs: 3_000 }, { kind: "slow", takesMs: 1_000 });
    shop.plan("pay", NO);
    const run = await begun(
      trip(async (unit, input) => {
        await Promise.all([
          unit.do(book, { id: "slow" }, { as: "a" }),
          unit.do(book, { id: "quick" }, { as: "b" }),
        ]);
        await unit.do(pay, input);
      }),
    );
    expect(await world.resultOf(run)).toBe("failed: pay");
    expect(asked().filter((one) => one.startsWith("undo"))).toEqual([
      "undo-book slow",
      "undo-book quick",
    ]);
  });

  test("waits for what is under way beside the step that failed, and undoes that too", async () => {
    shop.plan("book", { kind: "slow", takesMs: 4_000 });
    shop.plan("pay", NO);
    const run = await begun(
      trip((unit, input) => Promise.all([unit.do(book, input), unit.do(pay, input)])),
    );
    expect(await world.resultOf(run)).toBe("failed: pay");
    expect(asked()).toEqual(["book 1", "pay 1", "undo-book 1", "ship 1"]);
    expect(shop.count("book")).toBe(1);
  });

  test("begins nothing more once it has failed", async () => {
    shop.plan("pay", NO);
    const run = await begun(
      trip((unit, input) =>
        Promise.all([
          unit.do(pay, input),
          (async () => {
            await unit.sleep("1s");
            await unit.do(book, input);
          })(),
        ]),
      ),
    );
    expect(await world.resultOf(run)).toBe("failed: pay");
    await world.advance(60_000);
    expect(asked()).toEqual(["pay 1", "ship 1"]);
  });

  test("undoes nothing while it is not known what happened, and shows what it waits for", async () => {
    const transfer = testEffect("once", shop, "transfer", {
      undo: { effect: book, input: () => ({ id: "back" }) },
    });
    shop.plan("transfer", { kind: "lostAnswer", happened: true });
    const run = await begun(
      trip(async (unit, input) => {
        await unit.do(book, input);
        const sent = await unit.try(transfer, input);
        if (!sent.ok) throw new Error("nobody knows");
      }),
    );
    await world.untilState(run, "exception");
    expect(asked()).toEqual(["book 1", "transfer 1"]);
    expect((await world.row(run)).reason).toMatch(/"unit\/transfer" may have happened: settle it/);
    const [operation] = (await world.effects(run)).filter(({ effect }) => effect === "transfer");
    await world.engine.commands.settle({
      run,
      operation: operation?.operation ?? 0,
      happened: true,
      value: { ref: "t" },
      ref: null,
      by: "bo",
      reason: "seen in the statement",
    });
    expect(await world.resultOf(run)).toBe("Error: nobody knows");
    expect(asked().slice(2)).toEqual(["book back", "undo-book 1", "ship 1"]);
  });

  test("gives what stays to its owner, beside the run, which goes on", async () => {
    shop.plan("pay", NO);
    const run = await begun(
      trip(async (unit, input) => {
        await unit.do(note, input);
        await unit.do(book, input);
        await unit.do(pay, input);
      }),
    );
    expect(await world.resultOf(run)).toBe("failed: pay");
    const open = await world.exceptions(run);
    expect(open.map(({ reasonCode, subject, owner }) => ({ reasonCode, subject, owner }))).toEqual([
      { reasonCode: "HF3004", subject: "stays unit/note", owner: "team-shop" },
    ]);
    await world.engine.exceptions.beside.close({ run, seq: open[0]?.seq ?? 0 }, "bo", "torn up");
  });

  test("inside another one is undone alone; the outer one undoes the rest", async () => {
    shop.plan("pay", NO);
    shop.plan("pay", NO);
    const flow = testWorkflow("flow", (input, run) =>
      run
        .scope(
          "outer",
          async (outer) => {
            await outer.do(book, { id: "outer" });
            await outer
              .scope(
                "inner",
                async (inner) => {
                  await inner.do(book, { id: "inner" });
                  await inner.do(pay, input);
                },
                COMPENSATE,
              )
              .catch(() => undefined);
            await outer.do(pay, input);
          },
          COMPENSATE,
        )
        .catch((error: unknown) => String(error)),
    );
    const run = await begun(flow);
    await world.resultOf(run);
    expect(asked()).toEqual([
      "book outer",
      "book inner",
      "pay 1",
      "undo-book inner",
      "pay 1",
      "undo-book outer",
    ]);
  });

  test("withdraws a question that nobody needs an answer to any more", async () => {
    const approve = review("approve", { subject: z.any(), decision: z.any(), by: "boss" });
    shop.plan("pay", NO);
    const run = await begun(
      trip((unit, input) => Promise.all([unit.ask(approve, {}), unit.do(pay, input)])),
    );
    expect(await world.resultOf(run)).toBe("failed: pay");
    const [withdrawn] = await world.reviews(run);
    expect(withdrawn).toMatchObject({ state: "answered", answeredBy: "(engine)" });
  });

  test("takes back the child that it waits for", async () => {
    const child = testWorkflow("child", async (input, run) => {
      await run.do(book, input);
      await run.sleep("30d");
      return null;
    });
    shop.plan("pay", { kind: "slow", takesMs: 2_000 }, NO);
    const flow = trip((unit, input) =>
      Promise.all([
        unit.call(child, { id: "c" }),
        (async () => {
          await unit.do(pay, input);
          await unit.do(pay, input, { as: "again" });
        })(),
      ]),
    );
    await world.begin([flow, child]);
    const run = await world.start(flow, { id: "1" });
    expect(await world.resultOf(run)).toBe("failed: pay");
    const states = (await world.allRuns()).map(({ workflow, state }) => `${workflow} ${state}`);
    expect(states.toSorted()).toEqual(["child cancelled", "trip completed"]);
    expect(asked()).toContain("undo-book c");
  });

  test("is left as it is by an error of the code, which is mended first", async () => {
    const run = await begun(
      testWorkflow("flow", (input, r) =>
        r.scope(
          "unit",
          async (unit) => {
            await unit.do(book, input);
            throw new TypeError("undefined is not a function");
          },
          COMPENSATE,
        ),
      ),
    );
    await world.untilState(run, "held");
    expect(asked()).toEqual(["book 1"]);
  });

  test("cannot be called like the place where undoings are on record", async () => {
    const run = await begun(
      testWorkflow("flow", (_input, r) =>
        r.scope("undo", () => Promise.resolve(1)).catch((e: unknown) => (e as HoldfastError).code),
      ),
    );
    expect(await world.resultOf(run)).toBe("HF1001");
  });

  test("refuses a second scope of its name", async () => {
    const run = await begun(
      testWorkflow("flow", async (_input, r) => {
        await r.scope("unit", () => Promise.resolve(1));
        return await r
          .scope("unit", () => Promise.resolve(2))
          .catch((e: unknown) => (e as HoldfastError).code);
      }),
    );
    expect(await world.resultOf(run)).toBe("HF1203");
  });
});
