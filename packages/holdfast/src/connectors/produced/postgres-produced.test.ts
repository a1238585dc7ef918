/**
 * PostgreSQL's refusals, provoked on a real server of one's own: each has the SQLSTATE that was
 * expected, and means what the table says. The claim about the effect is held against the tables.
 */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EffectProof, FailureClass } from "../../core/failure.ts";
import { startPostgresServer, type PostgresServer } from "../../testing/postgres-server.ts";
import { sqlFailure } from "../sql/postgres-session.ts";
import { expectFailure, failureOf, thrownBy } from "./produced.test-support.ts";

/** Few enough to be used up, enough for the superuser to look on. */
const CONNECTIONS_MAX = 8;
const DATABASE = "shop";
const SETUP = `
  create table customers (id integer primary key);
  create table orders (id integer primary key, customer integer not null references customers
    deferrable initially immediate, amount integer check (amount > 0));
  create table hot (id integer primary key, n integer not null);
  insert into customers values (1);
  insert into orders values (1, 1, 10);
  insert into hot values (1, 0), (2, 0);
  create role clerk login password 'right' connection limit 2;
  create role guest login;
  create extension if not exists plpgsql;
`;

let folder: string;
let server: PostgresServer;
let admin: pg.Client;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-hba-"));
  // Readable for the user that the server runs as.
  const hba = join(folder, "pg_hba.conf");
  writeFileSync(
    hba,
    "host all clerk 127.0.0.1/32 scram-sha-256\nhost all guest 127.0.0.1/32 reject\nhost all all 127.0.0.1/32 trust\n",
  );
  chmodSync(folder, 0o755);
  server = await startPostgresServer({
    fsync: false,
    settings: {
      hba_file: hba,
      max_connections: String(CONNECTIONS_MAX),
      superuser_reserved_connections: "3",
      deadlock_timeout: "100ms",
    },
  });
  const first = await connected(server.url());
  await first.query(`create database ${DATABASE}`);
  await first.end();
  admin = await connected();
  await admin.query(SETUP);
});
afterAll(async () => {
  await admin.end();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function connected(url = server.url(DATABASE), options: pg.ClientConfig = {}) {
  const client = new pg.Client({ connectionString: url, ...options });
  // A connection that the server ends says so here as well.
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

/** Runs the statements, one after the other; what the one that is refused throws. */
async function refused(statements: readonly string[]): Promise<unknown> {
  const client = await connected();
  try {
    return await thrownBy(inTurn(client, statements));
  } finally {
    await client.end();
  }
}

async function inTurn(client: pg.Client, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await client.query(statement);
}

function stateOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : null;
}

interface Claim {
  readonly rule: string;
  readonly class: FailureClass;
  readonly effect: EffectProof;
  readonly attempt?: number;
  readonly atCommit?: boolean;
}

function expectClaim(error: unknown, state: string, claim: Claim): void {
  expect(stateOf(error)).toBe(state);
  const { rule, attempt = 1, atCommit = false } = claim;
  const failed = sqlFailure(error, atCommit ? "sent" : "answered", atCommit, attempt);
  expectFailure(failureOf(failed), rule, claim.class, claim.effect);
}

const never = (rule: string, failureClass: FailureClass): Claim => ({
  rule,
  class: failureClass,
  effect: "never",
});
const DATA = never("sqlstate/constraint", "data");
const VALUE = never("sqlstate/value", "data");
const STATEMENT = never("sqlstate/statement", "defect");
const ROUTINE = never("sqlstate/routine", "defect");
const CANCELLED = never("sqlstate/cancelled", "transient");

const REFUSALS: readonly (readonly [string, Claim, readonly string[]])[] = [
  ["23505", never("sqlstate/duplicate", "data"), ["insert into customers values (1)"]],
  ["23503", never("sqlstate/missing-reference", "data"), ["insert into orders values (2, 99, 1)"]],
  ["23502", DATA, ["insert into orders values (2, null, 1)"]],
  ["23514", DATA, ["insert into orders values (2, 1, 0)"]],
  ["22P02", VALUE, ["select 'x'::integer"]],
  ["22003", VALUE, ["select 99999999999::integer"]],
  ["22012", VALUE, ["select 1 / 0"]],
  ["22001", VALUE, ["create temp table short (t varchar(1))", "insert into short values ('xy')"]],
  ["42601", STATEMENT, ["selec 1"]],
  ["42P01", never("sqlstate/missing-table", "misconfigured"), ["select * from nowhere"]],
  ["42703", STATEMENT, ["select nothing from hot"]],
  ["42883", STATEMENT, ["select no_such_function()"]],
  ["0A000", STATEMENT, ["select count(*) from hot for update"]],
  ["3B001", STATEMENT, ["begin", "savepoint a", "rollback to nothing"]],
  ["2BP01", STATEMENT, ["drop table customers"]],
  ["P0004", STATEMENT, ["do $$ begin assert false; end $$"]],
  ["20000", ROUTINE, ["do $$ begin case 1 when 2 then null; end case; end $$"]],
  [
    "2F005",
    ROUTINE,
    [
      "create function pg_temp.nothing() returns integer language plpgsql as $$ begin null; end $$",
      "select pg_temp.nothing()",
    ],
  ],
  ["21000", DATA, ["select (select n from hot)"]],
  [
    "44000",
    DATA,
    [
      "create temp view dear as select * from orders where amount > 100 with check option",
      "insert into dear values (2, 1, 1)",
    ],
  ],
  [
    "2200H",
    never("sqlstate/sequence-used-up", "exhausted"),
    [
      "create temp sequence few maxvalue 2",
      "select nextval('few'), nextval('few'), nextval('few')",
    ],
  ],
  ["26000", STATEMENT, ["execute nothing"]],
  ["34000", STATEMENT, ["begin", "fetch nothing"]],
  [
    "54001",
    STATEMENT,
    [
      "create function pg_temp.deep(n integer) returns integer language plpgsql as $$ begin return pg_temp.deep(n + 1); end $$",
      "select pg_temp.deep(1)",
    ],
  ],
  ["25001", never("sqlstate/transaction-state", "defect"), ["begin", "vacuum"]],
  [
    "25006",
    never("sqlstate/read-only", "unavailable"),
    ["begin read only", "insert into customers values (2)"],
  ],
  ["42501", never("sqlstate/access", "misconfigured"), ["set role guest", "select * from orders"]],
  ["3F000", never("sqlstate/access", "misconfigured"), ["create table nowhere.t ()"]],
  [
    "53400",
    never("sqlstate/access", "misconfigured"),
    [
      "set temp_file_limit = '64kB'",
      "set work_mem = '64kB'",
      "select count(*) from (select n from generate_series(1, 200000) n order by n desc) s",
    ],
  ],
  ["57014", CANCELLED, ["set statement_timeout = 20", "select pg_sleep(60)"]],
  ["P0001", never("sqlstate/raised", "data"), ["do $$ begin raise exception 'no'; end $$"]],
  ["58P01", never("sqlstate/system", "unavailable"), ["select pg_read_file('no such file')"]],
];

describe("a statement that is refused", () => {
  test.each(REFUSALS)("with %s", async (state, claim, statements) => {
    expectClaim(await refused(statements), state, claim);
    // What was claimed: nothing of it is there.
    const { rows } = await admin.query(
      "select (select count(*) from customers) as c, (select count(*) from orders) as o",
    );
    expect(rows).toEqual([{ c: "1", o: "1" }]);
  });

  test("after one that failed has the state of a failed transaction", async () => {
    const client = await connected();
    await client.query("begin");
    await thrownBy(client.query("selec 1"));
    const error = await thrownBy(client.query("select 1"));
    expectClaim(error, "25P02", never("sqlstate/transaction-state", "defect"));
    await client.end();
  });

  test("by its timeout for the third time is no accident", async () => {
    const error = await refused(["set statement_timeout = 20", "select pg_sleep(60)"]);
    const claim = never("sqlstate/cancelled-again", "defect");
    expectClaim(error, "57014", { ...claim, attempt: 3 });
  });
});

describe("a lost race", () => {
  const CONTENTION = never("sqlstate/contention", "contention");

  test("for a row that has changed since it was read", async () => {
    const [a, b] = [await connected(), await connected()];
    await inTurn(a, ["begin isolation level serializable", "select n from hot where id = 1"]);
    await inTurn(b, ["update hot set n = n + 1 where id = 1"]);
    const error = await thrownBy(a.query("update hot set n = n + 1 where id = 1"));
    expectClaim(error, "40001", CONTENTION);
    await Promise.all([a.end(), b.end()]);
  });

  test("in a deadlock, for one of the two", async () => {
    const [a, b] = [await connected(), await connected()];
    await inTurn(a, ["begin", "update hot set n = n + 1 where id = 1"]);
    await inTurn(b, ["begin", "update hot set n = n + 1 where id = 2"]);
    const both = await Promise.allSettled([
      a.query("update hot set n = n + 1 where id = 2"),
      b.query("update hot set n = n + 1 where id = 1"),
    ]);
    const lost = both.filter((each) => each.status === "rejected");
    expect(lost).toHaveLength(1);
    expectClaim(lost[0]?.reason, "40P01", CONTENTION);
    await Promise.all([a.end(), b.end()]);
  });

  test.each([
    ["lock_timeout", "set lock_timeout = 20", "select * from hot where id = 1 for update"],
    ["nowait", "select 1", "select * from hot where id = 1 for update nowait"],
  ])("for a lock (%s)", async (_how, before, statement) => {
    const holder = await connected();
    await inTurn(holder, ["begin", "select * from hot where id = 1 for update"]);
    expectClaim(await refused([before, statement]), "55P03", CONTENTION);
    await holder.end();
  });
});

describe("a connection that is not made", () => {
  const ACCESS = never("sqlstate/access", "misconfigured");
  const urlOf = (user: string, database = DATABASE) =>
    `postgres://${user}@127.0.0.1:${String(server.port)}/${database}`;

  test.each([
    ["28P01", "clerk:wrong", DATABASE],
    ["28000", "guest", DATABASE],
    ["28000", "nobody_of_that_name", DATABASE],
    ["3D000", "holdfast", "no_such_database"],
  ])("with %s (%s, %s)", async (state, user, database) => {
    const error = await thrownBy(connected(urlOf(user, database)));
    expectClaim(error, state, ACCESS);
  });

  test("because there are too many, of a role or at all", async () => {
    const claim = never("sqlstate/connections", "throttled");
    const url = urlOf("clerk:right");
    const clerks = [await connected(url), await connected(url)];
    expectClaim(await thrownBy(connected(url)), "53300", claim);
    await Promise.all(clerks.map((each) => each.end()));
    await admin.query("alter role clerk connection limit 20");
    const many = await Promise.allSettled(
      Array.from({ length: CONNECTIONS_MAX }, () => connected(url)),
    );
    const late = many.find((each) => each.status === "rejected");
    expectClaim(late?.reason, "53300", claim);
    const made = many.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    await Promise.all(made.map((each) => each.end()));
  });
});

/** What a statement that is under way ends with when its session is ended. */
async function ended(client: pg.Client, statement: string): Promise<unknown> {
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  const failed = thrownBy(client.query(statement));
  const isBusy = async () => {
    const { rows: busy } = await admin.query(
      "select 1 from pg_stat_activity where pid = $1 and state = 'active' and wait_event = 'PgSleep'",
      [rows[0]?.pid],
    );
    return busy.length > 0;
  };
  while (!(await isBusy()));
  await admin.query("select pg_terminate_backend($1)", [rows[0]?.pid]);
  return await failed;
}

describe("a session that the administrator ends", () => {
  test("before its commit has done nothing", async () => {
    const client = await connected();
    await inTurn(client, ["begin", "insert into customers values (7)"]);
    const error = await ended(client, "select pg_sleep(60)");
    expectClaim(error, "57P01", never("sqlstate/connection", "unavailable"));
    const { rows } = await admin.query("select 1 from customers where id = 7");
    expect(rows).toEqual([]);
  });

  test("while it commits may have done it", async () => {
    const client = await connected();
    // A statement outside a transaction commits by itself: it was sent.
    const error = await ended(client, "select pg_sleep(60)");
    const claim = { rule: "sqlstate/connection", class: "unavailable", effect: "maybe" } as const;
    expectClaim(error, "57P01", { ...claim, atCommit: true });
  });
});

test("a commit that is refused has done nothing", async () => {
  const client = await connected();
  await inTurn(client, [
    "begin",
    "set constraints all deferred",
    "insert into orders values (3, 99, 1)",
  ]);
  const error = await thrownBy(client.query("commit"));
  const claim = never("sqlstate/missing-reference", "data");
  expectClaim(error, "23503", { ...claim, atCommit: true });
  const { rows } = await admin.query("select 1 from orders where id = 3");
  expect(rows).toEqual([]);
  await client.end();
});

test("a server that shuts down takes no connection", async () => {
  const own = await startPostgresServer({ fsync: false });
  const last = await connected(own.url());
  // It waits for those who are there, and turns others away.
  process.kill(own.pid, "SIGTERM");
  const seen = await firstRefusal(own.url());
  expectClaim(seen, "57P03", never("sqlstate/not-connected", "unavailable"));
  await last.end();
  await own.stop();
});

/** The signal may arrive after the next connection: asks until one is turned away. */
async function firstRefusal(url: string): Promise<unknown> {
  for (;;) {
    const outcome = await connected(url).then(
      (client) => ({ client }),
      (error: unknown) => ({ error }),
    );
    if ("error" in outcome) return outcome.error;
    await outcome.client.end();
  }
}
