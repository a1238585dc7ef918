/** What PostgreSQL refuses: each statement is run by a real server, after a row was written. */
import type { Reason } from "../case.ts";

export interface StateCase {
  readonly name: string;
  readonly reason: Reason;
  readonly why: string;
  /** The last one is refused. */
  readonly sql: readonly string[];
  /** `statement`: each on its own. `commit`: refused by the commit that follows. */
  readonly at?: "in-transaction" | "statement" | "commit";
}

const VALUE = "this value is not what the column takes: somebody must mend the data";
const BREAKS = "this row breaks a rule that the data must keep";
const CODE = "the statement we wrote is wrong; only another version of our code mends it";
const MISSING = "something that our setting names is not there, for every item alike";
const RIGHTS = "our role may not do this until somebody grants it";
const BUSY = "somebody else holds it now; to be done anew";

const row = (
  name: string,
  reason: Reason,
  why: string,
  sql: string | readonly string[],
  at: StateCase["at"] = "in-transaction",
): StateCase => ({ name, reason, why, sql: typeof sql === "string" ? [sql] : sql, at });

/** Tables that the statements use. */
export const SCHEMA = `
create table work (key text primary key);
create table customer (id int primary key);
create table orders (
  id int primary key,
  customer int references customer (id) deferrable,
  quantity int not null check (quantity > 0),
  code varchar(4),
  due date,
  made int generated always as (quantity * 2) stored,
  serial int generated always as identity,
  span int4range,
  exclude using gist (span with &&)
);
create table late (id int, unique (id) deferrable initially deferred);
create view large as select * from orders where quantity > 10 with check option;
create sequence numbers maxvalue 2;
create type colour as enum ('red', 'blue');
create domain positive as int check (value > 0);
insert into customer values (1);
insert into orders (id, customer, quantity, span) values (1, 1, 1, '[1,5)'), (2, 1, 2, '[6,9)');
insert into late values (1);
create role clerk login;
create role nobody_may nologin;
create role one_at_a_time login connection limit 0;
create function endless(n int) returns int language plpgsql as
  $$ begin return endless(n + 1); end $$;
`;

const raise = (state: string, message: string): string =>
  `do $$ begin raise exception '${message}' using errcode = '${state}'; end $$`;

export const STATE_CASES: readonly StateCase[] = [
  row("unique", "data", BREAKS, "insert into orders (id, quantity) values (1, 1)"),
  row(
    "unique, alone",
    "data",
    BREAKS,
    "insert into orders (id, quantity) values (1, 1)",
    "statement",
  ),
  row("unique at commit", "data", BREAKS, "insert into late values (1)", "commit"),
  row(
    "foreign key",
    "data",
    BREAKS,
    "insert into orders (id, customer, quantity) values (9, 7, 1)",
  ),
  row(
    "foreign key, alone",
    "data",
    BREAKS,
    "insert into orders (id, customer, quantity) values (9, 7, 1)",
    "statement",
  ),
  row(
    "foreign key at commit",
    "data",
    BREAKS,
    [
      "set constraints all deferred",
      "insert into orders (id, customer, quantity) values (9, 7, 1)",
    ],
    "commit",
  ),
  row("still referenced", "data", BREAKS, "delete from customer where id = 1"),
  row("not null", "data", BREAKS, "insert into orders (id, quantity) values (9, null)"),
  row("check", "data", BREAKS, "insert into orders (id, quantity) values (9, 0)"),
  row(
    "check, alone",
    "data",
    BREAKS,
    "insert into orders (id, quantity) values (9, 0)",
    "statement",
  ),
  row(
    "exclusion",
    "data",
    BREAKS,
    "insert into orders (id, quantity, span) values (9, 1, '[2,3)')",
  ),
  row("domain", "data", BREAKS, "select (-1)::positive"),
  row("view check", "data", BREAKS, "insert into large (id, quantity) values (9, 1)"),
  row(
    "too long",
    "data",
    VALUE,
    "insert into orders (id, quantity, code) values (9, 1, 'toolong')",
  ),
  row("out of range", "data", VALUE, "insert into orders (id, quantity) values (9, 99999999999)"),
  row("no number", "data", VALUE, "select 'twelve'::int"),
  row("no date", "data", VALUE, "select 'someday'::date"),
  row("day out of range", "data", VALUE, "select '2026-02-31'::date"),
  row("division by zero", "data", VALUE, "select 1 / (quantity - 1) from orders where id = 1"),
  row("no json", "data", VALUE, `select '{"a":'::jsonb`),
  row("a zero in json", "data", VALUE, `select '"\\u0000"'::jsonb ->> 0`),
  row("no enum value", "data", VALUE, "select 'green'::colour"),
  row("no uuid", "data", VALUE, "select 'x'::uuid"),
  row("bad bytes", "data", VALUE, "select convert_from('\\xff'::bytea, 'UTF8')"),
  row("bad pattern", "data", VALUE, "select 'a' ~ '('"),
  row("bad escape", "data", VALUE, "select 'ab' like 'a\\' escape '\\'"),
  row("negative limit", "data", VALUE, "select 1 limit -1"),
  row("root of minus one", "data", VALUE, "select sqrt(-1)"),
  row("logarithm of zero", "data", VALUE, "select ln(0)"),
  row("subscript", "data", VALUE, "select array_fill(1, array[-1])"),
  row("time zone", "data", VALUE, "select now() at time zone 'Moon/Base'"),
  row("interval overflow", "data", VALUE, "select interval '1 year' * 1e12"),
  row(
    "several rows",
    "data",
    "more rows than one, where one was to be",
    "select (select id from orders)",
  ),
  row("syntax", "defect", CODE, "selct 1"),
  row("syntax, alone", "defect", CODE, "insert into work values ('x'", "statement"),
  row("no such column", "defect", CODE, "select colour from orders"),
  row("no such function", "defect", CODE, "select no_such(1)"),
  row("no such type", "defect", CODE, "select 1::no_such"),
  row("types differ", "defect", CODE, "insert into orders (id, quantity) values (9, true)"),
  row("ambiguous column", "defect", CODE, "select id from orders, late"),
  row("no parameter", "defect", CODE, "select $1"),
  row("not grouped", "defect", CODE, "select id, count(*) from late group by ()"),
  row("no such cursor", "defect", CODE, "fetch no_such"),
  row("no such prepared", "defect", CODE, "execute no_such"),
  row("no such savepoint", "defect", CODE, "rollback to no_such"),
  row(
    "generated column",
    "defect",
    CODE,
    "insert into orders (id, quantity, made) values (9, 1, 2)",
  ),
  row(
    "identity column",
    "defect",
    CODE,
    "insert into orders (id, quantity, serial) values (9, 1, 2)",
  ),
  row("exists already", "defect", CODE, "create table orders (id int)"),
  row("function exists", "defect", CODE, "create type colour as enum ()"),
  row("in a transaction", "defect", CODE, "vacuum orders"),
  row("after an error", "defect", "our code went on after an error in the transaction", [
    "savepoint s",
    "select 1/0",
    "select 1",
  ]),
  row("no such table", "misconfigured", MISSING, "insert into no_such values (1)"),
  row(
    "no such table, alone",
    "misconfigured",
    MISSING,
    "insert into no_such values (1)",
    "statement",
  ),
  row("no such schema", "misconfigured", MISSING, "create table no_such.x (id int)"),
  row("no such role", "misconfigured", MISSING, "set local role no_such"),
  row("no such setting", "misconfigured", MISSING, "show no_such"),
  row("no such file", "misconfigured", MISSING, "select pg_read_file('/no/such')"),
  row("no such extension", "misconfigured", MISSING, "create extension no_such"),
  row("no rights", "misconfigured", RIGHTS, [
    "set local role clerk",
    "insert into orders (id, quantity) values (9, 1)",
  ]),
  row("not the owner", "misconfigured", RIGHTS, ["set local role clerk", "drop table orders"]),
  row(
    "partitions of two columns",
    "defect",
    CODE,
    "create table p (id int) partition by list (id, id)",
  ),
  row(
    "cross-database",
    "permanent",
    "the server cannot do this",
    "select * from other.public.orders",
  ),
  row("dependent objects", "defect", CODE, "drop table orders"),
  row("read only", "unavailable", "a standby, or closed for writing: nobody can write there now", [
    "set transaction read only",
    "insert into late values (5)",
  ]),
  row("sequence used up", "exhausted", "the numbers are used up until somebody adds some", [
    "select nextval('numbers')",
    "select nextval('numbers')",
    "select nextval('numbers')",
  ]),
  row("sequence unread", "defect", CODE, "select currval('numbers')"),
  row("statement timeout", "transient", "too slow this time, and undone", [
    "set local statement_timeout = '50ms'",
    "select pg_sleep(30)",
  ]),
  row(
    "statement timeout, alone",
    "transient",
    "too slow this time, and undone",
    ["set statement_timeout = '50ms'", "select pg_sleep(30)"],
    "statement",
  ),
  row("stack depth", "defect", CODE, "select endless(1)"),
  row(
    "too many columns",
    "defect",
    CODE,
    `select ${Array.from({ length: 1700 }, (_, index) => String(index)).join(", ")}`,
  ),
  row(
    "index row too large",
    "data",
    VALUE,
    "insert into work select string_agg(md5(n::text), '') from generate_series(1, 4000) n",
  ),
  row(
    "raised: credit limit",
    "policy",
    "a business rule in the database forbids it",
    raise("P0001", "credit limit of customer 17 exceeded"),
  ),
  row(
    "raised: no lines",
    "data",
    "the database says that the order is incomplete",
    raise("P0001", "order 4711 has no lines"),
  ),
  row(
    "raised: own state",
    "data",
    "the database says what is wrong with the order",
    raise("HF001", "unknown product"),
  ),
  row(
    "raised: no data found",
    "data",
    "what the order names is not there",
    "do $$ declare n int; begin select id into strict n from orders where id = 99; end $$",
  ),
  row(
    "raised: too many rows",
    "data",
    "what the order names is there more than once",
    "do $$ declare n int; begin select id into strict n from orders; end $$",
  ),
  row("assertion", "defect", CODE, "do $$ begin assert false, 'never here'; end $$"),
  row("lock not free", "contention", BUSY, "lock table held in access exclusive mode nowait"),
  row("row lock not free", "contention", BUSY, "select * from held for update nowait"),
  row("lock timeout", "contention", BUSY, [
    "set local lock_timeout = '50ms'",
    "update held set id = 2",
  ]),
];
