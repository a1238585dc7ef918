/**
 * Workflows that use every verb, and a world in which their runs come to stand in many states. What their
 * runs have written is kept in tests/histories, so nothing here may change: a new verb gets a workflow of
 * its own.
 */
import { z } from "zod";
import { review } from "../../workflow/review.ts";
import type { AnyEffect } from "../../workflow/effect.ts";
import type { AnyWorkflow } from "../../workflow/workflow.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import type { TestWorld } from "../test-world.test-support.ts";

const approve = review("approve", { subject: z.any(), decision: z.any(), by: "boss" });
const paid = { name: "paid", schema: z.any() };

/** @param tax - name of the first effect: another one is code that does not fit. */
export function historiesOf(
  system: Counterpart,
  tax = "tax",
): { readonly workflows: readonly AnyWorkflow[]; readonly effects: readonly AnyEffect[] } {
  const first = testEffect("keyed", system, tax);
  const pay = testEffect("probeable", system, "pay");
  const mail = testEffect("once", system, "mail");
  const book = testEffect("keyed", system, "book", { undo: "call" });
  const read = testEffect("read", system, "rate");
  const child = testWorkflow("child", async (input, run) => {
    await run.do(first, input);
    return run.step("made", () => input.id);
  });
  const every = testWorkflow("every", async (input, run) => {
    run.now("begun");
    const isNew = await run.since("v1");
    await Promise.all([
      run.do(first, input),
      run.do(read, input),
      run.step("note", () => run.uuid("id")),
    ]);
    await run.scope("unit", (unit) => unit.do(pay, input));
    const outcome = await run.try(mail, input);
    await run.call(child, input);
    await run.sleep("1h");
    await run.wait(paid, { key: input.id, within: "1d" });
    await run.ask(approve, input);
    return { isNew, ok: outcome.ok };
  });
  const undone = testWorkflow("undone", async (input, run) => {
    await run.do(book, input);
    await run.do(first, input);
    await run.sleep("30d");
  });
  const stands = testWorkflow("stands", async (input, run) => {
    await run.do(first, input);
    await run.step("throws", () => {
      throw new TypeError("x is not a function");
    });
  });
  const parked = testWorkflow("parked", async (input, run) => {
    await run.do(first, input);
    await run.do(testEffect("keyed", system, "away"), input);
  });
  return {
    workflows: [child, every, undone, stands, parked],
    effects: [first, pay, mail, book, read],
  };
}

/** Runs that stand at every verb, have ended, were taken back, are held or parked. */
export async function makeHistories(world: TestWorld): Promise<void> {
  const system = world.counterpart("erp", "keys");
  const { workflows, effects } = historiesOf(system);
  const [, every, undone, stands, parked] = workflows;
  if (every === undefined || undone === undefined || stands === undefined || parked === undefined)
    throw new Error("a workflow is missing");
  await world.begin(workflows, { version: "v1", effects });
  const { commands } = world.engine;
  const send = (id: string) => commands.send("paid", id, `paid ${id}`, { id });
  system.plan("tax", { kind: "silent", happened: true });
  const done = await world.start(every, { id: "done" });
  await world.start(every, { id: "asks" });
  await world.advance(4_000_000);
  for (const id of ["done", "asks"]) await send(id);
  await world.start(every, { id: "waits" });
  await world.advance(4_000_000);
  await world.untilState(done, "review");
  const [asked] = await world.reviews(done);
  await commands.answer(done, asked?.seq ?? 0, { ok: true }, "boss", "fine");
  await world.untilState(done, "completed");
  await world.start(every, { id: "sleeps" });
  const back = await world.start(undone, { id: "back" });
  await world.settle();
  await commands.cancel(back, "ana", "no longer wanted");
  await world.untilState(back, "cancelled");
  await world.start(undone, { id: "waits-long" });
  await world.start(stands, { id: "stands" });
  system.always("away", { kind: "refused" });
  await world.start(parked, { id: "parked" });
  await world.settle();
}
