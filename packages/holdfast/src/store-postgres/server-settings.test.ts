import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { everyKind } from "../testing/sample-every-kind.ts";
import { verifyPostgresStore } from "./index.ts";
import { migrationTables } from "./migrations.ts";
import { connectTo } from "./open.ts";
import {
  KEY,
  type TestDatabase,
  makeDatabase,
  makeDatabaseWith,
  openStore,
  runSql,
} from "./test-store.test-support.ts";

let database: TestDatabase;
let role: string;
beforeEach(async () => {
  database = await makeDatabase();
  role = `role_${randomBytes(6).toString("hex")}`;
});
afterEach(async () => {
  await runSql(database.url, `drop owned by ${role}; drop role ${role}`).catch(() => undefined);
  await database.drop();
});

const nameIn = (url: string) => new URL(url).pathname.slice(1);

/** The same database, for a role that has no more than these statements give it. */
async function asRole(grants: string): Promise<string> {
  await runSql(database.url, `create role ${role} login; ${grants.replaceAll("ROLE", role)}`);
  const url = new URL(database.url);
  url.username = role;
  return url.toString();
}

const GRANTS = `grant usage on schema holdfast to ROLE;
  grant select on all tables in schema holdfast to ROLE`;
const ALL = `${GRANTS}; grant insert, update, delete on all tables in schema holdfast to ROLE`;

async function makeStore(): Promise<void> {
  const store = await openStore(database.url);
  await everyKind(store).flushTo(store);
  await store.close();
}

describe("a store is refused at its start", () => {
  test("in a database whose encoding does not hold every character", async () => {
    const latin = await makeDatabaseWith("encoding 'LATIN1' locale 'C' template template0");
    await expect(openStore(latin.url)).rejects.toMatchObject({
      code: "HF5002",
      message: expect.stringContaining("LATIN1"),
      remedy: expect.stringContaining("encoding 'UTF8'"),
    });
    await latin.drop();
  });

  test("where its user may only read, by a setting", async () => {
    await makeStore();
    await runSql(
      database.url,
      `alter database ${nameIn(database.url)} set default_transaction_read_only = on`,
    );
    const refused = openStore(database.url);
    await expect(refused).rejects.toMatchObject({
      code: "HF5002",
      message: expect.stringContaining("this user's transactions are read-only"),
    });
  });

  test("where a right is missing that it will need, and names it", async () => {
    await makeStore();
    const url = await asRole(`${ALL}; revoke insert, delete on holdfast.effect from ROLE`);
    await expect(openStore(url)).rejects.toMatchObject({
      code: "HF5002",
      message: expect.stringContaining("effect (insert, delete)"),
    });
  });
});

test("a role with the rights of the tables alone is enough", async () => {
  await makeStore();
  const store = await openStore(await asRole(ALL));
  await expect(store.close()).resolves.toBeUndefined();
});

test("all tables of the schema are known by name", async () => {
  await makeStore();
  const connection = await connectTo(database.url);
  const rows = await connection.rows(
    "all",
    "select tablename::text from pg_tables where schemaname = 'holdfast'",
  );
  await connection.close();
  expect(migrationTables().toSorted()).toEqual(rows.map(([name]) => String(name)).toSorted());
});

test("time limits of the database do not hold for the store's own connections", async () => {
  const limits = ["statement_timeout", "lock_timeout", "idle_session_timeout"];
  const all = limits.map((limit) => `set ${limit} = '30s'`);
  const name = nameIn(database.url);
  for (const one of all) await runSql(database.url, `alter database ${name} ${one}`);
  const connection = await connectTo(database.url);
  const shown = limits.map((limit) => `current_setting('${limit}')`).join(", ");
  const [row] = await connection.rows("limits", `select ${shown}`);
  await connection.close();
  expect(row).toEqual(["0", "0", "0"]);
});

test("a check that is kept from reading finds no damage", async () => {
  await makeStore();
  const url = await asRole(`${GRANTS}; revoke select on holdfast.flush from ROLE`);
  await expect(verifyPostgresStore({ url, key: KEY })).rejects.toMatchObject({
    code: "HF5002",
    message: expect.stringContaining("could not be checked"),
    remedy: expect.stringContaining("says nothing of the store's state"),
  });
});

test("a role that may only read checks a store, and one that may make no temporary table is told so", async () => {
  await makeStore();
  const name = nameIn(database.url);
  await runSql(database.url, `revoke temporary on database ${name} from public`);
  const url = await asRole(GRANTS);
  await expect(verifyPostgresStore({ url, key: KEY })).rejects.toMatchObject({
    code: "HF5002",
    message: expect.stringMatching(
      /could not be checked: .*permission denied to create temporary/u,
    ),
  });
  await runSql(database.url, `grant temporary on database ${name} to ${role}`);
  expect((await verifyPostgresStore({ url, key: KEY })).damage).toEqual([]);
});
