/** Connections that are there and say nothing any more, as after a router that has forgotten them. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { SampleJournal, SYSTEM_RUN } from "../testing/sample-journal.ts";
import { type CuttingProxy, startCuttingProxy } from "./cutting-proxy.test-support.ts";
import type { Ticks } from "./index.ts";
import { joinStore, type Worker } from "./shared-worker.test-support.ts";
import { type TestDatabase, makeDatabase } from "./test-store.test-support.ts";
import { systemTicks } from "./ticks.ts";

const LEASE_MS = 30_000;

let database: TestDatabase;
let proxy: CuttingProxy;
let worker: Worker;
/** Time goes on when a test says so. */
let nowMs: number;
/** Called when a look is sent: its limit is a lease. */
let onLookSent: () => void;
let due: { readonly atMs: number; readonly callback: () => void }[];

beforeEach(async () => {
  database = await makeDatabase();
  proxy = await startCuttingProxy(database.url);
  [nowMs, due] = [0, []];
  onLookSent = () => undefined;
  const ticks: Ticks = {
    ...systemTicks,
    nowMs: () => nowMs,
    after(delayMs, callback) {
      const timer = { atMs: nowMs + delayMs, callback };
      due.push(timer);
      if (delayMs === LEASE_MS) onLookSent();
      return () => {
        due = due.filter((one) => one !== timer);
      };
    },
  };
  worker = await joinStore(proxy.url, { leaseMs: LEASE_MS, ticks });
});

afterEach(async () => {
  await worker.store.abandon();
  await proxy.close();
  await database.drop();
});

function pass(ms: number): void {
  nowMs += ms;
  const now = due.filter(({ atMs }) => atMs <= nowMs);
  due = due.filter(({ atMs }) => atMs > nowMs);
  for (const { callback } of now) callback();
}

function note(): SampleJournal {
  const sample = new SampleJournal();
  sample.add(SYSTEM_RUN, "applied", { command: "park", topic: "park", by: "ana", answer: "" });
  return sample;
}

test("a worker makes new connections when a look has no answer within a lease, and goes on", async () => {
  await worker.sees(() => true);
  proxy.hold();
  const flushed = note().flushTo(worker.store);
  const told: string[] = [];
  worker.shards.onSilence((message) => told.push(message));
  const lookSent = new Promise<void>((resolve) => {
    onLookSent = resolve;
  });
  worker.shards.lookSoon();
  await lookSent;
  pass((LEASE_MS * 2) / 3 + 1);
  const unsure = worker.shards.confirmed();
  expect(unsure).not.toBe(null);
  pass(LEASE_MS);
  worker.shards.lookSoon();
  await unsure;
  await flushed;
  expect(told).toEqual([expect.stringContaining("not confirmed for 50001 ms")]);
  expect(worker.shards.confirmed()).toBe(null);
});

test("a worker that is closed while nothing answers ends all the same", async () => {
  await worker.sees(() => true);
  proxy.hold();
  const closing = worker.store.close();
  pass(LEASE_MS + 10_000);
  await expect(closing).rejects.toMatchObject({ code: "HF5008" });
});
