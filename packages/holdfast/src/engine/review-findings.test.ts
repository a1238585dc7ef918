/** Findings of a review of the engine, each a scenario that once broke a promise. */
import { runInNewContext } from "node:vm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { effect } from "../workflow/effect.ts";
import { integration } from "../workflow/integration.ts";
import { review } from "../workflow/review.ts";
import { StepFailed } from "../workflow/run.ts";
import { workflow, type AnyWorkflow } from "../workflow/workflow.ts";
import { TestWorld } from "./test-world.test-support.ts";

const Id = z.object({ id: z.string() });
const shop = integration("shop", { owner: "team-shop" });

/** An effect that counts in `done` what really happened. */
function counting(
  name: string,
  done: string[],
  outcome: () => "ok" | "lost" | "never" = () => "ok",
) {
  return effect(name, {
    on: shop,
    repeat: "once",
    input: Id,
    output: z.object({ ref: z.string() }),
    classify: () =>
      outcome() === "never"
        ? { class: "transient", effect: "never" }
        : { class: "transient", effect: "maybe" },
    run: (input) => {
      if (outcome() === "never") return Promise.reject(new Error("not sent"));
      done.push(`${name}:${input.id}`);
      return outcome() === "ok"
        ? Promise.resolve({ ref: `${name}-1` })
        : Promise.reject(new Error("no answer"));
    },
    compensate: {
      effect: effect(`undo-${name}`, {
        on: shop,
        repeat: "idempotent",
        why: "delete",
        input: z.object({ ref: z.string() }),
        output: z.null(),
        run: ({ ref }) => {
          done.push(`undo:${ref}`);
          return Promise.resolve(null);
        },
      }),
      input: (_input, output) => ({ ref: output.ref }),
    },
  });
}

describe("review findings", () => {
  let world = new TestWorld();
  beforeEach(() => {
    world = new TestWorld();
  });
  afterEach(() => world.remove());

  async function begun(flow: AnyWorkflow): Promise<number> {
    await world.begin([flow]);
    return await world.start(flow, { id: "1" });
  }

  test("an outcome that run.try gave up on is settled before the run is undone, and then undone", async () => {
    const done: string[] = [];
    const charge = counting("charge", done, () => "lost");
    const flow = workflow(
      "w",
      { input: Id, output: z.null(), key: (i) => i.id, owner: "o" },
      async (i, run) => {
        await run.try(charge, i);
        await run.sleep("10h");
        return null;
      },
    );
    const run = await begun(flow);
    await world.untilState(run, "waiting");
    await world.engine.commands.cancel(run, "ana", "wrong order");
    await world.settle();
    expect(await world.stateOf(run)).toBe("exception");
    const [row] = await world.effects(run);
    await world.crash();
    await world.begin([flow]);
    await world.engine.commands.settle({
      run,
      operation: row?.operation ?? 0,
      happened: true,
      value: { ref: "ch-9" },
      ref: null,
      by: "ana",
      reason: "seen",
    });
    await world.untilState(run, "cancelled");
    expect(done).toEqual(["charge:1", "undo:ch-9"]);
  });

  test("an effect that failed before it was declared is in the ledger once it is sent", async () => {
    const done: string[] = [];
    let isBroken = true;
    const charge = effect("charge", {
      on: shop,
      repeat: "keyed",
      keyWindow: "24h",
      input: Id,
      output: z.string(),
      describe: () => {
        if (isBroken) throw new Error("no amount");
        return {};
      },
      run: (_input, attempt) => {
        done.push(attempt.key);
        return Promise.resolve("ok");
      },
    });
    const flow = workflow(
      "w",
      { input: Id, output: z.string(), key: (i) => i.id, owner: "o" },
      (i, run) => run.do(charge, i),
    );
    const run = await begun(flow);
    await world.untilState(run, "held", "exception");
    isBroken = false;
    await world.engine.commands.resume(run, null, "dev", "mended");
    await world.untilState(run, "completed");
    expect(done).toHaveLength(1);
    expect(await world.effects(run)).toMatchObject([
      { effect: "charge", proof: "surely", key: done[0] },
    ]);
  });

  test("a call and a review that are refused are refused again on recovery", async () => {
    const child = workflow(
      "child",
      { input: z.object({ n: z.number() }), output: z.null(), key: () => "c", owner: "o" },
      () => Promise.resolve(null),
    );
    const big = review("big", {
      subject: z.object({ n: z.number().min(5) }),
      decision: z.null(),
      by: "b",
    });
    const flow = workflow(
      "w",
      { input: Id, output: z.array(z.string()), key: (i) => i.id, owner: "o" },
      async (_i, run) => {
        const seen: string[] = [];
        const note = (error: unknown) =>
          seen.push(error instanceof Error ? error.message.slice(0, 12) : "?");
        await run.call(child, { n: "x" as unknown as number }).catch(note);
        await run.ask(big, { n: 1 }).catch(note);
        await run.step("after", () => 1);
        await run.sleep("1h");
        return seen;
      },
    );
    await world.begin([flow, child]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "waiting");
    await world.crash();
    await world.begin([flow, child]);
    await world.advance(3_700_000);
    expect(await world.stateOf(run)).toBe("completed");
    expect(await world.resultOf(run)).toEqual(["The input of", "The subject "]);
  });

  test("a default that is no JSON breaks its own run only", async () => {
    const late = review("late", {
      subject: Id,
      decision: z.object({ until: z.coerce.date() }),
      by: "b",
      within: "1h",
      onTimeout: { default: { until: new Date(0) } },
    });
    const flow = workflow(
      "w",
      { input: Id, output: z.null(), key: (i) => i.id, owner: "o" },
      async (i, run) => {
        await run.ask(late, i);
        return null;
      },
    );
    const run = await begun(flow);
    await world.untilState(run, "review");
    await world.advance(3_700_000);
    expect(await world.stateOf(run)).toBe("held");
    expect(await world.exceptions(run)).toMatchObject([{ owner: "o", class: "defect" }]);
  });

  test.each([
    [
      "throws",
      () => {
        throw new Error("listener");
      },
    ],
    ["rejects", async () => await Promise.reject(new Error("listener"))],
    [
      "rejects with a promise of another realm",
      () => runInNewContext("Promise.reject(new Error('listener'))"),
    ],
  ])("a listener that %s changes nothing", async (_how, listener) => {
    const done: string[] = [];
    const flow = workflow(
      "w",
      { input: Id, output: z.string(), key: (i) => i.id, owner: "o" },
      async (i, run) => {
        const { ref } = await run.do(counting("book", done), i);
        return ref;
      },
    );
    const warned: string[] = [];
    const onWarning = (warning: Error) => warned.push(warning.message);
    process.on("warning", onWarning);
    await world.begin([flow]);
    world.engine.on(listener);
    const run = await world.start(flow, { id: "1" });
    expect(await world.resultOf(run)).toBe("book-1");
    await world.settle();
    process.removeListener("warning", onWarning);
    expect(done).toEqual(["book:1"]);
    expect(warned.some((text) => text.includes("listener"))).toBe(true);
  });

  test("a child in its parent's lane, or with its parent's key, is refused instead of waited for", async () => {
    const errors: string[] = [];
    const child = workflow(
      "child",
      { input: Id, output: z.null(), key: (i) => i.id, owner: "o", lane: () => "L" },
      () => Promise.resolve(null),
    );
    const flow: AnyWorkflow = workflow(
      "w",
      { input: Id, output: z.null(), key: (i) => i.id, owner: "o", lane: () => "L" },
      async (i, run) => {
        await run.call(child, i).catch((error: unknown) => errors.push(String(error)));
        return null;
      },
    );
    await world.begin([flow, child]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "completed");
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain("they would wait for each other");
    expect(errors[0]).not.toContain(StepFailed.name);
  });

  test("a cancelled run goes on being undone after it was woken, though its code failed meanwhile", async () => {
    const done: string[] = [];
    let undoFails = 1;
    const first = effect("first", {
      on: shop,
      repeat: "idempotent",
      why: "put",
      input: Id,
      output: z.string(),
      run: () => Promise.resolve("f"),
      classify: () => ({ class: "throttled", effect: "never" }),
      compensate: () => {
        undoFails -= 1;
        if (undoFails >= 0) return Promise.reject(new Error("busy"));
        done.push("undone");
        return Promise.resolve();
      },
    });
    const second = effect("second", {
      on: shop,
      repeat: "idempotent",
      why: "put",
      input: Id,
      output: z.string(),
      retry: { attempts: 50, within: "10h" },
      classify: () => ({ class: "throttled", effect: "never" }),
      run: () => Promise.reject(new Error("slow down")),
    });
    const flow = workflow(
      "w",
      { input: Id, output: z.string(), key: (i) => i.id, owner: "o" },
      async (i, run) => {
        await run.do(first, i);
        return await run.do(second, i);
      },
    );
    const run = await begun(flow);
    await world.untilState(run, "waiting");
    await world.engine.commands.cancel(run, "ana", "no more");
    await world.advance(3_600_000);
    expect(await world.stateOf(run)).toBe("cancelled");
    expect(done).toEqual(["undone"]);
    expect(await world.exceptions(run)).toEqual([]);
  });
});
