import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { archivedHead } from "../testing/describe-store-removal.ts";
import { SYSTEM_RUN, SampleJournal, finishedHead, startedHead } from "../testing/sample-journal.ts";
import { openPostgresReader, verifyPostgresStore } from "./index.ts";
import {
  KEY,
  type TestDatabase,
  makeDatabase,
  openStore,
  runSql,
} from "./test-store.test-support.ts";

let database: TestDatabase;
beforeEach(async () => {
  database = await makeDatabase();
});
afterEach(() => database.drop());

/** Runs 21, 22 and 23 have ended; 21 and 23 have left, each with records in two chains. */
async function storeWithGap(): Promise<void> {
  const first = await openStore(database.url);
  const sample = new SampleJournal();
  sample.continueIn(first);
  for (const run of [21, 22, 23]) {
    sample.add(run, "started", startedHead(run));
    sample.add(run, "result", null, { name: "price", data: '{"total":1000}' });
  }
  await sample.flushTo(first);
  await first.close();
  const second = await openStore(database.url);
  sample.continueIn(second);
  for (const run of [21, 22, 23]) {
    sample.add(run, "finished", finishedHead(), { data: '{"done":true}' });
  }
  await sample.flushTo(second);
  sample.add(SYSTEM_RUN, "archived", await archivedHead(second, [21, 23]));
  await sample.flushTo(second);
  await second.close();
}

async function damage(): Promise<readonly string[]> {
  const report = await verifyPostgresStore({ url: database.url, key: KEY });
  return report.damage.map(({ what }) => what);
}

/** What somebody does who knows the tables and not the key: run 22 leaves as 21 has. */
const REMOVED = `insert into removed_record
    select shard, run, incarnation, array_agg(seq order by seq), array_agg(pos order by seq),
      array_agg(digest order by seq) from journal where run = 22 group by shard, run, incarnation;
  delete from journal where run = 22; delete from run where run = 22;
  delete from run_key where run = 22;`;

const SAYS_SO = `insert into archived_run
  select (select distinct shard from removed_record where run = 22), 22, incarnation, seq, records,
    (select substring(sha256(string_agg(d, ''::bytea order by s)) from 1 for 16)
      from removed_record, unnest(seqs, digests) as t (s, d) where run = 22)
  from archived_run where run = 21;`;

describe("a store on PostgreSQL that runs have left", () => {
  test("is sound, and an engine opens it", async () => {
    await storeWithGap();
    const report = await verifyPostgresStore({ url: database.url, key: KEY });
    expect(report).toMatchObject({ isSound: true, damage: [] });
    expect(report.harmless).toContain("6 records have left for archives: their digests are here");
    const store = await openStore(database.url);
    expect(store.lastRun).toBe(23);
    expect((await store.load([21, 22, 23])).map(({ row }) => row.run)).toEqual([22]);
    await store.close();
    expect(await damage()).toEqual([]);
  });

  test.each([
    ["a record", "delete from journal where run = 22 and seq = 2", /^record \d+ .*is missing$/],
    ["a digest", "delete from removed_record where run = 21", /^record \d+ .*is missing$/],
    [
      "a changed digest",
      `update removed_record set digests = array_fill(decode(repeat('00', 16), 'hex'),
        array[cardinality(digests)])`,
      /^the seal of flush \d+/,
    ],
    ["a run without an archive", REMOVED, /\(run 22\) was removed, and no archive has it$/],
    [
      "a run with a row that says it was archived",
      `${REMOVED} ${SAYS_SO}`,
      /^archived_run has a row too many/,
    ],
    [
      "a digest under another run",
      "update removed_record set run = 22 where run = 21",
      /\(run 22\) was removed, and no archive has it$/,
    ],
    [
      "a digest under another run that has left",
      `update removed_record r set seqs = r.seqs || o.seqs, positions = r.positions || o.positions,
        digests = r.digests || o.digests from removed_record o
        where r.run = 23 and o.run = 21 and r.incarnation = o.incarnation;
        delete from removed_record where run = 21`,
      /^what is left of run 21, which was archived, was changed$/,
    ],
    [
      "a digest too many",
      `insert into removed_record select shard, run, incarnation, array[seq], array[pos],
        array[digest] from journal where run = 22 and seq = 1`,
      /is missing$|belongs to no flush$/,
    ],
    ["a key that is let go", "delete from run_key where run = 21", /^run_key lacks the row/],
    [
      "a key that is given to another run",
      "update run_key set run = 22 where run = 21",
      /^run_key\.run of row/,
    ],
    [
      "a key that may be forgotten sooner",
      "update run_key set until_ms = 9000000000000 where run = 21",
      /^run_key\.until_ms of row/,
    ],
    ["an archive's row", "delete from archived_run", /was removed, and no archive has it$/],
  ])("shows that %s is gone or was changed", async (_, sql, what) => {
    await storeWithGap();
    await runSql(database.url, sql);
    expect((await damage())[0]).toMatch(what);
  });

  test("goes on counting what has left, and forgets a key when its time is over", async () => {
    const store = await openStore(database.url);
    const sample = new SampleJournal();
    sample.continueIn(store);
    // A second run of its key, which a first one must be able to follow once the key is forgotten.
    const generation = 2;
    sample.add(21, "started", startedHead(21, { generation }));
    sample.add(22, "started", startedHead(22));
    for (const run of [21, 22]) sample.add(run, "finished", finishedHead());
    await sample.flushTo(store);
    const reader = await openPostgresReader({ url: database.url });
    const counters = await reader.counters("");
    const { keyHash, namespace, workflow } = startedHead(21);
    const key = { namespace, workflow, key: "order-21", keyHash };
    const head = await archivedHead(store, [21], { keysUntilMs: 1 });
    const archived = head.runs.map((run) => ({ ...run, generation }));
    sample.add(SYSTEM_RUN, "archived", { ...head, runs: archived });
    await sample.flushTo(store);
    // Its time was over at once: the key is another run's from now on.
    expect(await store.find([key])).toEqual([null]);
    sample.add(24, "started", startedHead(24, { keyHash }));
    await sample.flushTo(store);
    expect((await store.find([key]))[0]?.run).toBe(24);
    sample.add(SYSTEM_RUN, "archived", await archivedHead(store, [22]));
    await sample.flushTo(store);
    const started = counters.find(
      ({ name }) => name.startsWith("runs/") && name.endsWith("completed"),
    );
    expect((await reader.counters("")).find(({ name }) => name === started?.name)).toEqual(started);
    await reader.close();
    await store.close();
    expect(await damage()).toEqual([]);
  });

  test("refuses a flush that would remove other records than were archived", async () => {
    const store = await openStore(database.url);
    const sample = new SampleJournal();
    sample.continueIn(store);
    sample.add(21, "started", startedHead(21));
    sample.add(21, "finished", finishedHead());
    await sample.flushTo(store);
    const head = await archivedHead(store, [21]);
    const runs = head.runs.map((run) => ({ ...run, records: 3 }));
    sample.add(SYSTEM_RUN, "archived", { ...head, runs });
    await expect(sample.flushTo(store)).rejects.toMatchObject({ code: "HF5008" });
    await store.abandon();
    expect(await damage()).toEqual([]);
  });
});
