/**
 * As docs/operate/backup.md says: a base backup and the archived log, replayed up to a point, while the
 * original went on. The backup is made by PostgreSQL's own interface for it, which pg_basebackup uses, too:
 * not every PostgreSQL that tests run on has that program.
 */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import pg from "pg";
import { z } from "zod";
import { effect, holdfast, integration, workflow, type App } from "./index.ts";
import {
  acceptPostgresStore,
  openPostgresReader,
  openPostgresStore,
  verifyPostgresStore,
} from "./store-postgres/index.ts";
import { untilState } from "./sealed-shop.test-support.ts";
import { startPostgresServer, type PostgresServer } from "./testing/postgres-server.ts";

const KEY = Buffer.alloc(32, 9);
const TEST_MS_MAX = 120_000;
/** At the archive, each after a twentieth of a second. */
const LOOKS_MAX = 1_000;

/** What the other system has booked: it is not restored with our database. */
const booked: string[] = [];
const letter = effect("send-letter", {
  on: integration("mail", { owner: "team-mail" }),
  repeat: "once",
  input: z.object({ to: z.string() }),
  output: z.object({}),
  run: async ({ to }) => {
    booked.push(to);
    return {};
  },
});
const go = { name: "go", schema: z.object({}) };
const writes = workflow(
  "writes",
  { input: z.object({ to: z.string() }), output: z.null(), owner: "team-mail", key: (i) => i.to },
  async (input, run) => {
    await run.wait(go, { key: input.to });
    await run.do(letter, input);
    return null;
  },
);

let folder: string;
const servers: PostgresServer[] = [];
const apps: App[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-base-backup-"));
  // The server's user is another one where tests run as root.
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, "log"));
  chmodSync(join(folder, "log"), 0o777);
});
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
  for (const server of servers.splice(0)) await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const anchorFile = () => join(folder, "anchor");

async function serverWith(
  settings: Readonly<Record<string, string>>,
  from?: string,
): Promise<PostgresServer> {
  const server = await startPostgresServer({ settings, ...(from === undefined ? {} : { from }) });
  servers.push(server);
  return server;
}

async function appOn(url: string): Promise<App> {
  const app = holdfast({
    store: url as `postgres://${string}`,
    postgres: { key: KEY, anchorFile: anchorFile() },
    workflows: [writes],
    effects: [letter],
    log: () => undefined,
  });
  apps.push(app);
  await app.listen({ signals: [] });
  return app;
}

/** Source: PostgreSQL 15, "Making a Base Backup Using the Low Level API". */
async function baseBackup(client: pg.Client, to: string): Promise<void> {
  await client.query("select pg_backup_start('nightly', true)");
  const { rows } = await client.query<{ data_directory: string }>("show data_directory");
  const data = rows[0]?.data_directory ?? "";
  const left = ["postmaster.pid", "pg_wal/"].map((name) => join(data, name));
  const isCopied = (path: string) => !left.some((one) => path.startsWith(one)) && existsSync(path);
  // Beside the app, which has to show that it lives.
  await cp(data, to, { recursive: true, filter: isCopied });
  mkdirSync(join(to, "pg_wal"), { recursive: true });
  const stopped = await client.query<{ labelfile: string }>("select * from pg_backup_stop(true)");
  writeFileSync(join(to, "backup_label"), stopped.rows[0]?.labelfile ?? "");
}

/** Waits until all of the log until now is in the archive. */
async function archived(client: pg.Client): Promise<void> {
  const switched = await client.query<{ name: string }>(
    "select pg_walfile_name(pg_switch_wal()) as name",
  );
  const name = switched.rows[0]?.name ?? "";
  for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
    const { rows } = await client.query<{ name: string | null }>(
      "select last_archived_wal as name, pg_sleep(0.05) from pg_stat_archiver",
    );
    if ((rows[0]?.name ?? "") >= name) return;
  }
  throw new Error(`${name} was not archived`);
}

test(
  "a base backup with its log is recognised as restored, and what was sent since is not sent again",
  async () => {
    const log = join(folder, "log");
    const archiving = { archive_mode: "on", archive_command: `cp %p ${log}/%f` };
    const original = await serverWith({ wal_level: "replica", ...archiving });
    const app = await appOn(original.url());
    const { id } = await app.start(writes, { to: "anna" });
    await untilState(app, id, "waiting");
    const client = new pg.Client({ connectionString: original.url() });
    await client.connect();
    const backup = join(folder, "base");
    await baseBackup(client, backup);
    const later = await app.start(writes, { to: "bert" });
    await untilState(app, later.id, "waiting");
    await client.query("select pg_create_restore_point('before')");
    await app.send(go, { key: "anna", id: "go-anna", payload: {} });
    await untilState(app, id, "completed");
    expect(booked).toEqual(["anna"]);
    await app.close();
    await archived(client);
    await client.end();
    await original.stop();

    writeFileSync(join(backup, "recovery.signal"), "");
    const replaying = {
      restore_command: `cp ${log}/%f "%p"`,
      recovery_target_name: "before",
      recovery_target_action: "promote",
    };
    const url = (await serverWith(replaying, backup)).url();
    const place = { url, key: KEY, anchorFile: anchorFile() };
    await expect(
      openPostgresStore({ ...place, nowMs: Date.now, waitMsMax: 20_000 }),
    ).rejects.toMatchObject({ code: "HF5007" });
    expect((await verifyPostgresStore({ url, key: KEY })).damage).toEqual([]);
    const names = { reason: "disk lost", by: "ana" };
    const accepted = await acceptPostgresStore({ ...place, nowMs: Date.now, ...names });
    expect(accepted.openRuns).toHaveLength(2);
    const again = await appOn(url);
    await again.send(go, { key: "anna", id: "go-anna", payload: {} });
    await untilState(again, id, "exception");
    const reader = await openPostgresReader({ url });
    const exceptions = await reader.exceptions({ afterRun: 0, limit: 10 });
    await reader.close();
    expect(exceptions.map((one) => one.class)).toEqual(["ambiguous"]);
    expect(booked).toEqual(["anna"]);
  },
  TEST_MS_MAX,
);
