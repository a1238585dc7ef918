/** A value that is given for an effect while no engine runs to check it. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { formatItemId, formatRunId } from "../core/run-number.ts";
import { testIntegration, testWorkflow } from "../engine/test-effects.test-support.ts";
import { approveOpen } from "../engine/repair/repair-world.test-support.ts";
import { TestWorld } from "../engine/test-world.test-support.ts";
import { openSqliteReader } from "../store-sqlite/index.ts";
import { effect } from "../workflow/effect.ts";
import { settleEffect } from "./decisions.ts";
import { showRun } from "./show-run.ts";

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

/** An effect whose answer was lost, and no engine at work. */
async function unanswered(output: z.ZodType<{ ref: string }>) {
  const bank = world.counterpart("bank");
  const pay = effect("pay", {
    on: testIntegration("bank"),
    repeat: "once",
    input: z.object({ id: z.string() }),
    output,
    run: ({ id }, attempt) => bank.call("pay", id, attempt),
  });
  const flow = testWorkflow("flow", (input, run) => run.do(pay, input));
  bank.plan("pay", { kind: "lostAnswer", happened: true });
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.advance(60_000);
  const [row] = await world.engine.store.load([run]);
  const seq = row?.records.find(({ kind }) => kind === "intent")?.seq ?? 0;
  await world.close();
  return { flow, run, id: formatItemId("eff", { run, seq }) };
}

async function settle(id: string, value: unknown) {
  const reader = await openSqliteReader({ path: world.path });
  try {
    const now = { waitMs: 0, nowMs: () => world.clock.nowMs(), pause: () => Promise.resolve() };
    const said = { happened: true, value, ref: null };
    return await settleEffect(reader, id, said, { by: "ana", reason: "looked" }, now);
  } finally {
    await reader.close();
  }
}

async function timeline(run: number): Promise<readonly string[]> {
  const reader = await openSqliteReader({ path: world.path });
  const of = { run: formatRunId(run), limit: 100, afterSeq: 0 };
  const shown = await showRun(reader, { ...of, payloadCharsMax: null, hasStacks: false }, 0);
  await reader.close();
  return shown.timeline.map(({ what }) => what);
}

test.each([
  ["another form", { reference: 7 }, '"ref" is missing, expected TEXT'],
  ["no object", "pay:1", "expected an object"],
  ["nothing", null, "No value was given"],
])("that is %s is refused before it is kept", async (_what, value, why) => {
  const { flow, run, id } = await unanswered(z.object({ ref: z.string() }));
  await expect(settle(id, value)).rejects.toMatchObject({
    code: "HF4102",
    message: expect.stringContaining(why) as unknown,
    remedy: expect.stringContaining("ref=TEXT") as unknown,
  });
  await world.begin([flow]);
  expect(await world.stateOf(run)).toBe("exception");
  await world.close();
  expect(await settle(id, { ref: "theirs" })).toMatchObject({ outcome: "kept" });
  await world.begin([flow]);
  await world.settle();
  await approveOpen(world, run);
  expect(await world.resultOf(run)).toEqual({ ref: "theirs" });
});

test("that only the schema itself can refuse is refused when it is taken, and its run says so", async () => {
  const strict = z.object({ ref: z.string().refine((ref) => ref.startsWith("bank-")) });
  const { flow, run, id } = await unanswered(strict);
  expect(await settle(id, { ref: "theirs" })).toMatchObject({ outcome: "kept" });
  await world.begin([flow]);
  expect(await world.stateOf(run)).toBe("exception");
  expect(await timeline(run)).toContainEqual(
    expect.stringMatching(/^settle refused, .*HF4102 The value does not fit/u),
  );
  const open = (await world.exceptions(run)).filter(({ closedAtMs }) => closedAtMs === null);
  expect(open).toHaveLength(1);
});
