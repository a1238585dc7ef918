/** T13 of the failure model: 429 for "slower" and 429 for "no more this month" are two things. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testIntegration, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";
import { refusedWith, type HttpAnswer } from "./http-answers.test-support.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

let world: TestWorld;
let llm: Counterpart;
let answer: HttpAnswer | null;
let calls: number;
beforeEach(() => {
  world = new TestWorld();
  llm = world.counterpart("llm", "keys");
  calls = 0;
  const call = llm.call.bind(llm);
  llm.call = (action, id, attempt) => {
    calls += 1;
    return answer === null
      ? call(action, id, attempt)
      : Promise.reject(refusedWith(answer, world.clock.nowMs()));
  };
});
afterEach(() => world.remove());

async function startedTen() {
  const on = testIntegration("llm");
  const ask = testEffect("keyed", llm, "ask", { on, keyWindow: "7d" });
  const flow = testWorkflow("flow", (input, run) => run.do(ask, input));
  await world.begin([flow]);
  const runs: number[] = [];
  for (let n = 0; n < 10; n += 1) runs.push(await world.start(flow, { id: String(n) }));
  await world.settle();
  return runs;
}

const changes = () =>
  world.life.events.flatMap((event) => (event.type === "dependency.changed" ? [event] : []));

test("a rate is waited for, run by run, and comes through by itself: nobody hears of it", async () => {
  answer = { status: 429, headers: { "retry-after": "2" } };
  const runs = await startedTen();
  answer = null;
  await world.advance(10 * MINUTE_MS);
  for (const run of runs) expect(await world.stateOf(run)).toBe("completed");
  expect(changes()).toEqual([]);
  expect(await world.exceptions()).toEqual([]);
});

test("a used-up quota parks all of it at once, and is not asked again before somebody has acted", async () => {
  answer = { status: 429, reason: "insufficient_quota" };
  const runs = await startedTen();
  await world.advance(12 * HOUR_MS);
  for (const run of runs) expect(await world.stateOf(run)).toBe("parked");
  expect(changes().map(({ to }) => to)).toEqual(["parked"]);
  const before = calls;
  await world.advance(12 * HOUR_MS);
  expect(calls).toBe(before);
  expect(calls).toBeLessThanOrEqual(10);
});
