import { rmSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { archivedHead } from "../testing/describe-store-removal.ts";
import { SYSTEM_RUN, SampleJournal, finishedHead, startedHead } from "../testing/sample-journal.ts";
import { verifyStore } from "./index.ts";
import { runSql } from "./tampering.test-support.ts";
import { makeFolder, openInline } from "./test-store.test-support.ts";

let folder: ReturnType<typeof makeFolder>;
let path: string;
beforeEach(() => {
  folder = makeFolder();
  path = `${folder.path}/store.db`;
});
afterEach(() => folder.remove());

/** Runs 21, 22 and 23 have ended; 21 and 23 have left. */
async function storeWithGap(): Promise<void> {
  const store = await openInline(path);
  const sample = new SampleJournal();
  sample.continueIn(store);
  for (const run of [21, 22, 23]) {
    sample.add(run, "started", startedHead(run));
    sample.add(run, "result", null, { name: "price", data: '{"total":1000}' });
    sample.add(run, "finished", finishedHead(), { data: '{"done":true}' });
  }
  await sample.flushTo(store);
  sample.add(SYSTEM_RUN, "archived", await archivedHead(store, [21, 23]));
  await sample.flushTo(store);
  await store.close();
}

async function damage(): Promise<readonly string[]> {
  return (await verifyStore({ path })).damage.map(({ what }) => what);
}

/** What somebody does who knows the tables and not the key: run 22 leaves as 21 has. */
const REMOVED = `insert into removed_record select pos, run, digest from journal where run = 22;
  delete from journal where run = 22; delete from run where run = 22;`;

test("a store that runs have left is sound, and says how many records are digests only", async () => {
  await storeWithGap();
  const report = await verifyStore({ path });
  expect(report).toMatchObject({ isSound: true, damage: [] });
  expect(report.harmless).toContain("6 records have left for archives: their digests are here");
});

test.each([
  ["a record", "delete from journal where run = 22 and seq = 2", /^record \d+ is missing$/],
  ["a digest", "delete from removed_record where run = 21", /^record \d+ is missing$/],
  ["a changed digest", "update removed_record set digest = zeroblob(16)", /the seal of flush \d+/],
  [
    "a run without an archive",
    REMOVED,
    /^record \d+ \(run 22\) was removed, and no archive has it$/,
  ],
  [
    "a run with a row that says it was archived",
    `${REMOVED} insert into archived_run select 22, seq, records, digest, key_hash, generation,
      input_digest, key_until_ms from archived_run where run = 21;`,
    /^record \d+ \(run 22\) was removed, and no archive has it$/,
  ],
  [
    "a digest under another run",
    "update removed_record set run = 22 where pos = (select max(pos) from removed_record)",
    /^record \d+ \(run 22\) was removed, and no archive has it$/,
  ],
  [
    "a digest under another run that has left",
    "update removed_record set run = 21 where pos = (select max(pos) from removed_record)",
    /^what is left of run 21, which was archived, was changed$/,
  ],
  [
    "a digest too many",
    "insert into removed_record select pos, run, digest from journal where run = 22",
    /^9 digests of removed records are kept, 6 belong to a flush$/,
  ],
  [
    "a key that is let go",
    "update archived_run set key_hash = zeroblob(32) where run = 21",
    /^archived_run\.key_hash/,
  ],
  [
    "a key's row",
    "delete from archived_run",
    /removed records are kept|archived_run lacks the row/,
  ],
])("%s is found", async (_, sql, what) => {
  await storeWithGap();
  runSql(path, sql);
  expect((await damage())[0]).toMatch(what);
});

test.each([
  ["its own", REMOVED, "(run 22) was removed, and no archive has it"],
  [
    "one that has left",
    REMOVED.replace("pos, run, digest from", "pos, 21, digest from"),
    "of run 21, which was archived, was changed",
  ],
])(
  "a start finds a run that left without an archive, whose digests are kept under %s",
  async (_, sql, what) => {
    await storeWithGap();
    runSql(path, sql);
    // Without its anchor all of the store is checked.
    rmSync(`${path}.anchor`);
    await expect(openInline(path)).rejects.toMatchObject({
      code: "HF5006",
      message: expect.stringContaining(what) as string,
    });
  },
);
