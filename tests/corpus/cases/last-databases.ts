/** The last third of PostgreSQL: PgBouncer before it, crashes, shutdowns, logins and limits of the server. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type pg from "pg";
import { startPostgresServer } from "holdfast/testing";
import { label, type Ledger, type Proof, type Reason, type Scenario, type Seen } from "../case.ts";
import type { OtherServer } from "../last-servers.ts";
import { close, LOOKS_MAX, open, recovered, see } from "./last-client.ts";
import { bouncerScenarios } from "./last-pools.ts";

interface Bench {
  readonly scenarios: readonly Scenario[];
  stop(): Promise<void>;
}

export async function startLastDatabases(folder: string): Promise<Bench> {
  const settings = {
    max_connections: "12",
    superuser_reserved_connections: "2",
    temp_file_limit: "64kB",
    max_locks_per_transaction: "10",
    max_prepared_transactions: "0",
  };
  const server = await startPostgresServer({ fsync: false, settings });
  const url = (port: number = server.port, user = "holdfast", database = "postgres"): string =>
    `postgres://${user}@127.0.0.1:${String(port)}/${database}`;
  const setUp = await open(url());
  await setUp.query(
    "create table work (key text primary key); create role clerk login; grant all on work to clerk; create role pass login password 'right'; create role shut login",
  );
  const { rows } = await setUp.query<{ data_directory: string }>("show data_directory");
  const hba = join(rows[0]?.data_directory ?? "", "pg_hba.conf");
  writeFileSync(
    hba,
    `host all pass all scram-sha-256\nhost all shut all reject\n${readFileSync(hba, "utf8")}`,
  );
  await setUp.query("select pg_reload_conf(), pg_sleep(0.3)");
  await setUp.end();
  const ledger = async (key: string): Promise<Ledger> => {
    const admin = await open(url());
    const { rowCount } = await admin.query("select 1 from work where key = $1", [key]);
    await admin.end();
    return rowCount === 1 ? "happened" : "not";
  };
  const bouncers: OtherServer[] = [];
  const one = (
    name: string,
    effect: Proof,
    reason: Reason,
    why: string,
    act: (key: string) => Promise<Seen>,
    product = "PostgreSQL",
  ): Scenario => {
    const id = `database/${name.replaceAll(/[^a-z\d]+/giu, "-")}`;
    return {
      id,
      protocol: "postgres",
      server: product,
      fault: name,
      label: label(effect, reason, why),
      play: async () => {
        const seen = await act(id);
        return { seen, ledger: await ledger(id) };
      },
    };
  };
  const setting = "every connection fails alike until a setting changes";
  const scenarios: Scenario[] = [
    one("wrong password", "never", "misconfigured", setting, async () =>
      see(`postgres://pass:wrong@127.0.0.1:${String(server.port)}/postgres`, async (c) =>
        c.query("select 1"),
      ),
    ),
    one("no password", "never", "misconfigured", setting, async () =>
      see(url(server.port, "pass"), async (c) => c.query("select 1")),
    ),
    one("rejected by the server's rules", "never", "misconfigured", setting, async () =>
      see(url(server.port, "shut"), async (c) => c.query("select 1")),
    ),
    one("bad start parameter", "never", "misconfigured", setting, async () =>
      see(`${url()}?options=-c%20no_such%3D1`, async (c) => c.query("select 1")),
    ),
    one("too many connections", "never", "throttled", "no more connections for now", async () => {
      const held: pg.Client[] = [];
      try {
        for (let count = 0; count < 8; count += 1) held.push(await open(url(server.port, "clerk")));
        return await see(url(server.port, "clerk"), async (c, at) => {
          at("connect");
          held.push(
            await open(url(server.port, "clerk")),
            await open(url(server.port, "clerk")),
            await open(url(server.port, "clerk")),
          );
          return c;
        });
      } finally {
        await Promise.all(held.map(close));
      }
    }),
    one(
      "temporary files too large",
      "never",
      "exhausted",
      "a limit of the server's room is used up",
      async () =>
        see(url(server.port, "clerk"), async (c) =>
          c.query(
            "set work_mem = '64kB'; select count(*) from (select n from generate_series(1, 300000) n order by md5(n::text)) s",
          ),
        ),
    ),
    one(
      "lock table full",
      "never",
      "transient",
      "shared memory is used up by what runs now",
      async () =>
        see(url(), async (c, at) => {
          at("in-transaction");
          await c.query("begin");
          await c.query(
            "do $$ begin for n in 1..5000 loop execute format('create table t%s (id int)', n); end loop; end $$",
          );
        }),
    ),
    one("prepared transactions switched off", "never", "misconfigured", setting, async (key) =>
      see(url(), async (c, at) => {
        at("in-transaction");
        await c.query("begin");
        await c.query("insert into work values ($1)", [key]);
        await c.query("prepare transaction 'x'");
      }),
    ),
    one(
      "idle for too long",
      "never",
      "transient",
      "the server ended the session before anything was asked of it",
      async () =>
        see(url(), async (c, at) => {
          at("connected");
          await c.query("set idle_session_timeout = '50ms'");
          const ended = new Promise((done) => c.once("error", done));
          throw await ended;
        }),
    ),
    one(
      "idle in a transaction for too long, as told",
      "never",
      "transient",
      "the server ended the session; no commit was sent",
      async (key) =>
        see(url(), async (c, at) => {
          at("in-transaction");
          await c.query("set idle_in_transaction_session_timeout = '50ms'");
          const ended = new Promise((done) => c.once("error", done));
          await c.query("begin");
          await c.query("insert into work values ($1)", [key]);
          throw await ended;
        }),
    ),
    one(
      "terminated while idle, as told",
      "never",
      "transient",
      "the server ended the session; no commit was sent",
      async (key) =>
        see(url(), async (c, at) => {
          at("in-transaction");
          const { rows: pids } = await c.query<{ pid: number }>("select pg_backend_pid() as pid");
          const ended = new Promise((done) => c.once("error", done));
          await c.query("begin");
          await c.query("insert into work values ($1)", [key]);
          const admin = await open(url());
          await admin.query("select pg_terminate_backend($1)", [pids[0]?.pid]);
          await admin.end();
          throw await ended;
        }),
    ),
    one(
      "another backend is killed",
      "never",
      "transient",
      "the server undoes what runs and starts anew",
      async (key) =>
        see(url(), async (c, at) => {
          at("in-transaction");
          const other = await open(url());
          const { rows: pids } = await other.query<{ pid: number }>(
            "select pg_backend_pid() as pid",
          );
          await c.query("begin");
          await c.query("insert into work values ($1)", [key]);
          const asked = c.query("select pg_sleep(30)");
          process.kill(pids[0]?.pid ?? 0, "SIGKILL");
          try {
            await asked;
          } finally {
            await recovered(url());
            await close(other);
          }
        }),
    ),
    one(
      "our backend is killed in a statement",
      "maybe",
      "transient",
      "the connection broke while the statement ran on its own",
      async (key) =>
        see(url(), async (c) => {
          const { rows: pids } = await c.query<{ pid: number }>("select pg_backend_pid() as pid");
          const asked = c.query("insert into work select $1 from pg_sleep(30)", [key]);
          process.kill(pids[0]?.pid ?? 0, "SIGKILL");
          try {
            await asked;
          } finally {
            await recovered(url());
          }
        }),
    ),
    one(
      "our backend is killed in a transaction",
      "never",
      "transient",
      "no commit was sent, so nothing can have happened",
      async (key) =>
        see(url(), async (c, at) => {
          at("in-transaction");
          const { rows: pids } = await c.query<{ pid: number }>("select pg_backend_pid() as pid");
          await c.query("begin");
          await c.query("insert into work values ($1)", [key]);
          const asked = c.query("select pg_sleep(30)");
          process.kill(pids[0]?.pid ?? 0, "SIGKILL");
          try {
            await asked;
          } finally {
            await recovered(url());
          }
        }),
    ),
    ...bouncerScenarios(folder, server.port, one, bouncers),
    shutdown(url(), server.pid),
  ];
  return {
    scenarios,
    stop: async () => {
      await Promise.all(bouncers.map(async (bouncer) => bouncer.stop()));
      await server.stop();
    },
  };
}

/** Ends the server, so it comes last: its ledger cannot be asked any more, and nothing was sent. */
function shutdown(url: string, pid: number): Scenario {
  return {
    id: "database/shutting-down",
    protocol: "postgres",
    server: "PostgreSQL",
    fault: "shutting down",
    label: label("never", "unavailable", "the server as a whole goes down"),
    play: async () => {
      const held = await open(url);
      process.kill(pid, "SIGTERM");
      try {
        for (let look = 0; look < LOOKS_MAX; look += 1) {
          const seen = await see(url, async (c) => c.query("select 1"));
          if (seen.error !== undefined) return { seen, ledger: "not" };
        }
        throw new Error("the server does not hear that it should stop");
      } finally {
        await close(held);
      }
    },
  };
}
