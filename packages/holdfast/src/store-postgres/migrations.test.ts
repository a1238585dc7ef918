import { afterEach, beforeEach, expect, test } from "vitest";
import type { Connection } from "./client.ts";
import { migrate } from "./migrations.ts";
import { connectTo } from "./open.ts";
import { type TestDatabase, makeEmptyDatabase } from "./test-store.test-support.ts";

const FIRST = "create table customer (id integer primary key)";
const SECOND = "alter table customer add column name text not null default ''";
const BROKEN = "alter table customer add column note text; alter table nothing add column a text";

let database: TestDatabase;
let connection: Connection;

beforeEach(async () => {
  database = await makeEmptyDatabase();
  connection = await connectTo(database.url);
});

afterEach(async () => {
  connection.destroy();
  await database.drop();
});

async function versions(): Promise<readonly unknown[]> {
  return (await connection.rows("", "select version from schema_version")).map(([one]) => one);
}

async function columns(): Promise<readonly unknown[]> {
  const rows = await connection.rows(
    "",
    `select column_name from information_schema.columns
      where table_schema = 'holdfast' and table_name = 'customer' order by 1`,
  );
  return rows.map(([name]) => name);
}

test("a schema that has had some migrations is given the missing ones, and keeps its rows", async () => {
  await migrate(connection, [FIRST]);
  await connection.script("insert into customer (id) values (7)");
  await migrate(connection, [FIRST, SECOND]);
  expect(await versions()).toEqual([2]);
  expect(await connection.rows("", "select id, name from customer")).toEqual([[7, ""]]);
});

test("a schema that has had all is left as it is", async () => {
  await migrate(connection, [FIRST]);
  await migrate(connection, [FIRST]);
  expect(await versions()).toEqual([1]);
});

test("a migration that fails leaves nothing behind, and the error tells why", async () => {
  await migrate(connection, [FIRST]);
  await expect(migrate(connection, [FIRST, BROKEN])).rejects.toThrow(/"nothing" does not exist/u);
  expect(await versions()).toEqual([1]);
  expect(await columns()).toEqual(["id"]);
});

test("several processes that migrate at once apply each one once", async () => {
  await migrate(connection, [FIRST]);
  const others = await Promise.all(Array.from({ length: 4 }, () => connectTo(database.url)));
  await Promise.all(others.map((other) => migrate(other, [FIRST, SECOND])));
  expect(await versions()).toEqual([2]);
  expect(await columns()).toEqual(["id", "name"]);
  for (const other of others) other.destroy();
});
