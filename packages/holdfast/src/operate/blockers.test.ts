import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { formatRunId } from "../core/run-number.ts";
import type { Counterpart } from "../engine/counterpart.test-support.ts";
import { testEffect, testWorkflow } from "../engine/test-effects.test-support.ts";
import { TestWorld } from "../engine/test-world.test-support.ts";
import { openSqliteReader } from "../store-sqlite/index.ts";
import { blockersOf } from "./blockers.ts";

let world: TestWorld;
let bank: Counterpart;

beforeEach(() => {
  world = new TestWorld();
  bank = world.counterpart("bank");
});
afterEach(() => world.remove());

async function blockers(run: number) {
  const reader = await openSqliteReader({ path: world.path });
  try {
    const row = await world.row(run);
    const found = await blockersOf(reader, row);
    return found.map(({ run: id, state, reason }) => ({ id, state, reason }));
  } finally {
    await reader.close();
  }
}

describe("while an outcome is not known", () => {
  test("those behind it in its lane show what holds them up, and its parent does; others go on", async () => {
    const transfer = testEffect("once", bank, "transfer", { undo: "none" });
    const note = testEffect("keyed", bank, "note", { undo: "none" });
    const child = testWorkflow("child", (input, run) => run.do(transfer, input), {
      lane: () => "account 7",
    });
    const parent = testWorkflow("parent", async (_input, run) => {
      // What does not depend on it goes on.
      const [, noted] = await Promise.all([
        run.call(child, { id: "1" }),
        run.do(note, { id: "n" }),
      ]);
      return noted;
    });
    bank.plan("transfer", { kind: "lostAnswer", happened: true });
    await world.begin([child, parent]);
    const above = await world.start(parent, { id: "p" });
    await world.settle();
    const second = await world.start(child, { id: "2" });
    const third = await world.start(child, { id: "3" });
    await world.settle();
    expect(bank.count("note")).toBe(1);
    expect(bank.requestsOf("transfer")).toHaveLength(1);
    const head = (await world.allRuns()).find(({ key }) => key === "1")?.run ?? 0;
    const unknown = {
      id: formatRunId(head),
      state: "exception",
      reason: expect.stringMatching(/^"transfer" needs team-bank/u) as string,
    };
    expect(await blockers(head)).toEqual([]);
    expect(await blockers(second)).toEqual([unknown]);
    expect((await blockers(third)).map(({ id }) => id)).toEqual([
      formatRunId(second),
      formatRunId(head),
    ]);
    expect(await blockers(above)).toEqual([unknown]);
  });
});
