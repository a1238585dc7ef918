import { runInNewContext } from "node:vm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { HoldfastError } from "../../core/error.ts";
import { StepFailed, type Run } from "../../workflow/run.ts";
import { testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

describe("run.step", () => {
  test("does not do recorded work again after a crash", async () => {
    const done: string[] = [];
    const flow = testWorkflow("flow", async (_input, run) => {
      const a = await run.step("a", () => done.push("a"));
      await run.sleep("1h");
      const b = await run.step("b", () => done.push("b"));
      return [a, b];
    });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "waiting");
    await world.crash();
    await world.begin([flow]);
    expect(await world.resultOf(run)).toEqual([1, 2]);
    expect(done).toEqual(["a", "b"]);
  });

  test("waits until a durable result is written before the code goes on", async () => {
    const seen: string[][] = [];
    const flow = testWorkflow("flow", async (_input, run) => {
      await run.step("kept", () => 1, { durable: true });
      seen.push(world.life.watched.flushes.flatMap((flush) => flush.records));
      await run.step("quick", () => 2);
      seen.push(world.life.watched.flushes.flatMap((flush) => flush.records));
      return null;
    });
    await world.begin([flow]);
    await world.resultOf(await world.start(flow, { id: "1" }));
    expect(seen[0]).toContain("result kept");
    // The other kind goes on at once: that is what makes local steps cheap.
    expect(seen[1]).not.toContain("result quick");
  });

  test("gives the code the JSON round trip of a result, first as on recovery", async () => {
    const seen: unknown[] = [];
    const flow = testWorkflow("flow", async (_input, run) => {
      const value = await run.step("odd", () => ({ a: undefined, b: [1], c: null }));
      seen.push(Object.keys(value), value);
      await run.sleep("1h");
      return null;
    });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "waiting");
    await world.crash();
    await world.begin([flow]);
    await world.resultOf(run);
    expect(seen.slice(0, 2)).toEqual([["b", "c"], { b: [1], c: null }]);
    expect(seen.slice(2, 4)).toEqual(seen.slice(0, 2));
  });

  test("throws the same error on recovery, without doing the work again", async () => {
    let tries = 0;
    const caught: unknown[] = [];
    const flow = testWorkflow("flow", async (_input, run) => {
      try {
        await run.step("bad", () => {
          tries += 1;
          throw new RangeError(`no. ${String(tries)}`);
        });
      } catch (error) {
        caught.push(error);
      }
      await run.sleep("1h");
      return "went on";
    });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "waiting");
    await world.crash();
    await world.begin([flow]);
    expect(await world.resultOf(run)).toBe("went on");
    expect(tries).toBe(1);
    expect(caught.length).toBeGreaterThan(1);
    for (const error of caught) {
      expect(error).toBeInstanceOf(StepFailed);
      expect(error).toMatchObject({ step: "bad", errorName: "RangeError", message: "no. 1" });
    }
  });

  test("waits for asynchronous work, and treats its rejection like a throw", async () => {
    const flow = testWorkflow("flow", async (_input, run) => {
      const value = await run.step("later", () => Promise.resolve(7));
      const error = await run
        .step("rejects", () => Promise.reject(new Error("refused")))
        .catch((thrown: unknown) => (thrown as Error).message);
      return { value, error };
    });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    expect(await world.resultOf(run)).toEqual({ value: 7, error: "refused" });
  });

  test.each([
    ["a Date", () => new Date(0)],
    ["a bigint", () => 1n],
    ["NaN", () => Number.NaN],
    ["undefined in an array", () => [undefined]],
    ["a lone surrogate", () => "\ud800"],
    ["an integer beyond 2^53", () => 2 ** 53 + 2],
    ["a function", () => () => 1],
    ["a Map", () => new Map()],
  ])("fails a step whose result is %s, with the code that says so", async (_what, work) => {
    const flow = testWorkflow("flow", async (_input, run) => {
      await run.step("odd", work as () => unknown);
      return null;
    });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "held");
    const [exception] = await world.exceptions(run);
    expect(exception).toMatchObject({ class: "defect", owner: "team-flow" });
    expect(exception?.because).toContain("HoldfastError");
    expect(exception?.message).toMatch(/result of step "odd"/);
  });
});

const foreign = (code: string): unknown => runInNewContext(code);

/** It can be awaited and is no promise, as those that build queries are. */
const query: object = Object.assign({}, foreign("({ then(tell) { tell([{ id: 1 }]); } })"));

describe("what another realm has made", () => {
  test.each([
    ["a promise", () => foreign("Promise.resolve({ a: [1] })"), { a: [1] }],
    ["an array", () => foreign("[1, [2]]"), [1, [2]]],
    ["a query builder, which is no promise", () => query, [{ id: 1 }]],
    ["a function that can be awaited", () => Object.assign(() => 1, query), [{ id: 1 }]],
  ])("%s is awaited and kept", async (_name, work, expected) => {
    const flow = testWorkflow("flow", (_input, run) => run.step("read", work));
    await world.begin([flow]);
    expect(await world.resultOf(await world.start(flow, { id: "1" }))).toEqual(expected);
  });

  test("the error of what can be awaited is the step's", async () => {
    const flow = testWorkflow("flow", async (_input, run) => {
      const failed = await run
        .step("read", () => foreign("Promise.reject(new Error('no rows'))"))
        .catch((error: unknown) => error);
      return failed instanceof StepFailed ? failed.message : "no";
    });
    await world.begin([flow]);
    expect(await world.resultOf(await world.start(flow, { id: "1" }))).toContain("no rows");
  });
});

describe("names", () => {
  test("refuses a second step of one name, of whatever kind", async () => {
    const seen: unknown[] = [];
    const note = (error: unknown) => {
      seen.push(error);
    };
    const flow = testWorkflow("flow", async (_input, run: Run) => {
      await run.step("x", () => 1);
      await run.step("x", () => 2).catch(note);
      await run.sleep("1ms");
      await run.sleep("1ms").catch(note);
      run.uuid("u");
      try {
        run.uuid("u");
      } catch (error) {
        note(error);
      }
      const twice = await run.step("x", () => 3, { as: "again" });
      return twice;
    });
    await world.begin([flow]);
    expect(await world.resultOf(await world.start(flow, { id: "1" }))).toBe(3);
    expect(seen).toHaveLength(3);
    for (const error of seen) {
      expect(error).toBeInstanceOf(HoldfastError);
      expect(error).toMatchObject({ code: "HF1203" });
    }
  });

  test("holds a run whose code does not catch that", async () => {
    const flow = testWorkflow("flow", async (_input, run) => {
      await run.step("x", () => 1);
      await run.step("x", () => 2);
      return null;
    });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "held");
    expect((await world.exceptions(run))[0]).toMatchObject({
      reasonCode: "HF1203",
      class: "defect",
    });
  });

  test("stops a run that asks for more steps than the limit", async () => {
    const flow = testWorkflow("flow", async (_input, run) => {
      for (let n = 0; n < 50; n += 1) await run.step("n", () => n, { as: String(n) });
      return null;
    });
    await world.begin([flow], { limits: { stepsMax: 20 } });
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "held");
    expect((await world.exceptions(run))[0]).toMatchObject({ reasonCode: "HF4104" });
  });
});

describe("values that are the same again", () => {
  test("now, random and uuid are equal on recovery, and differ between names and runs", async () => {
    const seen = new Map<string, unknown[]>();
    const flow = testWorkflow("flow", async (input, run) => {
      const values = [
        run.now("t").getTime(),
        run.random("r"),
        run.random("s"),
        run.uuid("u"),
        run.uuid("v"),
      ];
      seen.set(input.id, [...(seen.get(input.id) ?? []), values]);
      await run.step("after", () => 1, { durable: true });
      await run.sleep("1h");
      return values;
    });
    await world.begin([flow]);
    const one = await world.start(flow, { id: "1" });
    const two = await world.start(flow, { id: "2" });
    await world.untilState(one, "waiting");
    await world.untilState(two, "waiting");
    await world.crash();
    world.clock.setMs(world.clock.nowMs() + 1_000);
    await world.begin([flow]);
    const results = [await world.resultOf(one), await world.resultOf(two)];

    expect(seen.get("1")).toHaveLength(2);
    expect(seen.get("1")?.[1]).toEqual(seen.get("1")?.[0]);
    expect(results[0]).toEqual(seen.get("1")?.[0]);
    const [, r, s, u, v] = results[0] as [number, number, number, string, string];
    const [, r2, , u2] = results[1] as [number, number, number, string, string];
    expect(new Set([r, s, r2]).size).toBe(3);
    expect(new Set([u, v, u2]).size).toBe(3);
    expect(r).toBeGreaterThanOrEqual(0);
    expect(r).toBeLessThan(1);
    expect(u).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});
