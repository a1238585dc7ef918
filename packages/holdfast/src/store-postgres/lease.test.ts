import { afterEach, beforeEach, expect, test } from "vitest";
import { SampleJournal, startRuns, startedHead } from "../testing/sample-journal.ts";
import { type Connection, connect } from "./client.ts";
import { startCuttingProxy } from "./cutting-proxy.test-support.ts";
import {
  type PostgresStore,
  type Ticks,
  openPostgresReader,
  verifyPostgresStore,
} from "./index.ts";
import { joinLease } from "./lease.ts";
import { connectTo } from "./open.ts";
import { systemTicks } from "./ticks.ts";
import {
  KEY,
  type TestDatabase,
  makeDatabase,
  openStore,
  outwaitLeases,
  runSql,
} from "./test-store.test-support.ts";

let database: TestDatabase;
const opened: PostgresStore[] = [];

beforeEach(async () => {
  database = await makeDatabase();
});

afterEach(async () => {
  for (const store of opened.splice(0)) await store.abandon();
  await database.drop();
});

async function open(over: Parameters<typeof openStore>[1] = {}): Promise<PostgresStore> {
  const store = await openStore(database.url, over);
  opened.push(store);
  return store;
}

function fatalOf(store: PostgresStore): Promise<Error> {
  return new Promise((resolve) => {
    store.onFatal(resolve);
  });
}

const STEALS = 25;
/** More than an engine gets through before it is replaced. */
const FLUSHES_MAX = 20_000;

/** Flushes one record after the other. Answers which were acknowledged, and why it ended. */
async function writeUntilRefused(store: PostgresStore, sample: SampleJournal, run: number) {
  const acknowledged: number[] = [];
  for (let flush = 0; flush < FLUSHES_MAX; flush += 1) {
    const seq = sample.add(run, "result", null, { name: "step" });
    try {
      await sample.flushTo(store);
    } catch (error) {
      return { acknowledged, error };
    }
    acknowledged.push(seq);
  }
  return { acknowledged, error: null };
}

test("an engine that is replaced in the middle of its flushes has written nothing behind", async () => {
  const system = new SampleJournal();
  let written = 0;
  for (let run = 1; run <= STEALS; run += 1) {
    const store = await open();
    system.continueIn(store);
    await system.flushTo(store);
    const sample = new SampleJournal();
    sample.batch();
    sample.add(run, "started", startedHead(run));
    await sample.flushTo(store);
    const writing = writeUntilRefused(store, sample, run);
    await outwaitLeases(database.url);
    const next = await open();
    // What the next owner reads now is all there will ever be.
    const [stored] = await next.load([run]);
    const { acknowledged, error } = await writing;
    expect(error).toMatchObject({ code: "HF5012" });
    const seen = new Set(stored?.records.map(({ seq }) => seq));
    expect(acknowledged.filter((seq) => !seen.has(seq))).toEqual([]);
    expect((await next.load([run]))[0]).toEqual(stored);
    written += acknowledged.length;
    await store.abandon();
    await next.close();
  }
  // The steals came in the middle of work.
  expect(written).toBeGreaterThan(STEALS * 10);
  const { damage } = await verifyPostgresStore({ url: database.url, key: KEY });
  expect(damage).toEqual([]);
}, 120_000);

test("an engine is not replaced while a flush of it is under way", async () => {
  const proxy = await startCuttingProxy(database.url);
  const store = await openStore(proxy.url);
  opened.push(store);
  const sample = new SampleJournal();
  sample.add(1, "started", startedHead(1));
  const { held, release } = proxy.holdNext("insert into flush");
  const flushing = sample.flushTo(store);
  await held;
  await outwaitLeases(database.url);
  let entered = false;
  const opening = open().then((next) => {
    entered = true;
    return next;
  });
  await someoneWaitsForALock(() => entered);
  expect(entered).toBe(false);
  release();
  await flushing;
  const [stored] = await (await opening).load([1]);
  expect(stored?.records).toEqual(sample.records);
  await store.abandon();
  await proxy.close();
});

/** Asks until a statement waits for a lock, or `isOver`. */
async function someoneWaitsForALock(isOver: () => boolean): Promise<void> {
  const connection = await connect(database.url);
  const asked = `select count(*) from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`;
  for (let asks = 0; asks < 20_000 && !isOver(); asks += 1) {
    const [row] = await connection.rows("", asked);
    if (row?.[0] !== 0) break;
  }
  await connection.close();
}

test("a second engine waits for the end of the first one's lease if it is told to", async () => {
  const first = await open();
  await expect(openStore(database.url)).rejects.toMatchObject({ code: "HF5004" });
  const waiting = open({ waitMsMax: 60_000 });
  await first.close();
  expect((await waiting).incarnation).not.toBe(first.incarnation);
});

test("an engine that died is replaced when its lease has run out, by the database's clock", async () => {
  const first = await open({ leaseMs: 400 });
  await startRuns(first, [1]);
  await first.abandon();
  const next = await open({ waitMsMax: 60_000 });
  expect(next.predecessors).toMatchObject([{ incarnation: first.incarnation, clean: false }]);
});

test("two engines that take over at once do not both get in", async () => {
  const first = await open();
  await first.abandon();
  await outwaitLeases(database.url);
  const entries = await Promise.allSettled(Array.from({ length: 4 }, () => open()));
  const refusals = entries.flatMap((entry) => (entry.status === "rejected" ? [entry.reason] : []));
  expect(refusals.length).toBe(3);
  for (const refusal of refusals) expect(refusal).toMatchObject({ code: "HF5004" });
});

test("a worker is not kept out by another worker that enters where one had the store for itself", async () => {
  const alone = await open();
  const real = await connectTo(database.url);
  // Between its look that finds one alone, and its question for how long.
  const connection: Connection = {
    ...real,
    async transaction(statements) {
      try {
        await real.transaction(statements);
      } catch (error) {
        await alone.close();
        await open({ shared: true });
        throw error;
      }
    },
  };
  const lease = { incarnation: 7, leaseMs: 30_000, waitMsMax: 0, ticks: systemTicks };
  expect(await joinLease(connection, lease)).toBe(1);
  await real.close();
});

test("256 workers are as many as there are, but for those whose lease is over", async () => {
  await runSql(
    database.url,
    `insert into worker (incarnation, alive, epoch, slot, shared, lease_ms, opened_at_ms)
        select n + 1, 1, n + 1, n, 1, 600000, 0 from generate_series(0, 255) as t (n);
      insert into heartbeat (incarnation, beat_at_ms)
        select n + 1, (extract(epoch from clock_timestamp()) * 1000)::int8 from generate_series(0, 255) as t (n)`,
  );
  await expect(open({ shared: true })).rejects.toMatchObject({ code: "HF5013" });
  // All of them killed at once: nobody lives who would end them.
  await outwaitLeases(database.url);
  const store = await open({ shared: true });
  expect(store.shards.isWhole).toBe(false);
});

test("an engine learns from its next beat that it was replaced", async () => {
  const store = await open({ leaseMs: 300 });
  const told = fatalOf(store);
  await runSql(database.url, "update worker set alive = 0");
  expect(await told).toMatchObject({ code: "HF5012" });
});

test("an engine that cannot confirm its beat for two thirds of its lease gives up", async () => {
  const proxy = await startCuttingProxy(database.url);
  let ahead = 0;
  const ticks: Ticks = {
    ...systemTicks,
    nowMs: () => systemTicks.nowMs() + ahead,
    after: (delayMs, callback) => systemTicks.after(delayMs / 100, callback),
  };
  const store = await openStore(proxy.url, { leaseMs: 30_000, ticks });
  opened.push(store);
  const told = fatalOf(store);
  const release = proxy.hold();
  ahead = 20_001;
  const error = await told;
  expect(error).toMatchObject({ code: "HF5012" });
  expect(error.message).toContain("not confirmed");
  await expect(startRuns(store, [1])).rejects.toMatchObject({ code: "HF5012" });
  release();
  await store.abandon();
  await proxy.close();
});

test("an engine that was closed leaves the store free at once", async () => {
  const store = await open();
  await startRuns(store, [1]);
  const reader = await openPostgresReader({ url: database.url });
  expect(await reader.engineRuns()).toBe(true);
  await store.close();
  expect(await reader.engineRuns()).toBe(false);
  await reader.close();
  expect((await open()).predecessors).toMatchObject([{ clean: true, flush: 2 }]);
  const { isSound } = await verifyPostgresStore({ url: database.url, key: KEY });
  expect(isSound).toBe(true);
});
