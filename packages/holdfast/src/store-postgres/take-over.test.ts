/**
 * How long the runs of a dead worker stay where they are: its lease, and the time to the next beat of
 * another, a third of a lease. With the lease of 3 s that is 4 s, below the 5 s that are promised.
 */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Surroundings } from "../store/shards.ts";
import {
  expire,
  isFree,
  joinStore,
  takeOnceFree,
  type Worker,
} from "./shared-worker.test-support.ts";
import { type PostgresStore, type Ticks, openPostgresStore } from "./index.ts";
import { KEY, type TestDatabase, makeDatabase } from "./test-store.test-support.ts";
import { systemTicks } from "./ticks.ts";

const LEASE_MS = 30_000;

let database: TestDatabase;
let dead: Worker;
let living: PostgresStore;
/** The next beat of the living one, which comes when a test says so. */
let beat: () => void;
let onBeatSet: () => void;

const ticks: Ticks = {
  ...systemTicks,
  after(delayMs, callback) {
    if (delayMs === LEASE_MS / 3) {
      beat = callback;
      onBeatSet();
    }
    return () => undefined;
  },
};

beforeEach(async () => {
  database = await makeDatabase();
  onBeatSet = () => undefined;
  dead = await joinStore(database.url);
  const options = { url: database.url, key: KEY, nowMs: () => 1, shared: true };
  living = await openPostgresStore({ ...options, leaseMs: LEASE_MS, ticks });
});

afterEach(async () => {
  await dead.store.abandon();
  await living.abandon();
  await database.drop();
});

test("the shards of a dead worker are taken at the first beat after its lease, two looks later", async () => {
  await takeOnceFree(dead, 5);
  const { shards } = living;
  if (shards.isWhole) throw new Error("it has the store for itself");
  const looks: Surroundings[] = [];
  const idle = () =>
    new Promise<void>((resolve) => {
      onBeatSet = resolve;
    });
  const first = idle();
  shards.onLook((seen) => looks.push(seen));
  await first;
  expect(looks.some(isFree(5))).toBe(false);
  await expire(database.url, dead);
  looks.length = 0;
  const next = idle();
  beat();
  await next;
  expect(looks.map(isFree(5))).toEqual([false, true]);
  expect((await shards.take([5])).shards).toEqual([5]);
});
