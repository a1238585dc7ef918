/** The same as sealed.test.ts, on PostgreSQL: in every row of every table, and in the server's files. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { App } from "./index.ts";
import { verifyWithPayloads } from "./payload/audit.ts";
import { makeKeyRing, readKeyRing } from "./payload/key-ring.ts";
import { filesWith, keyOf } from "./payload/test-payloads.test-support.ts";
import {
  CANARIES,
  CANARY_FORMS,
  openShop,
  orderOf,
  paid,
  pays,
  untilReview,
  untilState,
} from "./sealed-shop.test-support.ts";
import { systemClock } from "./engine/clock.ts";
import { sweepFiles } from "./payload/sweep.ts";
import { connect } from "./store-postgres/client.ts";
import { openPostgresReader, verifyPostgresStore } from "./store-postgres/index.ts";
import { makeDatabase, runSql } from "./store-postgres/test-store.test-support.ts";
import { type PostgresServer, startPostgresServer } from "./testing/postgres-server.ts";

/** Of its own: all that it has in files is searched. */
let server: PostgresServer;
let databases = 0;
beforeAll(async () => {
  server = await startPostgresServer();
});
afterAll(() => server.stop());

async function searchedDatabase(): Promise<string> {
  databases += 1;
  const name = `shop_${String(databases)}`;
  const connection = await connect(server.url());
  await connection.script(`create database ${name}`);
  await connection.close();
  return server.url(name);
}

let folder: string;
let ring: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-sealed-"));
  ring = join(folder, "ring.keys");
  makeKeyRing(ring, keyOf(1));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Rows with a canary while a run is at its review, and the server's files with one. */
async function found(payloads: { readonly keyRing: string } | null) {
  const url = await searchedDatabase();
  const app = openShop({
    store: url as `postgres://${string}`,
    postgres: { key: keyOf(9) },
    log: () => undefined,
    ...(payloads === null ? {} : { payloads }),
  });
  await untilReview(app);
  const { rows, files } = await everythingIn(url);
  await app.close();
  return { rows: rows.filter(holds), files: filesWith(files, CANARY_FORMS) };
}

function holds(text: string): boolean {
  return CANARY_FORMS.some((canary) => text.includes(canary));
}

describe("on PostgreSQL", () => {
  test("nothing sensitive is in a row or a file, and the same search finds it without a ring", async () => {
    expect(await found({ keyRing: ring })).toEqual({ rows: [], files: [] });
    const plain = await found(null);
    expect(plain.rows.length).toBeGreaterThan(4);
    expect(plain.files).not.toEqual([]);
  });
});

test("nor in what workers of a shared store leave each other", async () => {
  const url = await searchedDatabase();
  const worker = () =>
    openShop({
      store: url as `postgres://${string}`,
      postgres: { key: keyOf(9), shared: true },
      log: () => undefined,
      payloads: { keyRing: ring },
    });
  const workers = [worker(), worker()];
  try {
    for (const one of workers) await one.listen({ signals: [] });
    for (let number = 0; number < SHARED_RUNS; number += 1) {
      const [first, second] = number % 2 === 0 ? workers : workers.toReversed();
      const { id } = await (first as App).start(pays, { ...orderOf(), id: String(number) });
      // Only the one that has the run hears of it.
      await Promise.race(workers.map((one) => untilState(one, id, "review")));
      const event = {
        key: String(number),
        id: `e${String(number)}`,
        payload: { iban: CANARIES[0] },
      };
      await (second as App).send(paid, event);
    }
    const { rows } = await everythingIn(url);
    expect(rows.filter(holds)).toEqual([]);
    expect(rows.filter((row) => /,(?:start|send),.*sealed:/.test(row))).not.toEqual([]);
  } finally {
    for (const one of workers) await one.close();
  }
});

test("a sweep takes no file of an event that a worker has kept, whatever the others have numbered", async () => {
  const database = await makeDatabase();
  const directory = join(folder, "payloads");
  const worker = () =>
    openShop({
      store: database.url as `postgres://${string}`,
      postgres: { key: keyOf(9), shared: true },
      log: () => undefined,
      payloads: { directory },
    });
  // Each has records of its own under the numbers that the first gives to its events.
  const workers = Array.from({ length: 7 }, worker);
  try {
    for (const one of workers) await one.listen({ signals: [] });
    for (let number = 0; number < 6; number += 1) {
      const payload = { iban: "x".repeat(100_000) };
      await workers[0]?.send(paid, { key: `nobody ${String(number)}`, id: `e${number}`, payload });
    }
    const before = filesWith(directory, [""]);
    expect(before).toHaveLength(6);
    // With statistics, of records with one number those of another worker may come first.
    await runSql(database.url, "analyze");
    const reader = await openPostgresReader({ url: database.url });
    const hoursLater = systemClock.nowMs() + 7_200_000;
    const options = { secret: keyOf(9), nowMs: hoursLater, after: "" };
    const swept = await sweepFiles(directory, reader, options);
    await reader.close();
    expect(swept).toMatchObject({ looked: 6, removed: 0 });
    expect(filesWith(directory, [""])).toEqual(before);
  } finally {
    for (const one of workers) await one.close();
    await database.drop();
  }
});

test("a check opens what the store itself keeps, in its rows and in files, and names what is gone", async () => {
  const database = await makeDatabase();
  const directory = join(folder, "payloads");
  const secret = keyOf(9);
  const app = openShop({
    store: database.url as `postgres://${string}`,
    postgres: { key: secret },
    log: () => undefined,
    payloads: { keyRing: ring, directory },
  });
  const check = () =>
    verifyWithPayloads(
      (visited) => verifyPostgresStore({ url: database.url, key: secret, ...visited }),
      {
        ring: readKeyRing(ring),
        directory,
        secret,
      },
    );
  try {
    await app.send(paid, { key: "nobody", id: "e1", payload: { iban: "short" } });
    await app.send(paid, { key: "nobody", id: "e2", payload: { iban: "x".repeat(100_000) } });
    const sound = await check();
    expect(sound.damage).toEqual([]);
    expect(sound.harmless.join("\n")).not.toMatch(/not opened|not checked/u);
    for (const file of filesWith(directory, [""])) rmSync(file);
    const [{ what } = { what: "" }, ...others] = (await check()).damage;
    expect(what).toMatch(/^the payload of store record \d+ cannot be read/u);
    expect(others).toEqual([]);
  } finally {
    await app.close();
    await database.drop();
  }
});

/** Enough that some are on the other worker's shards: none are once in 2^8 times. */
const SHARED_RUNS = 8;

/** Every row of every table, as text, and where the server keeps its files. */
async function everythingIn(url: string) {
  const connection = await connect(url);
  try {
    const tables = await connection.rows(
      "tables",
      "select table_name from information_schema.tables where table_schema = 'holdfast'",
    );
    const rows: string[] = [];
    for (const [name] of tables) {
      const text = `select t::text from holdfast."${String(name)}" t`;
      for (const [row] of await connection.rows(`all ${String(name)}`, text))
        rows.push(String(row));
    }
    // What is in memory only would not be found.
    await connection.script("checkpoint");
    const [[files] = []] = await connection.rows("files", "show data_directory");
    return { rows, files: String(files) };
  } finally {
    await connection.close();
  }
}
