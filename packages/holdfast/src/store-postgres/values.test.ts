import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ColumnType, binaryArray } from "./binary-array.ts";
import { type Connection, connect } from "./client.ts";
import { SHARDS, runShard, textShard } from "./shard.ts";
import { type TestDatabase, makeDatabase } from "./test-store.test-support.ts";
import { givenText, storedText } from "./text.ts";

describe("texts", () => {
  test("come back as they were, whatever is in them, and are stored without a NUL", () => {
    const unit = fc.constantFrom("\0", "\uFDD0", "0", "1", "a", "é", "👩‍👩‍👧", "'", "\\");
    fc.assert(
      fc.property(fc.string({ unit }), (text) => {
        expect(storedText(text)).not.toContain("\0");
        expect(givenText(storedText(text))).toBe(text);
      }),
    );
  });
});

describe("arrays in binary form", () => {
  let database: TestDatabase;
  let connection: Connection;

  beforeAll(async () => {
    database = await makeDatabase();
    connection = await connect(database.url);
  });

  afterAll(async () => {
    await connection.close();
    await database.drop();
  });

  const VALUES: Readonly<Record<ColumnType, readonly (number | string | Uint8Array | null)[]>> = {
    int2: [0, -1, 32_767, -32_768, null],
    int4: [0, -1, 2 ** 31 - 1, -(2 ** 31), null],
    int8: [0, -1, 2 ** 53 - 1, -(2 ** 53) + 1, 2 ** 32, -(2 ** 32), 4_294_967_295, null],
    text: ["", "a", "\0 between \0", "日本語 👩‍👩‍👧", "x".repeat(70_000), null],
    bytea: [Buffer.alloc(0), Buffer.from([0, 255, 1]), null],
  };

  for (const [type, values] of Object.entries(VALUES)) {
    test(`arrive with every value of ${type}`, async () => {
      const rows = await connection.rows("", `select * from unnest($1::${type}[])`, [
        binaryArray(type as ColumnType, values),
      ]);
      expect(rows.map(([cell]) => cell)).toEqual(values);
    });
  }

  test("refuse a number that would be another one there", () => {
    expect(() => binaryArray("int8", [2 ** 53])).toThrow(RangeError);
    expect(() => binaryArray("int2", [40_000])).toThrow(RangeError);
  });
});

describe("shards", () => {
  const start = { namespace: "main", lane: null, keyHash: `${"0".repeat(62)}ff` };

  test("are that of the key's hash, and that of the lane for the runs of a lane", () => {
    expect(runShard(start)).toBe(255);
    const other = { ...start, keyHash: "0".repeat(64) };
    expect(runShard({ ...start, lane: "a" })).toBe(runShard({ ...other, lane: "a" }));
    expect(runShard({ ...start, lane: "a" })).not.toBe(runShard({ ...start, lane: "b" }));
  });

  test("hold about as many rows each", () => {
    const counts = Array.from({ length: SHARDS }, () => 0);
    for (let row = 0; row < SHARDS * 100; row += 1) {
      const shard = textShard(String(row));
      counts[shard] = (counts[shard] ?? 0) + 1;
    }
    expect(Math.min(...counts)).toBeGreaterThan(50);
    expect(Math.max(...counts)).toBeLessThan(200);
  });
});
