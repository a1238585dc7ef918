import { afterAll, beforeAll, expect, test } from "vitest";
import { binaryArray, binaryChunks } from "./binary-array.ts";
import { type Connection, connect } from "./client.ts";
import { preferKeys } from "./meta.ts";
import type { Written } from "./table.ts";
import { type TestDatabase, makeDatabase } from "./test-store.test-support.ts";

let database: TestDatabase;
let connection: Connection;

beforeAll(async () => {
  database = await makeDatabase();
  connection = await connect(database.url);
  await connection.script("create table kept (id bigint, word text, bytes bytea)");
});

afterAll(async () => {
  await connection.close();
  await database.drop();
});

function keep(name: string, id: number, word: string | null, bytes: Buffer | null): Written {
  const text = `insert into kept select $1::int8, $2, unnest($3::bytea[]) -- ${name}`;
  return { name, text, values: [id, word, binaryArray("bytea", [bytes])] };
}

async function kept(): Promise<readonly unknown[]> {
  return connection.rows("", "delete from kept returning id, word, bytes");
}

test("every value of a batch arrives as it was", async () => {
  await connection.transaction([
    keep("first", 2 ** 53 - 1, "", Buffer.alloc(0)),
    keep("first", -1, "日本語 👩‍👩‍👧 \0 '\\", Buffer.from([0, 255])),
    keep("first", 3, null, null),
    keep("first", 4, "x".repeat(400_000), Buffer.alloc(400_000, 7)),
  ]);
  expect(await kept()).toEqual([
    [2 ** 53 - 1, "", Buffer.alloc(0)],
    [-1, "日本語 👩‍👩‍👧 \0 '\\", Buffer.from([0, 255])],
    [3, null, null],
    [4, "x".repeat(400_000), Buffer.alloc(400_000, 7)],
  ]);
});

test("statements that the server has not met stand among those that it knows", async () => {
  await connection.transaction([keep("known", 1, "a", null)]);
  await connection.transaction([
    keep("known", 2, "b", null),
    keep("new", 3, "c", null),
    keep("known", 4, "d", null),
    keep("newer", 5, "e", null),
  ]);
  expect((await kept()).map((row) => (row as unknown[])[0])).toEqual([1, 2, 3, 4, 5]);
});

test("a batch of which one is refused does nothing, and names that one", async () => {
  const refused = { name: "refused", text: "select 1 / $1::int8", values: [0] };
  await expect(
    connection.transaction([keep("known", 1, "a", null), refused, keep("newest", 2, "b", null)]),
  ).rejects.toMatchObject({ statement: "refused" });
  expect(await kept()).toEqual([]);
  await connection.transaction([keep("newest", 3, "c", null)]);
  expect(await kept()).toHaveLength(1);
});

test("digests side by side are an array of them", async () => {
  const digests = Buffer.from([...Array(64).keys()]);
  const rows = await connection.rows("", "select * from unnest($1::bytea[])", [
    binaryChunks(digests, 16),
  ]);
  expect(rows.map(([cell]) => cell)).toEqual(
    [0, 16, 32, 48].map((from) => digests.subarray(from, from + 16)),
  );
});

test("no statement of an engine is compiled, also where it has to read a whole table", async () => {
  // So that it would be whatever it costs, as far as the server can.
  await connection.script("set jit = on; set jit_above_cost = 0");
  await preferKeys(connection);
  const plan = await connection.rows("", "explain (analyze) select word from kept where id > 0");
  expect(plan.join("\n")).toContain("Seq Scan");
  expect(plan.join("\n")).not.toContain("JIT");
  expect(await connection.rows("", "show jit")).toEqual([["off"]]);
});

test("a statement of an engine is planned once, and not again for its values", async () => {
  await preferKeys(connection);
  for (let id = 0; id < 10; id += 1) {
    await connection.rows("look", "select word from kept where id = $1::int8", [id]);
  }
  const plans = await connection.rows(
    "",
    "select generic_plans, custom_plans from pg_prepared_statements where name = 'look'",
  );
  expect(plans).toEqual([[10, 0]]);
});
