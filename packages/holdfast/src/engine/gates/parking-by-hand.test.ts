/** What people say of an integration as a whole. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";
import { openSqliteReader } from "../../store-sqlite/index.ts";

const MINUTE_MS = 60_000;

let world: TestWorld;
let erp: Counterpart;
beforeEach(() => {
  world = new TestWorld();
  erp = world.counterpart("erp", "keys");
});
afterEach(() => world.remove());

function flowOf() {
  const act = testEffect("keyed", erp, "act", { keyWindow: "7d" });
  return testWorkflow("flow", (input, run) => run.do(act, input));
}

/** As another process would. */
async function post(id: string, topic: "park" | "unpark", body: object): Promise<void> {
  const reader = await openSqliteReader({ path: world.path });
  const data = JSON.stringify(body);
  await reader.post({ id, topic, atMs: world.clock.nowMs(), by: "ana", data });
  await reader.close();
}

async function answerTo(id: string): Promise<unknown> {
  let answer: string | null = null;
  await world.until(`an answer to ${id}`, async () => {
    const reader = await openSqliteReader({ path: world.path });
    answer = await reader.answer(id);
    await reader.close();
    return answer !== null;
  });
  return JSON.parse(answer ?? "null");
}

async function said(topic: "park" | "unpark", body: object): Promise<unknown> {
  await post(topic, topic, body);
  return await answerTo(topic);
}

const LIMITS = { limits: { inboxIdleMs: 200, inboxBusyMs: 25 } };
const PARK = { integration: "erp", reason: "they install a release", forMs: 30 * MINUTE_MS };

describe("an integration that a person has parked", () => {
  test("stays so over a restart, also if a call was out to try it", async () => {
    const act = testEffect("keyed", erp, "act", { keyWindow: "7d", timeout: "4m" });
    const flow = testWorkflow("flow", (input, run) => run.do(act, input));
    await world.begin([flow]);
    erp.always("act", { kind: "refused" });
    for (const id of ["1", "2", "3", "4"]) await world.start(flow, { id });
    await world.until("an outage", async () => {
      return (await world.dependencies()).some(({ state }) => state !== "closed");
    });
    const sent = erp.requests.length;
    erp.always("act", { kind: "slow", takesMs: 2 * MINUTE_MS });
    for (let tries = 0; tries < 200 && erp.requests.length === sent; tries += 1)
      await world.advance(500);
    expect(erp.requests.length).toBe(sent + 1);
    const untilMs = world.clock.nowMs() + 60 * MINUTE_MS;
    await world.engine.parking.parkByHand("erp", "they install a release", untilMs);
    await world.crash();
    erp.always("act", { kind: "ok" });
    await world.begin([flow]);
    await world.advance(10 * MINUTE_MS);
    expect(erp.requests.length).toBe(sent + 1);
  });

  test("stays so when a run that waits for it is resumed, which is refused, also after a restart", async () => {
    const flow = flowOf();
    await world.begin([flow]);
    await world.start(flow, { id: "before" });
    await world.settle();
    const untilMs = world.clock.nowMs() + 60 * MINUTE_MS;
    await world.engine.parking.parkByHand("erp", "they install a release", untilMs);
    const run = await world.start(flow, { id: "1" });
    for (const isRestarted of [false, true]) {
      if (isRestarted) {
        await world.crash();
        await world.begin([flow]);
      }
      await world.advance(MINUTE_MS);
      const resumed = world.engine.commands.resume(run, null, "cy", "let this go on");
      await expect(resumed).rejects.toMatchObject({
        code: "HF6003",
        message: expect.stringMatching(/they install a release.*holdfast unpark erp/u),
      });
      await world.advance(MINUTE_MS);
      expect(erp.requests.map(({ id }) => id)).toEqual(["before"]);
    }
    await world.engine.parking.tryByHand("erp", "they are done");
    await world.untilState(run, "completed");
  });

  test("gets no call until then, over a restart, and is tried by itself afterwards", async () => {
    const flow = flowOf();
    await world.begin([flow], LIMITS);
    await world.start(flow, { id: "before" });
    await world.settle();
    expect(await said("park", PARK)).toEqual({ ok: true, isKnown: true });
    const run = await world.start(flow, { id: "1" });
    await world.advance(5 * MINUTE_MS);
    expect(await world.row(run)).toMatchObject({ state: "parked", dependency: "erp" });
    expect((await world.row(run)).reason).toContain("they install a release");
    await world.crash();
    await world.begin([flow]);
    await world.advance(20 * MINUTE_MS);
    expect(erp.requests.map(({ id }) => id)).toEqual(["before"]);
    await world.advance(15 * MINUTE_MS);
    expect(await world.stateOf(run)).toBe("completed");
    const [dependency] = await world.dependencies();
    expect(dependency).toMatchObject({ state: "closed", incident: { parkedCount: 1 } });
  });

  test("is tried at once where a person says so", async () => {
    const flow = flowOf();
    await world.begin([flow], LIMITS);
    await world.start(flow, { id: "before" });
    await world.settle();
    expect(await said("park", PARK)).toEqual({ ok: true, isKnown: true });
    const run = await world.start(flow, { id: "1" });
    await world.advance(MINUTE_MS);
    expect(await world.stateOf(run)).toBe("parked");
    expect(await said("unpark", { integration: "erp", reason: "done" })).toEqual({ ok: true });
    await world.advance(MINUTE_MS);
    expect(await world.stateOf(run)).toBe("completed");
  });
});

test("a wrong setting is tried once a person says that it was mended", async () => {
  const flow = flowOf();
  await world.begin([flow], LIMITS);
  erp.always("act", { kind: "no", class: "misconfigured" });
  const runs: number[] = [];
  for (let n = 0; n < 5; n += 1) runs.push(await world.start(flow, { id: String(n) }));
  await world.advance(60 * MINUTE_MS);
  expect(erp.requests.length).toBeLessThanOrEqual(5);
  erp.always("act", { kind: "ok" });
  expect(await said("unpark", { integration: "erp", reason: "new password" })).toEqual({
    ok: true,
  });
  await world.advance(5 * MINUTE_MS);
  for (const run of runs) expect(await world.stateOf(run)).toBe("completed");
});

test.each([
  ["what is not parked", "unpark", { integration: "erp", reason: "why not" }, "HF6003"],
  ["a time without end", "park", { ...PARK, forMs: 8 * 86_400_000 }, "HF4102"],
] as const)("refuses %s", async (_what, topic, body, code) => {
  await world.begin([flowOf()], LIMITS);
  expect(await said(topic, body)).toMatchObject({ ok: false, code });
});

test("refuses to park for a time that was over before an engine ran", async () => {
  await world.begin([flowOf()], LIMITS);
  await post("late", "park", PARK);
  await world.crash();
  world.clock.setMs(world.clock.nowMs() + 60 * MINUTE_MS);
  await world.begin([flowOf()], LIMITS);
  expect(await answerTo("late")).toMatchObject({ ok: false, code: "HF6003" });
});

describe("a name that no code has", () => {
  test("is not parked, and it is said which are known", async () => {
    const flow = flowOf();
    await world.begin([flow], LIMITS);
    expect(await said("park", { ...PARK, integration: "epr" })).toMatchObject({
      ok: false,
      code: "HF6001",
      remedy: "No integration was called yet.",
    });
    await world.start(flow, { id: "1" });
    await world.settle();
    await post("second", "park", { ...PARK, integration: "epr" });
    expect(await answerTo("second")).toMatchObject({
      ok: false,
      code: "HF6001",
      remedy: 'Did you mean "erp"? Known are: erp.',
    });
    expect(await world.dependencies()).toEqual([]);
  });

  test("is known over a restart, and in each of its parts, without a call", async () => {
    const flow = flowOf();
    await world.begin([flow], LIMITS);
    await world.start(flow, { id: "1" });
    await world.settle();
    await world.close();
    await world.begin([flow], LIMITS);
    expect(await said("park", { ...PARK, integration: "erp/invoices@acme" })).toEqual({
      ok: true,
      isKnown: false,
    });
  });

  test("that was parked before is let go at once by unpark, for good", async () => {
    const flow = flowOf();
    await world.begin([flow], LIMITS);
    const untilMs = world.clock.nowMs() + 60 * MINUTE_MS;
    await world.engine.parking.parkByHand("epr", "a slip", untilMs);
    expect(await said("unpark", { integration: "epr", reason: "a slip" })).toEqual({ ok: true });
    expect(await world.dependencies()).toMatchObject([{ integration: "epr", state: "closed" }]);
    await world.crash();
    await world.begin([flow], LIMITS);
    expect(await world.dependencies()).toMatchObject([{ integration: "epr", state: "closed" }]);
  });
});
