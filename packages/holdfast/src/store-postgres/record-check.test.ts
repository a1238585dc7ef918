import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { everyKind } from "../testing/sample-every-kind.ts";
import { type TestDatabase, makeDatabase, openStore, runSql } from "./test-store.test-support.ts";

let database: TestDatabase;

beforeEach(async () => {
  database = await makeDatabase();
});

afterEach(async () => {
  await database.drop();
});

describe("a run that is read from PostgreSQL", () => {
  test.each([
    [
      "its input",
      "update journal set data = '{\"order\":99}' where run = 11 and seq = 1",
      /changed/u,
    ],
    ["a record that is gone", "delete from journal where run = 11 and seq = 2", /missing/u],
  ])("is not handed out if somebody changed %s", async (_, sql, message) => {
    const first = await openStore(database.url);
    await everyKind(first).flushTo(first);
    await first.close();
    await runSql(database.url, sql);
    const store = await openStore(database.url);
    const fatal = new Promise<Error>((resolve) => {
      store.onFatal(resolve);
    });
    await expect(store.load([12, 11])).rejects.toMatchObject({ code: "HF5006", message });
    expect(await fatal).toMatchObject({ code: "HF5006", message });
    await store.abandon();
  });
});
