/** Two attempts of one local transaction on PostgreSQL, and attempts that come too late. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { fakeAttempt } from "./connectors/fake-attempt.test-support.ts";
import { Latch } from "./engine/run/latch.ts";
import { DeadlinePassed, type PostgresTx } from "./index.ts";
import { take, Warehouse, warehouseOn } from "./transact.test-support.ts";
import type { LocalWork } from "./workflow/local-database.ts";

let warehouse: Warehouse;
beforeEach(async () => {
  warehouse = await Warehouse.make();
});
afterEach(() => warehouse.remove());

async function prepared() {
  const database = warehouseOn(warehouse.pool());
  await database.prepare();
  return database;
}

function workOf(id: string, over: Partial<LocalWork<PostgresTx>> = {}): LocalWork<PostgresTx> {
  return {
    key: `hf1_${id}`,
    attempt: 1,
    store: "store_1",
    run: "run_1",
    step: "reserve",
    digest: "d1",
    timeoutMs: 30_000,
    call: fakeAttempt(),
    work: (tx) => take(tx, id),
    textOf: (value) => JSON.stringify(value),
    ...over,
  };
}

describe("who comes second", () => {
  test("waits for the first, does nothing, and takes its result", async () => {
    const [first, second] = [await prepared(), await prepared()];
    const isInside = new Latch();
    const goesOn = new Latch();
    const done = first.transactions.commit(
      workOf("1", {
        work: async (tx) => {
          const left = await take(tx, "1");
          isInside.open();
          await goesOn.opened;
          return left;
        },
      }),
    );
    await isInside.opened;
    const late = second.transactions.commit(workOf("1", { attempt: 2 }));
    // Until it waits for the first one's row, it may not have begun.
    await vi.waitFor(async () => {
      const locks = await warehouse.rows(
        "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      );
      expect(locks).not.toEqual([]);
    });
    goesOn.open();
    expect(await Promise.all([done, late])).toEqual(['{"left":99}', '{"left":99}']);
    expect(await warehouse.moves()).toEqual(["1"]);
  });

  test("does it if the first is rolled back", async () => {
    const [first, second] = [await prepared(), await prepared()];
    const failed = first.transactions.commit(
      workOf("1", {
        work: async (tx) => {
          await take(tx, "1");
          throw new Error("no");
        },
      }),
    );
    await expect(failed).rejects.toThrow("no");
    expect(await second.transactions.commit(workOf("1", { attempt: 2 }))).toBe('{"left":99}');
    expect(await warehouse.moves()).toEqual(["1"]);
  });

  test("is shut out by a look-up that found nothing; the attempt after it is not", async () => {
    const database = await prepared();
    const { transactions } = database;
    expect(await transactions.fence(workOf("1"))).toEqual({ kind: "fenced" });
    await expect(transactions.commit(workOf("1"))).rejects.toMatchObject({
      table: { says: { class: "interrupted", effect: "never", reasonCode: "LOCAL_TX:FENCED" } },
    });
    expect(await warehouse.moves()).toEqual([]);
    expect(await transactions.commit(workOf("1", { attempt: 2 }))).toBe('{"left":99}');
    expect(await transactions.fence(workOf("1"))).toEqual({ kind: "done", text: '{"left":99}' });
    expect(await warehouse.moves()).toEqual(["1"]);
  });

  test("with another input adopts nothing", async () => {
    const { transactions } = await prepared();
    await transactions.commit(workOf("1"));
    const other = transactions.commit(workOf("1", { digest: "d2" }));
    await expect(other).rejects.toMatchObject({ table: { says: { class: "ambiguous" } } });
    expect(await transactions.fence(workOf("1", { digest: "d2" }))).toMatchObject({
      kind: "conflict",
    });
    expect(await warehouse.moves()).toEqual(["1"]);
  });

  test("nothing is committed once its time is up, however the work hangs", async () => {
    const { transactions } = await prepared();
    const time = new AbortController();
    const hung = transactions.commit(
      workOf("1", {
        call: fakeAttempt({ signal: time.signal }),
        work: async (tx) => {
          await take(tx, "1");
          time.abort(new DeadlinePassed("late"));
          return new Promise(() => undefined);
        },
      }),
    );
    await expect(hung).rejects.toBeInstanceOf(DeadlinePassed);
    expect(await transactions.fence(workOf("1"))).toEqual({ kind: "fenced" });
    expect(await warehouse.moves()).toEqual([]);
  });

  test("work whose time was up before there was a connection is not begun", async () => {
    await prepared();
    const pool = warehouse.pool(undefined, { max: 1 });
    const held = await pool.connect();
    const time = new AbortController();
    let calls = 0;
    const waiting = warehouseOn(pool).transactions.commit(
      workOf("1", {
        call: fakeAttempt({ signal: time.signal }),
        work: () => {
          calls += 1;
          return Promise.resolve(null);
        },
      }),
    );
    time.abort(new DeadlinePassed("late"));
    held.release();
    await expect(waiting).rejects.toBeInstanceOf(DeadlinePassed);
    expect(calls).toBe(0);
  });

  test("a worker that stands still in its work does not hold the row for longer than its time", async () => {
    const [first, second] = [await prepared(), await prepared()];
    const isInside = new Latch();
    const goesOn = new Latch();
    const stuck = first.transactions.commit(
      workOf("1", {
        timeoutMs: 200,
        work: async (tx) => {
          await take(tx, "1");
          isInside.open();
          await goesOn.opened;
          return null;
        },
      }),
    );
    stuck.catch(() => undefined);
    await isInside.opened;
    expect(await second.transactions.commit(workOf("1", { attempt: 2 }))).toBe('{"left":99}');
    goesOn.open();
    await expect(stuck).rejects.toMatchObject({ evidence: { phase: "created" } });
    expect(await warehouse.moves()).toEqual(["1"]);
  });
});
