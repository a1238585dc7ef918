/** Bounds, and decisions that hold once, where several come at the same moment. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import type { Counterpart } from "../counterpart.test-support.ts";
import { CountedList } from "../journal/counted-list.ts";
import { Deferred } from "../run/deferred.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const HOUR_MS = 3_600_000;

let world: TestWorld;
let bank: Counterpart;
beforeEach(() => {
  world = new TestWorld();
  bank = world.counterpart("bank");
});
afterEach(() => world.remove());

const full = () => new Error("full");

test("a list that is counted again forgets nothing that is on its way to it", async () => {
  const list = new CountedList(world.clock, 10, () => Promise.resolve(8));
  const onDisk = new Deferred<void>();
  const slow = [1, 2].map(() => list.within(() => onDisk.promise, full));
  const another = () => list.within(() => Promise.resolve(), full);
  await expect(another()).rejects.toThrow("full");
  await world.advance(61_000);
  await expect(another()).rejects.toThrow("full");
  onDisk.resolve();
  await Promise.all(slow);
});

test("an event that does not fit takes no place among the ids", async () => {
  const paid = { name: "paid", schema: z.object({ cents: z.number() }) };
  const waits = testWorkflow("waits", (input, run) => run.wait(paid, { key: input.id }));
  await world.begin([waits], { limits: { eventIdsMax: 2 } });
  const run = await world.start(waits, { id: "1" });
  await world.untilState(run, "waiting");
  const send = (id: string, cents: unknown) =>
    world.engine.commands.send("paid", "1", id, { cents });
  for (const id of ["a", "b"])
    await expect(send(id, "x")).rejects.toMatchObject({ code: "HF4102" });
  await send("c", 1);
});

test("a question is handed up once, also where two say at once that they cannot tell", async () => {
  const transfer = testEffect("once", bank, "transfer", { undo: "none" });
  const busy = () => new Promise<void>((resolve) => world.clock.after(3 * HOUR_MS, resolve));
  const flow = testWorkflow("flow", (input, run) =>
    Promise.all([run.do(transfer, input), run.step("busy", busy)]),
  );
  bank.plan("transfer", { kind: "lostAnswer", happened: true });
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  const open = async () =>
    (await world.exceptions(run)).filter(({ closedAtMs }) => closedAtMs === null);
  await world.until("a question", async () => (await open()).length === 1);
  const exception = (await open())[0]?.seq ?? 0;
  const told = await Promise.allSettled(
    ["bo", "al"].map((by) =>
      world.engine.commands.cannotTell({ run, exception, by, reason: "gone" }),
    ),
  );
  await world.settle();
  expect(told.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  expect(await open()).toHaveLength(1);
});
