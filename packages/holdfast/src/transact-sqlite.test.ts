/** The same as transact-postgres.test.ts, on a SQLite file of the user's. */
import { mkdtempSync, rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fakeAttempt } from "./connectors/fake-attempt.test-support.ts";
import { localDatabase, type App, type SqliteTx } from "./index.ts";
import { flowOf, heard, openApp, STOCK_SQL, type Flow } from "./transact.test-support.ts";
import type { LocalWork } from "./workflow/local-database.ts";

let folder: string;
let handle: DatabaseSync;
let apps: App[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-transact-"));
  handle = new DatabaseSync(join(folder, "user.db"));
  handle.exec(STOCK_SQL);
  apps = [];
});
afterEach(async () => {
  await Promise.all(apps.map((app) => app.close()));
  if (handle.isOpen) handle.close();
  rmSync(folder, { recursive: true, force: true });
});

function take(tx: SqliteTx, id: string): { left: number } {
  const sql =
    "update stock set left_over = left_over - 1 where sku = 'a' returning left_over as left";
  const row = tx.prepare(sql).get();
  tx.prepare("insert into moves values (?, 1)").run(id);
  return { left: Number(row?.["left"]) };
}

function moves(): readonly unknown[] {
  return handle
    .prepare("select id from moves order by id")
    .all()
    .map(({ id }) => id);
}

function databaseOn(sqlite: DatabaseSync) {
  const breaker = { openAt: "100%", of: 1000, probeEvery: "100ms" } as const;
  return localDatabase("ledger", { owner: "team-stock", breaker, sqlite });
}

async function prepared() {
  const database = databaseOn(handle);
  await database.prepare();
  return database;
}

function open(...flows: Flow[]) {
  const opened = openApp(flows);
  apps.push(opened.app);
  return opened;
}

test("commits the write and its record together, and hands the result to the code", async () => {
  const database = await prepared();
  await database.prepare();
  const flow = flowOf("reserve", ({ id }, run) =>
    run.transact("reserve", database, (tx) => take(tx, id)),
  );
  const { app } = open(flow);
  expect(await (await app.start(flow, { id: "1" })).result()).toEqual({ left: 99 });
  expect(moves()).toEqual(["1"]);
  expect(handle.prepare("select state, result from holdfast_local_tx").all()).toEqual([
    { state: "done", result: '{"left":99}' },
  ]);
});

test("without its table nothing is done; what waits goes on when it is made", async () => {
  const database = databaseOn(handle);
  const flow = flowOf("reserve", ({ id }, run) =>
    run.transact("reserve", database, (tx) => take(tx, id)),
  );
  const { app } = open(flow);
  const failed = heard(app, "attempt.failed");
  const running = await app.start(flow, { id: "1" });
  const { failure } = await failed;
  expect(failure).toMatchObject({ class: "misconfigured", effect: "never", reasonCode: "HF5022" });
  expect(moves()).toEqual([]);
  await database.prepare();
  expect(await running.result()).toEqual({ left: 99 });
  expect(moves()).toEqual(["1"]);
});

test("a handle that may lose what it has committed is refused", async () => {
  const database = await prepared();
  handle.exec("pragma journal_mode = wal; pragma synchronous = normal");
  await expect(database.transactions.commit(workOf("1"))).rejects.toMatchObject({
    table: { says: { class: "misconfigured", reasonCode: "HF5022" } },
  });
  expect(moves()).toEqual([]);
});

test.each([
  ["a constraint", "update stock set left_over = -1", "data", "SQLITE:19"],
  ["a table of its own", "select * from nowhere", "defect", "SQLITE:1"],
])(
  "%s decides by its result code, and is rolled back",
  async (_, sql, failureClass, reasonCode) => {
    const database = await prepared();
    const flow = flowOf("reserve", ({ id }, run) =>
      run.transact("reserve", database, (tx) => {
        take(tx, id);
        return tx.prepare(sql).all().length;
      }),
    );
    const { app } = open(flow);
    const failed = heard(app, "attempt.failed");
    await app.start(flow, { id: "1" });
    const { failure } = await failed;
    expect(failure).toMatchObject({ class: failureClass, effect: "never", reasonCode });
    expect(moves()).toEqual([]);
    expect(handle.isTransaction).toBe(false);
  },
);

test("the lock of another process is contention, and the work is done again", async () => {
  const database = await prepared();
  const other = new DatabaseSync(join(folder, "user.db"));
  other.exec("begin immediate");
  const flow = flowOf("reserve", ({ id }, run) =>
    run.transact("reserve", database, (tx) => take(tx, id)),
  );
  const { app } = open(flow);
  const failed = heard(app, "attempt.failed");
  const running = await app.start(flow, { id: "1" });
  expect((await failed).failure).toMatchObject({ class: "contention", effect: "never" });
  other.exec("rollback");
  other.close();
  expect(await running.result()).toEqual({ left: 99 });
  expect(moves()).toEqual(["1"]);
});

describe("nobody comes in between", () => {
  test("work that waits is refused, and rolled back", async () => {
    const { transactions } = await prepared();
    const waiting = workOf("1", {
      work: async (tx) => {
        take(tx, "1");
        await Promise.resolve();
        take(tx, "2");
      },
    });
    await expect(transactions.commit(waiting)).rejects.toMatchObject({ code: "HF1205" });
    expect(moves()).toEqual([]);
    expect(handle.isTransaction).toBe(false);
  });

  test("a transaction of somebody else on the handle is left alone", async () => {
    const { transactions } = await prepared();
    handle.exec("begin; insert into moves values ('theirs', 1)");
    await expect(transactions.commit(workOf("1"))).rejects.toMatchObject({
      table: { says: { class: "contention", reasonCode: "LOCAL_TX:HANDLE_IN_USE" } },
    });
    expect(handle.isTransaction).toBe(true);
    handle.exec("commit");
    expect(moves()).toEqual(["theirs"]);
  });

  test("what would end the transaction is refused, also where that is caught", async () => {
    const { transactions } = await prepared();
    const ending = workOf("1", {
      work: (tx) => {
        const left = take(tx, "1");
        expect(() => tx.prepare("commit")).toThrow("commit");
        return left;
      },
    });
    await expect(transactions.commit(ending)).rejects.toMatchObject({ code: "HF1205" });
    expect(moves()).toEqual([]);
  });

  test("work that ends it behind our back is found: nobody says that it is done", async () => {
    const { transactions } = await prepared();
    const ending = workOf("1", {
      work: (tx) => {
        take(tx, "1");
        handle.exec("commit; begin");
        return null;
      },
    });
    // What it did is there, and its row says that it was not finished by us.
    await expect(transactions.commit(ending)).rejects.toMatchObject({
      table: { says: { effect: "maybe", reasonCode: "HF1205" } },
    });
    expect(moves()).toEqual(["1"]);
    expect(await transactions.fence(workOf("1"))).toMatchObject({ kind: "conflict" });
  });

  test("a statement that was kept is refused afterwards", async () => {
    const { transactions } = await prepared();
    let kept: ReturnType<SqliteTx["prepare"]> | undefined;
    await transactions.commit(
      workOf("1", {
        work: (tx) => {
          kept = tx.prepare("insert into moves values ('late', 1)");
          return take(tx, "1");
        },
      }),
    );
    expect(() => kept?.run()).toThrow("after its work had ended");
    expect(moves()).toEqual(["1"]);
  });
});

test("a repeat adopts the result; a fence shuts earlier attempts out; old rows go", async () => {
  const { transactions } = await prepared();
  expect(await transactions.fence(workOf("1"))).toEqual({ kind: "fenced" });
  await expect(transactions.commit(workOf("1"))).rejects.toMatchObject({
    table: { says: { reasonCode: "LOCAL_TX:FENCED" } },
  });
  expect(await transactions.commit(workOf("1", { attempt: 2 }))).toBe('{"left":99}');
  expect(await transactions.commit(workOf("1", { attempt: 3 }))).toBe('{"left":99}');
  expect(moves()).toEqual(["1"]);
  const page = { store: "store_1", olderThanMs: -1_000, limit: 10, after: { atMs: 0, key: "" } };
  expect(await transactions.page(page)).toMatchObject([{ key: "hf1_1", run: "run_1" }]);
  expect(await transactions.page({ ...page, olderThanMs: 60_000 })).toEqual([]);
  expect(await transactions.remove(["hf1_1", "hf1_2"])).toBe(1);
});

function workOf(id: string, over: Partial<LocalWork<SqliteTx>> = {}): LocalWork<SqliteTx> {
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
