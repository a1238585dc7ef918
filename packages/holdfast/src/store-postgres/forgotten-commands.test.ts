import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { migrationSql } from "./migrations.ts";
import { COMMAND_KEPT_MS_MIN } from "../store/forgotten-commands.ts";
import { SAMPLE_START_MS, SampleJournal, startedHead } from "../testing/sample-journal.ts";
import { openPostgresReader, verifyPostgresStore } from "./index.ts";
import {
  KEY,
  type TestDatabase,
  makeDatabase,
  openStore,
  runSql,
} from "./test-store.test-support.ts";

let database: TestDatabase;

/** A closed store whose first flush took two commands, and its second, an hour later, one. */
beforeEach(async () => {
  database = await makeDatabase();
  const { url } = database;
  const store = await openStore(url, { nowMs: () => SAMPLE_START_MS + COMMAND_KEPT_MS_MIN });
  const reader = await openPostgresReader({ url });
  for (const id of ["a", "b", "late"])
    await reader.post({ id, topic: "send", atMs: 1, by: "ana", data: "{}" });
  await reader.close();
  const sample = new SampleJournal();
  sample.add(1, "started", startedHead(1));
  const early = ["b", "a"].map((id) => ({ id, answer: "1" }));
  await store.flush({ ...sample.batch(early), atMs: SAMPLE_START_MS });
  const late = [{ id: "late", answer: "1" }];
  await store.flush({ ...sample.batch(late), atMs: SAMPLE_START_MS + COMMAND_KEPT_MS_MIN });
  await store.close();
});

afterEach(() => database.drop());

async function found(): Promise<string> {
  const { damage } = await verifyPostgresStore({ url: database.url, key: KEY });
  return damage.map(({ what }) => what).join("\n");
}

/** Two at once, as two workers may. */
async function forgetAll(): Promise<number> {
  const store = await openStore(database.url);
  const sample = new SampleJournal();
  await store.flush({ ...sample.batch(), atMs: SAMPLE_START_MS + COMMAND_KEPT_MS_MIN });
  const forget = () => store.taken.forget(Number.MAX_SAFE_INTEGER, 10);
  const [gone] = await Promise.all([forget(), forget()]);
  await store.close();
  return gone;
}

/** The words that the inbox took then. */
function constraintOfVersion1(): string {
  const words = /create table inbox \(.*?(check \(topic in \([^)]*\)\))/su.exec(
    migrationSql(),
  )?.[1];
  return `alter table inbox drop constraint inbox_topic_check;
    alter table inbox add constraint inbox_topic_check ${words ?? ""}`;
}

describe("what is left of commands that were forgotten", () => {
  test("holds the seal of their flush", async () => {
    expect(await forgetAll()).toBe(2);
    expect(await found()).toBe("");
  });

  test.each([
    [
      "that was changed",
      `update forgotten_command set digests = repeat('x', 32)::bytea`,
      /seal of flush 1 .*does not hold/u,
    ],
    [
      "that is gone",
      "delete from forgotten_command",
      /flush 1 of .*took 2 commands, the inbox shows 0/u,
    ],
    [
      "of which a part is gone",
      "update forgotten_command set digests = substring(digests from 1 for 16)",
      /flush 1 of .*took 2 commands, the inbox shows 1/u,
    ],
    [
      "too many",
      "insert into forgotten_command values (5, 99, repeat('x', 16)::bytea)",
      /digests of commands are kept for flush 99 of incarnation 5/u,
    ],
  ])("is damage where it is one %s", async (_, sql, says) => {
    await forgetAll();
    await runSql(database.url, sql);
    expect(await found()).toMatch(says);
  });

  test("is damage where the commands were removed before their time", async () => {
    await runSql(
      database.url,
      `insert into forgotten_command
        select taken_by, taken_in, digest from inbox where id = 'late';
        delete from inbox where id = 'late'`,
    );
    expect(await found()).toMatch(/commands that flush 2 of .* were removed before their time/u);
  });

  test("is not asked for in a store of an earlier version, which is sound and is migrated", async () => {
    await runSql(
      database.url,
      `drop index exception_open_tagged; drop index exception_open_watched;
        drop index exception_open_duplicate_of; drop table forgotten_command;
        ${constraintOfVersion1()};
        update schema_version set version = 1`,
    );
    expect(await found()).toBe("");
    expect(await forgetAll()).toBe(2);
    expect(await found()).toBe("");
  });
});
