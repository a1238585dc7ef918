/** T11 of the failure model: a wait that the other system asks for is kept in full, over a restart. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testIntegration, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";
import { refusedWith } from "./http-answers.test-support.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

let world: TestWorld;
let shop: Counterpart;
let sentAtMs: number[];
beforeEach(() => {
  world = new TestWorld();
  shop = world.counterpart("shop", "keys");
  sentAtMs = [];
});
afterEach(() => world.remove());

/** It refuses the first request with these fields, which may depend on its clock. */
function refusesFirst(
  headersAt: (nowMs: number) => Readonly<Record<string, string>>,
  { skewMs = 0, status = 429 } = {},
) {
  const call = shop.call.bind(shop);
  shop.call = (action, id, attempt) => {
    sentAtMs.push(world.clock.nowMs());
    if (sentAtMs.length > 1) return call(action, id, attempt);
    const headers = headersAt(world.clock.nowMs() + skewMs);
    return Promise.reject(refusedWith({ status, headers }, world.clock.nowMs()));
  };
}

async function restartedWhileWaiting(within: "24h" | "1h") {
  const on = testIntegration("shop");
  const act = testEffect("keyed", shop, "act", { on, keyWindow: "7d", retry: { within } });
  const flow = testWorkflow("flow", (input, run) => run.do(act, input));
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.advance(HOUR_MS);
  const state = await world.row(run);
  await world.crash();
  world.clock.setMs(world.clock.nowMs() + 2 * HOUR_MS);
  await world.begin([flow]);
  await world.advance(3 * HOUR_MS - MINUTE_MS);
  expect(sentAtMs).toHaveLength(1);
  await world.advance(2 * HOUR_MS);
  expect(await world.stateOf(run)).toBe("completed");
  const [first = 0, second = 0] = sentAtMs;
  return { waitedMs: second - first, state, records: await world.records(run) };
}

const FORMS = [
  ["six hours in seconds", () => ({ "retry-after": "21600" }), 0],
  [
    "a date in six hours, by a clock that is a day behind ours",
    (nowMs: number) => ({
      date: new Date(nowMs).toUTCString(),
      "retry-after": new Date(nowMs + 6 * HOUR_MS).toUTCString(),
    }),
    -24 * HOUR_MS,
  ],
  ["the reset of a used-up limit in six hours", () => ({ ratelimit: '"day";r=0;t=21600' }), 0],
] as const;

describe.each([429, 503, 413, 425])("a %i", (status) => {
  test.each(FORMS)("waits %s, and at most a fifth more", async (_form, headersAt, skewMs) => {
    refusesFirst(headersAt, { skewMs, status });
    const { waitedMs, records } = await restartedWhileWaiting("24h");
    expect(waitedMs).toBeGreaterThanOrEqual(6 * HOUR_MS);
    expect(waitedMs).toBeLessThanOrEqual(7.2 * HOUR_MS + 1_000);
    const outcome = records.find(({ kind }) => kind === "outcome");
    // Only what is a fault of the call uses up an attempt.
    expect(outcome?.head).toContain(`"attempts":${status === 425 ? "1" : "0"}`);
  });
});

test("parks and says so where that is longer than it may be tried, and still is not early", async () => {
  refusesFirst(() => ({ "retry-after": "21600" }));
  const { waitedMs, state, records } = await restartedWhileWaiting("1h");
  expect(state.state).toBe("parked");
  expect(waitedMs).toBeGreaterThanOrEqual(6 * HOUR_MS);
  expect(records.find(({ kind }) => kind === "outcome")?.head).toContain("beyond the 60 m allowed");
});
