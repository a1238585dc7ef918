/** PgBouncer before PostgreSQL: what a pool says of its own accord. */
import type pg from "pg";
import type { Proof, Reason, Scenario, Seen } from "../case.ts";
import { hasProgram, startPgBouncer, type OtherServer } from "../last-servers.ts";
import { close, open, see } from "./last-client.ts";

const ask = async (client: pg.Client): Promise<unknown> => client.query("select 1");

export function bouncerScenarios(
  folder: string,
  postgres: number,
  one: (
    name: string,
    effect: Proof,
    reason: Reason,
    why: string,
    act: (key: string) => Promise<Seen>,
    product?: string,
  ) => Scenario,
  running: OtherServer[],
): readonly Scenario[] {
  if (!hasProgram("pgbouncer")) return [];
  const pooled = (
    name: string,
    effect: Proof,
    reason: Reason,
    why: string,
    settings: string,
    database: string,
    act: (
      client: pg.Client,
      url: string,
      key: string,
      at: (phase: string) => void,
    ) => Promise<unknown>,
  ): Scenario =>
    one(
      `pool, ${name}`,
      effect,
      reason,
      why,
      async (key) => {
        const bouncer = await startPgBouncer(folder, postgres, `${settings}\n; ${name}`);
        running.push(bouncer);
        const url = `postgres://holdfast@127.0.0.1:${String(bouncer.port)}/${database}`;
        return see(url, async (client, at) => act(client, url, key, at));
      },
      "PgBouncer",
    );
  return [
    pooled(
      "no such database in it",
      "never",
      "misconfigured",
      "the name is in no setting of the pool",
      "",
      "no_such",
      ask,
    ),
    pooled(
      "no such database behind it",
      "never",
      "misconfigured",
      "the name is in no setting of the server",
      "",
      "missing",
      ask,
    ),
    pooled(
      "nobody behind it",
      "never",
      "unavailable",
      "the server behind the pool takes no connection",
      "server_login_retry = 1\nquery_wait_timeout = 2",
      "down",
      ask,
    ),
    pooled(
      "too many clients",
      "never",
      "throttled",
      "no more connections for now",
      "max_client_conn = 1",
      "postgres",
      async (_client, url, _key, at) => {
        at("connect");
        return open(url);
      },
    ),
    pooled(
      "waits too long for a connection",
      "never",
      "throttled",
      "the pool had no connection free in time",
      "default_pool_size = 1\nquery_wait_timeout = 1\npool_mode = transaction",
      "postgres",
      async (client, url) => {
        await client.query("begin");
        const other = await open(url);
        try {
          await other.query("select 1");
        } finally {
          await close(other);
        }
      },
    ),
    pooled(
      "a statement for too long",
      "maybe",
      "transient",
      "the pool ended the connection while a statement ran on its own",
      "query_timeout = 1",
      "postgres",
      async (client, _url, key) =>
        client.query("insert into work select $1 from pg_sleep(30)", [key]),
    ),
    pooled(
      "idle in a transaction for too long",
      "never",
      "transient",
      "the pool ended the connection; no commit was sent",
      "idle_transaction_timeout = 1",
      "postgres",
      async (client, _url, key, at) => {
        at("in-transaction");
        await client.query("begin");
        await client.query("insert into work values ($1)", [key]);
        const ended = new Promise((done) => client.once("error", done));
        throw await ended;
      },
    ),
    pooled(
      "closed for a database",
      "never",
      "unavailable",
      "the pool lets nobody to this database now",
      "",
      "postgres",
      async (_client, url, _key, at) => {
        const admin = await open(url.replace(/postgres$/u, "pgbouncer"));
        await admin.query("disable postgres");
        await admin.end();
        at("connect");
        await open(url);
      },
    ),
    pooled(
      "killed in a transaction",
      "never",
      "transient",
      "the pool ended the connection; no commit was sent",
      "",
      "postgres",
      async (client, url, key, at) => {
        at("in-transaction");
        await client.query("begin");
        await client.query("insert into work values ($1)", [key]);
        const ended = new Promise((done) => client.once("error", done));
        const admin = await open(url.replace(/postgres$/u, "pgbouncer"));
        await admin.query("kill postgres");
        await admin.end();
        throw await ended;
      },
    ),
  ];
}
