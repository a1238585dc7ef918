import { describe, expect, test } from "vitest";
import { openSqliteStore } from "../../store-sqlite/open.ts";
import type { FlushBatch } from "../../store/store.ts";
import { Committer, type NewRecord } from "./committer.ts";
import { DEFAULT_LIMITS, type EngineLimits } from "../limits.ts";

const clock = { nowMs: () => 1, after: () => () => undefined };

/** A committer over the real store, and the runs of each flush in the order in which it left. */
async function committerOver(limits: Partial<EngineLimits> = {}) {
  const store = await openSqliteStore({ path: ":memory:", nowMs: clock.nowMs });
  const flushed: number[][] = [];
  const flush = (batch: FlushBatch) => {
    flushed.push([...batch.records.run]);
    return store.flush(batch);
  };
  const committer = new Committer(
    { ...store, flush },
    clock,
    { ...DEFAULT_LIMITS, ...limits },
    () => undefined,
    (error) => {
      throw error;
    },
  );
  const next = new Map<number, number>();
  const add = (run: number) => {
    const seq = (next.get(run) ?? 0) + 1;
    next.set(run, seq);
    committer.add({ run, seq, kind: "result", attempt: 0, name: "s", head: null, data: "1" });
  };
  return { committer, add, flushed, close: () => store.close() };
}

const RUNS = Array.from({ length: 256 }, (_, index) => index + 1);

describe("the committer", () => {
  test("writes the first half of what comes at once while the second is being made", async () => {
    const { committer, add, flushed, close } = await committerOver();
    for (const run of RUNS) add(run);
    await committer.durable();
    flushed.length = 0;
    for (const run of RUNS) add(run);
    expect(flushed.length).toBeGreaterThan(0);
    await committer.durable();
    expect(flushed.flat()).toEqual(RUNS);
    await close();
  });

  test.each<[string, Partial<NewRecord>]>([
    ["reason", { head: { by: "bo", reason: {} } }],
    ["ref", { head: { ref: 5 } }],
    ["workflow", { head: { workflow: ["w"] } }],
    ["name", { name: {} as never }],
    ["data", { data: {} as never }],
  ])("refuses a record whose %s is no text, and goes on with others", async (what, over) => {
    const { committer, add, flushed, close } = await committerOver();
    const record = { run: 1, seq: 1, kind: "cancel", attempt: 0, name: "", head: null, data: null };
    expect(() => committer.add({ ...record, ...over } as NewRecord)).toThrow(
      expect.objectContaining({
        code: "HF4102",
        message: expect.stringContaining(`its ${what} is no text`) as string,
      }),
    );
    add(2);
    await committer.durable();
    expect(flushed.flat()).toEqual([2]);
    await close();
  });

  test("leaves together what one run writes at once", async () => {
    const { committer, add, flushed, close } = await committerOver();
    for (let record = 0; record < 500; record += 1) add(1);
    add(2);
    await committer.durable();
    expect(flushed[0]).toHaveLength(500);
    await close();
  });

  test("leaves together what one run writes at once, also beyond the size of a flush", async () => {
    for (const limits of [{ flushRecordsMax: 2 }, { flushCharsMax: 1 }]) {
      const { committer, add, flushed, close } = await committerOver(limits);
      for (const run of [1, 2, 2, 2, 2, 3]) add(run);
      await committer.durable();
      expect(flushed.at(-2)?.slice(-4)).toEqual([2, 2, 2, 2]);
      expect(flushed.flat()).toEqual([1, 2, 2, 2, 2, 3]);
      await close();
    }
  });

  test("cuts what one run writes bit by bit at the size of a flush", async () => {
    const { committer, add, flushed, close } = await committerOver({ flushRecordsMax: 2 });
    for (let record = 0; record < 5; record += 1) {
      add(1);
      // Another turn, and nothing has been written meanwhile.
      await Promise.resolve();
    }
    await committer.durable();
    expect(flushed.map((runs) => runs.length)).toEqual([2, 2, 1]);
    await close();
  });

  test("keeps the order of what was added, whatever is cut", async () => {
    const { committer, add, flushed, close } = await committerOver();
    const added: number[] = [];
    for (let round = 0; round < 20; round += 1) {
      for (const run of RUNS.slice(0, 10 + round * 7)) {
        add(run);
        added.push(run);
      }
      if (round % 3 === 0) await committer.durable();
    }
    await committer.durable();
    expect(flushed.flat()).toEqual(added);
    await close();
  });
});
