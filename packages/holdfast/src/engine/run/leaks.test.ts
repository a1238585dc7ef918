/** Thousands of runs of every kind come and go: nothing that is kept for each of them stays behind. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { review } from "../../workflow/review.ts";
import { testEffect, testIntegration, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

/** Of each kind. */
const RUNS = 150;
const IDS = Array.from({ length: RUNS }, (_, n) => String(n));

const KEPT_IN =
  "backlog commands departures early ends gates inbox lanes live reads replays routes startUp starts timers wakes";
const NOTHING = Object.fromEntries(KEPT_IN.split(" ").map((name) => [name, 0]));

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

test("an engine whose runs have all ended holds what it held before the first", async () => {
  const erp = world.counterpart("erp", "keys");
  const shop = world.counterpart("shop");
  const slow = testIntegration("slow", { limit: { concurrency: 10 } });
  const book = testEffect("keyed", erp, "book", { undo: "call" });
  const pay = testEffect("probeable", shop, "pay");
  const look = testEffect("read", erp, "look", { on: slow });
  const paid = { name: "paid", schema: z.unknown() };
  const big = review("big", { subject: z.unknown(), decision: z.unknown(), by: "boss" });
  const child = testWorkflow("child", async (input, run) => {
    await run.sleep("2s");
    return input.id;
  });
  const slowly = testWorkflow("slowly", (_input, run) =>
    run.step("s", () => new Promise((resolve) => world.clock.after(5_000, () => resolve(1)))),
  );
  const flows = [
    slowly,
    testWorkflow("works", (input, run) => run.step("s", () => input.id, { durable: true })),
    testWorkflow("effects", (input, run) => run.do(book, input)),
    testWorkflow("lost", (input, run) => run.do(pay, input)),
    testWorkflow("queues", (input, run) => run.do(look, input)),
    testWorkflow("naps", (_input, run) => run.sleep("5m").then(() => null)),
    testWorkflow("waits", (input, run) => run.wait(paid, { key: input.id })),
    testWorkflow("asks", (_input, run) => run.ask(big, {})),
    testWorkflow("calls", (input, run) => run.call(child, input)),
    testWorkflow("stops", async (input, run) => {
      await run.do(book, input);
      return run.stop("no", { compensate: true });
    }),
    testWorkflow("lanes", (_input, run) => run.sleep("1ms").then(() => null), {
      lane: (input) => `lane ${String(Number(input.id) % 20)}`,
    }),
  ];
  await world.begin([child, ...flows]);
  erp.isDown = true;
  for (const id of IDS.slice(0, 50)) await world.start(flows[2] ?? child, { id: `old ${id}` });
  await world.advance(10_000);
  for (const id of IDS.slice(0, 50)) await world.start(slowly, { id });
  // After a crash there are suspects, and parked runs that the last engine knew.
  await world.crash();
  await world.begin([child, ...flows]);
  const { engine } = world;
  expect(engine.kept["startUp"]).toBeGreaterThan(0);
  for (const id of IDS.slice(100)) await engine.commands.send("paid", id, id, 1);
  for (const flow of flows) {
    for (const id of IDS) {
      if (flow.name === "lost") shop.plan("pay", { kind: "lostAnswer", happened: true });
      void engine.end((await engine.startRun(flow, { id })).run);
    }
  }
  await world.advance(60_000);
  expect(engine.kept["ends"]).toBeGreaterThan(RUNS);
  // Parked runs are in the store, not at the gates.
  expect(engine.kept["gates"]).toBeLessThan(20);
  for (const row of (await world.allRuns()).filter((one) => one.state === "parked").slice(0, 20))
    await engine.commands.cancel(row.run, "ana", "no need");
  erp.isDown = false;
  const rows = await world.allRuns();
  const early = await Promise.allSettled(
    IDS.slice(0, 100).map((id) => engine.commands.send("paid", id, id, 1)),
  );
  expect(early.every((one) => one.status === "fulfilled")).toBe(true);
  for (const row of rows.filter((one) => one.state === "review")) {
    const [question] = await world.reviews(row.run);
    if (Number(row.key) % 2 === 0) await engine.commands.cancel(row.run, "ana", "no need");
    else await engine.commands.answer(row.run, question?.seq ?? 0, 1, "boss");
  }
  await world.advance(3_600_000);
  const states = new Set((await world.allRuns()).map((row) => row.state));
  expect([...states].toSorted()).toEqual(["cancelled", "completed", "stopped"]);
  expect((await world.allRuns()).length).toBe((flows.length + 1) * RUNS + 50);
  expect(engine.kept).toEqual(NOTHING);
}, 300_000);
