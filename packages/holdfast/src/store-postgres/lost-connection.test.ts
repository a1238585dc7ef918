import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { archivedHead } from "../testing/describe-store-removal.ts";
import { SYSTEM_RUN, SampleJournal, finishedHead, startedHead } from "../testing/sample-journal.ts";
import { type Connection, connect } from "./client.ts";
import { type CuttingProxy, startCuttingProxy } from "./cutting-proxy.test-support.ts";
import { type PostgresStore, openPostgresReader, verifyPostgresStore } from "./index.ts";
import {
  KEY,
  type TestDatabase,
  makeDatabase,
  openStore,
  runSql,
} from "./test-store.test-support.ts";

let database: TestDatabase;
let proxy: CuttingProxy;
let store: PostgresStore;
let sample: SampleJournal;

beforeEach(async () => {
  database = await makeDatabase();
  proxy = await startCuttingProxy(database.url);
  store = await openStore(proxy.url);
  sample = new SampleJournal();
  sample.add(1, "started", startedHead(1));
  await sample.flushTo(store);
});

afterEach(async () => {
  await store.abandon();
  await proxy.close();
  await database.drop();
});

async function flushCut(direction: "request" | "answer", afterBytes: number): Promise<boolean> {
  sample.add(1, "result", null, { name: "step", data: String(afterBytes) });
  const { wasCut } = proxy.cutNext({ direction, afterBytes });
  await sample.flushTo(store);
  return wasCut();
}

async function expectAllThereInOrder(): Promise<void> {
  const [stored] = await store.load([1]);
  expect(stored?.records).toEqual(sample.records);
  const { damage } = await verifyPostgresStore({ url: database.url, key: KEY });
  expect(damage).toEqual([]);
}

test("a flush whose answer is cut at any byte is done, and done no second time", async () => {
  let cuts = 0;
  // Bounded by the length of an answer, which no statement of a flush makes large.
  while (cuts < 5000 && (await flushCut("answer", cuts))) cuts += 1;
  // That it was committed is said at its end: it was done, and nobody had heard of it.
  expect(cuts).toBeGreaterThan(50);
  await expectAllThereInOrder();
}, 240_000);

test("a flush that is cut on its way is sent again", async () => {
  let cuts = 0;
  for (let bytes = 0; bytes < 20_000 && (await flushCut("request", bytes)); bytes += 19) cuts += 1;
  expect(cuts).toBeGreaterThan(30);
  await expectAllThereInOrder();
}, 120_000);

test("of two flushes that are cut on their way none is left out, and none comes first", async () => {
  let cuts = 0;
  for (const direction of ["request", "answer"] as const) {
    for (let afterBytes = 0; afterBytes < 1500; afterBytes += 31) {
      const { wasCut } = proxy.cutNext({ direction, afterBytes });
      const flushes = [1, 2].map((which) => {
        sample.add(1, "result", null, { name: "step", data: `${afterBytes} ${which}` });
        return sample.flushTo(store);
      });
      await Promise.all(flushes);
      if (!wasCut()) break;
      cuts += 1;
    }
  }
  expect(cuts).toBeGreaterThan(30);
  await expectAllThereInOrder();
}, 120_000);

test("runs leave once where the flush that lets them go is cut on its way, or its answer", async () => {
  const runs = Array.from({ length: 120 }, (_, index) => index + 100);
  for (const run of runs) {
    sample.add(run, "started", startedHead(run));
    sample.add(run, "finished", finishedHead());
  }
  await sample.flushTo(store);
  const waiting = [...runs];
  let cuts = 0;
  for (const [direction, step] of [
    ["answer", 23],
    ["request", 97],
  ] as const) {
    for (let afterBytes = 0; ; afterBytes += step) {
      const run = waiting.shift();
      if (run === undefined) break;
      sample.add(SYSTEM_RUN, "archived", await archivedHead(store, [run]));
      const { wasCut } = proxy.cutNext({ direction, afterBytes });
      await sample.flushTo(store);
      if (!wasCut()) break;
      cuts += 1;
    }
  }
  expect(cuts).toBeGreaterThan(30);
  const left = await store.load(runs);
  expect(left.map(({ row }) => row.run)).toEqual(waiting);
  const { damage } = await verifyPostgresStore({ url: database.url, key: KEY });
  expect(damage).toEqual([]);
}, 120_000);

/** Resolves when so many sessions of the database wait for a lock. */
async function waitingForLocks(watching: Connection, count: number): Promise<void> {
  const sql = `select count(*) from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`;
  await vi.waitFor(
    async () => {
      const [row] = await watching.rows("waiting", sql);
      if (row?.[0] !== count) throw new Error("others wait, or none yet");
    },
    { timeout: 30_000, interval: 20 },
  );
}

test("a flush of commands alone whose first sending comes through behind its second is done once", async () => {
  const reader = await openPostgresReader({ url: database.url });
  await reader.post({ id: "a", topic: "cancel", atMs: 1, by: "anna", data: "{}" });
  const blocking = await connect(database.url);
  await blocking.script("begin; select 1 from holdfast.inbox where id = 'a' for update");
  const watching = await connect(database.url);
  const flushed = sample.flushTo(store, [{ id: "a", answer: "{}" }]);
  await waitingForLocks(watching, 1);
  // The server does not notice: it is at work for a client that has gone.
  proxy.cutAll();
  await waitingForLocks(watching, 2);
  await blocking.script("rollback");
  await flushed;
  expect(await reader.answer("a")).toBe("{}");
  await expectAllThereInOrder();
  for (const connection of [blocking, watching, reader]) await connection.close();
});

test("a flush that was cut is refused when another engine has taken over meanwhile", async () => {
  const told = new Promise<Error>((resolve) => {
    store.onFatal(resolve);
  });
  await runSql(database.url, "update worker set alive = 0");
  await expect(flushCut("request", 0)).rejects.toMatchObject({ code: "HF5012" });
  expect(await told).toMatchObject({ code: "HF5012" });
  await expect(store.load([1])).rejects.toMatchObject({ code: "HF5012" });
});

test("reads outlive the end of all connections, and so does a reader's post", async () => {
  const reader = await openPostgresReader({ url: proxy.url });
  await runSql(
    database.url,
    `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`,
  );
  expect((await store.load([1])).length).toBe(1);
  const command = { id: "a", topic: "cancel", atMs: 1, by: "anna", data: "{}" } as const;
  await reader.post(command);
  expect((await store.inbox(10)).map(({ id }) => id)).toEqual(["a"]);
  sample.add(1, "result", null, { name: "step", data: "1" });
  await sample.flushTo(store);
  await expectAllThereInOrder();
  await reader.close();
});
