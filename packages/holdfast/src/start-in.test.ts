/** Starts and events inside a transaction of the user's own, on SQLite. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { linkSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { holdfast, review, workflow, type App, type Transaction } from "./index.ts";
import { makeKeyRing } from "./payload/key-ring.ts";
import { filesWith, keyOf } from "./payload/test-payloads.test-support.ts";
import { Ended, open, paid, shopOf, type Shop } from "./start-in.test-support.ts";
import { openSqliteReader, verifyStore } from "./store-sqlite/index.ts";

let folder: string;
let path: string;
let store: `sqlite:${string}`;
let ended: Ended;
let shop: Shop;
let apps: App[];
let databases: DatabaseSync[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-start-in-"));
  path = join(folder, "store.db");
  store = `sqlite:${path}`;
  ended = new Ended();
  shop = shopOf(ended);
  apps = [];
  databases = [];
});
afterEach(async () => {
  for (const database of databases) database.close();
  for (const opened of apps) await opened.close();
  rmSync(folder, { recursive: true, force: true });
});

function app(options: Partial<Parameters<typeof open>[1]> = {}): App {
  const opened = open(shop, { store, ...options });
  apps.push(opened);
  return opened;
}

/** Makes the store, which no engine holds then. */
async function makeStore(): Promise<void> {
  const first = app();
  await first.listen({ signals: [] });
  await first.close();
}

/** A connection of the user's, with a table of the user's. */
function connect(file = path): DatabaseSync {
  const database = new DatabaseSync(file);
  databases.push(database);
  database.exec("create table if not exists orders (id text primary key) strict");
  return database;
}

async function inTransaction(
  database: DatabaseSync,
  end: "commit" | "rollback",
  work: (tx: Transaction) => Promise<unknown>,
): Promise<void> {
  database.exec("begin immediate");
  await work(database);
  database.exec(end);
}

function orders(database: DatabaseSync): number {
  return Number(database.prepare("select count(*) as count from orders").get()?.["count"]);
}

async function waiting() {
  const reader = await openSqliteReader({ path });
  try {
    return await reader.inbox(1_000);
  } finally {
    await reader.close();
  }
}

async function expectRefused(posting: Promise<unknown>, code: string): Promise<void> {
  await expect(posting).rejects.toMatchObject({ code });
}

/** Resolves when nothing waits any more. */
async function allTaken(): Promise<void> {
  await vi.waitFor(async () => {
    expect(await waiting()).toEqual([]);
  }, 30_000);
}

describe("a start in a transaction on SQLite", () => {
  test("happens once it is committed, with its input, and not if it is rolled back", async () => {
    const running = app();
    await running.listen({ signals: [] });
    const database = connect();
    for (const [id, end] of [
      ["1", "rollback"],
      ["2", "commit"],
    ] as const) {
      await inTransaction(database, end, async (tx) => {
        database.prepare("insert into orders values (?)").run(id);
        const posted = await running.startIn(tx, shop.ship, { id, cents: 5 }, { by: "ana" });
        expect(posted).toEqual({ command: expect.stringMatching(/^tx_/u), key: id });
      });
    }
    expect(await ended.are(1)).toEqual(["ship 2 5"]);
    expect(orders(database)).toBe(1);
    const row = await running.start(shop.ship, { id: "2", cents: 5 });
    expect(row).toMatchObject({ isNew: false, differs: false });
    expect(await running.get(row.id)).toMatchObject({ key: "2", startedBy: "ana" });
    await allTaken();
    await running.close();
    // Also with a table that is not ours in its file.
    expect((await verifyStore({ path })).damage).toEqual([]);
  });

  test("needs no engine in this process, and joins a run with the same key", async () => {
    await makeStore();
    const web = app();
    const database = connect();
    await inTransaction(database, "commit", async (tx) => {
      await web.startIn(tx, shop.ship, { id: "1", cents: 5 });
      await web.startIn(tx, shop.ship, { id: "1", cents: 5 });
    });
    await inTransaction(database, "commit", (tx) =>
      web.startIn(tx, shop.ship, { id: "1", cents: 5 }),
    );
    expect(await waiting()).toHaveLength(3);
    const running = app();
    await running.listen({ signals: [] });
    expect(await ended.are(1)).toEqual(["ship 1 5"]);
    const { isNew } = await running.start(shop.ship, { id: "1", cents: 5 });
    expect(isNew).toBe(false);
    await allTaken();
    await running.close();
    const reader = await openSqliteReader({ path });
    expect(await reader.runsByKey("1", 10)).toHaveLength(1);
    await reader.close();
    expect(ended.names).toHaveLength(1);
  });

  test("takes an event along, also for a run that it starts", async () => {
    const running = app();
    await running.listen({ signals: [] });
    const database = connect();
    const message = { key: "1", id: "e1", payload: { iban: "DE89" } };
    await inTransaction(database, "rollback", (tx) => running.sendIn(tx, paid, message));
    await inTransaction(database, "commit", async (tx) => {
      await running.startIn(tx, shop.bill, { id: "1", cents: 5 });
      const payload = { iban: "DE90" };
      const posted = await running.sendIn(tx, paid, { ...message, payload });
      expect(posted).toMatchObject({ key: "1" });
      await running.sendIn(tx, paid, { ...message, payload });
    });
    expect(await ended.are(1)).toEqual(["bill 1 5 DE90"]);
  });

  test.each([
    ["commit", 1],
    ["rollback", 0],
  ] as const)(
    "survives a process that is killed after its %s, or never was",
    async (end, count) => {
      await makeStore();
      const support = new URL("./start-in.test-support.ts", import.meta.url).href;
      const script = `
      import { DatabaseSync } from "node:sqlite";
      import { Ended, open, shopOf } from ${JSON.stringify(support)};
      const shop = shopOf(new Ended());
      // The engine is in this process too, and has looked for the last time.
      const limits = { inboxIdleMs: 3_600_000, inboxBusyMs: 3_600_000 };
      const app = open(shop, { store: ${JSON.stringify(store)}, limits });
      await app.listen({ signals: [] });
      const database = new DatabaseSync(${JSON.stringify(path)});
      database.exec("create table orders (id text); begin immediate; insert into orders values ('1')");
      await app.startIn(database, shop.ship, { id: "1", cents: 5 });
      ${end === "commit" ? 'database.exec("commit");' : ""}
      process.kill(process.pid, "SIGKILL");`;
      const words = ["--conditions=holdfast-source", "--input-type=module", "--eval", script];
      const child = spawn(process.execPath, words, { stdio: ["ignore", "ignore", "inherit"] });
      expect(await once(child, "exit")).toEqual([null, "SIGKILL"]);
      expect(orders(connect())).toBe(count);
      expect(await waiting()).toHaveLength(count);
      await app().listen({ signals: [] });
      // What is committed now is taken after what was there.
      await inTransaction(connect(), "commit", (tx) =>
        (apps.at(-1) as App).startIn(tx, shop.ship, { id: "2", cents: 5 }),
      );
      const names = ["ship 1 5", "ship 2 5"].slice(2 - 1 - count);
      expect(await ended.are(1 + count)).toEqual(names);
    },
  );
});

describe("what a transaction cannot take on SQLite is refused before anything is written", () => {
  beforeEach(makeStore);

  test.each<[string, string, (database: DatabaseSync) => unknown]>([
    ["no transaction is open", "HF5014", () => connect()],
    ["it is no connection at all", "HF5014", () => ({})],
    ["it is nothing", "HF5014", () => null],
    [
      "it is in another file",
      "HF5015",
      () => {
        const other = connect(join(folder, "other.db"));
        other.exec("begin immediate");
        return other;
      },
    ],
    [
      "it is in memory",
      "HF5015",
      () => {
        const other = connect(":memory:");
        other.exec("begin immediate");
        return other;
      },
    ],
  ])("%s: %s", async (_, code, txOf) => {
    const tx = txOf(connect()) as Transaction;
    const starting = app().startIn(tx, shop.ship, { id: "1", cents: 5 });
    await expect(starting).rejects.toMatchObject({ code });
    expect(await waiting()).toEqual([]);
  });

  test("a hard link to the store's file, which has a log of its own; a symbolic link is taken", async () => {
    const hard = join(folder, "hard.db");
    const soft = join(folder, "soft.db");
    linkSync(path, hard);
    symlinkSync(path, soft);
    const other = new DatabaseSync(hard);
    databases.push(other);
    // Takes nothing yet: a second log beside the file would damage it.
    other.exec("begin");
    const starting = app().startIn(other, shop.ship, { id: "1", cents: 5 });
    await expect(starting).rejects.toMatchObject({ code: "HF5015" });
    other.exec("rollback");
    await inTransaction(connect(soft), "commit", (tx) =>
      app().startIn(tx, shop.ship, { id: "1", cents: 5 }),
    );
    await inTransaction(connect(), "commit", (tx) =>
      app({ store: `sqlite:${soft}` }).startIn(tx, shop.ship, { id: "2", cents: 5 }),
    );
    expect(await waiting()).toHaveLength(2);
  });

  test("input, event and workflow that do not fit; the transaction goes on", async () => {
    const web = app();
    const database = connect();
    const stranger = shopOf(ended).ship;
    await inTransaction(database, "commit", async (tx) => {
      database.prepare("insert into orders values ('1')").run();
      const input = { id: "1", cents: 5 };
      await expectRefused(web.startIn(tx, shop.ship, { id: "1", cents: "5" as never }), "HF4102");
      await expectRefused(web.startIn(tx, shop.ship, { ...input, id: "" }), "HF4102");
      await expectRefused(web.startIn(tx, shop.ship, input, { by: "" }), "HF4102");
      await expectRefused(web.startIn(tx, stranger, input), "HF1003");
      await expectRefused(web.startIn(tx, shop.ship, { ...input, note: 1n as never }), "HF4103");
      const payload = { iban: "DE89" };
      await expectRefused(web.sendIn(tx, paid, { key: "1", id: "", payload }), "HF4102");
      await expectRefused(
        web.sendIn(tx, paid, { key: "1", id: "e", payload: {} as never }),
        "HF4102",
      );
    });
    expect(orders(database)).toBe(1);
    expect(await waiting()).toEqual([]);
  });

  test("what only the engine would have refused: no starter, more bytes than a command may have", async () => {
    const named = workflow(
      "named",
      {
        input: z.object({ id: z.string() }),
        output: z.null(),
        key: ({ id }) => id,
        owner: "shop",
        reviews: [
          review("ok", { subject: z.null(), decision: z.null(), by: "boss", notBy: "starter" }),
        ],
      },
      async () => null,
    );
    const web = holdfast({ store, workflows: [named, shop.ship] });
    apps.push(web);
    const database = connect();
    database.exec("begin immediate");
    await expectRefused(web.startIn(database, named, { id: "1" }), "HF1108");
    const note = "\u20ac".repeat(3 << 20);
    await expectRefused(web.startIn(database, shop.ship, { id: "1", cents: 5, note }), "HF4104");
    await web.startIn(database, named, { id: "1" }, { by: "ana" });
    database.exec("commit");
    expect(await waiting()).toHaveLength(1);
  });

  test("a store that is in memory, or was never made", async () => {
    const database = connect();
    database.exec("begin immediate");
    const input = { id: "1", cents: 5 };
    const memory = open(shop, { store: ":memory:" });
    await expect(memory.startIn(database, shop.ship, input)).rejects.toMatchObject({
      code: "HF5015",
    });
    const none = open(shop, { store: `sqlite:${join(folder, "none.db")}` });
    await expect(none.startIn(database, shop.ship, input)).rejects.toMatchObject({
      code: "HF5002",
    });
  });

  test("an inbox that is full, of what others and this transaction have left there", async () => {
    const web = app({ limits: { inboxWaitingMax: 3 } });
    const database = connect();
    const start = (id: string) => (tx: Transaction) => web.startIn(tx, shop.ship, { id, cents: 5 });
    await inTransaction(database, "commit", start("1"));
    await inTransaction(database, "commit", async (tx) => {
      await start("2")(tx);
      await start("3")(tx);
      await expect(start("4")(tx)).rejects.toMatchObject({ code: "HF4205" });
    });
    await app().listen({ signals: [] });
    expect(await ended.are(3)).toEqual(["ship 1 5", "ship 2 5", "ship 3 5"]);
    await allTaken();
    await inTransaction(database, "commit", start("4"));
    await ended.are(4);
  });
});

describe("a store whose payloads are sealed", () => {
  const canary = "canary-note-7731";
  const iban = "DE89canary0532013000";

  test("has nothing sensitive of a start or an event in its inbox, and needs its ring", async () => {
    const keyRing = join(folder, "ring.keys");
    makeKeyRing(keyRing, keyOf(1));
    const first = app({ payloads: { keyRing } });
    await first.listen({ signals: [] });
    await first.close();
    const database = connect();
    const input = { id: "1", cents: 5, note: canary };
    const web = app({ payloads: { keyRing } });
    await inTransaction(database, "commit", async (tx) => {
      await web.startIn(tx, shop.ship, input);
      await web.startIn(tx, shop.bill, { id: "1", cents: 5 });
      await web.sendIn(tx, paid, { key: "1", id: "e1", payload: { iban } });
      await expect(app().startIn(tx, shop.ship, input)).rejects.toMatchObject({ code: "HF5020" });
    });
    expect(await waiting()).toHaveLength(3);
    expect(filesWith(folder, [canary, iban])).toEqual([]);
    await app({ payloads: { keyRing } }).listen({ signals: [] });
    expect(await ended.are(2)).toEqual([`bill 1 5 ${iban}`, `ship 1 5 ${canary}`]);
  });

  test("has nothing in its inbox that this app declares sensitive, and an older one did not", async () => {
    const keyRing = join(folder, "ring.keys");
    makeKeyRing(keyRing, keyOf(1));
    const older = shopOf(ended, []);
    const first = open(older, { store, payloads: { keyRing } });
    apps.push(first);
    await (await first.start(older.ship, { id: "0", cents: 5 })).result();
    await first.close();
    const web = app({ payloads: { keyRing } });
    await inTransaction(connect(), "commit", (tx) =>
      web.startIn(tx, shop.ship, { id: "1", cents: 5, note: canary }),
    );
    expect(await waiting()).toHaveLength(1);
    expect(filesWith(folder, [canary])).toEqual([]);
  });
});
