import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Counterpart } from "../counterpart.test-support.ts";
import type { BesideCase } from "../exceptions/beside.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const MINUTE_MS = 60_000;

let world: TestWorld;
let system: Counterpart;
beforeEach(() => {
  world = new TestWorld();
  system = world.counterpart("erp", "keys");
});
afterEach(() => world.remove());

function flowOf(options: Parameters<typeof testEffect>[3] = {}) {
  const act = testEffect("keyed", system, "act", options);
  return testWorkflow("flow", (input, run) => run.do(act, input));
}

async function startMany(flow: ReturnType<typeof flowOf>, count: number): Promise<number[]> {
  const runs: number[] = [];
  for (let n = 0; n < count; n += 1) runs.push(await world.start(flow, { id: String(n) }));
  await world.settle();
  return runs;
}

async function states(runs: readonly number[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const run of runs) {
    const state = await world.stateOf(run);
    counts[state] = (counts[state] ?? 0) + 1;
  }
  return counts;
}

function incidents(): readonly string[] {
  return world.life.events.flatMap((event) =>
    event.type === "dependency.changed" ? [event.to] : [],
  );
}

/** Exceptions about an integration that is not called. */
async function parkedOnes() {
  return (await world.exceptions(0)).filter(({ reasonCode }) => reasonCode === "HF3006");
}

describe("a wrong setting is somebody's, soon", () => {
  test("once, of the integration's owner, whatever the number of runs", async () => {
    const flow = flowOf();
    await world.begin([flow]);
    system.always("act", { kind: "no", class: "misconfigured" });
    await startMany(flow, 10);
    await world.advance(MINUTE_MS);
    const [exception, ...more] = await parkedOnes();
    expect(more).toEqual([]);
    expect(exception).toMatchObject({
      class: "misconfigured",
      owner: "team-erp",
      integration: "erp",
      closedAtMs: null,
    });
    expect((exception?.dueAtMs ?? 0) - world.clock.nowMs()).toBeLessThanOrEqual(60 * MINUTE_MS);
    await world.advance(600 * MINUTE_MS);
    expect(await parkedOnes()).toHaveLength(1);
  });

  test("also where one run is all that there is", async () => {
    const flow = flowOf();
    await world.begin([flow]);
    system.always("act", { kind: "no", class: "misconfigured" });
    const [run = 0] = await startMany(flow, 1);
    await world.advance(MINUTE_MS);
    expect(await world.stateOf(run)).toBe("parked");
    expect(await parkedOnes()).toHaveLength(1);
    expect(system.requests).toHaveLength(3);
  });

  test("until it is mended: the runs come through, and it is closed", async () => {
    const flow = flowOf();
    await world.begin([flow]);
    system.always("act", { kind: "no", class: "misconfigured" });
    const runs = await startMany(flow, 4);
    await world.advance(MINUTE_MS);
    system.always("act", { kind: "ok" });
    await world.engine.commands.resume(runs[0] ?? 0, null, "ana", "the password is right now");
    await world.advance(15 * MINUTE_MS);
    expect(await states(runs)).toEqual({ completed: 4 });
    expect(await parkedOnes()).toMatchObject([{ resolution: "dealt-with" }]);
  });

  test("is closed also where the engine dies once it is on record that it answers again", async () => {
    const flow = flowOf();
    system.always("act", { kind: "no", class: "misconfigured" });
    let answers = false;
    await world.begin([flow], {
      fateOf: ({ kinds }) => (answers && kinds.includes("dependency") ? "diesAfter" : "applied"),
    });
    const runs = await startMany(flow, 4);
    await world.advance(MINUTE_MS);
    system.always("act", { kind: "ok" });
    answers = true;
    const mended = "the password is right now";
    await world.engine.commands.resume(runs[0] ?? 0, null, "ana", mended).catch(() => undefined);
    await world.settle();
    expect(world.life.watched.isDead).toBe(true);
    expect(await parkedOnes()).toMatchObject([{ closedAtMs: null }]);
    await world.crash();
    await world.begin([flow]);
    await world.advance(15 * MINUTE_MS);
    expect(await states(runs)).toEqual({ completed: 4 });
    expect(await parkedOnes()).toMatchObject([{ resolution: "dealt-with" }]);
  });

  test("once over a crash, and anew when it is wrong again", async () => {
    const flow = flowOf();
    await world.begin([flow]);
    system.always("act", { kind: "no", class: "misconfigured" });
    const runs = await startMany(flow, 3);
    await world.advance(MINUTE_MS);
    await world.crash();
    await world.begin([flow]);
    await world.advance(MINUTE_MS);
    expect(await parkedOnes()).toHaveLength(1);
    system.always("act", { kind: "ok" });
    await world.engine.commands.resume(runs[0] ?? 0, null, "ana", "mended");
    await world.advance(15 * MINUTE_MS);
    expect(await states(runs)).toEqual({ completed: 3 });
    system.always("act", { kind: "no", class: "misconfigured" });
    for (const id of ["7", "8", "9"]) await world.start(flow, { id });
    await world.advance(MINUTE_MS);
    const found = await parkedOnes();
    expect(found.map(({ closedAtMs }) => closedAtMs === null)).toEqual([false, true]);
  });

  test("that is found when it was down before", async () => {
    const flow = flowOf();
    await world.begin([flow]);
    system.isDown = true;
    await startMany(flow, 5);
    await world.advance(MINUTE_MS);
    expect(incidents()).toEqual(["open"]);
    system.isDown = false;
    system.always("act", { kind: "no", class: "misconfigured" });
    await world.advance(15 * MINUTE_MS);
    expect(incidents()).toEqual(["open", "parked"]);
    expect(await parkedOnes()).toHaveLength(1);
  });

  test("where other calls get through between: the run's own exception", async () => {
    const wrong = testEffect("keyed", system, "wrong");
    const right = testEffect("keyed", system, "right");
    const badly = testWorkflow("badly", (input, run) => run.do(wrong, input));
    const well = testWorkflow("well", (input, run) => run.do(right, input));
    await world.begin([badly, well]);
    system.always("wrong", { kind: "no", class: "misconfigured" });
    const run = await world.start(badly, { id: "1" });
    for (let n = 0; n < 60; n += 1) {
      await world.start(well, { id: String(n) });
      await world.advance(2_000);
    }
    expect(await world.stateOf(run)).toBe("exception");
    expect(system.requestsOf("wrong")).toHaveLength(5);
    expect(incidents()).toEqual([]);
    expect(await world.exceptions(run)).toMatchObject([
      { class: "misconfigured", owner: "team-erp", closedAtMs: null },
    ]);
  });
});

/** Takes the room that there is beside the store. */
const OTHER: BesideCase = {
  run: null,
  subject: "a message",
  at: "bill",
  reasonCode: "HF4115",
  rule: "test/other@1",
  message: "It does not fit.",
  because: () => "It does not fit.",
  owner: "order-desk",
  data: "{}",
};

async function outages() {
  return (await world.exceptions(0)).filter(({ reasonCode }) => reasonCode === "HF3009");
}

describe("an outage", () => {
  test("of some minutes is nobody's; one that lasts is its owner's, until it is over", async () => {
    const flow = flowOf({ keyWindow: "7d" });
    await world.begin([flow]);
    system.isDown = true;
    const runs = await startMany(flow, 5);
    await world.advance(14 * MINUTE_MS);
    expect(await outages()).toEqual([]);
    await world.advance(2 * MINUTE_MS);
    const [exception, ...more] = await outages();
    expect(more).toEqual([]);
    expect(exception).toMatchObject({ class: "unavailable", owner: "team-erp", closedAtMs: null });
    expect(exception?.because).toContain("erp has been out of reach since");
    await world.advance(10 * 60 * MINUTE_MS);
    expect(await outages()).toHaveLength(1);
    system.isDown = false;
    await world.advance(15 * MINUTE_MS);
    expect(await states(runs)).toEqual({ completed: 5 });
    expect(await outages()).toMatchObject([{ resolution: "dealt-with" }]);
  });

  test.each([
    ["an outage", "HF3009"],
    ["a wrong setting", "HF3006"],
  ])(
    "is told later where no more exceptions could be opened beside the store: %s",
    async (what, code) => {
      const flow = flowOf({ keyWindow: "7d" });
      await world.begin([flow], { limits: { besideOpenMax: 1 } });
      await world.engine.exceptions.beside.open(OTHER);
      if (what === "an outage") system.isDown = true;
      else system.always("act", { kind: "no", class: "misconfigured" });
      await startMany(flow, 5);
      await world.advance(30 * MINUTE_MS);
      const [other, ...more] = await world.exceptions(0);
      expect(more).toEqual([]);
      const id = { run: 0, seq: other?.seq ?? 0 };
      await world.engine.exceptions.beside.close(id, "ana", "the sender has mended it");
      await world.advance(2 * MINUTE_MS);
      const open = (await world.exceptions(0)).filter(({ closedAtMs }) => closedAtMs === null);
      expect(open).toMatchObject([{ reasonCode: code, integration: "erp" }]);
    },
  );

  test("that is over before is nobody's", async () => {
    const flow = flowOf({ keyWindow: "7d" });
    await world.begin([flow]);
    system.isDown = true;
    await startMany(flow, 3);
    await world.advance(10 * MINUTE_MS);
    system.isDown = false;
    await world.advance(60 * MINUTE_MS);
    expect(await outages()).toEqual([]);
  });

  test("is told over a restart, counted from its beginning", async () => {
    const flow = flowOf({ keyWindow: "7d" });
    await world.begin([flow]);
    system.isDown = true;
    await startMany(flow, 3);
    await world.advance(10 * MINUTE_MS);
    await world.crash();
    await world.begin([flow]);
    await world.advance(6 * MINUTE_MS);
    expect(await outages()).toHaveLength(1);
  });

  test("that a person has parked by hand is no alarm", async () => {
    const flow = flowOf({ keyWindow: "7d" });
    await world.begin([flow]);
    await startMany(flow, 1);
    const untilMs = world.clock.nowMs() + 60 * MINUTE_MS;
    await world.engine.parking.parkByHand("erp", "they install a release", untilMs);
    await world.advance(40 * MINUTE_MS);
    expect(await outages()).toEqual([]);
  });
});
