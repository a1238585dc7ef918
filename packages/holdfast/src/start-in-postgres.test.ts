/** The same as start-in.test.ts, on PostgreSQL, with the client that users have. */
import { mkdtempSync, rmSync } from "node:fs";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { App, Transaction } from "./index.ts";
import { makeKeyRing } from "./payload/key-ring.ts";
import { keyOf } from "./payload/test-payloads.test-support.ts";
import { Ended, open, paid, shopOf, type Shop } from "./start-in.test-support.ts";
import { openPostgresReader, verifyPostgresStore } from "./store-postgres/index.ts";
import { makeDatabase, type TestDatabase } from "./store-postgres/test-store.test-support.ts";

const key = keyOf(9);
let database: TestDatabase;
let store: `postgres://${string}`;
let ended: Ended;
let shop: Shop;
let apps: App[];
let clients: pg.Client[];
beforeEach(async () => {
  database = await makeDatabase();
  store = database.url as `postgres://${string}`;
  ended = new Ended();
  shop = shopOf(ended);
  apps = [];
  clients = [];
});
afterEach(async () => {
  await Promise.all(clients.map((client) => client.end()));
  for (const opened of apps) await opened.close();
  await database.drop();
});

function app(options: Partial<Parameters<typeof open>[1]> = {}): App {
  const { postgres, ...others } = options;
  const opened = open(shop, { store, postgres: { key, ...postgres }, ...others });
  apps.push(opened);
  return opened;
}

/** Makes the store, which no engine holds then. */
async function makeStore(options: Parameters<typeof app>[0] = {}): Promise<void> {
  const first = app(options);
  await first.listen({ signals: [] });
  await first.close();
}

/**
 * A connection of the user's, with a table of the user's. Said where it is: a role with the name of
 * our schema would make it there.
 */
async function connect(url = database.url): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  clients.push(client);
  await client.query("create table if not exists public.orders (id text primary key)");
  return client;
}

async function inTransaction(
  client: pg.Client,
  end: "commit" | "rollback",
  work: (tx: Transaction) => Promise<unknown>,
  how = "",
): Promise<void> {
  await client.query(`begin ${how}`);
  await work(client);
  await client.query(end);
}

async function orders(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ id: string }>("select id from public.orders");
  return rows.length;
}

async function waiting() {
  const reader = await openPostgresReader({ url: database.url });
  try {
    return await reader.inbox(1_000);
  } finally {
    await reader.close();
  }
}

/** Resolves when nothing waits any more. */
async function allTaken(): Promise<void> {
  await vi.waitFor(async () => {
    expect(await waiting()).toEqual([]);
  }, 30_000);
}

async function runsOf(id: string) {
  const reader = await openPostgresReader({ url: database.url });
  try {
    return await reader.runsByKey(id, 10);
  } finally {
    await reader.close();
  }
}

async function damage() {
  return (await verifyPostgresStore({ url: database.url, key })).damage;
}

describe("a start in a transaction on PostgreSQL", () => {
  test("happens once it is committed, with its input, and not if it is rolled back", async () => {
    const running = app();
    await running.listen({ signals: [] });
    const client = await connect();
    // The shape of the user's connection is not ours to choose.
    await client.query("set search_path to pg_temp");
    for (const [id, end] of [
      ["1", "rollback"],
      ["2", "commit"],
    ] as const) {
      await inTransaction(client, end, async (tx) => {
        await client.query("insert into public.orders values ($1)", [id]);
        const note = "\uFDD00 and \u0000";
        await running.startIn(tx, shop.ship, { id, cents: 5, note }, { by: "ana" });
      });
    }
    expect(await ended.are(1)).toEqual(["ship 2 5 \uFDD00 and \u0000"]);
    await allTaken();
    expect(await runsOf("2")).toMatchObject([{ startedBy: "ana" }]);
    expect(await runsOf("1")).toEqual([]);
    expect(await orders(client)).toBe(1);
    expect(await damage()).toEqual([]);
  });

  test("needs few rights of the role that commits", async () => {
    await makeStore();
    const client = await connect();
    const role = `role_${new URL(database.url).pathname.slice(1)}`;
    await client.query(`create role ${role};
      grant usage on schema holdfast to ${role};
      grant select on holdfast.meta, holdfast.inbox to ${role};
      grant insert on holdfast.inbox to ${role};
      set role ${role}`);
    await inTransaction(client, "commit", (tx) =>
      app().startIn(tx, shop.ship, { id: "1", cents: 5 }),
    );
    expect(await waiting()).toHaveLength(1);
    await client.query(`reset role; drop owned by ${role}; drop role ${role}`);
  });

  test("takes events along, needs no engine in this process, and joins a run with the same key", async () => {
    await makeStore();
    const web = app();
    const client = await connect();
    const message = { key: "1", id: "e1", payload: { iban: "DE89" } };
    await inTransaction(client, "rollback", (tx) => web.sendIn(tx, paid, message));
    for (const how of ["", "isolation level repeatable read", "isolation level serializable"]) {
      const work = async (tx: Transaction) => {
        await client.query("savepoint inner_one");
        await web.startIn(tx, shop.bill, { id: "1", cents: 5 });
        await web.sendIn(tx, paid, { ...message, payload: { iban: "DE90" } });
        await client.query("release inner_one");
      };
      await inTransaction(client, "commit", work, how);
    }
    expect(await waiting()).toHaveLength(6);
    const running = app();
    await running.listen({ signals: [] });
    expect(await ended.are(1)).toEqual(["bill 1 5 DE90"]);
    await allTaken();
    expect(await runsOf("1")).toHaveLength(1);
    expect(await damage()).toEqual([]);
  });

  test("happens once among three workers that share the store", async () => {
    const workers = [1, 2, 3].map(() => app({ postgres: { shared: true } }));
    for (const worker of workers) await worker.listen({ signals: [] });
    const client = await connect();
    const count = 12;
    const names = Array.from({ length: count }, (_, number) => `n${String(number)}`);
    for (const [at, id] of names.entries()) {
      await inTransaction(client, "commit", async (tx) => {
        const worker = workers[at % workers.length] as App;
        await worker.startIn(tx, shop.bill, { id, cents: 5 });
        await worker.sendIn(tx, paid, { key: id, id: `e ${id}`, payload: { iban: "DE89" } });
        await worker.startIn(tx, shop.bill, { id, cents: 5 });
      });
    }
    await ended.are(count);
    await allTaken();
    expect(ended.names.toSorted()).toEqual(names.map((id) => `bill ${id} 5 DE89`).toSorted());
    for (const id of names) expect(await runsOf(id)).toHaveLength(1);
  });

  test.each([
    ["commit", 1],
    ["rollback", 0],
  ] as const)(
    "survives a process that is killed after its %s, or never was",
    async (end, count) => {
      await makeStore();
      const support = new URL("./start-in.test-support.ts", import.meta.url).href;
      const pgDoor = import.meta.resolve("pg");
      const script = `
      import pg from ${JSON.stringify(pgDoor)};
      import { Ended, open, shopOf } from ${JSON.stringify(support)};
      const shop = shopOf(new Ended());
      const limits = { inboxIdleMs: 3_600_000, inboxBusyMs: 3_600_000 };
      const postgres = { key: Buffer.from(${JSON.stringify(Buffer.from(key).toString("hex"))}, "hex"), leaseMs: 1_000 };
      const app = open(shop, { store: ${JSON.stringify(store)}, postgres, limits });
      await app.listen({ signals: [] });
      const client = new pg.Client({ connectionString: ${JSON.stringify(store)} });
      await client.connect();
      await client.query("create table public.orders (id text); begin; insert into public.orders values ('1')");
      await app.startIn(client, shop.ship, { id: "1", cents: 5 });
      ${end === "commit" ? 'await client.query("commit");' : ""}
      process.kill(process.pid, "SIGKILL");`;
      const words = ["--conditions=holdfast-source", "--input-type=module", "--eval", script];
      const child = spawn(process.execPath, words, { stdio: ["ignore", "ignore", "inherit"] });
      expect(await once(child, "exit")).toEqual([null, "SIGKILL"]);
      const client = await connect();
      const names = end === "commit" ? ["ship 1 5", "ship 2 5"] : ["ship 2 5"];
      expect(await waiting()).toHaveLength(count);
      const running = app();
      await running.listen({ signals: [] });
      await inTransaction(client, "commit", (tx) =>
        running.startIn(tx, shop.ship, { id: "2", cents: 5 }),
      );
      expect(await ended.are(1 + count)).toEqual(names);
      expect(await orders(client)).toBe(end === "commit" ? 1 : 0);
    },
  );
});

describe("what a transaction cannot take on PostgreSQL is refused before anything is written", () => {
  beforeEach(() => makeStore());
  const input = { id: "1", cents: 5 };

  test("a client without a transaction, a pool, and what is neither", async () => {
    const web = app();
    const client = await connect();
    const pool = new pg.Pool({ connectionString: database.url, max: 2 });
    for (const tx of [client, pool, {}, null] as Transaction[]) {
      const code = "HF5014";
      await expect(web.startIn(tx, shop.ship, input)).rejects.toMatchObject({ code });
    }
    await pool.end();
    expect(await waiting()).toEqual([]);
  });

  test("a transaction in another database, with another store or without one", async () => {
    const web = app();
    const other = await makeDatabase();
    const client = await connect(other.url);
    const starting = () => web.startIn(client, shop.ship, input);
    await client.query("begin");
    await expect(starting()).rejects.toMatchObject({ code: "HF5015" });
    await client.query("rollback");
    const otherApp = open(shop, { store: other.url as typeof store, postgres: { key } });
    await otherApp.listen({ signals: [] });
    await client.query("begin");
    await client.query("insert into public.orders values ('1')");
    await expect(starting()).rejects.toMatchObject({ code: "HF5015" });
    await client.query("commit");
    // It went on.
    expect(await orders(client)).toBe(1);
    await otherApp.close();
    await client.end();
    clients = clients.filter((one) => one !== client);
    await other.drop();
    expect(ended.names).toEqual([]);
  });

  test("input that does not fit, and an inbox that is full; the transaction goes on", async () => {
    const web = app({ limits: { inboxWaitingMax: 2 } });
    const client = await connect();
    await inTransaction(client, "commit", async (tx) => {
      await client.query("insert into public.orders values ('1')");
      const wrong = web.startIn(tx, shop.ship, { id: "1", cents: "5" as never });
      await expect(wrong).rejects.toMatchObject({ code: "HF4102" });
      await web.startIn(tx, shop.ship, input);
      await web.startIn(tx, shop.ship, { ...input, id: "2" });
      const further = web.startIn(tx, shop.ship, { ...input, id: "3" });
      await expect(further).rejects.toMatchObject({ code: "HF4205" });
    });
    expect(await orders(client)).toBe(1);
    await app().listen({ signals: [] });
    expect(await ended.are(2)).toEqual(["ship 1 5", "ship 2 5"]);
  });
});

test("nothing sensitive of a start or an event lies in the inbox of a store that is sealed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-start-in-"));
  const keyRing = join(folder, "ring.keys");
  makeKeyRing(keyRing, keyOf(1));
  await makeStore({ payloads: { keyRing } });
  const web = app({ payloads: { keyRing } });
  const client = await connect();
  const canary = "canary-note-7731";
  await inTransaction(client, "commit", async (tx) => {
    await web.startIn(tx, shop.ship, { id: "1", cents: 5, note: canary });
    await web.sendIn(tx, paid, { key: "1", id: "e1", payload: { iban: canary } });
  });
  const { rows } = await client.query<{ text: string }>(
    "select t::text as text from holdfast.inbox t",
  );
  expect(rows).toHaveLength(2);
  expect(rows.filter(({ text }) => text.includes(canary))).toEqual([]);
  await app({ payloads: { keyRing } }).listen({ signals: [] });
  expect(await ended.are(1)).toEqual([`ship 1 5 ${canary}`]);
  rmSync(folder, { recursive: true, force: true });
});
