/** Held-out PostgreSQL: refusals, clients' own limits and servers of another kind. Each in a transaction, unless it says so. */
import pg from "pg";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { startPostgresServer } from "holdfast/testing";
import { plainError } from "../capture.ts";
import {
  heldLabel,
  type Ledger,
  type Proof,
  type Reason,
  type Scenario,
  type Seen,
} from "../case.ts";
import { close, open, see } from "./last-client.ts";

type Reasons = Reason | readonly [Reason, ...Reason[]];
type Act = (key: string, url: string) => Promise<Seen>;
interface Case {
  readonly name: string;
  readonly effect: Proof;
  readonly reasons: Reasons;
  readonly why: string;
  readonly act: Act;
  readonly told?: "words";
}

const MEND = "the value or the row is refused; undone";
const OURS = "the statement that we wrote is wrong; undone";
const SETTING = "something that a setting names is not there, or not allowed";
const NEVER_LEFT = "no commit was sent";

/** The row is written first, in the same transaction: a refusal must undo it. */
const sql = (
  name: string,
  reasons: Reasons,
  why: string,
  ...statements: readonly string[]
): Case => ({
  name,
  effect: "never",
  reasons,
  why,
  act: async (key, url) =>
    see(url, async (client, at) => {
      at("in-transaction");
      await client.query("begin");
      await client.query("insert into work values ($1)", [key]);
      for (const statement of statements) await client.query(statement);
      at("went well");
    }),
});

const REFUSALS: readonly Case[] = [
  sql("time with a wrong zone", "data", MEND, "select '2026-01-01 00:00+99'::timestamptz"),
  sql("no address of a network", "data", MEND, "select '10.0.0.300'::inet"),
  sql(
    "bits of another length",
    "data",
    MEND,
    "create temp table b (x bit(3))",
    "insert into b values (B'11')",
  ),
  sql("no number of money", "data", MEND, "select 'ten'::numeric(8,2)"),
  sql("range turned round", "data", MEND, "select int4range(7, 3)"),
  sql("array of two lengths", "data", MEND, "select '{{1},{2,3}}'::int[]"),
  sql("power of nothing", "data", MEND, "select 0::numeric ^ -1"),
  sql(
    "not of this encoding",
    "data",
    MEND,
    "set local client_encoding = latin1",
    "select U&'\\20AC'",
  ),
  sql("json without its member", "data", MEND, "select jsonb_path_query('{}', 'strict $.a')"),
  sql(
    "null where none may be",
    "data",
    MEND,
    "create temp table n (x int not null)",
    "insert into n values (null)",
  ),
  sql(
    "row in no partition",
    "data",
    MEND,
    "create temp table p (x int) partition by list (x)",
    "insert into p values (1)",
  ),
  sql(
    "rule of a policy",
    ["policy", "misconfigured", "data"],
    "row security forbids it; undone",
    "set local role clerk",
    "insert into guarded values (7)",
  ),
  sql(
    "no right to a column",
    "misconfigured",
    SETTING,
    "set local role clerk",
    "select secret from people",
  ),
  sql("table of another schema", "misconfigured", SETTING, "select * from archive.orders"),
  sql("table there already", "defect", OURS, "create table work (x int)"),
  sql("column twice", "defect", OURS, "create temp table c (x int, x int)"),
  sql("cannot be cast", "defect", OURS, "select '2026-01-01'::date::int"),
  sql("a window in a condition", "defect", OURS, "select 1 where row_number() over () = 1"),
  sql("aggregate in an update", "defect", OURS, "update work set key = max(key)"),
  sql(
    "conflict without its key",
    "defect",
    OURS,
    "insert into people (id) values (1) on conflict (secret) do nothing",
  ),
  sql(
    "twice in one upsert",
    ["data", "defect"],
    MEND,
    "insert into people (id) values (8), (8) on conflict (id) do update set secret = 'x'",
  ),
  sql(
    "loop over nothing",
    ["defect", "data"],
    OURS,
    "do $$ declare n int; begin for i in 1..n loop null; end loop; end $$",
  ),
  sql(
    "record without a shape",
    "defect",
    OURS,
    "do $$ declare r record; begin raise notice '%', r.x; end $$",
  ),
  sql(
    "case without an answer",
    "defect",
    OURS,
    "do $$ begin case 3 when 1 then null; end case; end $$",
  ),
  sql("commit in a function", "defect", OURS, "do $$ begin commit; end $$"),
  sql("snapshot after the first", "defect", OURS, "set transaction isolation level serializable"),
  sql(
    "view that is not filled",
    ["data", "contention", "misconfigured"],
    "nobody has filled it",
    "create materialized view m as select 1 with no data",
    "select * from m",
  ),
  {
    ...sql(
      "order above its limit",
      "policy",
      "a rule in the database forbids it; undone",
      "do $$ begin raise exception 'above the limit' using errcode = 'check_violation'; end $$",
    ),
    told: "words",
  },
  sql(
    "lines are missing",
    "data",
    MEND,
    "do $$ begin raise exception 'no lines' using errcode = 'not_null_violation'; end $$",
  ),
];

const quiet = new Promise<never>(() => undefined);

const CLIENTS: readonly Case[] = [
  {
    name: "no answer in time, in a transaction",
    effect: "never",
    reasons: "transient",
    why: NEVER_LEFT,
    act: async (key, url) =>
      through(url, { query_timeout: 100 }, "in-transaction", async (client) => {
        await client.query("begin");
        await client.query("insert into work values ($1)", [key]);
        await client.query("select pg_sleep(2)");
      }),
  },
  {
    name: "no answer in time, alone",
    effect: "maybe",
    reasons: "transient",
    why: "a statement that commits by itself was sent",
    act: async (key, url) =>
      through(url, { query_timeout: 100 }, "statement", async (client) => {
        await client.query("insert into work select $1 from pg_sleep(1)", [key]);
      }),
  },
  {
    name: "a value that refers to itself",
    effect: "never",
    reasons: "defect",
    why: "our code gave what cannot be written",
    act: async (_key, url) =>
      see(url, async (client, at) => {
        at("connected");
        const value: Record<string, unknown> = {};
        value["self"] = value;
        await client.query("insert into work values ($1)", [value]);
      }),
  },
  {
    name: "a client that was closed",
    effect: "never",
    reasons: "defect",
    why: "our code uses what it has closed",
    told: "words",
    act: async (key, url) =>
      see(url, async (client, at) => {
        at("connected");
        await client.end();
        await client.query("insert into work values ($1)", [key]);
      }),
  },
  {
    name: "nobody answers the start",
    effect: "never",
    reasons: ["transient", "unavailable"],
    why: "no session came about",
    act: async () =>
      served(
        () => undefined,
        async (port) =>
          through(urlOf(port), { connectionTimeoutMillis: 200 }, "connect", async () => quiet),
      ),
  },
  {
    name: "a web server for a database",
    effect: "never",
    reasons: ["transient", "unavailable", "misconfigured"],
    why: "what answers is no database, but looks like one that ends",
    act: async () =>
      served(
        (socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"),
        async (port) =>
          through(urlOf(port), { connectionTimeoutMillis: 2_000 }, "connect", async () => quiet),
      ),
  },
  {
    name: "ends at the start",
    effect: "never",
    reasons: ["transient", "unavailable", "misconfigured"],
    why: "no session came about",
    act: async () =>
      served(
        (socket) => socket.end(),
        async (port) => through(urlOf(port), {}, "connect", async () => quiet),
      ),
  },
];

const urlOf = (port: number): string => `postgres://holdfast@127.0.0.1:${String(port)}/postgres`;

async function through(
  url: string,
  options: pg.ClientConfig,
  asked: string,
  act: (client: pg.Client) => Promise<unknown>,
): Promise<Seen> {
  const client = new pg.Client({ connectionString: url, ...options });
  client.on("error", () => undefined);
  let phase = "connect";
  try {
    await client.connect();
    phase = asked;
    await act(client);
    return { phase };
  } catch (error) {
    return { phase, error: plainError(error) };
  } finally {
    await close(client);
  }
}

async function served(
  onSocket: (socket: Socket) => unknown,
  act: (port: number) => Promise<Seen>,
): Promise<Seen> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => onSocket(socket));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  try {
    return await act((server.address() as AddressInfo).port);
  } finally {
    server.close();
  }
}

export async function startHeldPostgres() {
  const server = await startPostgresServer({ fsync: false, settings: {} });
  const admin = await open(server.url());
  await admin.query(
    `create table work (key text primary key); create role clerk; create table people (id int primary key, secret text);
     grant select (id) on people to clerk; grant insert on work to clerk;
     create table guarded (id int check (id > 0)); alter table guarded enable row level security; grant insert on guarded to clerk;
     create policy few on guarded for insert to clerk with check (id < 5)`,
  );
  const ledger = async (key: string): Promise<Ledger> => {
    const { rowCount } = await admin.query("select 1 from work where key = $1", [key]);
    return rowCount === 1 ? "happened" : "not";
  };
  const scenarios = [...REFUSALS, ...CLIENTS].map(
    ({ name, effect, reasons, why, told, act }): Scenario => {
      const id = `relational/${name.replaceAll(/[^a-z\d]+/giu, "-")}`;
      return {
        id,
        protocol: "postgres",
        server: "PostgreSQL",
        fault: name,
        label: heldLabel(effect, reasons, why, told),
        play: async () => {
          const seen = await act(id, server.url());
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
