/** Local transactions as steps of runs: undone, kept from drift, and forgotten in time. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { localDatabase, type App, type PostgresTx } from "./index.ts";
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

async function undo(
  tx: PostgresTx,
  given: { sku: string },
  { left }: { left: number },
): Promise<void> {
  await tx.query("update stock set left_over = left_over + 1 where sku = $1", [given.sku]);
  await tx.query("insert into moves values ($1, -1)", [`undo of ${String(left)}`]);
}

describe("a run that is taken back", () => {
  test("undoes it once, in a transaction of its own", async () => {
    const database = await prepared();
    const flow = flowOf("reserve", async ({ id }, run) => {
      const options = { input: { sku: "b" }, compensate: undo };
      await run.transact("reserve", database, (tx, { sku }) => take(tx, id, sku), options);
      return run.stop("changed my mind", { compensate: true });
    });
    const { app } = open(flow);
    const handle = await app.start(flow, { id: "1" });
    await expect(handle.result()).rejects.toMatchObject({ state: "stopped" });
    expect(await app.get(handle.id)).toMatchObject({ compensated: "fully" });
    expect(await warehouse.moves()).toEqual(["1", "undo of 99"]);
    expect(await warehouse.rows("select left_over from stock")).toEqual([
      { left_over: 100 },
      { left_over: 100 },
    ]);
  });

  test.each([
    ["without an undoing it stays, with its owner", undefined, "no", 1],
    ['with compensate: "none" nobody is asked', "none", "no", 0],
  ] as const)("%s", async (_, compensate, compensated, asked) => {
    const database = await prepared();
    const flow = flowOf("reserve", async ({ id }, run) => {
      const options = compensate === undefined ? {} : { compensate };
      await run.transact("reserve", database, (tx) => take(tx, id), options);
      return run.stop("changed my mind", { compensate: true });
    });
    const { app, events } = open(flow);
    const handle = await app.start(flow, { id: "1" });
    await expect(handle.result()).rejects.toMatchObject({ state: "stopped" });
    expect(await app.get(handle.id)).toMatchObject({ compensated });
    expect(events.filter((event) => event.type === "exception.opened")).toHaveLength(asked);
    expect(await warehouse.moves()).toEqual(["1"]);
  });
});

describe("code that asks for something else under the name of a step", () => {
  const go = { name: "go", schema: z.object({}) };
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "holdfast-transact-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test.each([
    ["database", "cellar", "a"],
    ["input", "warehouse", "b"],
  ])("another %s: the run is held, and nothing is done", async (_, name, sku) => {
    await (await prepared()).prepare();
    const pool = warehouse.pool();
    const flowWith = (called: string, given: string) => {
      const database = localDatabase(called, { owner: "team-stock", postgres: pool });
      return flowOf("reserve", async ({ id }, run) => {
        const options = { input: { sku: given } };
        await run.transact("reserve", database, (tx, one) => take(tx, id, one.sku), options);
        return await run.wait(go, { key: id });
      });
    };
    const store = `sqlite:${join(folder, "store.db")}`;
    const flow = flowWith("warehouse", "a");
    const { app: first } = openApp([flow], store);
    const waits = heard(first, "attempt.succeeded");
    await first.start(flow, { id: "1" });
    await waits;
    await first.close();
    const changed = flowWith(name, sku);
    const { app } = openApp([changed], store);
    const opened = heard(app, "exception.opened");
    const handle = await app.start(changed, { id: "1" });
    await app.send(go, { key: "1", id: "e1", payload: {} });
    expect((await opened).because).toContain("HF2104");
    expect(await app.get(handle.id)).toMatchObject({ state: "held" });
    await app.close();
    expect(await warehouse.moves()).toEqual(["1"]);
  });
});

test("rows go when they are old and their runs have ended, and others stay", async () => {
  const database = await prepared();
  const event = { name: "go", schema: z.object({}) };
  const flow = flowOf("reserve", async ({ id }, run) => {
    await run.transact("reserve", database, (tx) => take(tx, id));
    return id === "open" ? await run.wait(event, { key: id }) : null;
  });
  const { app } = open(flow);
  for (const id of ["old", "young"]) await (await app.start(flow, { id })).result();
  const isDone = heard(app, "attempt.succeeded");
  await app.start(flow, { id: "open" });
  await isDone;
  const days = async (id: string, count: number) => {
    await warehouse.rows(
      `update holdfast_local_tx set at_ms = at_ms - 86400000::int8 * ${String(count)}
       where key = (select key from holdfast_local_tx order by at_ms limit 1 offset ${id})`,
    );
  };
  await days("2", 10);
  await days("1", 10);
  await warehouse.rows(
    `insert into holdfast_local_tx select 'of another', 'store_2', run, step, digest, attempt, state, result, 0
     from holdfast_local_tx limit 1`,
  );
  await expect(app.pruneLocal(database, { olderThan: "23h" })).rejects.toMatchObject({
    code: "HF1001",
  });
  expect(await app.pruneLocal(database, { olderThan: "7d" })).toEqual({ removed: 1, kept: 1 });
  expect(await app.pruneLocal(database, { olderThan: "7d" })).toEqual({ removed: 0, kept: 1 });
  expect(await warehouse.rows("select count(*)::int as n from holdfast_local_tx")).toEqual([
    { n: 3 },
  ]);
});
