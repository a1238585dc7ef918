import { afterEach, beforeEach, expect, test } from "vitest";
import { CallFailed } from "../../workflow/attempt.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
let system: Counterpart;
let flow: ReturnType<typeof testWorkflow>;

beforeEach(() => {
  world = new TestWorld();
  system = world.counterpart("erp");
  const act = testEffect("probeable", system, "act", { settle: "20s" });
  flow = testWorkflow("flow", (input, run) => run.do(act, input));
  system.plan("act", { kind: "lostAnswer", happened: true });
});
afterEach(() => world.remove());

/** The next calls of the look-up end with these errors; the answer counts the calls. */
function failing(...errors: readonly Error[]): () => number {
  const find = system.find.bind(system);
  let calls = 0;
  system.find = (action, id, attempt) => {
    const error = errors[calls];
    calls += 1;
    if (error !== undefined) throw error;
    return find(action, id, attempt);
  };
  return () => calls;
}

async function probesOf(run: number): Promise<number> {
  return (await world.records(run)).filter((record) => record.kind === "probe").length;
}

function nobodyThere(): CallFailed {
  return new CallFailed({
    message: "refused",
    evidence: { phase: "none", callCount: 1 },
    table: {
      says: { class: "unavailable", effect: "never", scope: "dependency" },
      rule: { source: "table", id: "node/ECONNREFUSED", version: 1 },
    },
  });
}

test("a call of a look-up that is lost is made again, and only the last counts as the look", async () => {
  const calls = failing(new Error("lost"), new Error("lost"), new Error("lost"));
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  expect(await world.resultOf(run)).toEqual({ ref: "act:1" });
  expect(calls()).toBe(4);
  expect(await probesOf(run)).toBe(1);
  expect(system.requestsOf("act")).toHaveLength(1);
});

test("a look-up that never gets through could not tell, after four calls", async () => {
  const calls = failing(...Array.from({ length: 5 }, () => new Error("lost")));
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  expect(await world.resultOf(run)).toEqual({ ref: "act:1" });
  expect(calls()).toBe(6);
  expect(await probesOf(run)).toBe(2);
});

test("a look-up that finds nobody there waits for the system, and uses up none of the schedule", async () => {
  const calls = failing(...Array.from({ length: 12 }, nobodyThere));
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.advance(25_000);
  expect(await world.row(run)).toMatchObject({ state: "parked", dependency: "erp" });
  expect(await world.resultOf(run)).toEqual({ ref: "act:1" });
  expect(calls()).toBe(13);
  expect(await probesOf(run)).toBe(1);
  expect(system.requestsOf("act")).toHaveLength(1);
});

test("one that finds nobody there over a crash is made when the system is back", async () => {
  failing(...Array.from({ length: 4 }, nobodyThere));
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.advance(25_000);
  await world.crash();
  await world.begin([flow]);
  expect(await world.resultOf(run)).toEqual({ ref: "act:1" });
  expect(await probesOf(run)).toBe(1);
});
