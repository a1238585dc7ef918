/** Who waits for whom, and for how long: by ticks that a test counts, on one database. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Connection } from "./client.ts";
import {
  DATABASE_NOW_MS,
  FENCE_NAMES,
  beat,
  fencedBecause,
  isAlive,
  joinLease,
  takeLease,
  waitForStandbys,
} from "./lease.ts";
import { connectTo } from "./open.ts";
import { SQL_STATES, StatementRefused } from "./postgres-errors.ts";
import { type TestDatabase, makeDatabase } from "./test-store.test-support.ts";
import { systemTicks } from "./ticks.ts";

let database: TestDatabase;
let connection: Connection;

beforeAll(async () => {
  database = await makeDatabase();
  connection = await connectTo(database.url);
});

beforeEach(async () => {
  await connection.script(
    "delete from heartbeat; delete from worker; update shard set owner = null",
  );
});

afterAll(async () => {
  await connection.close();
  await database.drop();
});

/** A worker that lives, with so much of its lease left. */
async function living(incarnation: number, leftMs: number, shared: 0 | 1 = 0): Promise<void> {
  const number = String(incarnation);
  await connection.script(
    `insert into worker (incarnation, alive, epoch, slot, shared, lease_ms, opened_at_ms)
       values (${number}, 1, ${number}, ${number}, ${String(shared)}, 1000000, 0);
     insert into heartbeat (incarnation, beat_at_ms)
       values (${number}, ${DATABASE_NOW_MS} - 1000000 + ${String(leftMs)})`,
  );
}

function leaves(incarnation: number): Promise<void> {
  return connection.script(
    `update worker set alive = 0 where incarnation = ${String(incarnation)}`,
  );
}

const OURS = 100;
const PAUSES_MAX = 10;

/** Waits of a lease are on record; `onPause` is called in each, with its number. */
function leaseFor(waitMsMax: number, onPause: (count: number) => Promise<void> = async () => {}) {
  const pauses: number[] = [];
  let nowMs = 0;
  const ticks = {
    ...systemTicks,
    nowMs: () => nowMs,
    async pause(ms: number) {
      pauses.push(ms);
      nowMs += ms;
      if (pauses.length > PAUSES_MAX) throw new Error("it waits without end");
      await onPause(pauses.length);
    },
  };
  return { pauses, settings: { incarnation: OURS, leaseMs: 30_000, waitMsMax, ticks } };
}

/** How long the lease of the other one lasts, as the refusal says it. */
async function refusedFor(entering: Promise<unknown>): Promise<number> {
  const told: unknown = await entering.catch((error: unknown) => error);
  expect(told).toMatchObject({ code: "HF5004" });
  return Number(/its lease lasts (\d+) ms/u.exec((told as Error).message)?.[1]);
}

const ENTRIES = [
  ["an engine that wants the store for itself", takeLease],
  ["a worker that shares it", joinLease],
] as const;

describe.each(ENTRIES)("%s", (_, enter) => {
  test("waits as long as it was told to, and is refused then", async () => {
    await living(1, 50_000);
    const { settings, pauses } = leaseFor(400);
    await expect(enter(connection, settings)).rejects.toMatchObject({ code: "HF5004" });
    expect(pauses).toEqual([200, 200]);
  });

  test("waits no time where it was told to wait for none", async () => {
    await living(1, 50_000);
    const { settings, pauses } = leaseFor(0);
    expect(await refusedFor(enter(connection, settings))).toBeGreaterThan(40_000);
    expect(pauses).toEqual([]);
  });

  test("enters as soon as the other one has left", async () => {
    await living(1, 50_000);
    const { settings, pauses } = leaseFor(60_000, async (count) => {
      if (count === 2) await leaves(1);
    });
    await enter(connection, settings);
    expect(pauses).toHaveLength(2);
    expect(await isAlive(connection, OURS)).toBe(true);
  });

  test("enters at once where the lease of the other one is over, which writes nothing any more", async () => {
    await living(1, -1);
    const { settings, pauses } = leaseFor(0);
    await enter(connection, settings);
    expect(pauses).toEqual([]);
    expect(await isAlive(connection, 1)).toBe(false);
  });
});

describe("an engine that wants the store for itself", () => {
  test("owns all shards, each since it has entered", async () => {
    const owned = await takeLease(connection, leaseFor(0).settings);
    expect(owned.list).toEqual(Array.from({ length: 256 }, (_, shard) => shard));
  });

  test("is kept out by workers that share it, and hears of the lease that lasts for longest", async () => {
    await living(1, 30_000, 1);
    await living(2, 90_000, 1);
    await living(3, 40_000, 1);
    const leftMs = await refusedFor(takeLease(connection, leaseFor(0).settings));
    expect(leftMs).toBeGreaterThan(60_000);
    expect(leftMs).toBeLessThanOrEqual(90_000);
  });

  test("is kept out by one that enters between its look and its own entry, with a whole lease", async () => {
    const raced: Connection = {
      ...connection,
      async transaction(statements) {
        await living(1, 50_000);
        await connection.transaction(statements);
      },
    };
    expect(await refusedFor(takeLease(raced, leaseFor(0).settings))).toBe(30_000);
    expect(await isAlive(connection, OURS)).toBe(false);
  });
});

test("a worker that shares the store is not kept out by others that do", async () => {
  await living(1, 50_000, 1);
  expect(await joinLease(connection, leaseFor(0).settings)).toBe(0);
});

test("an entry that the database refuses for another reason is not said to be full", async () => {
  await living(OURS, 50_000, 1);
  await expect(joinLease(connection, leaseFor(0).settings)).rejects.toMatchObject({
    sqlState: SQL_STATES.uniqueViolation,
  });
});

test("a worker lives until it was replaced, and one that never entered does not", async () => {
  await living(1, 50_000);
  await living(2, 50_000);
  await leaves(2);
  expect([
    await isAlive(connection, 1),
    await isAlive(connection, 2),
    await isAlive(connection, 3),
  ]).toEqual([true, false, false]);
});

test("a beat says whether a worker still lives, and keeps nobody alive that was replaced", async () => {
  await living(1, 50_000);
  await living(2, 50_000);
  await leaves(2);
  expect([await beat(connection, 1), await beat(connection, 2)]).toEqual([true, false]);
  const left = await connection.rows(
    "",
    `select beat_at_ms >= ${DATABASE_NOW_MS} - 60000 from heartbeat order by incarnation`,
  );
  expect(left).toEqual([[true], [false]]);
});

test("a wait for standbys writes, so that its commit waits, and changes no beat", async () => {
  await living(1, 50_000);
  await living(2, 50_000);
  const beats = () =>
    connection.rows("", "select beat_at_ms, xmin::text from heartbeat order by incarnation");
  const before = await beats();
  await waitForStandbys(connection, 1);
  const after = await beats();
  expect(after.map(([beatAtMs]) => beatAtMs)).toEqual(before.map(([beatAtMs]) => beatAtMs));
  expect(after[0]?.[1]).not.toBe(before[0]?.[1]);
  expect(after[1]?.[1]).toBe(before[1]?.[1]);
});

const refused = (statement: string, sqlState: string = SQL_STATES.divisionByZero) =>
  new StatementRefused(new Error("division by zero"), sqlState, statement);

describe("a flush was stopped by the fence", () => {
  test("because its worker was replaced, or a shard is another one's", () => {
    expect(fencedBecause(refused(FENCE_NAMES.worker))).toMatch(/has taken the store over/u);
    expect(fencedBecause(refused(FENCE_NAMES.shards))).toMatch(/a shard .* is another worker's/u);
  });

  test("by nothing else: another statement, another refusal, a connection that was lost", () => {
    expect(fencedBecause(refused("insert-journal"))).toBe(null);
    expect(fencedBecause(refused(FENCE_NAMES.worker, SQL_STATES.deadlock))).toBe(null);
    expect(fencedBecause(new Error("division by zero"))).toBe(null);
    expect(fencedBecause(undefined)).toBe(null);
  });
});
