import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { REPEAT_KINDS, type RepeatKind } from "../../core/contract.ts";
import type { MoveKind } from "../../core/move.ts";
import type { Counterpart, Plan } from "../counterpart.test-support.ts";
import { MEMORY_OF, testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

interface Setting {
  readonly system: Counterpart;
  readonly flow: ReturnType<typeof testWorkflow>;
}

function setting(kind: RepeatKind): Setting {
  const system = world.counterpart("erp", MEMORY_OF[kind]);
  const act = testEffect(kind, system, "act");
  return { system, flow: testWorkflow("flow", (input, run) => run.do(act, input)) };
}

/** Runs until the run is over or needs a person; says which. */
async function end(flow: Setting["flow"]): Promise<{ run: number; state: string }> {
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "completed", "stopped", "exception", "held");
  return { run, state: await world.stateOf(run) };
}

function moves(): readonly MoveKind[] {
  return world.life.events.flatMap((event) =>
    event.type === "attempt.failed" ? [event.move.kind] : [],
  );
}

/** What each way to fail proves, and what the engine does next under each contract. */
const ONE_FAULT: readonly (readonly [string, Plan, Readonly<Record<RepeatKind, MoveKind>>])[] = [
  ["is refused before anything was sent", { kind: "refused" }, all("park")],
  ["loses its answer and was done", lost(true), unknown()],
  ["loses its answer and was not done", lost(false), unknown()],
  ["gets no answer in time and was done", { kind: "silent", happened: true }, unknown()],
  ["gets no answer in time and was not done", { kind: "silent", happened: false }, unknown()],
  ["gets no answer and does not heed its deadline", { kind: "deaf", happened: true }, unknown()],
  ["is done after we gave up waiting", { kind: "late", afterMs: 12_000 }, unknown()],
  ["is told to come back later", { kind: "throttled", afterMs: 30_000 }, all("wait")],
  ["loses a race", { kind: "no", class: "contention" }, all("redo")],
  ["is refused for a moment", { kind: "no", class: "transient" }, all("retry")],
];

function lost(happened: boolean): Plan {
  return { kind: "lostAnswer", happened };
}

function all(move: MoveKind): Readonly<Record<RepeatKind, MoveKind>> {
  return { read: move, idempotent: move, keyed: move, probeable: move, once: move };
}

/** It may have happened: repeat where that is harmless, else look, else ask. */
function unknown(): Readonly<Record<RepeatKind, MoveKind>> {
  return {
    read: "retry",
    idempotent: "retry",
    keyed: "retry",
    probeable: "resolve",
    once: "askOutcome",
  };
}

/** How often it was really done; a read has no effect that could be counted twice. */
function doneCount(kind: RepeatKind, system: Counterpart): number {
  return kind === "read" ? 1 : system.count("act", "1");
}

describe.each(REPEAT_KINDS)("an effect declared %s", (kind) => {
  const asks = ONE_FAULT.filter(([, , moveOf]) => moveOf[kind] === "askOutcome");
  const goesOn = ONE_FAULT.filter(([, , moveOf]) => moveOf[kind] !== "askOutcome");

  test.each(goesOn)("that %s is done once in the end", async (_how, plan, expected) => {
    const { system, flow } = setting(kind);
    system.plan("act", plan);
    const { run, state } = await end(flow);
    expect(moves()[0]).toBe(expected[kind]);
    expect(state).toBe("completed");
    expect(await world.resultOf(run)).toEqual({ ref: "act:1" });
    // What comes late, comes now: still no second time.
    await world.advance(120_000);
    expect(doneCount(kind, system)).toBe(1);
  });

  test.each(asks)("that %s asks a person, and is never sent again", async (_how, plan) => {
    const { system, flow } = setting(kind);
    system.plan("act", plan);
    const { run, state } = await end(flow);
    expect(moves()[0]).toBe("askOutcome");
    expect(state).toBe("exception");
    const [exception] = await world.exceptions(run);
    expect(exception).toMatchObject({ class: "ambiguous", owner: "team-erp", closedAtMs: null });
    expect(exception?.because).toMatch(/may have happened/);
    await world.advance(120_000);
    expect(system.requestsOf("act")).toHaveLength(1);
    expect(doneCount(kind, system)).toBeLessThanOrEqual(1);
  });

  test("that is refused for a moment says when it is tried next, and not in how long", async () => {
    const { system, flow } = setting(kind);
    system.always("act", { kind: "throttled", afterMs: 30_000 });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "waiting");
    const [failed] = world.life.events.filter(({ type }) => type === "attempt.failed");
    expect(failed).toMatchObject({
      move: {
        because: expect.stringMatching(
          / Next at 2\d{3}-\d\d-\d\d \d\d:\d\d:\d\d UTC\.$/u,
        ) as string,
      },
    });
  });

  test.each([
    ["permanent", "stop", "exception"],
    ["data", "repair", "exception"],
    ["policy", "approve", "exception"],
    ["defect", "hold", "held"],
  ] as const)(
    "that is refused as %s is not sent again (%s)",
    async (failureClass, move, expected) => {
      const { system, flow } = setting(kind);
      system.always("act", { kind: "no", class: failureClass });
      await world.begin([flow]);
      const run = await world.start(flow, { id: "1" });
      await world.advance(3_600_000);
      expect(moves()).toEqual([move]);
      expect(system.requestsOf("act")).toHaveLength(1);
      expect(await world.stateOf(run)).toBe(expected);
      expect(system.count("act")).toBe(0);
      const open = (await world.exceptions(run)).filter((one) => one.closedAtMs === null);
      expect(open).toHaveLength(1);
      expect(open[0]?.owner).not.toBe("");
    },
  );

  test.each(["misconfigured", "exhausted"] as const)(
    "that is refused as %s parks for its dependency",
    async (failureClass) => {
      const { system, flow } = setting(kind);
      system.always("act", { kind: "no", class: failureClass });
      await world.begin([flow]);
      const run = await world.start(flow, { id: "1" });
      await world.advance(3_000);
      expect(moves()).toEqual(["park"]);
      expect(await world.stateOf(run)).toBe("parked");
      expect(system.count("act")).toBe(0);
    },
  );

  test("keeps its key over all attempts, and counts them", async () => {
    const { system, flow } = setting(kind);
    system.plan("act", { kind: "no", class: "transient" }, { kind: "no", class: "transient" });
    const { run } = await end(flow);
    const requests = system.requestsOf("act");
    expect(requests.map((request) => request.number)).toEqual([1, 2, 3]);
    expect(new Set(requests.map((request) => request.key)).size).toBe(1);
    expect(requests[0]?.key).not.toBe("");
    const rows = await world.effects(run);
    const row = { proof: "surely", ended: true, attempts: 3, contract: kind };
    // A read changes nothing, so it is not in the ledger of effects.
    expect(rows).toMatchObject(kind === "read" ? [] : [row]);
  });

  test("has its intent on disk before the call leaves", async () => {
    const { system, flow } = setting(kind);
    const seen: (readonly string[])[] = [];
    const call = system.call.bind(system);
    system.call = (action, id, attempt) => {
      seen.push(world.life.watched.flushes.flatMap((flush) => flush.records));
      return call(action, id, attempt);
    };
    system.plan("act", { kind: "no", class: "transient" });
    await end(flow);
    const intents = seen.map(
      (records) => records.filter((record) => record === "intent act").length,
    );
    expect(intents).toEqual(kind === "read" ? [0, 0] : [1, 2]);
  });
});

describe("attempts used up", () => {
  test.each(["read", "idempotent", "keyed"] as const)(
    "hands %s over to its owner after the declared number, and no sooner",
    async (kind) => {
      const system = world.counterpart("erp", MEMORY_OF[kind]);
      const act = testEffect(kind, system, "act", { retry: { attempts: 4, within: "1h" } });
      const flow = testWorkflow("flow", (input, run) => run.do(act, input));
      system.always("act", { kind: "no", class: "transient" });
      const { run, state } = await end(flow);
      expect(state).toBe("exception");
      expect(system.requestsOf("act")).toHaveLength(4);
      expect(moves()).toEqual(["retry", "retry", "retry", "handOver"]);
      expect((await world.exceptions(run))[0]).toMatchObject({
        owner: "team-erp",
        effectName: "act",
      });
    },
  );

  test("hands it over when the time allowed has passed, whatever the number", async () => {
    const system = world.counterpart("erp", "keys");
    const act = testEffect("keyed", system, "act", { retry: { attempts: 900, within: "1m" } });
    const flow = testWorkflow("flow", (input, run) => run.do(act, input));
    system.always("act", { kind: "no", class: "transient" });
    await end(flow);
    expect(moves().at(-1)).toBe("handOver");
    const [first, last] = [system.requests[0], system.requests.at(-1)];
    expect((last?.atMs ?? 0) - (first?.atMs ?? 0)).toBeLessThanOrEqual(60_000);
  });

  test("repeats a once effect only while nothing of it was sent", async () => {
    const system = world.counterpart("mail");
    const act = testEffect("once", system, "act");
    const flow = testWorkflow("flow", (input, run) => run.do(act, input));
    system.plan("act", { kind: "no", class: "transient" }, lost(true));
    const { state } = await end(flow);
    expect(state).toBe("exception");
    expect(moves()).toEqual(["retry", "askOutcome"]);
    expect(system.count("act")).toBe(1);
  });
});

describe("an answer that is not what was agreed", () => {
  test.each(["idempotent", "keyed", "once"] as const)(
    "is not asked for again under %s: it has happened",
    async (kind) => {
      const { system, flow } = setting(kind);
      system.always("act", { kind: "answers", value: { wrong: true } });
      const { run, state } = await end(flow);
      expect(state).toBe("exception");
      await world.advance(3_600_000);
      expect(system.requestsOf("act")).toHaveLength(1);
      expect((await world.effects(run))[0]).toMatchObject({ proof: "surely" });
      expect((await world.exceptions(run))[0]).toMatchObject({ effect: "surely" });
    },
  );

  test("holds a read, whose code or contract is wrong", async () => {
    const { system, flow } = setting("read");
    system.always("act", { kind: "answers", value: { wrong: true } });
    const { state } = await end(flow);
    expect(state).toBe("held");
    await world.advance(3_600_000);
    expect(system.requestsOf("act")).toHaveLength(1);
  });

  test("is looked up where the effect can be looked up", async () => {
    const { system, flow } = setting("probeable");
    system.always("act", { kind: "answers", value: { wrong: true } });
    const { run, state } = await end(flow);
    expect(state).toBe("completed");
    expect(await world.resultOf(run)).toEqual({ ref: "act:1" });
    expect(system.requestsOf("act")).toHaveLength(1);
    expect(system.count("act")).toBe(1);
  });

  test("cannot be kept as JSON: the same", async () => {
    const { system, flow } = setting("keyed");
    system.always("act", { kind: "answers", value: { ref: 10n } });
    const { state } = await end(flow);
    expect(state).toBe("exception");
    expect(system.requestsOf("act")).toHaveLength(1);
  });
});

describe("'it is there already'", () => {
  test.each(["probeable", "keyed"] as const)(
    "is our own success after an unknown attempt (%s)",
    async (kind) => {
      const system = world.counterpart("erp");
      const act = testEffect(kind, system, "act", { canProbe: true, settle: "1s" });
      const flow = testWorkflow("flow", (input, run) => run.do(act, input));
      // The look-up misses it at first, so it is sent again; then the other system says that it has it.
      system.plan("act", lost(true), { kind: "echo" });
      const { run, state } = await end(flow);
      expect(state).toBe("completed");
      expect(await world.resultOf(run)).toEqual({ ref: "act:1" });
      expect(system.count("act")).toBe(1);
    },
  );

  test("is a matter of the data on the first attempt", async () => {
    const { system, flow } = setting("keyed");
    system.plan("act", { kind: "echo" });
    const { run, state } = await end(flow);
    expect(state).toBe("exception");
    expect((await world.exceptions(run))[0]).toMatchObject({ class: "data" });
  });
});

describe("what user code throws", () => {
  test.each([
    ["idempotent", "held"],
    ["keyed", "held"],
    ["once", "exception"],
  ] as const)("is a defect that nobody repeats (%s)", async (kind, expected) => {
    const { system, flow } = setting(kind);
    system.always("act", { kind: "throws", error: new TypeError("x is not a function") });
    const { state } = await end(flow);
    expect(state).toBe(expected);
    await world.advance(3_600_000);
    expect(system.requestsOf("act")).toHaveLength(1);
  });

  test("means what the effect's own classify says", async () => {
    const system = world.counterpart("erp");
    const act = testEffect("once", system, "act", {
      classify: (error) =>
        error instanceof RangeError
          ? { class: "data", effect: "never", reasonCode: "ERP:CLOSED_PERIOD" }
          : undefined,
    });
    const flow = testWorkflow("flow", (input, run) => run.do(act, input));
    system.always("act", { kind: "throws", error: new RangeError("period is closed") });
    const { run, state } = await end(flow);
    expect(state).toBe("exception");
    expect((await world.exceptions(run))[0]).toMatchObject({
      class: "data",
      effect: "never",
      reasonCode: "ERP:CLOSED_PERIOD",
      message: "period is closed",
    });
  });
});

describe("an input that the effect refuses", () => {
  test("is held before anything is sent, and goes on when the schema was mended", async () => {
    const system = world.counterpart("erp", "keys");
    const act = testEffect("keyed", system, "act");
    // The cast makes what an untyped caller could pass.
    const bad = { id: 7 } as unknown as { id: string };
    const wrong = testWorkflow("flow", (_input, run) => run.do(act, bad));
    await world.begin([wrong]);
    const run = await world.start(wrong, { id: "1" });
    await world.untilState(run, "held");
    expect(system.requests).toHaveLength(0);
    expect((await world.exceptions(run))[0]).toMatchObject({ class: "defect", effect: "never" });
    await world.close();

    const mended = testEffect("keyed", system, "act");
    Object.assign(mended.definition, { input: (await import("zod")).z.unknown() });
    const right = testWorkflow("flow", (_input, r) => r.do(mended, bad));
    await world.begin([right]);
    await world.engine.commands.resume(run, null, "ana", "schema mended");
    expect(await world.resultOf(run)).toMatchObject({ ref: expect.stringContaining("act:") });
    expect(system.count("act")).toBe(1);
    expect((await world.exceptions(run))[0]?.closedAtMs).not.toBeNull();
  });
});
