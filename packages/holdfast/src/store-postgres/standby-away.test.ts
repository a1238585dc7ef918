/** A server that acknowledges nothing without a standby, and whose standby is not there. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type PostgresServer, startPostgresServer } from "../testing/postgres-server.ts";
import { SampleJournal, startedHead } from "../testing/sample-journal.ts";
import { connect } from "./client.ts";
import { type PostgresStore, openPostgresReader } from "./index.ts";
import { openStore } from "./test-store.test-support.ts";

/** Long, so that no beat waits for the standby too while the test lasts. */
const LEASE_MS = 600_000;
const WAITING = `select pid, query from pg_stat_activity
  where wait_event = 'SyncRep' and application_name = 'holdfast'`;

let server: PostgresServer;
let store: PostgresStore;

beforeEach(async () => {
  server = await startPostgresServer();
  store = await openStore(server.url(), { leaseMs: LEASE_MS });
});

afterEach(async () => {
  await store.abandon();
  await server.stop();
});

async function rows(sql: string) {
  const connection = await connect(server.url());
  try {
    return await connection.rows("", sql);
  } finally {
    connection.destroy();
  }
}

async function letGoOfStandby(): Promise<void> {
  await rows("alter system reset synchronous_standby_names");
  await rows("select pg_reload_conf()");
}

/** Resolves when a commit waits for it: the server takes up its settings when it comes to it. */
async function requireStandby(): Promise<void> {
  await rows("alter system set synchronous_standby_names = '*'");
  await rows("select pg_reload_conf()");
  for (let isWaitedFor = false; !isWaitedFor;) {
    const committed = rows("select pg_logical_emit_message(true, 'probe', '')").then(() => false);
    // The crash ends the one that waits.
    committed.catch(() => undefined);
    const waits = waiting((query) => query.includes("'probe'")).then(() => true);
    waits.catch(() => undefined);
    isWaitedFor = await Promise.race([committed, waits]);
  }
}

/** Process and statement of who waits for the standby. The server may be on its way back. */
async function waiting(isIt: (query: string) => boolean): Promise<number> {
  return await vi.waitFor(
    async () => {
      const found = (await rows(WAITING)).find(([, query]) => isIt(query as string));
      if (found === undefined) throw new Error("nobody waits");
      return found[0] as number;
    },
    { timeout: 30_000, interval: 20 },
  );
}

test("a flush that is found after a crash of the server waits for its standby all the same", async () => {
  const sample = new SampleJournal();
  sample.add(1, "started", startedHead(1));
  await sample.flushTo(store);
  await requireStandby();
  sample.add(1, "result", null, { name: "step" });
  const flushed = sample.flushTo(store).then(() => "acknowledged");
  // It is on this server's disk, and nowhere else. After a crash it is there for all to see.
  process.kill(await waiting((query) => query.includes("insert into flush")), "SIGKILL");
  const waits = waiting((query) => query.startsWith("update heartbeat")).then(() => "waits");
  expect(await Promise.race([flushed, waits])).toBe("waits");
  await letGoOfStandby();
  expect(await flushed).toBe("acknowledged");
}, 120_000);

test("a flush whose wait for the standby somebody has broken off is not acknowledged without it", async () => {
  const sample = new SampleJournal();
  sample.add(1, "started", startedHead(1));
  await sample.flushTo(store);
  await requireStandby();
  sample.add(1, "result", null, { name: "step" });
  const flushed = sample.flushTo(store).then(() => "acknowledged");
  const pid = await waiting((query) => query.includes("insert into flush"));
  await rows(`select pg_cancel_backend(${String(pid)})`);
  const waits = waiting((query) => query.startsWith("update heartbeat")).then(() => "waits");
  expect(await Promise.race([flushed, waits])).toBe("waits");
  await letGoOfStandby();
  expect(await flushed).toBe("acknowledged");
}, 120_000);

test("nor is a command that a reader leaves", async () => {
  const reader = await openPostgresReader({ url: server.url() });
  await requireStandby();
  const command = { id: "a", topic: "cancel", atMs: 1, by: "anna", data: "{}" } as const;
  const posted = reader.post(command).then(() => "accepted");
  const pid = await waiting((query) => query.startsWith("insert into inbox"));
  await rows(`select pg_cancel_backend(${String(pid)})`);
  const waits = waiting((query) => query.startsWith("update inbox")).then(() => "waits");
  expect(await Promise.race([posted, waits])).toBe("waits");
  await letGoOfStandby();
  expect(await posted).toBe("accepted");
  await reader.close();
}, 120_000);
