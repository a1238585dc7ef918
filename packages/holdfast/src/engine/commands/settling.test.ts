import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EffectFailed, type FailureView } from "../../workflow/run.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
let system: Counterpart;
beforeEach(() => {
  world = new TestWorld();
  system = world.counterpart("bank");
});
afterEach(() => world.remove());

test("what is said while a first attempt is out is refused in words that are true of it", async () => {
  system.plan("pay", { kind: "slow", takesMs: 5_000 });
  const flow = paying();
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.settle();
  await expect(settle(run, true)).rejects.toMatchObject({
    code: "HF6003",
    message: 'A call of "pay" is under way and may still answer; try again when it has ended.',
  });
});

test("an answer that came and breaks its schema is not called lost, and no value is no answer", async () => {
  system.plan("pay", { kind: "answers", value: { wrong: 1 } });
  const flow = paying();
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.settle();
  const [exception] = await world.exceptions(run);
  expect(exception).toMatchObject({
    reasonCode: "EFFECT:ANSWER_SCHEMA",
    because:
      "It happened and was answered, but the answer does not fit its schema and cannot be looked up.",
  });
  await expect(settle(run, true)).rejects.toMatchObject({
    code: "HF4102",
    message: expect.stringContaining("No value was given: add --value") as string,
  });
});

/** A run whose only effect may or may not have happened, and which nobody can look up. */
async function unknownRun(flow: ReturnType<typeof testWorkflow>, happened = true): Promise<number> {
  system.plan("pay", { kind: "lostAnswer", happened });
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.settle();
  return run;
}

function paying() {
  const pay = testEffect("once", system, "pay");
  return testWorkflow("flow", (input, run) => run.do(pay, input));
}

async function operationOf(run: number): Promise<number> {
  const [row] = await world.effects(run);
  if (row === undefined) throw new Error("no effect");
  return row.operation;
}

async function settle(run: number, happened: boolean, value: unknown = null): Promise<void> {
  await world.engine.commands.settle({
    run,
    operation: await operationOf(run),
    happened,
    value,
    ref: happened ? "bank-7" : null,
    by: "cy",
    reason: "statement, line 14",
  });
}

const openOnes = async (run: number) =>
  (await world.exceptions(run)).filter((exception) => exception.closedAtMs === null);

describe("a person says what happened", () => {
  test("it did: the run goes on with the value, and nothing is sent", async () => {
    const flow = paying();
    const run = await unknownRun(flow);
    expect(await world.stateOf(run)).toBe("exception");
    await settle(run, true, { ref: "pay:1" });
    expect(await world.resultOf(run)).toEqual({ ref: "pay:1" });
    expect(system.requestsOf("pay")).toHaveLength(1);
    expect(await openOnes(run)).toHaveLength(0);
    expect((await world.effects(run))[0]).toMatchObject({
      proof: "surely",
      ended: true,
      settledBy: "cy",
      ref: "bank-7",
    });
    expect((await world.exceptions(run))[0]).toMatchObject({
      resolution: "settled",
      closedBy: "cy",
    });
  });

  test("it did not: it is sent again with the same key", async () => {
    const flow = paying();
    const run = await unknownRun(flow, false);
    await settle(run, false);
    expect(await world.resultOf(run)).toEqual({ ref: "pay:1" });
    expect(system.count("pay")).toBe(1);
    expect(new Set(system.requestsOf("pay").map((request) => request.key)).size).toBe(1);
    expect(await openOnes(run)).toHaveLength(0);
  });

  test("with a value that breaks the schema: refused, and still open", async () => {
    const run = await unknownRun(paying());
    await expect(settle(run, true, { wrong: 1 })).rejects.toMatchObject({ code: "HF4102" });
    expect(await openOnes(run)).toHaveLength(1);
    expect(await world.stateOf(run)).toBe("exception");
  });

  test("twice: the second is refused", async () => {
    const run = await unknownRun(paying());
    await settle(run, true, { ref: "pay:1" });
    await expect(settle(run, false)).rejects.toMatchObject({
      code: expect.stringMatching(/^HF600[13]$/),
    });
    expect(system.requestsOf("pay")).toHaveLength(1);
  });

  test("two at the same moment: one counts", async () => {
    const run = await unknownRun(paying());
    const ends = await Promise.allSettled([
      settle(run, true, { ref: "pay:1" }),
      settle(run, false),
    ]);
    expect(ends.filter((end) => end.status === "fulfilled")).toHaveLength(1);
    await world.settle();
    const settled = (await world.records(run)).filter((record) => record.kind === "settled");
    expect(settled).toHaveLength(1);
  });

  test("after a crash and by the next engine", async () => {
    const flow = paying();
    const run = await unknownRun(flow);
    await world.crash();
    await world.begin([flow]);
    await settle(run, true, { ref: "pay:1" });
    expect(await world.resultOf(run)).toEqual({ ref: "pay:1" });
    expect(system.requestsOf("pay")).toHaveLength(1);
  });

  test("while it is known what happened: refused", async () => {
    const flow = testWorkflow("flow", async (input, run) => {
      await run.do(testEffectOnce, input);
      await run.sleep("1h");
      return null;
    });
    const testEffectOnce = testEffect("once", system, "pay");
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "waiting");
    await expect(settle(run, false)).rejects.toMatchObject({ code: "HF6003" });
  });
});

describe("resume", () => {
  test("is refused while it may have happened", async () => {
    const run = await unknownRun(paying());
    await expect(world.engine.commands.resume(run, null, "cy", "again")).rejects.toMatchObject({
      code: "HF6004",
    });
    await world.advance(60_000);
    expect(system.requestsOf("pay")).toHaveLength(1);
  });

  test("sends what was used up again, with a new budget", async () => {
    const pay = testEffect("keyed", system, "pay", { retry: { attempts: 2, within: "1h" } });
    const flow = testWorkflow("flow", (input, run) => run.do(pay, input));
    const no = { kind: "no", class: "transient" } as const;
    system.plan("pay", no, no, no);
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "exception");
    expect(system.requestsOf("pay")).toHaveLength(2);
    await world.engine.commands.resume(run, null, "cy", "they are back");
    expect(await world.resultOf(run)).toEqual({ ref: "pay:1" });
    expect(system.requestsOf("pay")).toHaveLength(4);
    expect(await openOnes(run)).toHaveLength(0);
    expect((await world.exceptions(run))[0]).toMatchObject({
      resolution: "resumed",
      closedBy: "cy",
    });
  });

  test("after a crash does the same", async () => {
    const pay = testEffect("keyed", system, "pay", { retry: { attempts: 1 } });
    const flow = testWorkflow("flow", (input, run) => run.do(pay, input));
    system.plan("pay", { kind: "no", class: "transient" });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "exception");
    await world.crash();
    await world.begin([flow]);
    expect(await world.stateOf(run)).toBe("exception");
    await world.engine.commands.resume(run, null, "cy", "they are back");
    expect(await world.resultOf(run)).toEqual({ ref: "pay:1" });
    expect(await openOnes(run)).toHaveLength(0);
  });

  test("is refused for a run that works, and for one that has ended", async () => {
    const flow = testWorkflow("flow", async (_input, run) => {
      await run.sleep("1h");
      return null;
    });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "waiting");
    const resume = () => world.engine.commands.resume(run, null, "cy", "why not");
    await expect(resume()).rejects.toMatchObject({ code: "HF6003" });
    await world.untilState(run, "completed");
    await expect(resume()).rejects.toMatchObject({ code: "HF6003" });
    expect(await world.stateOf(run)).toBe("completed");
  });

  test("of a run that does not exist is told so", async () => {
    await world.begin([paying()]);
    await expect(world.engine.commands.resume(12_345, null, "cy", "")).rejects.toMatchObject({
      code: "HF6001",
    });
  });
});

describe("run.try", () => {
  test("answers with the failure once it has been given up, and the code goes on", async () => {
    const pay = testEffect("once", system, "pay");
    const seen: FailureView[] = [];
    const flow = testWorkflow("flow", async (input, run) => {
      const outcome = await run.try(pay, input);
      if (!outcome.ok) seen.push(outcome.failure);
      return outcome.ok;
    });
    system.plan("pay", { kind: "no", class: "permanent" });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    expect(await world.resultOf(run)).toBe(false);
    expect(seen[0]).toMatchObject({
      family: "permanent",
      class: "permanent",
      effect: "never",
      effectName: "pay",
      attempts: 1,
    });
    expect(seen[0]?.because).not.toBe("");
  });

  test("answers ambiguous where it may have happened; a later settlement changes ledger and exception only", async () => {
    const pay = testEffect("once", system, "pay");
    const seen: string[] = [];
    const flow = testWorkflow("flow", async (input, run) => {
      const outcome = await run.try(pay, input);
      seen.push(outcome.ok ? "ok" : outcome.failure.family);
      return outcome.ok;
    });
    const run = await unknownRun(flow);
    expect(await world.resultOf(run)).toBe(false);
    expect(seen).toEqual(["ambiguous"]);
    expect(await openOnes(run)).toHaveLength(1);
    const before = (await world.records(run)).length;

    await settle(run, true);
    expect(await openOnes(run)).toHaveLength(0);
    expect((await world.effects(run))[0]).toMatchObject({ proof: "surely", settledBy: "cy" });
    expect(await world.stateOf(run)).toBe("completed");
    expect(await world.resultOf(run)).toBe(false);
    const after = (await world.records(run)).slice(before).map((record) => record.kind);
    expect(after.toSorted()).toEqual(["closed", "settled"]);
    await world.advance(86_400_000);
    expect(system.requestsOf("pay")).toHaveLength(1);
  });

  test("waits for a person at repair unless the code wants to be handed it", async () => {
    const pay = testEffect("once", system, "pay");
    const flow = testWorkflow("flow", async (input, run) => {
      const handed = await run.try(pay, input, { as: "handed", handOver: true });
      const waited = await run.try(pay, input, { as: "waited" });
      return { handed: handed.ok, waited: waited.ok };
    });
    const no = { kind: "no", class: "data" } as const;
    system.plan("pay", no, no);
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "exception");
    const [exception] = await openOnes(run);
    expect(exception?.step).toBe("pay#waited");
    await world.engine.commands.resume(run, "pay#waited", "cy", "data corrected");
    expect(await world.resultOf(run)).toEqual({ handed: false, waited: true });
  });

  test("gives the same answer on recovery", async () => {
    const pay = testEffect("once", system, "pay");
    const seen: unknown[] = [];
    const flow = testWorkflow("flow", async (input, run) => {
      seen.push(await run.try(pay, input));
      await run.sleep("1h");
      return null;
    });
    const run = await unknownRun(flow);
    await world.untilState(run, "waiting");
    await world.crash();
    await world.begin([flow]);
    await world.resultOf(run);
    expect(seen).toHaveLength(2);
    expect(seen[1]).toEqual(seen[0]);
    expect(system.requestsOf("pay")).toHaveLength(1);
  });

  test("settles a run that was cancelled meanwhile without waking its code", async () => {
    const pay = testEffect("once", system, "pay");
    const book = testEffect("once", system, "book");
    const flow = testWorkflow("flow", async (input, run) => {
      await run.try(pay, input);
      await run.sleep("1h");
      await run.do(book, input);
      return null;
    });
    const run = await unknownRun(flow);
    await world.untilState(run, "waiting");
    await world.engine.commands.cancel(run, "ana", "no need");
    await world.untilState(run, "cancelled");
    await world.advance(7_200_000);
    await settle(run, true);
    await world.advance(7_200_000);
    expect(await world.stateOf(run)).toBe("cancelled");
    expect(await openOnes(run)).toHaveLength(0);
    expect(system.count("book")).toBe(0);
    const finished = (await world.records(run)).filter((record) => record.kind === "finished");
    expect(finished).toHaveLength(1);
  });

  test("settles a run that has ended without doing what its code left lying", async () => {
    const pay = testEffect("once", system, "pay");
    const book = testEffect("once", system, "book");
    const flow = testWorkflow("flow", async (input, run) => {
      await run.try(pay, input);
      void run.sleep("1h").then(() => run.do(book, input));
      return null;
    });
    const run = await unknownRun(flow);
    await world.untilState(run, "completed");
    await world.advance(7_200_000);
    await settle(run, false);
    await world.advance(7_200_000);
    expect(await world.stateOf(run)).toBe("completed");
    expect(system.count("book")).toBe(0);
    expect(system.requestsOf("pay")).toHaveLength(1);
  });
});

describe("run.do", () => {
  test("rejects with what the code can read once giving up has been decided", async () => {
    const pay = testEffect("once", system, "pay");
    const caught: unknown[] = [];
    const flow = testWorkflow("flow", async (input, run) => {
      try {
        await run.do(pay, input);
      } catch (error) {
        caught.push(error);
      }
      return "went on";
    });
    system.plan("pay", { kind: "no", class: "permanent" });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    expect(await world.resultOf(run)).toBe("went on");
    expect(caught[0]).toBeInstanceOf(EffectFailed);
    expect(caught[0]).toMatchObject({ failure: { family: "permanent", effectName: "pay" } });
  });

  test("does not reject while a person is asked", async () => {
    const pay = testEffect("once", system, "pay");
    let rejected = 0;
    const flow = testWorkflow("flow", (input, run) =>
      run.do(pay, input).catch(() => {
        rejected += 1;
      }),
    );
    const run = await unknownRun(flow);
    await world.advance(86_400_000);
    expect(await world.stateOf(run)).toBe("exception");
    expect(rejected).toBe(0);
  });
});
