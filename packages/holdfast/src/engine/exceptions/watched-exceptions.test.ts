/** Who watches an exception, and which exceptions are the same. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { formatItemId } from "../../core/run-number.ts";
import type { ExceptionRow } from "../../store/rows.ts";
import { verifyStore } from "../../store-sqlite/index.ts";
import { effect } from "../../workflow/effect.ts";
import { testIntegration, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const HOUR_MS = 3_600_000;
const doing = { by: "ana", reason: "because", command: null };

const post = effect("post", {
  on: testIntegration("erp"),
  repeat: "keyed",
  keyWindow: "24h",
  input: z.object({ id: z.string() }),
  output: z.any(),
  classify: () => ({ class: "data", effect: "never", reasonCode: "ERP:NO_TAX_ID" }),
  run: async ({ id }) => {
    throw new Error(`order ${id} has no tax id`);
  },
});
const flow = testWorkflow("flow", (given, run) => run.do(post, given));

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

async function opened(id = "o-1"): Promise<ExceptionRow> {
  if (id === "o-1") await world.begin([flow]);
  const run = await world.start(flow, { id });
  await world.untilState(run, "exception");
  return await theOne(run);
}

async function theOne(run: number): Promise<ExceptionRow> {
  const [row] = await world.exceptions(run);
  if (row === undefined) throw new Error("no exception");
  return row;
}

async function expectSound(): Promise<void> {
  await world.close();
  const { damage } = await verifyStore({ path: world.path });
  expect(damage).toEqual([]);
}

function same(of: string | null) {
  return { kind: "duplicate", of } as const;
}

test("lets others be told of its times, so many and no more, until that is taken back", async () => {
  const row = await opened();
  const { acts } = world.engine.exceptions;
  await acts.handle(row, { kind: "watched", who: "gone" }, doing);
  await acts.handle(row, { kind: "watched", who: "cyd" }, doing);
  await acts.handle(row, { kind: "unwatched", who: "gone" }, doing);
  await world.advance(12 * HOUR_MS);
  const told = world.life.events.flatMap((event) =>
    event.type === "exception.due" ? [event.watchers] : [],
  );
  expect(told).toEqual([["cyd"], ["cyd"]]);
  for (let n = 1; n < 20; n += 1)
    await acts.handle(row, { kind: "watched", who: `w${String(n)}` }, doing);
  await acts.handle(row, { kind: "watched", who: "cyd" }, doing);
  await expect(acts.handle(row, { kind: "watched", who: "x" }, doing)).rejects.toMatchObject({
    code: "HF4203",
  });
  await expectSound();
});

test("says which exceptions are the same, without going round", async () => {
  const first = await opened();
  const second = await opened("o-2");
  const { acts } = world.engine.exceptions;
  const [one, two] = [formatItemId("exc", first), formatItemId("exc", second)];
  await acts.handle(second, same(one), doing);
  expect((await theOne(second.run)).handling.duplicateOf).toBe(one);
  const refused = { code: "HF6003" };
  await expect(acts.handle(second, same(one), doing)).rejects.toMatchObject(refused);
  await expect(acts.handle(first, same(one), doing)).rejects.toMatchObject(refused);
  await expect(acts.handle(first, same(two), doing)).rejects.toMatchObject({
    ...refused,
    remedy: expect.stringContaining(one) as string,
  });
  const nobody = formatItemId("exc", { run: first.run, seq: 999 });
  await expect(acts.handle(first, same(nobody), doing)).rejects.toMatchObject({ code: "HF6001" });
  await acts.handle(second, same(null), doing);
  expect((await theOne(second.run)).handling.duplicateOf).toBeNull();
  await acts.handle(first, same(two), doing);
  await expectSound();
});
