/** Local transactions on a PostgreSQL database of the user's: what is there is counted in its own tables. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { App } from "./index.ts";
import {
  startCuttingProxy,
  type CuttingProxy,
} from "./store-postgres/cutting-proxy.test-support.ts";
import {
  flowOf,
  heard,
  openApp,
  take,
  Warehouse,
  warehouseOn,
  type Flow,
} from "./transact.test-support.ts";

let warehouse: Warehouse;
let apps: App[];
beforeEach(async () => {
  warehouse = await Warehouse.make();
  apps = [];
});
afterEach(async () => {
  await Promise.all(apps.map((app) => app.close()));
  await warehouse.remove();
});

function open(...flows: Flow[]) {
  const opened = openApp(flows);
  apps.push(opened.app);
  return opened;
}

async function prepared() {
  const database = warehouseOn(warehouse.pool());
  await database.prepare();
  return database;
}

test("commits the write and its record together, and hands the result to the code", async () => {
  const database = await prepared();
  const flow = flowOf("reserve", async ({ id }, run) => {
    const reserved = await run.transact("reserve", database, (tx) => take(tx, id));
    return reserved.left;
  });
  const { app } = open(flow);
  expect(await (await app.start(flow, { id: "1" })).result()).toBe(99);
  expect(await (await app.start(flow, { id: "2" })).result()).toBe(98);
  expect(await warehouse.moves()).toEqual(["1", "2"]);
  expect(
    await warehouse.rows("select state, result, step from holdfast_local_tx order by at_ms"),
  ).toEqual([
    { state: "done", result: '{"left":99}', step: "reserve" },
    { state: "done", result: '{"left":98}', step: "reserve" },
  ]);
});

test("prepare may be called by many at once, and again", async () => {
  const databases = Array.from({ length: 4 }, () => warehouseOn(warehouse.pool()));
  await Promise.all(databases.map((database) => database.prepare()));
  await databases[0]?.prepare();
  expect(await warehouse.rows("select count(*)::int as n from holdfast_local_tx")).toEqual([
    { n: 0 },
  ]);
});

test("without its table nothing is done; what waits goes on when it is made", async () => {
  const database = warehouseOn(warehouse.pool());
  const flow = flowOf("reserve", ({ id }, run) =>
    run.transact("reserve", database, (tx) => take(tx, id)),
  );
  const { app } = open(flow);
  const failed = heard(app, "attempt.failed");
  const handle = await app.start(flow, { id: "1" });
  const { failure, move } = await failed;
  expect(failure).toMatchObject({ class: "misconfigured", effect: "never", reasonCode: "HF5022" });
  expect(failure.message).toContain("prepare()");
  expect(move.kind).toBe("park");
  expect(await warehouse.moves()).toEqual([]);
  await database.prepare();
  expect(await handle.result()).toEqual({ left: 99 });
  expect(await warehouse.moves()).toEqual(["1"]);
});

test("a database that may lose what it has committed is refused", async () => {
  const pool = warehouse.pool(undefined, { options: "-c synchronous_commit=off" });
  const database = warehouseOn(pool);
  await database.prepare();
  const flow = flowOf("reserve", ({ id }, run) =>
    run.transact("reserve", database, (tx) => take(tx, id)),
  );
  const { app } = open(flow);
  const failed = heard(app, "attempt.failed");
  await app.start(flow, { id: "1" });
  expect((await failed).failure).toMatchObject({ class: "misconfigured", reasonCode: "HF5022" });
  expect(await warehouse.moves()).toEqual([]);
});

describe("work that throws is rolled back", () => {
  test("its own error is a defect, with nothing done", async () => {
    const database = await prepared();
    const flow = flowOf("reserve", ({ id }, run) =>
      run.transact("reserve", database, async (tx) => {
        await take(tx, id);
        throw new RangeError("not today");
      }),
    );
    const { app } = open(flow);
    const failed = heard(app, "attempt.failed");
    await app.start(flow, { id: "1" });
    const { failure, move } = await failed;
    expect(failure).toMatchObject({ class: "defect", effect: "never", message: "not today" });
    expect(move.kind).toBe("hold");
    expect(await warehouse.moves()).toEqual([]);
    expect(await warehouse.rows("select key from holdfast_local_tx")).toEqual([]);
  });

  test.each([
    ["a constraint", "update stock set left_over = -1", "data", "SQLSTATE:23514", "repair"],
    ["a value", "select 'x'::integer", "data", "SQLSTATE:22P02", "repair"],
    ["a table of its own", "select * from nowhere", "misconfigured", "SQLSTATE:42P01", "park"],
    ["a column of its own", "select nowhere from stock", "defect", "SQLSTATE:42703", "hold"],
  ])("%s decides by its SQLSTATE", async (_, sql, failureClass, reasonCode, kind) => {
    const database = await prepared();
    const flow = flowOf("reserve", ({ id }, run) =>
      run.transact("reserve", database, async (tx) => {
        await tx.query("insert into moves values ($1, 1)", [id]);
        await tx.query(sql);
        return null;
      }),
    );
    const { app } = open(flow);
    const failed = heard(app, "attempt.failed");
    await app.start(flow, { id: "1" });
    const { failure, move } = await failed;
    expect(failure).toMatchObject({ class: failureClass, effect: "never", reasonCode });
    expect(move.kind).toBe(kind);
    expect(await warehouse.moves()).toEqual([]);
  });

  test("a constraint that is looked at only by the commit refuses that: nothing is unknown", async () => {
    const database = await prepared();
    await warehouse.rows(
      "create table parts (id integer primary key, whole integer references parts deferrable initially deferred)",
    );
    const flow = flowOf("reserve", ({ id }, run) =>
      run.transact("reserve", database, async (tx) => {
        await tx.query("insert into parts values (1, 2)");
        return await take(tx, id);
      }),
    );
    const { app } = open(flow);
    const failed = heard(app, "attempt.failed");
    await app.start(flow, { id: "1" });
    const { failure } = await failed;
    expect(failure).toMatchObject({ class: "data", effect: "never", reasonCode: "SQLSTATE:23503" });
    expect(await warehouse.moves()).toEqual([]);
  });

  test("also where the work has caught it: the first refusal is told", async () => {
    const database = await prepared();
    const flow = flowOf("reserve", ({ id }, run) =>
      run.transact("reserve", database, async (tx) => {
        await tx.query("insert into moves values ($1, 1)", [id]);
        await tx.query("update stock set left_over = -1").catch(() => undefined);
        return null;
      }),
    );
    const { app } = open(flow);
    const failed = heard(app, "attempt.failed");
    await app.start(flow, { id: "1" });
    expect((await failed).failure).toMatchObject({ class: "data", reasonCode: "SQLSTATE:23514" });
    expect(await warehouse.moves()).toEqual([]);
  });

  test("a result that is no JSON is found before the commit", async () => {
    const database = await prepared();
    const flow = flowOf("reserve", ({ id }, run) =>
      run.transact("reserve", database, async (tx) => {
        await take(tx, id);
        return new Map();
      }),
    );
    const { app } = open(flow);
    const failed = heard(app, "attempt.failed");
    await app.start(flow, { id: "1" });
    expect((await failed).failure).toMatchObject({ class: "defect", effect: "never" });
    expect(await warehouse.moves()).toEqual([]);
  });
});

describe("work may not leave its transaction", () => {
  test.each(["commit", "ROLLBACK", "/* x */ End", "select 1; commit", "begin"])(
    "%s inside of it is refused, also where that is caught",
    async (sql) => {
      const database = await prepared();
      const flow = flowOf("reserve", ({ id }, run) =>
        run.transact("reserve", database, async (tx) => {
          await take(tx, id);
          await tx.query(sql).catch(() => undefined);
          return null;
        }),
      );
      const { app } = open(flow);
      const failed = heard(app, "attempt.failed");
      await app.start(flow, { id: "1" });
      const { failure } = await failed;
      expect(failure).toMatchObject({ class: "defect", effect: "never" });
      expect(failure.reasonCode).toContain("HF1205");
      expect(await warehouse.moves()).toEqual([]);
    },
  );

  test("a commit that hides behind a quoted text is found after it: a person is asked", async () => {
    const database = await prepared();
    const flow = flowOf("reserve", ({ id }, run) =>
      run.transact("reserve", database, async (tx) => {
        await take(tx, id);
        await tx.query(String.raw`select E'\''; commit; select '' as x, E'\''`);
        return null;
      }),
    );
    const { app } = open(flow);
    const failed = heard(app, "attempt.failed");
    await app.start(flow, { id: "1" });
    expect((await failed).failure).toMatchObject({ effect: "maybe", reasonCode: "HF1205" });
    expect(await warehouse.moves()).toEqual(["1"]);
  });

  test("tx refuses what comes after the work has ended", async () => {
    const database = await prepared();
    const late: unknown[] = [];
    const flow = flowOf("reserve", ({ id }, run) =>
      run.transact("reserve", database, async (tx) => {
        const left = await take(tx, id);
        const again = () => tx.query("insert into moves values ('late', 1)");
        setImmediate(() => {
          again().catch((error: unknown) => late.push(error));
        });
        return left;
      }),
    );
    const { app } = open(flow);
    await (await app.start(flow, { id: "1" })).result();
    expect(late).toMatchObject([{ code: "HF1205" }]);
    expect(await warehouse.moves()).toEqual(["1"]);
  });

  test("savepoints are its own", async () => {
    const database = await prepared();
    const flow = flowOf("reserve", ({ id }, run) =>
      run.transact("reserve", database, async (tx) => {
        await tx.query("savepoint s");
        await tx.query("update stock set left_over = -1").catch(() => undefined);
        await tx.query("rollback to savepoint s");
        return await take(tx, id);
      }),
    );
    const { app } = open(flow);
    expect(await (await app.start(flow, { id: "1" })).result()).toEqual({ left: 99 });
    expect(await warehouse.moves()).toEqual(["1"]);
  });
});

test("a serialization failure is lost, and the work is done again", async () => {
  const database = warehouseOn(warehouse.pool(), { isolation: "serializable" });
  await database.prepare();
  const other = warehouse.pool();
  let tries = 0;
  const flow = flowOf("reserve", ({ id }, run) =>
    run.transact("reserve", database, async (tx) => {
      tries += 1;
      await tx.query("select * from stock");
      // Somebody else is faster the first time.
      if (tries === 1) await other.query("update stock set left_over = left_over - 10");
      return await take(tx, id);
    }),
  );
  const { app, events } = open(flow);
  expect(await (await app.start(flow, { id: "1" })).result()).toEqual({ left: 89 });
  expect(tries).toBe(2);
  const failed = events.filter((event) => event.type === "attempt.failed");
  expect(failed).toMatchObject([
    { failure: { class: "contention", effect: "never", reasonCode: "SQLSTATE:40001" } },
  ]);
  expect(await warehouse.moves()).toEqual(["1"]);
});

describe("the connection is cut around the commit", () => {
  let proxy: CuttingProxy;
  beforeEach(async () => {
    // A message of its own: "committed" of the beginning is none.
    proxy = await startCuttingProxy(warehouse.database.url, "commit\u0000");
  });
  afterEach(() => proxy.close());

  // 12 bytes are sent; 12 and 6 come back: what was done, and that more may be asked.
  test.each([
    ["request", 12],
    ["answer", 18],
  ] as const)("at each byte of its %s: one effect, and its result", async (direction, bytes) => {
    await (await prepared()).prepare();
    const database = warehouseOn(warehouse.pool(proxy.url));
    const calls = new Map<string, number>();
    const flow = flowOf("reserve", ({ id }, run) =>
      run.transact("reserve", database, async (tx) => {
        calls.set(id, (calls.get(id) ?? 0) + 1);
        return await take(tx, id);
      }),
    );
    const { app, events } = open(flow);
    for (let afterBytes = 0; afterBytes < bytes; afterBytes += 1) {
      const { wasCut } = proxy.cutNext({ direction, afterBytes });
      const id = `${direction} ${String(afterBytes).padStart(2, "0")}`;
      const handle = await app.start(flow, { id });
      expect(await handle.result()).toEqual({ left: 99 - afterBytes });
      expect(wasCut()).toBe(true);
      // A commit that came through is not done again, whatever was heard of it.
      expect(calls.get(id)).toBe(direction === "answer" ? 1 : 2);
    }
    const failures = events.flatMap((event) =>
      event.type === "attempt.failed" ? [event.failure] : [],
    );
    expect(failures).toHaveLength(bytes);
    expect(new Set(failures.map((failure) => failure.effect))).toEqual(new Set(["maybe"]));
    expect(await warehouse.moves()).toEqual([...calls.keys()]);
  });

  test("cut before it, nothing is done and nothing is unknown", async () => {
    await (await prepared()).prepare();
    const early = await startCuttingProxy(warehouse.database.url, "insert into moves");
    const database = warehouseOn(warehouse.pool(early.url));
    const flow = flowOf("reserve", ({ id }, run) =>
      run.transact("reserve", database, (tx) => take(tx, id)),
    );
    const { app } = open(flow);
    early.cutNext({ direction: "answer", afterBytes: 0 });
    const failed = heard(app, "attempt.failed");
    const handle = await app.start(flow, { id: "1" });
    expect((await failed).failure).toMatchObject({ class: "unavailable", effect: "never" });
    expect(await handle.result()).toEqual({ left: 99 });
    expect(await warehouse.moves()).toEqual(["1"]);
    await early.close();
  });
});
