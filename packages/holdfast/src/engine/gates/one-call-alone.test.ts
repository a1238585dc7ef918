/** What one call meets, and the others do not: it waits by itself, and its owner hears of it. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CallFailed } from "../../workflow/attempt.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { refusedWith } from "../failure-model/http-answers.test-support.ts";
import { testEffect, testIntegration, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

let world: TestWorld;
let system: Counterpart;
beforeEach(() => {
  world = new TestWorld();
  system = world.counterpart("mail", "keys");
});
afterEach(() => world.remove());

/** Times at which one was called that the other system refuses. */
const refusedAtMs: number[] = [];

/** Those whose id begins with "bad" get this answer. */
function refuseBad(error: () => Error): void {
  refusedAtMs.length = 0;
  const call = system.call.bind(system);
  system.call = (action, id, attempt) => {
    if (!id.startsWith("bad")) return call(action, id, attempt);
    refusedAtMs.push(world.clock.nowMs());
    return Promise.reject(error());
  };
}

function reply(status: number, code: string, klass: "exhausted" | "throttled"): Error {
  return new CallFailed({
    message: `${String(status)} ${code}`,
    evidence: { phase: "answered", status, code, callCount: 1 },
    table: {
      says: { class: klass, effect: "never", scope: "item", reasonCode: `SMTP:${code}` },
      rule: { source: "table", id: "smtp/test", version: 1 },
    },
  });
}

function flowOf(within?: `${number}h`) {
  const retry = within === undefined ? {} : { retry: { within } };
  const on = testIntegration("mail", { limit: { concurrency: 8 } });
  const act = testEffect("keyed", system, "send", { on, keyWindow: "7d", ...retry });
  return testWorkflow("flow", (input, run) => run.do(act, input));
}

test("a full mailbox stops no other mail, and its owner hears of it", async () => {
  refuseBad(() => reply(552, "5.2.2", "exhausted"));
  const flow = flowOf("2h");
  await world.begin([flow]);
  const bad = await world.start(flow, { id: "bad" });
  await world.advance(MINUTE_MS);
  const good = await world.start(flow, { id: "good" });
  await world.untilState(good, "completed");
  expect((await world.dependencies()).every(({ state }) => state === "closed")).toBe(true);
  await world.advance(3 * HOUR_MS);
  expect(await world.exceptions(bad)).toMatchObject([
    { class: "exhausted", because: expect.stringContaining("while other calls pass") },
  ]);
});

test("a greylisted recipient slows nobody else down", async () => {
  refuseBad(() => reply(451, "4.7.1", "throttled"));
  const flow = flowOf();
  await world.begin([flow]);
  for (let n = 0; n < 20; n += 1) await world.start(flow, { id: `bad-${String(n)}` });
  const good: number[] = [];
  for (let n = 0; n < 200; n += 1) good.push(await world.start(flow, { id: `good-${String(n)}` }));
  await world.advance(2_000);
  expect(system.count("send")).toBe(good.length);
});

describe("one that is always refused while others pass", () => {
  test.each([
    ["429", () => refusedWith({ status: 429 }, world.clock.nowMs())],
    ["503", () => refusedWith({ status: 503 }, world.clock.nowMs())],
    [
      "409 outstanding",
      () => refusedWith({ status: 409, reason: "idempotency_key_in_use" }, world.clock.nowMs()),
    ],
  ] as const)(
    "%s is called ever more seldom and is its owner's in the end",
    async (_what, error) => {
      refuseBad(error);
      const flow = flowOf("1h");
      await world.begin([flow]);
      const bad = await world.start(flow, { id: "bad" });
      for (let minute = 0; minute < 120; minute += 1) {
        await world.start(flow, { id: `good-${String(minute)}` });
        await world.advance(MINUTE_MS);
      }
      expect(await world.stateOf(bad)).toBe("exception");
      expect(refusedAtMs.length).toBeLessThanOrEqual(20);
      const apart = refusedAtMs.slice(1).map((atMs, index) => atMs - (refusedAtMs[index] ?? 0));
      expect(Math.max(...apart.slice(0, 3))).toBeLessThan(Math.max(...apart.slice(-3)));
    },
  );
});

test("after an outage of more than its horizon a run that is slowed down once goes on", async () => {
  const flow = flowOf("2h");
  await world.begin([flow]);
  system.isDown = true;
  const runs: number[] = [];
  for (let n = 0; n < 8; n += 1) runs.push(await world.start(flow, { id: String(n) }));
  await world.advance(3 * HOUR_MS);
  let slowed = 0;
  const call = system.call.bind(system);
  system.call = (action, id, attempt) => {
    slowed += 1;
    if (slowed > 4 || slowed === 1) return call(action, id, attempt);
    const headers = { "retry-after": "1" };
    return Promise.reject(refusedWith({ status: 429, headers }, world.clock.nowMs()));
  };
  system.isDown = false;
  await world.advance(HOUR_MS);
  expect(await Promise.all(runs.map((run) => world.stateOf(run)))).toEqual(
    runs.map(() => "completed"),
  );
});

test.each([500, 502, 504, 425, 423])("a wait that comes with a %i is kept", async (status) => {
  const headers = { "retry-after": "3600" };
  refuseBad(() => refusedWith({ status, headers }, world.clock.nowMs()));
  const flow = flowOf();
  await world.begin([flow]);
  await world.start(flow, { id: "bad" });
  await world.advance(59 * MINUTE_MS);
  expect(refusedAtMs).toHaveLength(1);
  await world.advance(20 * MINUTE_MS);
  expect(refusedAtMs.length).toBeGreaterThan(1);
});

test("runs that wait for a password try it once a minute, however many are resumed", async () => {
  const flow = flowOf();
  system.always("send", { kind: "no", class: "misconfigured" });
  await world.begin([flow]);
  const runs: number[] = [];
  for (let n = 0; n < 10; n += 1) runs.push(await world.start(flow, { id: String(n) }));
  await world.advance(MINUTE_MS);
  const before = system.requests.length;
  const refusals: unknown[] = [];
  for (const run of runs) {
    await world.engine.commands.resume(run, null, "ana", "try").catch((error: unknown) => {
      refusals.push(error);
    });
    await world.advance(1_000);
  }
  expect(system.requests.length - before).toBe(1);
  expect(refusals).toHaveLength(runs.length - 1);
  expect(refusals[0]).toMatchObject({
    code: "HF6003",
    message: expect.stringMatching(/tried .* ago and ended alike.*holdfast unpark mail/u),
  });
  await world.advance(MINUTE_MS);
  await world.engine.commands.resume(runs[5] ?? 0, null, "ana", "once more");
  await world.advance(1_000);
  expect(system.requests.length - before).toBe(2);
});
