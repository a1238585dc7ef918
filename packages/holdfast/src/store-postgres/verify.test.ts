import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { everyKind } from "../testing/sample-every-kind.ts";
import { startPostgresServer } from "../testing/postgres-server.ts";
import { openPostgresReader, openPostgresStore, verifyPostgresStore } from "./index.ts";
import {
  KEY,
  type TestDatabase,
  makeDatabase,
  openStore,
  runSql,
} from "./test-store.test-support.ts";

let database: TestDatabase;
let folder: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-anchor-"));
  database = await makeDatabase();
  const store = await openStore(database.url, { anchorFile: anchorFile() });
  const sample = everyKind(store);
  const reader = await openPostgresReader({ url: database.url });
  for (const id of ["taken", "waits"]) {
    await reader.post({ id, topic: "send", atMs: 1, by: "anna", data: "{}" });
  }
  await sample.flushTo(store, [{ id: "taken", answer: "{}" }]);
  await reader.close();
  await store.close();
});

afterEach(async () => {
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

function anchorFile(): string {
  return join(folder, "anchor");
}

async function found(): Promise<string> {
  const report = await verifyPostgresStore({
    url: database.url,
    key: KEY,
    anchorFile: anchorFile(),
  });
  expect(report.isSound).toBe(report.damage.length === 0);
  return report.damage.map(({ what }) => what).join("\n");
}

/** A way to harm the store, and what verify says of it. */
const HARM: Readonly<Record<string, readonly [sql: string, says: RegExp]>> = {
  "a record that was changed": [
    "update journal set data = '{}' where run = 11 and seq = 2",
    /run 11, seq 2\) was changed/u,
  ],
  "a record that is gone": ["delete from journal where run = 11 and seq = 5", /is missing/u],
  "a record that was moved to another shard": [
    "update journal set shard = 99 where run = 11 and seq = 5",
    /run 11 has/u,
  ],
  "a record that nobody wrote": [
    "insert into journal select shard, run, 999, kind, attempt, name, at_ms, head, data, incarnation, 9999, digest from journal where run = 11 and seq = 2",
    /belongs to no flush/u,
  ],
  "a seal that was changed": ["update flush set at_ms = 1 where number = 1", /seal of flush 1/u],
  "a flush that is gone": ["delete from flush where number = 1", /flush 1 .* is missing/u],
  "a flush at the end that is gone": ["delete from flush where number = 2", /anchor knows/u],
  "an answer that was changed": [
    `update inbox set answer = '"no"' where id = 'taken'`,
    /command taken in the inbox was changed/u,
  ],
  "a command that was changed while it waits": [
    `update inbox set data = '{"x":1}' where id = 'waits'`,
    /command waits waits/u,
  ],
  "a command that is taken by nobody": [
    "update inbox set taken_by = 1, taken_in = 1, answer = '1' where id = 'waits'",
    /command waits was taken by a flush that is not there/u,
  ],
  "a run's row that was changed": [
    "update run set reason = 'because' where run = 12",
    /run\.reason of row 12, \d+ is "because"/u,
  ],
  "a row that is gone": ["delete from exception where run = 13", /exception lacks the row/u],
  "a row too many": [
    "insert into pending values (1, 2, 3, 4, 'erp', 'ref', 5)",
    /pending has a row too many/u,
  ],
  "a counter that was changed": ["update counter set value = value + 1", /counter\.sum/u],
  "an issue that was changed": ["update issue set open_count = 7", /issue\.sum\(open_count\)/u],
  "who the store is": ["update meta set created_at_ms = 1", /who this store is/u],
  "a trigger": [
    "create function f() returns trigger language plpgsql as 'begin return null; end'; create trigger t before insert on run execute function f()",
    /run has t/u,
  ],
  "an index of somebody else's": [
    "create index mine on run (reason)",
    /schema was changed: CREATE INDEX mine/u,
  ],
};

describe("verify", () => {
  test("finds a store sound that nobody has touched, with an engine and without", async () => {
    expect(await found()).toBe("");
    const store = await openStore(database.url);
    expect(await found()).toBe("");
    await store.close();
  });

  for (const [name, [sql, says]] of Object.entries(HARM)) {
    test(`names ${name}`, async () => {
      await runSql(database.url, sql);
      expect(await found()).toMatch(says);
    });
  }

  test("passes over tables of the user's, which a role called holdfast makes in our schema", async () => {
    await runSql(
      database.url,
      "set search_path to holdfast; create table orders (id text primary key, at_ms bigint); create index orders_at on orders (at_ms)",
    );
    expect(await found()).toBe("");
  });

  test("refuses another store's key", async () => {
    const options = { url: database.url, key: new Uint8Array(32).fill(8) };
    await expect(verifyPostgresStore(options)).rejects.toMatchObject({ code: "HF5009" });
  });
});

function reopened() {
  return openStore(database.url, { anchorFile: anchorFile() });
}

describe("an engine that opens the store", () => {
  test("refuses a database that is older than its anchor, and leaves it free", async () => {
    await runSql(database.url, "delete from flush where number = 2");
    await expect(reopened()).rejects.toMatchObject({ code: "HF5007" });
    await expect(openStore(database.url).then((store) => store.close())).resolves.toBeUndefined();
  });

  test("refuses a chain that was forked below its anchor", async () => {
    await runSql(database.url, "update flush set seal = sha256('x') where number = 2");
    await expect(reopened()).rejects.toMatchObject({ code: "HF5006" });
  });

  test("refuses another store's anchor", async () => {
    const anchor = readFileSync(anchorFile(), "utf8");
    writeFileSync(anchorFile(), anchor.replace(/"store_/u, '"store_other_'));
    await expect(reopened()).rejects.toMatchObject({ code: "HF5006" });
  });

  test("needs the store's own key, and says how to make one", async () => {
    const none = openStore(database.url, { key: "" });
    await expect(none).rejects.toMatchObject({ code: "HF5009" });
    const other = openStore(database.url, { key: new Uint8Array(32) });
    await expect(other).rejects.toMatchObject({ code: "HF5009" });
    writeFileSync(join(folder, "key"), `${Buffer.from(KEY).toString("base64")}\n`);
    const open = { url: database.url, nowMs: () => 1 };
    await expect(openPostgresStore(open)).rejects.toMatchObject({
      code: "HF5009",
      remedy: expect.stringContaining("holdfast store key") as string,
    });
    const store = await openPostgresStore({ ...open, keyFile: join(folder, "key") });
    await store.close();
  });

  test("refuses a server that does not sync to the disk, and shows no password", async () => {
    const server = await startPostgresServer({ fsync: false });
    await expect(openStore(server.url())).rejects.toMatchObject({ code: "HF5005" });
    await server.stop();
    const gone = openStore(server.url().replace("@", ":secret@"));
    const error: unknown = await gone.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "HF5002" });
    expect(String(error)).not.toContain("secret");
  });
});
