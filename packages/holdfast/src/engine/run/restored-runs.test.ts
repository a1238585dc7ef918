import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { RepeatKind } from "../../core/contract.ts";
import type { AnyWorkflow } from "../../workflow/workflow.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { restore } from "./restored-store.test-support.ts";
import {
  MEMORY_OF,
  testEffect,
  testWorkflow,
  type TestEffectOptions,
} from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const HOUR_MS = 3_600_000;

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

const restored = (workflows: readonly AnyWorkflow[], lostMs: number) =>
  restore(world, workflows, lostMs);

/** Waits for an hour and then does something. */
function acting(kind: RepeatKind, options: TestEffectOptions = {}) {
  const bank: Counterpart = world.counterpart("bank", MEMORY_OF[kind]);
  const pay = testEffect(kind, bank, "pay", options);
  const flow = testWorkflow("flow", async (input, run) => {
    await run.sleep("1h");
    return run.do(pay, input);
  });
  return { bank, flow };
}

async function start(flow: AnyWorkflow): Promise<number> {
  await world.begin([flow]);
  return world.start(flow, { id: "1" });
}

async function settledAsNotDone(run: number, operation: number): Promise<void> {
  const said = { happened: false, by: "ana", reason: "not in the ledger", ref: null, value: null };
  await world.engine.commands.settle({ run, operation, ...said });
}

describe("what the original may have done after the backup", () => {
  test("is looked up before it is sent, and adopted", async () => {
    const { bank, flow } = acting("probeable");
    const run = await start(flow);
    await restored([flow], 2 * HOUR_MS);
    expect(await world.resultOf(run)).toEqual({ ref: "pay:1" });
    expect(bank.ledger).toHaveLength(1);
    expect(bank.requests).toHaveLength(1);
    expect(bank.lookups).toHaveLength(1);
  });

  test("is done, where two look-ups find nothing", async () => {
    const { bank, flow } = acting("probeable");
    const run = await start(flow);
    await restored([flow], 1);
    expect(await world.resultOf(run)).toEqual({ ref: "pay:1" });
    expect(bank.ledger).toHaveLength(1);
    expect(bank.lookups).toHaveLength(2);
  });

  test("is asked of a person, where it can be done only once", async () => {
    const { bank, flow } = acting("once");
    const run = await start(flow);
    await restored([flow], 2 * HOUR_MS);
    await world.untilState(run, "exception");
    expect(await world.exceptions(run)).toMatchObject([
      { class: "ambiguous", reasonCode: "STORE:RESTORED" },
    ]);
    expect(bank.ledger).toHaveLength(1);
    const [open] = await world.effects(run);
    expect(open).toMatchObject({ proof: "maybe", ended: false });
  });

  test("is asked once, and sent after the answer that it did not happen", async () => {
    const { bank, flow } = acting("once");
    const run = await start(flow);
    await restored([flow], 1);
    await world.untilState(run, "exception");
    const [failed] = await world.exceptions(run);
    await settledAsNotDone(run, failed?.operation ?? 0);
    expect(await world.resultOf(run)).toEqual({ ref: "pay:1" });
    expect(bank.ledger).toHaveLength(1);
  });

  test("is not asked again, once a person has said after the restore what had happened", async () => {
    const bank = world.counterpart("bank");
    const pay = testEffect("once", bank, "pay");
    const flow = testWorkflow("flow", (input, run) => run.do(pay, input));
    bank.plan("pay", { kind: "lostAnswer", happened: false });
    const run = await start(flow);
    await world.advance(60_000);
    await restored([flow], 1);
    const [open] = await world.exceptions(run);
    await settledAsNotDone(run, open?.operation ?? 0);
    expect(await world.resultOf(run)).toEqual({ ref: "pay:1" });
    expect(bank.ledger).toHaveLength(1);
  });

  test("is repeated under its key, while that is young enough for the original's attempt", async () => {
    const { bank, flow } = acting("keyed");
    const run = await start(flow);
    await restored([flow], 2 * HOUR_MS);
    expect(await world.resultOf(run)).toEqual({ ref: "pay:1" });
    expect(bank.ledger).toHaveLength(1);
    expect(new Set(bank.requests.map(({ key }) => key)).size).toBe(1);
  });

  test("is not repeated under a key that may be too old for it", async () => {
    const { bank, flow } = acting("keyed", { keyWindow: "90m" });
    const run = await start(flow);
    await restored([flow], 2 * HOUR_MS);
    await world.untilState(run, "exception");
    expect(bank.requests).toHaveLength(1);
  });

  test("is sent at once where that is harmless, and in runs that started later", async () => {
    const { bank, flow } = acting("idempotent");
    const run = await start(flow);
    await restored([flow], 1);
    expect(await world.resultOf(run)).toEqual({ ref: "pay:1" });
    expect((await world.effects(run))[0]).toMatchObject({ attempts: 1 });
    const later = await world.start(flow, { id: "2" });
    await world.resultOf(later);
    expect(bank.requests).toHaveLength(2);
  });

  test("is asked of a person in a run that the restored one calls: its keys are not the original's", async () => {
    const bank = world.counterpart("bank");
    const pay = testEffect("probeable", bank, "pay");
    const child = testWorkflow("child", (input, run) => run.do(pay, input));
    const flow = testWorkflow("flow", async (input, run) => {
      await run.sleep("1h");
      return run.call(child, input);
    });
    await world.begin([flow, child]);
    await world.start(flow, { id: "1" });
    await restored([flow, child], 2 * HOUR_MS);
    await world.advance(HOUR_MS);
    expect(await world.exceptions()).toMatchObject([
      { class: "ambiguous", reasonCode: "STORE:RESTORED", step: "pay" },
    ]);
    expect(bank.ledger).toHaveLength(1);
  });

  test("is looked up although the backup knows of an attempt that failed", async () => {
    const bank = world.counterpart("bank");
    const pay = testEffect("probeable", bank, "pay");
    const flow = testWorkflow("flow", (input, run) => run.do(pay, input));
    bank.plan("pay", { kind: "throttled", afterMs: HOUR_MS });
    const run = await start(flow);
    await world.advance(1_000);
    await restored([flow], 2 * HOUR_MS);
    expect(await world.resultOf(run)).toEqual({ ref: "pay:1" });
    expect(bank.ledger).toHaveLength(1);
  });
});
