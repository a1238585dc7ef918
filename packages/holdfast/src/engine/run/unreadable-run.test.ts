import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { JournalRecord } from "../../core/journal.ts";
import type { RecordKind } from "../../core/record-kinds.ts";
import type { StoredRun } from "../../store/rows.ts";
import { runSql } from "../../store-sqlite/tampering.test-support.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

type Change = (records: readonly JournalRecord[]) => readonly JournalRecord[];

function spoiltFor(key: string, stored: StoredRun, change: Change): StoredRun {
  return stored.row.key === key ? { ...stored, records: change(stored.records) } : stored;
}

/** The run of this key is read with this done to its journal. */
function spoil(key: string, change: Change): void {
  world.life.watched.alter = (stored) => spoiltFor(key, stored, change);
}

function withCell(kind: RecordKind, cell: Partial<JournalRecord>): Change {
  return (records) =>
    records.map((record) => (record.kind === kind ? { ...record, ...cell } : record));
}

const SPOILT: readonly (readonly [string, Change])[] = [
  ["a head that is no JSON", withCell("outcome", { head: '{"end":' })],
  ["a result that is no JSON", withCell("result", { data: "{" })],
  ["an answer that is no JSON", withCell("outcome", { data: "nonsense" })],
  ["an input that is no JSON", withCell("started", { data: '"half' })],
  ["no beginning", (records) => records.slice(1)],
];

describe("a run whose journal cannot be read", () => {
  test.each([
    ["a wrong sign", '{"id":"1","iban":xDE8937', "no JSON."],
    ["no end", '{"id":"1","iban":"DE8937', "no JSON at position"],
  ])("is told of without quoting what stands there (%s)", async (_what, data, said) => {
    const flow = testWorkflow("flow", (_input, run) => run.sleep("1h"));
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.settle();
    spoil("1", withCell("started", { data }));
    await world.advance(3_700_000);
    expect(await world.stateOf(run)).toBe("held");
    const told = JSON.stringify([
      await world.exceptions(run),
      await world.row(run),
      world.life.events,
    ]);
    expect(told).toContain(said);
    expect(told).not.toContain("DE89");
    // A command hears of it, too.
    const resumed = world.engine.commands.resume(run, null, "ana", "look");
    const error = await resumed.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "HF2106" });
    expect(String(error)).not.toContain("DE89");
  });

  test.each(SPOILT)(
    "(%s) is held and owned, and stops none that wakes with it",
    async (_what, change) => {
      const system = world.counterpart("erp", "keys");
      const act = testEffect("keyed", system, "act");
      const flow = testWorkflow("flow", async (input, run) => {
        await run.step("look", () => 1);
        await run.do(act, input);
        await run.sleep("1h");
        return input.id;
      });
      await world.begin([flow]);
      const runs: number[] = [];
      for (const id of ["1", "2", "3"]) runs.push(await world.start(flow, { id }));
      await world.settle();
      const before = (await world.records(runs[1] ?? 0)).length;
      spoil("2", change);
      await world.advance(3_700_000);
      const [first, second = 0, third] = runs;
      expect(await world.stateOf(first ?? 0)).toBe("completed");
      expect(await world.stateOf(third ?? 0)).toBe("completed");
      expect(await world.stateOf(second)).toBe("held");
      expect(await world.exceptions(second)).toMatchObject([
        { reasonCode: "HF2106", class: "defect", owner: "team-flow", resolution: null },
      ]);
      expect((await world.exceptions(second))[0]?.message).toMatch(
        /cannot be read: .*Nothing was executed/,
      );
      expect(system.requests).toHaveLength(3);
      // What is written comes after what is there.
      const after = await world.records(second);
      expect(after.length).toBeGreaterThan(before);
      expect(after.map((record) => record.seq)).toEqual(after.map((_, index) => index + 1));
    },
  );

  test("stops none that is brought back with it after a crash", async () => {
    const flow = testWorkflow("flow", async (input, run) => {
      await run.step("look", () => 1, { durable: true });
      await run.step(
        "slow",
        () => new Promise((resolve) => world.clock.after(5_000, () => resolve(1))),
      );
      return input.id;
    });
    await world.begin([flow]);
    const runs: number[] = [];
    for (const id of ["1", "2", "3"]) runs.push(await world.start(flow, { id }));
    await world.settle();
    await world.crash();
    await world.beginOnly([flow], {
      alter: (stored) => spoiltFor("2", stored, withCell("result", { data: "{" })),
    });
    await world.advance(60_000);
    const rows = await world.allRuns();
    expect(rows.map((row) => row.state)).toEqual(["completed", "held", "completed"]);
    expect(await world.engine.store.openGroups()).toEqual([]);
  });

  test("says so to whoever wants something of it, and goes on once it is mended", async () => {
    const flow = testWorkflow("flow", async (input, run) => {
      await run.step("look", () => 1);
      await run.sleep("1h");
      return input.id;
    });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "waiting");
    spoil("1", withCell("started", { data: "{" }));
    const { commands } = world.engine;
    for (let n = 0; n < 2; n += 1) {
      await expect(commands.resume(run, null, "ana", "try")).rejects.toMatchObject({
        code: "HF2106",
        remedy: expect.stringContaining("store verify"),
      });
    }
    expect(await world.stateOf(run)).toBe("held");
    expect(await world.exceptions(run)).toHaveLength(1);
    world.life.watched.alter = (stored) => stored;
    await commands.resume(run, null, "ana", "the backup is back");
    expect(await world.resultOf(run)).toBe("1");
    expect(await world.exceptions(run)).toMatchObject([{ resolution: "resumed" }]);
  });

  test("says so also before its turn in a lane", async () => {
    const flow = testWorkflow(
      "flow",
      async (input, run) => {
        await run.sleep("1h");
        return input.id;
      },
      { lane: () => "one" },
    );
    await world.begin([flow]);
    await world.start(flow, { id: "1" });
    const second = await world.start(flow, { id: "2" });
    await world.settle();
    spoil("2", (records) => records.slice(1));
    await expect(world.engine.commands.cancel(second, "ana", "no")).rejects.toMatchObject({
      code: "HF2106",
    });
  });

  test("never begins anew, even if nothing of it is left", async () => {
    const done: string[] = [];
    const flow = testWorkflow("flow", async (input, run) => {
      await run.step("once", () => done.push(input.id));
      await run.sleep("1h");
      return input.id;
    });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "waiting");
    runSql(world.path, `delete from journal where run = ${String(run)}`);
    await world.advance(3_700_000);
    expect(await world.stateOf(run)).toBe("held");
    expect(done).toEqual(["1"]);
  });
});
