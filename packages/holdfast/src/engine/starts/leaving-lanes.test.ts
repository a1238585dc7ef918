import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { laneHeadOf } from "../../core/lane.ts";
import { formatRunId } from "../../core/run-number.ts";
import { review } from "../../workflow/review.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld, type LifeOptions } from "../test-world.test-support.ts";
import { leaveLane } from "./leaving-lanes.ts";

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

const big = review("big", {
  subject: z.object({ id: z.string() }),
  decision: z.object({ ok: z.boolean() }),
  by: "finance",
});
/** Asks a person first where its id is "1". */
const flow = testWorkflow(
  "flow",
  async (input, run) => {
    if (input.id === "1") await run.ask(big, { id: input.id });
    await run.step("work", () => input.id, { durable: true });
    return input.id;
  },
  { lane: () => "acme" },
);

const said = { by: "ana", reason: "the bank is slow", cause: "operator" } as const;
const leave = (run: number) => leaveLane(world.engine, run, said);

async function laneRecords(run: number) {
  return (await world.records(run)).filter((one) => one.kind === "lane").map(laneHeadOf);
}

async function idOf(key: string): Promise<number> {
  const row = (await world.allRuns()).find((one) => one.key === key);
  if (row === undefined) throw new Error(`there is no run ${key}`);
  return row.run;
}

/** Three runs of one lane, of which the first waits for a person. */
async function blocked(options: LifeOptions = {}): Promise<[number, number, number]> {
  await world.begin([flow], options);
  const first = await world.start(flow, { id: "1" });
  const second = await world.start(flow, { id: "2" });
  const third = await world.start(flow, { id: "3" });
  await world.untilState(first, "review");
  return [first, second, third];
}

describe("the first run of a lane, which waits for a person", () => {
  test("is taken out by another one, the lane goes on, and the gap is on record at both sides", async () => {
    const [first, second, third] = await blocked();
    expect(await world.stateOf(second)).toBe("waiting");
    await leave(first);
    await world.untilState(third, "completed");
    expect(await world.stateOf(second)).toBe("completed");
    expect(await world.row(first)).toMatchObject({ state: "review", lane: null });
    const gap = { lane: "acme", ...said };
    expect(await laneRecords(first)).toEqual([{ event: "left", ...gap, next: second }]);
    expect(await laneRecords(second)).toEqual([{ event: "gap", ...gap, run: first }]);
    expect(await laneRecords(third)).toEqual([]);
  });

  test("goes on with its own answer later, over a restart, and holds nobody up", async () => {
    const [first] = await blocked();
    await leave(first);
    await world.settle();
    await world.crash();
    await world.begin([flow]);
    const later = await world.start(flow, { id: "4" });
    await world.untilState(later, "completed");
    const [asked] = await world.reviews(first);
    await world.engine.commands.answer(first, asked?.seq ?? 0, { ok: true }, "bo");
    expect(await world.resultOf(first)).toBe("1");
  });

  test.each(["diesBefore", "diesAfter"] as const)(
    "leaves the lane as it was, or the whole gap, where the process %s that is durable",
    async (fate) => {
      const runs = await blocked({
        fateOf: (flush) => (flush.kinds.includes("lane") ? fate : "applied"),
      });
      void leave(runs[0]).catch(() => undefined);
      await world.settle();
      expect(world.life.watched.isDead).toBe(true);
      await world.crash();
      await world.begin([flow]);
      const counts = await Promise.all(runs.map(async (run) => (await laneRecords(run)).length));
      expect(counts).toEqual(fate === "diesAfter" ? [1, 1, 0] : [0, 0, 0]);
      if (fate === "diesBefore") await leave(runs[0]);
      await world.untilState(runs[2], "completed");
    },
  );

  test("leaves the gap at both sides also where a command has the one behind it, and flushes are full", async () => {
    const [first, second, third] = await blocked({
      limits: { flushRecordsMax: 1 },
      fateOf: ({ kinds }) => (kinds.includes("lane") ? "diesAfter" : "applied"),
    });
    const lent = await world.engine.wakes.reach(second, true);
    lent?.pin();
    void leave(first).catch(() => undefined);
    await world.settle();
    expect(world.life.watched.isDead).toBe(true);
    await world.crash();
    await world.begin([flow]);
    const gap = { lane: "acme", ...said };
    expect(await laneRecords(first)).toEqual([{ event: "left", ...gap, next: second }]);
    expect(await laneRecords(second)).toEqual([{ event: "gap", ...gap, run: first }]);
    await world.untilState(third, "completed");
  });

  test("gives the one behind it its turn when the command that has it gives it back", async () => {
    const [first, second, third] = await blocked();
    const lent = await world.engine.wakes.reach(second, true);
    const giveBack = lent?.pin();
    await leave(first);
    await world.settle();
    expect(await world.stateOf(second)).toBe("waiting");
    giveBack?.();
    await world.untilState(third, "completed");
    expect(await laneRecords(second)).toMatchObject([{ event: "gap", run: first }]);
  });

  test("leaves a gap that what a command writes to the one behind it comes after", async () => {
    const [first, second, third] = await blocked();
    const lent = await world.engine.wakes.reach(second, true);
    const giveBack = lent?.pin();
    await leave(first);
    await world.engine.commands.cancel(second, "ana", "not wanted");
    giveBack?.();
    await world.untilState(third, "completed");
    expect(await world.stateOf(second)).toBe("cancelled");
    const kinds = (await world.records(second)).map(({ kind }) => kind);
    expect(kinds.indexOf("lane")).toBeLessThan(kinds.indexOf("cancel"));
  });

  test("is taken out once, however often the command is taken", async () => {
    const [first, second] = await blocked();
    const command = "cmd_1";
    await leaveLane(world.engine, first, { ...said, command });
    await leaveLane(world.engine, first, { ...said, command });
    expect(await laneRecords(first)).toHaveLength(1);
    await world.untilState(second, "completed");
    await expect(leaveLane(world.engine, first, { ...said, command: "cmd_2" })).rejects.toThrow(
      "has left its lane already",
    );
    await expect(leave(first)).rejects.toMatchObject({
      code: "HF6003",
      message: expect.stringContaining("has left its lane already"),
    });
  });

  test("is taken out with nobody behind it", async () => {
    await world.begin([flow]);
    const first = await world.start(flow, { id: "1" });
    await world.untilState(first, "review");
    await leave(first);
    expect(await laneRecords(first)).toMatchObject([{ event: "left", next: null }]);
    await world.untilState(await world.start(flow, { id: "2" }), "completed");
  });
});

describe("it is refused", () => {
  test("for a run that is not the first, naming the one that is", async () => {
    const [first, second] = await blocked();
    await expect(leave(second)).rejects.toMatchObject({
      code: "HF6003",
      message: expect.stringContaining(formatRunId(first)),
    });
  });

  test("for a run that is at work, that has ended, that is in no lane, and that is not there", async () => {
    const busy = testWorkflow(
      "busy",
      (input, run) =>
        run.step("work", () => new Promise((done) => world.clock.after(60_000, () => done(input)))),
      { lane: () => "busy" },
    );
    const free = testWorkflow("free", (_input, run) => run.sleep("1h"));
    await world.begin([busy, free]);
    const first = await world.start(busy, { id: "1" });
    await expect(leave(first)).rejects.toMatchObject({
      code: "HF6003",
      message: expect.stringContaining("at work"),
    });
    await world.untilState(first, "completed");
    await expect(leave(first)).rejects.toMatchObject({ code: "HF6003" });
    const other = await world.start(free, { id: "1" });
    await world.untilState(other, "waiting");
    await expect(leave(other)).rejects.toMatchObject({
      code: "HF6003",
      message: expect.stringContaining("in no lane"),
    });
    await expect(leave(4711)).rejects.toMatchObject({ code: "HF6001" });
  });

  test("while an outcome of the run is unknown, until that is settled", async () => {
    const bank = world.counterpart("bank", "none");
    const wire = testEffect("once", bank, "wire");
    bank.plan("wire", { kind: "lostAnswer", happened: true });
    const pays = testWorkflow(
      "pays",
      async (input, run) => {
        await run.do(wire, input);
        if (input.id === "1") await run.ask(big, { id: input.id });
        return null;
      },
      { lane: () => "acme" },
    );
    await world.begin([pays]);
    const first = await world.start(pays, { id: "1" });
    const second = await world.start(pays, { id: "2" });
    await world.untilState(first, "exception");
    await expect(leave(first)).rejects.toMatchObject({
      code: "HF6004",
      message: expect.stringContaining('"wire" may have happened'),
    });
    expect(await laneRecords(first)).toEqual([]);
    const [effect] = await world.effects(first);
    const operation = effect?.operation ?? 0;
    const value = { ref: "w1" };
    const settled = {
      run: first,
      operation,
      happened: true,
      value,
      ref: null,
      by: "bo",
      reason: "seen",
    };
    await world.engine.commands.settle(settled);
    await world.untilState(first, "review");
    await leave(first);
    await world.untilState(second, "completed");
  });
});

describe("T12: a run that is quarantined", () => {
  /** Ends the process in each life in which "bad" is worked on. */
  const deadly = testWorkflow(
    "deadly",
    async (input, run) => {
      await run.step("before", () => input.id, { durable: true });
      if (input.id !== "bad") return null;
      return await run.step("die", () => {
        world.life.watched.isDead = true;
        return new Promise<never>(() => undefined);
      });
    },
    { lane: () => "acme" },
  );

  /** Until the run was put away, with another one behind it in its lane. */
  async function putAway(options: LifeOptions = {}): Promise<[number, number]> {
    await world.begin([deadly], options);
    for (const id of ["bad", "next"])
      void world.engine.startRun(deadly, { id }).catch(() => undefined);
    await world.settle();
    for (let life = 0; life < 10; life += 1) {
      await world.crash();
      await world.beginOnly([deadly], options);
      await world.settle();
      await world.advance(2_000);
      const [bad, next] = [await idOf("bad"), await idOf("next")];
      if ((await world.stateOf(bad)) === "exception") return [bad, next];
    }
    throw new Error("it was never put away");
  }

  test("is taken out of its lane by the engine, which says so, and the lane moves", async () => {
    const [bad, next] = await putAway();
    await world.untilState(next, "completed");
    expect(await world.row(bad)).toMatchObject({ state: "exception", lane: null });
    expect(await laneRecords(bad)).toMatchObject([
      {
        event: "left",
        cause: "quarantine",
        by: "engine",
        reason: expect.stringMatching(/3 times/u),
      },
    ]);
    expect(await laneRecords(next)).toMatchObject([
      { event: "gap", cause: "quarantine", run: bad },
    ]);
  });

  test("is taken out at the next start, where the process dies between the two", async () => {
    const options: LifeOptions = {
      fateOf: ({ kinds }) => (kinds.includes("opened") ? "diesAfter" : "applied"),
    };
    const [bad, next] = await putAway(options);
    expect(await laneRecords(bad)).toEqual([]);
    await world.crash();
    await world.begin([deadly]);
    await world.untilState(next, "completed");
    expect(await laneRecords(bad)).toMatchObject([{ event: "left", cause: "quarantine" }]);
  });
});
