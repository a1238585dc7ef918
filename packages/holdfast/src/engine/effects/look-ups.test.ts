import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cannotTell } from "../../workflow/seen.ts";
import { differs, fenced, type Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const SETTLE_MS = 20_000;

let world: TestWorld;
let system: Counterpart;
let flow: ReturnType<typeof testWorkflow>;
let run: number;

beforeEach(() => {
  world = new TestWorld();
  system = world.counterpart("erp");
  const act = testEffect("probeable", system, "act", { settle: "20s" });
  flow = testWorkflow("flow", (input, r) => r.do(act, input));
});
afterEach(() => world.remove());

async function started(): Promise<number> {
  await world.begin([flow]);
  run = await world.start(flow, { id: "1" });
  await world.settle();
  return run;
}

function sinceSentMs(): readonly number[] {
  const sentAtMs = system.requestsOf("act").at(-1)?.atMs ?? 0;
  return system.lookups.map((lookup) => lookup.atMs - sentAtMs);
}

describe("an outcome that is not known", () => {
  test("is looked up after the settle time, and what is found is the answer", async () => {
    system.plan("act", { kind: "lostAnswer", happened: true });
    await started();
    const row = await world.row(run);
    expect(row.state).toBe("parked");
    expect(row.reason).toMatch(/unknown/);
    expect(await world.resultOf(run)).toEqual({ ref: "act:1" });
    expect(system.requestsOf("act")).toHaveLength(1);
    expect(sinceSentMs()).toEqual([SETTLE_MS]);
    expect((await world.effects(run))[0]).toMatchObject({ proof: "surely", ref: "erp-1" });
  });

  test("keeps no slot and no memory while it settles", async () => {
    system.plan("act", { kind: "lostAnswer", happened: true });
    await started();
    expect(world.engine.live.size).toBe(0);
  });

  test("is sent again only after two looks a quarter of the settle time apart", async () => {
    system.plan("act", { kind: "lostAnswer", happened: false });
    await started();
    expect(await world.resultOf(run)).toEqual({ ref: "act:1" });
    expect(system.requestsOf("act")).toHaveLength(2);
    const [first, second] = system.requestsOf("act");
    const looks = system.lookups.map((lookup) => lookup.atMs - (first?.atMs ?? 0));
    expect(looks).toHaveLength(2);
    expect(looks[0]).toBeGreaterThanOrEqual(SETTLE_MS);
    expect(looks[1]).toBeGreaterThanOrEqual(SETTLE_MS + SETTLE_MS / 4);
    expect(second?.atMs).toBeGreaterThanOrEqual((first?.atMs ?? 0) + (looks[1] ?? 0));
    expect(second?.key).toBe(first?.key);
    expect(system.count("act")).toBe(1);
  });

  test("is not sent again when the work is done between the two looks", async () => {
    system.plan("act", { kind: "late", afterMs: SETTLE_MS + 2_000 });
    await started();
    expect(await world.resultOf(run)).toEqual({ ref: "act:1" });
    expect(system.requestsOf("act")).toHaveLength(1);
    expect(system.count("act")).toBe(1);
  });

  test("is sent again at once where the other system has fenced it", async () => {
    system.plan("act", { kind: "lostAnswer", happened: false });
    system.lookupSays("act", fenced());
    await started();
    await world.resultOf(run);
    expect(system.lookups).toHaveLength(1);
    expect(system.requestsOf("act")).toHaveLength(2);
  });

  test("goes to a person when something else is found there", async () => {
    system.plan("act", { kind: "lostAnswer", happened: true });
    system.lookupSays("act", differs());
    await started();
    await world.untilState(run, "exception");
    expect(system.requestsOf("act")).toHaveLength(1);
    const [exception] = await world.exceptions(run);
    expect(exception?.because).toMatch(/differs/);
    expect(exception).toMatchObject({ class: "data", reasonCode: "HF3007", effect: "maybe" });
    // What was found is on record, beside what was sent.
    const looked = (await world.records(run)).find(({ kind }) => kind === "probe");
    expect(looked?.data).toBe('{"ref":"something else"}');
    await world.advance(86_400_000);
    expect(system.requestsOf("act")).toHaveLength(1);
  });

  test("where something else was found is settled before its run goes on", async () => {
    system.plan("act", { kind: "lostAnswer", happened: true });
    system.lookupSays("act", differs());
    await started();
    await world.untilState(run, "exception");
    const {
      commands,
      exceptions: { beside },
    } = world.engine;
    const [exception] = await world.exceptions(run);
    const at = { run, seq: exception?.seq ?? 0 };
    await expect(commands.resume(run, null, "bo", "go on")).rejects.toMatchObject({
      code: "HF6004",
    });
    await expect(beside.close(at, "bo", "fine")).rejects.toMatchObject({ code: "HF6004" });
    const [operation] = await world.effects(run);
    await commands.settle({
      run,
      operation: operation?.operation ?? 0,
      happened: true,
      value: { ref: "theirs" },
      ref: null,
      by: "bo",
      reason: "theirs is right",
    });
    expect(await world.resultOf(run)).toEqual({ ref: "theirs" });
    expect(system.requestsOf("act")).toHaveLength(1);
  });

  test("is looked up by the schedule until a person is asked, and never sent", async () => {
    system.plan("act", { kind: "lostAnswer", happened: true });
    system.lookupSays("act", cannotTell("the search is down"));
    await started();
    await world.untilState(run, "exception");
    // Settle, a quarter of it later, then 5 s, 30 s, 2 min, 10 min and 1 h (failure model R28).
    const expected = [20_000, 25_000, 30_000, 60_000, 180_000, 780_000, 4_380_000];
    for (const [index, atMs] of sinceSentMs().entries()) {
      expect(atMs).toBeGreaterThanOrEqual(expected[index] ?? 0);
      expect(atMs).toBeLessThan((expected[index] ?? 0) + 2_000);
    }
    expect(system.lookups).toHaveLength(expected.length);
    expect(system.requestsOf("act")).toHaveLength(1);
    expect((await world.exceptions(run))[0]).toMatchObject({
      class: "ambiguous",
      owner: "team-erp",
    });
  });

  test("a look-up that throws cannot tell, and one that answers nonsense cannot either", async () => {
    system.plan("act", { kind: "lostAnswer", happened: true });
    let looks = 0;
    const find = system.find.bind(system);
    system.find = (action, id, attempt) => {
      looks += 1;
      if (looks === 1) throw new Error("search is down");
      if (looks === 2) return { seen: "done", value: { wrong: 1 } } as never;
      return find(action, id, attempt);
    };
    await started();
    expect(await world.resultOf(run)).toEqual({ ref: "act:1" });
    expect(looks).toBe(3);
    expect(system.requestsOf("act")).toHaveLength(1);
  });

  test("gets the same key in the look-up, and when it was sent", async () => {
    system.plan("act", { kind: "lostAnswer", happened: true });
    let sentAt: Date | null = null;
    const find = system.find.bind(system);
    system.find = (action, id, attempt) => {
      sentAt = attempt.sentAt;
      return find(action, id, attempt);
    };
    await started();
    await world.resultOf(run);
    expect(system.lookups[0]?.key).toBe(system.requests[0]?.key);
    expect(sentAt).toEqual(new Date(system.requests[0]?.atMs ?? 0));
  });

  test.each([1, 2, 3, 4])("goes on with its looks over crashes (%s)", async (crashes) => {
    system.plan("act", { kind: "lostAnswer", happened: false });
    await started();
    for (let life = 0; life < crashes; life += 1) {
      await world.advance(7_000);
      await world.crash();
      await world.begin([flow]);
    }
    expect(await world.resultOf(run)).toEqual({ ref: "act:1" });
    expect(system.count("act")).toBe(1);
    expect(system.requestsOf("act")).toHaveLength(2);
  });
});

describe("a crash while a call is under way", () => {
  test.each([true, false])(
    "is an unknown outcome, which is looked up (done: %s)",
    async (happened) => {
      system.plan("act", { kind: "silent", happened });
      await started();
      expect(system.requestsOf("act")).toHaveLength(1);
      await world.crash();
      await world.begin([flow]);
      expect(await world.resultOf(run)).toEqual({ ref: "act:1" });
      expect(system.count("act")).toBe(1);
      expect(system.requestsOf("act")).toHaveLength(happened ? 1 : 2);
      expect(system.lookups.length).toBeGreaterThan(0);
    },
  );

  test.each([true, false])("is a person's question for once (done: %s)", async (happened) => {
    const act = testEffect("once", system, "mail");
    flow = testWorkflow("flow", (input, r) => r.do(act, input));
    system.plan("mail", { kind: "silent", happened });
    await started();
    await world.crash();
    await world.begin([flow]);
    await world.untilState(run, "exception");
    expect(system.requestsOf("mail")).toHaveLength(1);
    expect((await world.exceptions(run))[0]).toMatchObject({ class: "ambiguous" });
  });

  test.each(["keyed", "idempotent"] as const)(
    "is a repeat with the same key for %s",
    async (kind) => {
      const other = world.counterpart("psp", kind === "keyed" ? "keys" : "upsert");
      const act = testEffect(kind, other, "act");
      flow = testWorkflow("flow", (input, r) => r.do(act, input));
      other.plan("act", { kind: "silent", happened: true });
      await started();
      await world.crash();
      await world.begin([flow]);
      expect(await world.resultOf(run)).toEqual({ ref: "act:1" });
      expect(other.count("act")).toBe(1);
      expect(other.requestsOf("act")).toHaveLength(2);
      expect(new Set(other.requestsOf("act").map((request) => request.key)).size).toBe(1);
    },
  );
});

describe("a key that has grown old", () => {
  test.each([
    ["without a look-up a person is asked", false],
    ["with a look-up it is looked up", true],
  ])("is not trusted: %s", async (_what, canProbe) => {
    const psp = world.counterpart("psp");
    const act = testEffect("keyed", psp, "act", {
      keyWindow: "1h",
      canProbe,
      settle: "20s",
      retry: { attempts: 50, within: "50m" },
    });
    flow = testWorkflow("flow", (input, r) => r.do(act, input));
    psp.plan("act", { kind: "silent", happened: true });
    await started();
    await world.crash();
    // Down for two hours: they have forgotten our key.
    world.clock.setMs(world.clock.nowMs() + 7_200_000);
    await world.begin([flow]);
    await world.untilState(run, "exception", "completed");
    expect(psp.requestsOf("act")).toHaveLength(1);
    expect(psp.count("act")).toBe(1);
    expect(await world.stateOf(run)).toBe(canProbe ? "completed" : "exception");
  });

  test("is not trusted either when it grew old in a queue", async () => {
    const psp = world.counterpart("psp");
    const act = testEffect("keyed", psp, "act", {
      keyWindow: "1h",
      retry: { attempts: 50, within: "50m" },
    });
    flow = testWorkflow("flow", (input, r) => r.do(act, input));
    psp.plan("act", { kind: "lostAnswer", happened: true });
    psp.always("act", { kind: "throttled", afterMs: 3_700_000 });
    await started();
    await world.advance(4 * 3_600_000);
    const sent = psp.requestsOf("act");
    const lastMs = (sent.at(-1)?.atMs ?? 0) - (sent[0]?.atMs ?? 0);
    expect(lastMs).toBeLessThan(3_600_000);
    expect(["exception", "parked"]).toContain(await world.stateOf(run));
  });
});
