/** PostgreSQL: a real server's refusals, lost races, ended backends and connections cut at the commit. */
import pg from "pg";
import { startPostgresServer, type PostgresServer } from "holdfast/testing";
import {
  label,
  type Label,
  type Ledger,
  type Proof,
  type Reason,
  type Scenario,
  type Seen,
} from "../case.ts";
import { plainError } from "../capture.ts";
import { startCutProxy, type Cut } from "../cut-proxy.ts";
import { closedPort } from "./http-call.ts";
import { SCHEMA, STATE_CASES, type StateCase } from "./postgres-states.ts";

/** For calls that are meant to meet silence. */
const SILENCE_MS = 700;

export interface PostgresBench {
  readonly server: PostgresServer;
  readonly scenarios: readonly Scenario[];
  stop(): Promise<void>;
}

/** How a client ended, and how far it had got by its own account. */
type Progress = { phase: string };

export async function startPostgresBench(): Promise<PostgresBench> {
  const server = await startPostgresServer({ fsync: false });
  const admin = await connected(server.url());
  await admin.query(SCHEMA);
  await admin.query("create table held (id int); insert into held values (1)");
  const holder = await connected(server.url());
  await holder.query("begin; lock table held in share mode; select * from held for update");
  const stage = new Stage(server, admin);
  return {
    server,
    scenarios: [
      ...STATE_CASES.map((one) => stateScenario(stage, one)),
      ...raceScenarios(stage),
      ...killScenarios(stage),
      ...cutScenarios(stage),
      ...connectScenarios(stage),
    ],
    stop: async () => {
      await Promise.allSettled([holder.end(), admin.end()]);
      await server.stop();
    },
  };
}

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 30_000 });
  // A connection that breaks while idle is what some cases are about.
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

class Stage {
  readonly server: PostgresServer;
  readonly admin: pg.Client;

  constructor(server: PostgresServer, admin: pg.Client) {
    this.server = server;
    this.admin = admin;
  }

  url(port = this.server.port, user = "holdfast", database = "postgres"): string {
    return `postgres://${user}@127.0.0.1:${String(port)}/${database}`;
  }

  async ledger(key: string): Promise<Ledger> {
    const { rowCount } = await this.admin.query("select 1 from work where key = $1", [key]);
    return rowCount === 1 ? "happened" : "not";
  }

  /** Runs what throws, on a connection of its own, and says what was thrown and when. */
  async see(
    url: string,
    act: (client: pg.Client, progress: Progress) => Promise<unknown>,
  ): Promise<Seen> {
    const progress = { phase: "connect" };
    let client: pg.Client | undefined;
    try {
      client = await connected(url);
      progress.phase = "connected";
      await act(client, progress);
      return { phase: progress.phase };
    } catch (error) {
      return { phase: progress.phase, error: plainError(error) };
    } finally {
      await end(client);
    }
  }

  /** A backend's own end is awaited, so that the ledger holds what it will ever hold. */
  async quiet(): Promise<void> {
    for (let look = 0; look < 400; look += 1) {
      const { rows } = await this.admin.query<{ n: number }>(
        "select count(*)::int as n from pg_stat_activity where application_name = 'cut' and pid <> pg_backend_pid()",
      );
      if (rows[0]?.n === 0) return;
      await this.admin.query("select pg_sleep(0.02)");
    }
  }
}

async function end(client: pg.Client | undefined): Promise<void> {
  // A client whose connection is gone never says that it has ended.
  if (client === undefined) return;
  await Promise.race([
    client.end().catch(() => undefined),
    new Promise((done) => setTimeout(done, 200)),
  ]);
}

function scenario(
  name: string,
  fault: string,
  labelled: Label,
  play: Scenario["play"],
  server = "PostgreSQL",
): Scenario {
  const id = `postgres/${name.replaceAll(/[^a-z\d]+/giu, "-")}`;
  return { id, protocol: "postgres", server, fault, label: labelled, play };
}

function stateScenario(stage: Stage, { name, sql, reason, why, at }: StateCase): Scenario {
  return scenario(name, name, label("never", reason, `${why}; undone`), async () => {
    const key = `state ${name}`;
    const seen = await stage.see(stage.url(), async (client, progress) => {
      progress.phase = at === "statement" ? "statement" : "in-transaction";
      if (at === "statement") {
        for (const text of sql) await client.query(text);
        return;
      }
      await client.query("begin");
      await client.query("insert into work values ($1)", [key]);
      for (const [index, text] of sql.entries()) {
        const isLast = index === sql.length - 1;
        await client.query(text).catch((error: unknown) => {
          if (isLast || !text.includes("1/0")) throw error;
        });
      }
      if (at === "commit") progress.phase = "commit";
      await client.query("commit");
    });
    return { seen, ledger: await stage.ledger(key) };
  });
}

const begin = (level: string): string => `begin isolation level ${level}`;

function raceScenarios(stage: Stage): readonly Scenario[] {
  const lost = label("never", "contention", "lost a race on shared rows; undone, to be done anew");
  const race = (
    name: string,
    at: "in-transaction" | "commit",
    act: (mine: pg.Client, other: pg.Client, progress: Progress) => Promise<unknown>,
  ): Scenario =>
    scenario(name, name, lost, async () => {
      const key = `race ${name}`;
      const other = await connected(stage.url());
      try {
        const seen = await stage.see(stage.url(), async (mine, progress) => {
          progress.phase = at;
          await act(mine, other, progress);
        });
        return { seen, ledger: await stage.ledger(key) };
      } finally {
        await end(other);
      }
    });
  return [
    race("serialization of an update", "in-transaction", async (mine, other) => {
      await mine.query(begin("repeatable read"));
      await mine.query("select * from orders");
      await other.query("update orders set code = 'x' where id = 2");
      await mine.query("update orders set code = 'y' where id = 2");
    }),
    race("serialization at commit", "commit", async (mine, other) => {
      await mine.query(begin("serializable"));
      await other.query(begin("serializable"));
      await mine.query("select sum(quantity) from orders");
      await other.query("select sum(quantity) from orders");
      await other.query("insert into orders (id, quantity) values (71, 1)");
      await mine.query("insert into orders (id, quantity) values (72, 1)");
      await other.query("commit");
      await mine.query("commit");
    }),
    race("row deleted under repeatable read", "in-transaction", async (mine, other) => {
      await other.query("insert into orders (id, quantity) values (73, 1)");
      await mine.query(begin("repeatable read"));
      await mine.query("select * from orders");
      await other.query("delete from orders where id = 73");
      await mine.query("delete from orders where id = 73");
    }),
    race("deadlock", "in-transaction", async (mine, other) => {
      await mine.query("begin; set local deadlock_timeout = '50ms'");
      await other.query("begin; set local deadlock_timeout = '60s'");
      await mine.query("update orders set code = 'm' where id = 1");
      await other.query("update orders set code = 'o' where id = 2");
      const waiting = other.query("update orders set code = 'o' where id = 1");
      await mine.query("select pg_sleep(0.2)");
      try {
        await mine.query("update orders set code = 'm' where id = 2");
      } finally {
        await mine.query("rollback");
        await waiting;
        await other.query("rollback");
      }
    }),
  ];
}

function killScenarios(stage: Stage): readonly Scenario[] {
  const kill = (
    name: string,
    how: "pg_terminate_backend" | "pg_cancel_backend",
    at: "in-transaction" | "statement" | "idle",
    effect: Proof,
    reason: Reason,
    why: string,
  ): Scenario =>
    scenario(name, name, label(effect, reason, why), async () => {
      const key = `kill ${name}`;
      const seen = await stage.see(stage.url(), async (client, progress) => {
        const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
        progress.phase = at === "statement" ? "statement" : "in-transaction";
        if (at !== "statement") {
          await client.query("begin");
          await client.query("insert into work values ($1)", [key]);
        }
        const stop = async () => {
          await stage.admin.query("select pg_sleep(0.1)");
          await stage.admin.query(`select ${how}($1)`, [rows[0]?.pid]);
          await stage.admin.query("select pg_sleep(0.1)");
        };
        if (at === "idle") {
          await stop();
          await client.query("select 1");
          return;
        }
        const stopped = stop();
        try {
          await client.query(
            at === "statement"
              ? "insert into work select $1 from pg_sleep(30)"
              : "select pg_sleep(30), $1::text",
            [key],
          );
        } finally {
          await stopped;
        }
      });
      return { seen, ledger: await stage.ledger(key) };
    });
  const told = "the server says that it has stopped the statement, which undoes it";
  const timeout = (name: string, setting: string): Scenario =>
    scenario(
      name,
      name,
      label("never", "transient", "the server ended a session that waited too long; undone"),
      async () => {
        const key = `kill ${name}`;
        const seen = await stage.see(stage.url(), async (client, progress) => {
          progress.phase = "in-transaction";
          await client.query(`set ${setting} = '50ms'`);
          await client.query("begin");
          await client.query("insert into work values ($1)", [key]);
          await stage.admin.query("select pg_sleep(0.4)");
          await client.query("commit");
        });
        return { seen, ledger: await stage.ledger(key) };
      },
    );
  return [
    kill(
      "terminated in a transaction",
      "pg_terminate_backend",
      "in-transaction",
      "never",
      "transient",
      told,
    ),
    kill(
      "terminated in a statement",
      "pg_terminate_backend",
      "statement",
      "never",
      "transient",
      told,
    ),
    kill(
      "terminated while idle in a transaction",
      "pg_terminate_backend",
      "idle",
      "never",
      "transient",
      "no commit was sent, so nothing can have happened",
    ),
    kill(
      "cancelled in a transaction",
      "pg_cancel_backend",
      "in-transaction",
      "never",
      "transient",
      told,
    ),
    kill("cancelled in a statement", "pg_cancel_backend", "statement", "never", "transient", told),
    timeout("idle in a transaction for too long", "idle_in_transaction_session_timeout"),
  ];
}

const LOST = "the commit had left; its answer is lost";
const OPEN = "no commit was sent, so nothing can have happened";

function cutScenarios(stage: Stage): readonly Scenario[] {
  const cut = (where: "commit" | "insert" | "statement", how: Cut): Scenario => {
    const name = `cut ${how} at ${where}`;
    const isOpen = where === "insert";
    const labelled = label(isOpen ? "never" : "maybe", "transient", isOpen ? OPEN : LOST);
    return scenario(
      name,
      name,
      labelled,
      async () => {
        const key = name;
        const trigger = where === "commit" ? "commit\u0000" : "insert into work";
        const proxy = await startCutProxy(stage.server.port, trigger, how);
        try {
          const url = `${stage.url(proxy.port)}?application_name=cut`;
          const seen = await stage.see(url, async (client, progress) => {
            // As long as the connection is silent, only the client's own patience ends it.
            const patience = how === "swallow" ? { query_timeout: SILENCE_MS } : {};
            const ask = async (text: string) =>
              client.query({ text, ...patience } as pg.QueryConfig);
            progress.phase = where === "statement" ? "statement" : "in-transaction";
            if (where !== "statement") await ask("begin");
            await ask(`insert into work values ('${key}')`);
            if (where === "commit") progress.phase = "commit";
            await ask("commit");
          });
          await proxy.settled();
          await proxy.close();
          await stage.quiet();
          return { seen, ledger: await stage.ledger(key) };
        } finally {
          await proxy.close();
        }
      },
      "PostgreSQL behind a cut proxy",
    );
  };
  const kinds: readonly Cut[] = ["before", "after", "swallow", "half"];
  return (["commit", "insert", "statement"] as const).flatMap((where) =>
    kinds.map((how) => cut(where, how)),
  );
}

function connectScenarios(stage: Stage): readonly Scenario[] {
  const fails = (
    name: string,
    reason: Reason,
    why: string,
    url: () => Promise<string> | string,
  ): Scenario =>
    scenario(name, name, label("never", reason, why), async () => {
      const seen = await stage.see(await url(), async (client) =>
        client.query("insert into work values ('connect')"),
      );
      return { seen, ledger: await stage.ledger("connect") };
    });
  return [
    fails("connect, refused", "unavailable", "nobody is there to take a connection", async () =>
      stage.url(await closedPort()),
    ),
    fails(
      "connect, no such name",
      "misconfigured",
      "there is no such name",
      () => "postgres://holdfast@db.invalid/postgres",
    ),
    fails("connect, no such database", "misconfigured", MISSING, () =>
      stage.url(undefined, "holdfast", "no_such"),
    ),
    fails("connect, no such role", "misconfigured", MISSING, () => stage.url(undefined, "no_such")),
    fails("connect, role may not log in", "misconfigured", MISSING, () =>
      stage.url(undefined, "nobody_may"),
    ),
    fails("connect, too many of the role", "throttled", "no more connections for now", () =>
      stage.url(undefined, "one_at_a_time"),
    ),
    fails(
      "connect, no encryption there",
      "misconfigured",
      MISSING,
      () => `${stage.url()}?sslmode=require`,
    ),
  ];
}

const MISSING = "every connection fails alike until a setting changes";
