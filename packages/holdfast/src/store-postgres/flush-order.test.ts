/** Two flushes are under way at a time: the second may not come through without the first. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { SampleJournal, intentHead, startedHead, stateHead } from "../testing/sample-journal.ts";
import { type PostgresStore, verifyPostgresStore } from "./index.ts";
import {
  KEY,
  type TestDatabase,
  makeDatabase,
  openStore,
  runSql,
} from "./test-store.test-support.ts";

let database: TestDatabase;
let store: PostgresStore;
let sample: SampleJournal;

beforeEach(async () => {
  database = await makeDatabase();
  store = await openStore(database.url);
  sample = new SampleJournal();
  for (const run of [1, 2]) sample.add(run, "started", startedHead(run));
  await sample.flushTo(store);
});

afterEach(async () => {
  await store.abandon();
  await database.drop();
});

/** One flush for each of these runs, none waiting for the one before. */
function flushEach(...runs: readonly number[]): Promise<void>[] {
  return runs.map((run) => {
    sample.add(run, "result", null, { name: "step", data: String(run) });
    return sample.flushTo(store);
  });
}

async function recordsOf(run: number): Promise<number> {
  const other = await openStore(database.url);
  const [stored] = await other.load([run]);
  await other.close();
  return stored?.records.length ?? 0;
}

test("a flush is not written behind one that was refused", async () => {
  await runSql(database.url, "alter table journal add check (data is null or data <> '1')");
  const [first, second] = flushEach(1, 2);
  await expect(first).rejects.toMatchObject({ code: "HF5008" });
  await expect(second).rejects.toMatchObject({ code: "HF5008" });
  await store.abandon();
  await runSql(database.url, "update worker set alive = 0");
  expect(await recordsOf(2)).toBe(1);
});

/** The first record with this data has to be written again. */
async function refuseOnce(): Promise<void> {
  await runSql(
    database.url,
    `create sequence tries;
     create function refuse_once() returns trigger language plpgsql as $$ begin
       if nextval('tries') = 1 then raise exception 'once' using errcode = '40001'; end if;
       return new; end $$;
     create trigger refuse_once before insert on journal for each row
       when (new.data = '1') execute function refuse_once()`,
  );
}

async function refuseNoMore(): Promise<void> {
  await runSql(
    database.url,
    "drop trigger refuse_once on journal; drop function refuse_once; drop sequence tries",
  );
}

test("a flush is sent again whose statements were to be prepared by one that was refused", async () => {
  await refuseOnce();
  const intent = (run: number) => {
    sample.add(run, "intent", intentHead(sample.nextSeq(run)), { name: "pay" });
  };
  sample.add(1, "result", null, { name: "step", data: "1" });
  intent(1);
  const first = sample.flushTo(store);
  intent(2);
  await Promise.all([first, sample.flushTo(store)]);
  await refuseNoMore();
  const loaded = await store.load([1, 2]);
  expect(loaded.map(({ records }) => records.length)).toEqual([3, 2]);
});

test("two flushes of which the first has to be done again come through in their order", async () => {
  await refuseOnce();
  await Promise.all(flushEach(1, 2, 1, 2));
  await refuseNoMore();
  const loaded = await store.load([1, 2]);
  expect(loaded.flatMap(({ records }) => records.map(({ seq }) => seq))).toEqual([
    1, 2, 3, 1, 2, 3,
  ]);
  const { damage } = await verifyPostgresStore({ url: database.url, key: KEY });
  expect(damage).toEqual([]);
});

test("a flush that needs what the one before writes waits for it to be done again", async () => {
  await refuseOnce();
  sample.add(3, "started", startedHead(3));
  sample.add(1, "result", null, { name: "step", data: "1" });
  const first = sample.flushTo(store);
  sample.add(3, "state", stateHead("running", "waiting"));
  await Promise.all([first, sample.flushTo(store)]);
  await refuseNoMore();
  const [loaded] = await store.load([3]);
  expect(loaded?.row.state).toBe("waiting");
});
