import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sql as initial } from "./migrations/0001_initial.sql.ts";
import { COMMAND_KEPT_MS_MIN } from "../store/forgotten-commands.ts";
import { SAMPLE_START_MS, SampleJournal, startedHead } from "../testing/sample-journal.ts";
import { openSqliteReader, verifyStore } from "./index.ts";
import { runSql } from "./tampering.test-support.ts";
import { makeFolder, openInline } from "./test-store.test-support.ts";

let folder: ReturnType<typeof makeFolder>;
/** A closed store whose first flush took two commands, and its second, an hour later, one. */
let path: string;

beforeEach(async () => {
  folder = makeFolder();
  path = join(folder.path, "store.db");
  const store = await openInline(path, { nowMs: () => SAMPLE_START_MS + COMMAND_KEPT_MS_MIN });
  const reader = await openSqliteReader({ path });
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

afterEach(() => folder.remove());

async function found(): Promise<string> {
  return (await verifyStore({ path })).damage.map(({ what }) => what).join("\n");
}

async function forgetAll(): Promise<number> {
  const store = await openInline(path);
  const gone = await store.taken.forget(Number.MAX_SAFE_INTEGER, 10);
  await store.close();
  return gone;
}

/** Puts digests in the place of the commands of a flush, as a forgetting does. */
function forge(flush: number, position: number): void {
  runSql(
    path,
    `insert into forgotten_command select taken_by, digest from inbox where pos = ${position};
      delete from inbox where taken_by = ${flush}`,
  );
}

/** Takes back what later versions have added. */
const TO_VERSION_1 = `drop index exception_open_tagged; drop index exception_open_watched;
  drop index exception_open_duplicate_of; drop table forgotten_command;
  alter table inbox rename to inbox_4; ${ofInbox("create table inbox \\(.*?strict;")}
  insert into inbox select * from inbox_4; drop table inbox_4;
  ${ofInbox("create unique index inbox_id .*?;")} ${ofInbox("create index inbox_open .*?;")}
  ${ofInbox("create index inbox_taken .*?;")} pragma user_version = 1;`;

function ofInbox(pattern: string): string {
  return new RegExp(pattern, "su").exec(initial)?.[0] ?? "";
}

describe("what is left of commands that were forgotten", () => {
  test("holds the seal of their flush, and the next start accepts it", async () => {
    expect(await forgetAll()).toBe(2);
    expect(await found()).toBe("");
    await (await openInline(path)).close();
    expect(await found()).toBe("");
  });

  test.each([
    [
      "that was changed",
      "update forgotten_command set digests = zeroblob(32)",
      /seal of flush 1 .*does not hold/u,
    ],
    [
      "that is gone",
      "delete from forgotten_command",
      /flush 1 of .*took 2 commands, the inbox shows 0/u,
    ],
    [
      "of which a part is gone",
      "update forgotten_command set digests = substr(digests, 1, 16)",
      /flush 1 of .*took 2 commands, the inbox shows 1/u,
    ],
    [
      "too many",
      "insert into forgotten_command values (99, zeroblob(16))",
      /digests of commands are kept for flush 99/u,
    ],
  ])("is damage where it is one %s", async (_, sql, says) => {
    await forgetAll();
    runSql(path, sql);
    expect(await found()).toMatch(says);
  });

  test("is damage where the commands were removed before their time, at the next start too", async () => {
    forge(2, 3);
    expect(await found()).toMatch(/commands that flush 2 of .* were removed before their time/u);
    // The anchor has seen that flush: without it all is checked.
    rmSync(`${path}.anchor`);
    await expect(openInline(path)).rejects.toMatchObject({
      code: "HF5006",
      message: expect.stringContaining("before their time") as string,
    });
  });

  test("is not asked for in a store of an earlier version, which is sound and is migrated", async () => {
    runSql(path, TO_VERSION_1);
    expect(await found()).toBe("");
    expect(await forgetAll()).toBe(2);
    expect(await found()).toBe("");
  });

  test("is missed in a store of an earlier version, too, where commands are gone", async () => {
    runSql(path, `${TO_VERSION_1} delete from inbox`);
    expect(await found()).toMatch(/flush 1 of .*took 2 commands, the inbox shows 0/u);
  });
});
