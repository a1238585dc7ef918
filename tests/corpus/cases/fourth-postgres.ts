/** PostgreSQL: refusals that the other parts do not have, lost commits, and sessions that do not come about. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import type pg from "pg";
import { startPostgresServer } from "holdfast/testing";
import {
  fourthLabel,
  type FourthMore,
  type Ledger,
  type Proof,
  type Scenario,
  type Seen,
} from "../case.ts";
import type { Reasons } from "./fourth-answer.ts";
import { close, LOOKS_MAX, open, see } from "./last-client.ts";

interface Case {
  readonly name: string;
  readonly effect: Proof;
  readonly reasons: Reasons;
  readonly why: string;
  readonly act: (key: string, bench: Bench) => Promise<Seen>;
  readonly more: FourthMore;
}

interface Bench {
  readonly url: (database?: string) => string;
  readonly admin: pg.Client;
}

const MEND = "the value or the row is refused; undone";
const OURS = "the statement that we wrote is wrong; undone";
const SETTING = "every call fails alike until a setting changes";

const one = (
  name: string,
  effect: Proof,
  reasons: Reasons,
  why: string,
  act: Case["act"],
  more: FourthMore = {},
): Case => ({ name, effect, reasons, why, act, more });

/** The row is written first, in the same transaction: a refusal must undo it. */
const within = (
  key: string,
  url: string,
  act: (client: pg.Client) => Promise<unknown>,
): Promise<Seen> =>
  see(url, async (client, at) => {
    at("in-transaction");
    await client.query("begin");
    await client.query("insert into work values ($1)", [key]);
    await act(client);
  });

const sql = (name: string, reasons: Reasons, why: string, ...statements: readonly string[]): Case =>
  one(name, "never", reasons, why, async (key, { url }) =>
    within(key, url(), async (client) => {
      for (const statement of statements) await client.query(statement);
    }),
  );

const REFUSALS: readonly Case[] = [
  sql(
    "part of a text of less than nothing",
    ["data", "defect"],
    MEND,
    "select substring('abc' from 2 for -1)",
  ),
  sql("cut into no parts", ["defect", "data"], OURS, "select ntile(0) over () from people"),
  sql(
    "a window that begins before itself",
    ["defect", "data"],
    OURS,
    "select sum(id) over (order by id rows -1 preceding) from people",
  ),
  sql("from a place before the first", ["data", "defect"], MEND, "select 1 offset -1"),
  sql("json without that place", "data", MEND, `select jsonb_path_query('[1]', 'strict $[5]')`),
  sql("no digits", ["data", "defect"], MEND, "select decode('zz', 'hex')"),
  sql("fewer words than places", ["defect", "data"], OURS, "select format('%s %s', 1)"),
  sql(
    "recursion in two places",
    "defect",
    OURS,
    "with recursive r as (select 1 as n union all select a.n from r a, r b) select * from r",
  ),
  sql(
    "reference to what is not unique",
    "defect",
    OURS,
    "create table z (x int references loose (id))",
  ),
  sql("schema is there already", ["defect", "data"], OURS, "create schema public"),
  sql("reserved name", "defect", OURS, "create schema pg_mine"),
  sql("prepared twice", "defect", OURS, "prepare a as select 1", "prepare a as select 2"),
  sql(
    "function that returns nothing",
    "defect",
    OURS,
    "create function f() returns int language plpgsql as 'begin end'",
    "select f()",
  ),
  sql(
    "table that our own cursor reads",
    ["defect", "contention"],
    OURS,
    "declare c cursor for select * from loose",
    "fetch c",
    "drop table loose",
  ),
  sql("setting of the start", ["defect", "misconfigured"], OURS, "set shared_buffers = '1MB'"),
  sql(
    "line of a file with too many fields",
    "data",
    MEND,
    "copy loose from program 'echo 1,2,3' csv",
  ),
  sql("row too wide for a page", ["data", "defect", "permanent"], MEND, wideRow()),
  sql(
    "text too long for any",
    ["data", "defect", "permanent"],
    MEND,
    "select repeat('abc', 1000000000)",
  ),
  one("fewer values than places", "never", "defect", OURS, async (key, { url }) =>
    within(key, url(), async (client) => client.query("select $1::int + $2::int", [1])),
  ),
  one(
    "plan of a table that has changed",
    "never",
    ["transient", "defect", "contention"],
    "this session knows the table as it was; a new one does not",
    async (key, { url, admin }) =>
      within(key, url(), async (client) => {
        const named = { name: "shape", text: "select * from shape" };
        await client.query(named);
        // The session has to let go of the table before somebody can change it.
        await client.query("commit");
        await admin.query("alter table shape add column more int");
        await admin.query("delete from work where key = $1", [key]);
        await client.query("begin");
        await client.query("insert into work values ($1)", [key]);
        await client.query(named);
      }),
  ),
  one(
    "rule that is looked at by the commit",
    "never",
    ["data", "policy"],
    "debit and credit differ, a rule of the database says; undone",
    async (key, { url }) =>
      see(url(), async (client, at) => {
        await client.query("begin");
        await client.query("insert into work values ($1)", [key]);
        await client.query("insert into booking values (1)");
        at("commit");
        await client.query("commit");
      }),
  ),
  one(
    "second of two statements in one message",
    "never",
    ["data", "defect"],
    "what is sent in one message is one transaction: undone",
    async (key, { url }) =>
      see(url(), async (client) =>
        client.query(`insert into work values ('${key}'); select 1 / 0`),
      ),
  ),
  one("savepoint outside of a transaction", "never", "defect", OURS, async (_key, { url }) =>
    see(url(), async (client) => client.query("savepoint a")),
  ),
  one(
    "file of a table is gone",
    "never",
    ["misconfigured", "permanent", "unavailable"],
    "the server's disk has lost it: nothing goes until somebody restores it",
    async (key, { url, admin }) => {
      const { rows } = await admin.query<{ at: string }>(
        "select current_setting('data_directory') || '/' || pg_relation_filepath('lost') as at",
      );
      await admin.query("checkpoint");
      rmSync(join(rows[0]?.at ?? ""));
      const seen = await within(key, url(), async (client) =>
        client.query("insert into lost values (1)"),
      );
      return seen;
    },
  ),
];

const SESSIONS: readonly Case[] = [
  one(
    "database takes nobody",
    "never",
    ["misconfigured", "unavailable"],
    SETTING,
    async (_key, { url }) => see(url("shut"), async () => undefined),
  ),
  one(
    "database takes no more",
    "never",
    ["throttled", "misconfigured"],
    "as many are there as may be; one will leave",
    async (_key, { url }) => {
      const first = await open(url("narrow").replace("holdfast@", "clerk@"));
      const seen = await see(url("narrow").replace("holdfast@", "clerk@"), async () => undefined);
      await close(first);
      return seen;
    },
  ),
  one(
    "commit waits for a copy that is away, and we give up",
    "maybe",
    ["transient", "unavailable"],
    "the commit was sent, and no answer came",
    async (key, bench) => waiting(key, bench, async (client) => client.end()),
  ),
  one(
    "commit waits for a copy that is away, and is ended",
    "maybe",
    ["transient", "unavailable"],
    "the commit was sent, and the session ended without an answer",
    async (key, bench) =>
      waiting(key, bench, async (_client, pid) =>
        bench.admin.query("select pg_terminate_backend($1)", [pid]),
      ),
  ),
];

/** A commit that is durable here and waits for a standby that does not exist. */
async function waiting(
  key: string,
  { url, admin }: Bench,
  stop: (client: pg.Client, pid: number) => Promise<unknown>,
): Promise<Seen> {
  return see(url(), async (client, at) => {
    const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
    const pid = rows[0]?.pid ?? 0;
    await client.query("set synchronous_commit = on");
    await client.query("begin");
    await client.query("insert into work values ($1)", [key]);
    at("commit");
    const commit = client.query("commit");
    const isOver = commit.then(
      () => undefined,
      () => undefined,
    );
    for (let look = 0; look < LOOKS_MAX; look += 1) {
      const { rowCount } = await admin.query(
        "select 1, pg_sleep(0.02) from pg_stat_activity where pid = $1 and wait_event = 'SyncRep'",
        [pid],
      );
      if (rowCount === 1) break;
    }
    await stop(client, pid);
    // Nobody else sees the row before the session is gone.
    await admin.query("select pg_terminate_backend($1, 5000)", [pid]);
    await isOver;
    await commit;
  });
}

function wideRow(): string {
  const columns = Array.from({ length: 1_200 }, (_, at) => `c${String(at)} bigint default 1`).join(
    ", ",
  );
  return `create temp table wide (${columns}); insert into wide default values`;
}

const SET_UP = `
  create table work (key text primary key); create table people (id int primary key); insert into people values (1); create table loose (id int);
  create table shape (id int); create table lost (id int); create table booking (amount int);
  create function balanced() returns trigger language plpgsql as $$ begin raise exception 'debit and credit differ by %', new.amount; end $$;
  create constraint trigger balanced after insert on booking deferrable initially deferred for each row execute function balanced();
  create role clerk login`;

export async function startFourthPostgres() {
  // Only a session that asks for it waits for the standby that is not there.
  const settings = { synchronous_commit: "local", synchronous_standby_names: "nobody" };
  const server = await startPostgresServer({ fsync: false, settings });
  const admin = await open(server.url());
  await admin.query(SET_UP);
  for (const statement of [
    "create database shut allow_connections false",
    "create database narrow connection limit 1",
  ])
    await admin.query(statement);
  const bench: Bench = { url: (database) => server.url(database), admin };
  const ledger = async (key: string): Promise<Ledger> => {
    const { rowCount } = await admin.query("select 1 from work where key = $1", [key]);
    return rowCount === 1 ? "happened" : "not";
  };
  const scenarios = [...REFUSALS, ...SESSIONS].map(
    ({ name, effect, reasons, why, act, more }): Scenario => {
      const id = `pg/${name.replaceAll(/[^a-z\d]+/giu, "-")}`;
      return {
        id,
        protocol: "postgres",
        server: "PostgreSQL",
        fault: name,
        label: fourthLabel(effect, reasons, why, more),
        play: async () => {
          const seen = await act(id, bench);
          if (seen.error === undefined) throw new Error(`case ${id} went well`);
          return { seen, ledger: await ledger(id) };
        },
      };
    },
  );
  return {
    scenarios,
    stop: async () => {
      await close(admin);
      await server.stop();
    },
  };
}
