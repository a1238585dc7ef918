import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { archivedHead } from "../testing/describe-store-removal.ts";
import {
  SYSTEM_RUN,
  SampleJournal,
  acceptedEvent,
  finishedHead,
} from "../testing/sample-journal.ts";
import { verifyPostgresStore } from "./index.ts";
import { SYSTEM_SHARD } from "./shard.ts";
import {
  type Worker,
  expire,
  headIn,
  isFree,
  joinStore,
  takeOnceFree,
} from "./shared-worker.test-support.ts";
import { KEY, type TestDatabase, makeDatabase, runSql } from "./test-store.test-support.ts";

let database: TestDatabase;
let opened: Worker[] = [];

beforeEach(async () => {
  database = await makeDatabase();
});

afterEach(async () => {
  for (const { store } of opened) await store.abandon();
  opened = [];
  await database.drop();
});

async function join(): Promise<Worker> {
  const worker = await joinStore(database.url);
  opened.push(worker);
  return worker;
}

async function damage(): Promise<readonly string[]> {
  const report = await verifyPostgresStore({ url: database.url, key: KEY });
  return report.damage.map(({ what }) => what);
}

/** Runs of one worker, which have begun and ended. */
async function doRuns(worker: Worker, runs: readonly (readonly [run: number, shard: number])[]) {
  const sample = new SampleJournal();
  for (const [run, shard] of runs) {
    sample.add(run, "started", { ...headIn(run, shard, run), key: `order-${String(run)}` });
    sample.add(run, "finished", finishedHead());
  }
  await sample.flushTo(worker.store);
  return sample;
}

/** As `archivedHead`, of runs that `headIn` has started. */
async function headOf(worker: Worker, runs: readonly (readonly [run: number, shard: number])[]) {
  const head = await archivedHead(
    worker.store,
    runs.map(([run]) => run),
  );
  const keys = new Map(runs.map(([run, shard]) => [run, headIn(run, shard, run).keyHash]));
  const keyed = head.runs.map((one) => ({ ...one, keyHash: keys.get(one.run) ?? "" }));
  return { ...head, runs: keyed };
}

describe("a worker of a shared store", () => {
  test("removes what it owns; its record may stand in an older chain than what it removes", async () => {
    const older = await join();
    const younger = await join();
    await takeOnceFree(older, 1);
    await takeOnceFree(younger, 9);
    await doRuns(younger, [[20, 9]]);
    await expire(database.url, younger);
    await takeOnceFree(older, 9);
    const sample = await doRuns(older, [[21, 9]]);
    sample.add(SYSTEM_RUN, "archived", await headOf(older, [[20, 9]]));
    await sample.flushTo(older.store);
    expect(await older.store.load([20])).toEqual([]);
    expect(await damage()).toEqual([]);
    // The number is not given again, whoever has the shard next, and who waits for the end hears.
    expect(await older.shards.ended([20, 21, 22])).toEqual([21, 20]);
    await older.store.close();
    const next = await join();
    await next.sees(isFree(9));
    expect(next.store.lastRun).toBe(21);
    expect(await next.shards.take([9])).toMatchObject({ shards: [9], lastRun: 21 });
  });

  test("counts on behind a run that has left, where that had the highest number of its shard", async () => {
    const one = await join();
    await takeOnceFree(one, 9);
    const sample = await doRuns(one, [[20, 9]]);
    sample.add(SYSTEM_RUN, "archived", await headOf(one, [[20, 9]]));
    await sample.flushTo(one.store);
    await one.shards.release([9]);
    const two = await join();
    await two.sees(isFree(9));
    expect(await two.shards.take([9])).toMatchObject({ shards: [9], lastRun: 20 });
  });

  test("sees all of the store's own records of one number: an event may be kept by one of them", async () => {
    const [one, two] = [await join(), await join()];
    await takeOnceFree(one, SYSTEM_SHARD);
    const keeping = new SampleJournal();
    keeping.add(SYSTEM_RUN, "kept", acceptedEvent("e1"));
    await keeping.flushTo(one.store);
    const other = new SampleJournal();
    other.add(SYSTEM_RUN, "applied", { command: "park", topic: "park", by: "ana", answer: "" });
    await other.flushTo(two.store);
    const found = await two.store.removal.storeRecords([1]);
    expect(found.map(({ kind }) => kind).toSorted()).toEqual(["applied", "kept"]);
  });

  test("removes nothing that is another one's", async () => {
    const [one, two] = [await join(), await join()];
    await takeOnceFree(one, 1);
    await takeOnceFree(two, 9);
    await doRuns(two, [[20, 9]]);
    const sample = await doRuns(one, [[21, 1]]);
    const spread = [
      [21, 1],
      [20, 9],
    ] as const;
    sample.add(SYSTEM_RUN, "archived", await headOf(one, spread));
    await expect(sample.flushTo(one.store)).rejects.toMatchObject({ code: "HF5012" });
    expect((await two.store.load([20, 21])).length).toBe(2);
    expect(await damage()).toEqual([]);
  });

  test("sees where runs are and whose; the dead own nothing", async () => {
    const [one, two] = [await join(), await join()];
    await takeOnceFree(one, 1);
    await takeOnceFree(two, 9);
    await doRuns(one, [[20, 1]]);
    await doRuns(two, [[21, 9]]);
    const mine = { run: 20, parentRun: null, shard: 1, owner: one.store.incarnation };
    const other = { run: 21, parentRun: null, shard: 9 };
    expect(await one.shards.homes([20, 21, 22])).toEqual([
      mine,
      { ...other, owner: two.store.incarnation },
    ]);
    await runSql(
      database.url,
      `update worker set alive = 0 where incarnation = ${String(two.store.incarnation)}`,
    );
    expect(await one.shards.homes([20, 21])).toEqual([mine, { ...other, owner: null }]);
  });
});
