/** Stores in databases of their own on the test run's server, for the tests of this driver. */
import { randomBytes } from "node:crypto";
import { inject } from "vitest";
import type { StoreReader } from "../store/store.ts";
import type { OpenSharedStoreUnderTest } from "../testing/describe-store-shared.ts";
import type { OpenStoreUnderTest } from "../testing/describe-store.ts";
import { connect } from "./client.ts";
import { startCuttingProxy } from "./cutting-proxy.test-support.ts";
import {
  type PostgresStore,
  type PostgresStoreOptions,
  openPostgresReader,
  openPostgresStore,
  verifyPostgresStore,
} from "./index.ts";
import { systemTicks } from "./ticks.ts";

const NOW_MS = 1_800_000_000_000;
export const KEY = new Uint8Array(32).fill(7);

export interface TestDatabase {
  readonly url: string;
  /** Cuts off whoever is still connected. Its data goes with the server. */
  readonly drop: () => Promise<void>;
}

/** A database of its own, with the tables of a store, in which nothing is yet. */
export function makeDatabase(): Promise<TestDatabase> {
  return made("new");
}

/** A database of its own, without a store. */
export function makeEmptyDatabase(): Promise<TestDatabase> {
  return made("empty");
}

/** A database without a store, with `options` of its making; on the same server. */
export async function makeDatabaseWith(options: string): Promise<TestDatabase> {
  const beside = await makeEmptyDatabase();
  const name = `test_${randomBytes(8).toString("hex")}`;
  await runScript(beside.url, `create database ${name} ${options}`);
  const url = new URL(beside.url);
  url.pathname = `/${name}`;
  return { url: url.toString(), drop: () => leave(url.toString()) };
}

async function made(how: "new" | "empty"): Promise<TestDatabase> {
  const url = await ask(how);
  return { url, drop: () => leave(url) };
}

async function leave(url: string): Promise<void> {
  await ask(`leave${new URL(url).pathname}`);
}

/** Of the set-up of the run, which starts the server at the first request. */
async function ask(what: string): Promise<string> {
  const answer = await fetch(new URL(what, inject("postgresOnDemand")));
  const said = await answer.text();
  if (!answer.ok) throw new Error(said);
  return said;
}

/** As a restored backup is: every row as it was. Nobody may be connected to the original. */
export async function copyDatabase(original: TestDatabase): Promise<TestDatabase> {
  const from = new URL(original.url);
  const name = `${from.pathname.slice(1)}_copy`;
  const server = new URL(from);
  server.pathname = "/postgres";
  await runScript(server.toString(), `create database ${name} template ${from.pathname.slice(1)}`);
  from.pathname = `/${name}`;
  const url = from.toString();
  return { url, drop: () => leave(url) };
}

/** Runs SQL on the store's tables behind the driver's back. */
export function runSql(url: string, sql: string): Promise<void> {
  return runScript(url, `set search_path to holdfast; ${sql}`);
}

async function runScript(url: string, sql: string): Promise<void> {
  const connection = await connect(url);
  try {
    await connection.script(sql);
  } finally {
    await connection.close();
  }
}

/** Sets the beats of all engines so far back that their leases have run out. */
export function outwaitLeases(url: string): Promise<void> {
  return runSql(url, "update heartbeat set beat_at_ms = 0");
}

export function openStore(
  url: string,
  over: Partial<PostgresStoreOptions> = {},
): Promise<PostgresStore> {
  return openPostgresStore({ url, key: KEY, nowMs: () => NOW_MS, ...over });
}

/** What `describeStore` needs. */
export const openUnderTest: OpenStoreUnderTest = async () => {
  const database = await makeDatabase();
  const { url } = database;
  const readers: StoreReader[] = [];
  const first = await openStore(url);
  let current = first;
  return {
    store: first,
    openReader: async () => {
      const reader = await openPostgresReader({ url });
      readers.push(reader);
      return reader;
    },
    openSecond: () => openStore(url),
    reopen: async () => {
      await current.close();
      current = await openStore(url);
      return current;
    },
    crash: async () => {
      await current.abandon();
      await outwaitLeases(url);
      current = await openStore(url);
      return current;
    },
    damage: async () =>
      (await verifyPostgresStore({ url, key: KEY })).damage.map(({ what }) => what),
    dispose: async () => {
      for (const reader of readers) await reader.close();
      await current.abandon();
      await database.drop();
    },
  };
};

/** Whoever joins beats when a test makes it look, and at no other time. */
const WITHOUT_BEATS = { ...systemTicks, after: () => () => undefined };

/** The same for workers that share it. They reach it through a proxy, which can lose an answer. */
export const openSharedUnderTest: OpenSharedStoreUnderTest = async () => {
  const database = await makeDatabase();
  const { url } = database;
  const proxy = await startCuttingProxy(url);
  const opened: { abandon(): Promise<void> }[] = [];
  return {
    join: async () => {
      const store = await openStore(proxy.url, { shared: true, ticks: WITHOUT_BEATS });
      opened.push(store);
      return store;
    },
    openReader: async () => {
      const reader = await openPostgresReader({ url });
      opened.push({ abandon: () => reader.close() });
      return reader;
    },
    expire: ({ incarnation }) =>
      runSql(url, `update heartbeat set beat_at_ms = 0 where incarnation = ${String(incarnation)}`),
    loseAnswer: () => {
      proxy.cutNext({ direction: "answer", afterBytes: 0 });
    },
    damage: async () =>
      (await verifyPostgresStore({ url, key: KEY })).damage.map(({ what }) => what),
    dispose: async () => {
      for (const one of opened) await one.abandon();
      await proxy.close();
      await database.drop();
    },
  };
};
