/** Held-out MariaDB: refusals, lost races, limits, lost sessions. The client is the server's own. */
import { heldLabel, type Proof, type Reason, type Scenario, type Seen } from "../case.ts";
import { startCutProxy, type Cut } from "../cut-proxy.ts";
import type { MariaDb } from "../held-mariadb-server.ts";

type Reasons = Reason | readonly [Reason, ...Reason[]];
interface Case {
  readonly name: string;
  readonly effect: Proof;
  readonly reasons: Reasons;
  readonly why: string;
  readonly phase: "connect" | "in-transaction" | "statement" | "commit";
  readonly act: (key: string) => Promise<Seen["error"] | undefined>;
}

const MEND = "the value or the row is refused; the transaction is given up";
const OURS = "the statement that we wrote is wrong";
const SETTING = "every call fails alike until a setting changes";
const RACE = "somebody else was first, or has it now";
const LOST = "the session is lost";

const SET_UP = `
  create table work (k varchar(90) primary key) engine innodb;
  create table customer (id int primary key) engine innodb;
  create table orders (id int primary key, customer int not null, amount int not null check (amount > 0), kind enum('a', 'b'),
    day date, doc json, name varchar(5), foreign key (customer) references customer (id)) engine innodb;
  create table hot (id int primary key, n int not null) engine innodb;
  create table small (t char(250)) engine memory;
  create table part (x int) partition by list (x) (partition p1 values in (1));
  create table twice (a int, b int as (a * 2) stored);
  create sequence few maxvalue 2;
  insert into customer values (1); insert into orders values (1, 1, 10, 'a', '2026-01-01', '{}', 'x'); insert into hot values (1, 0), (2, 0);
  create trigger kept before delete on orders for each row signal sqlstate '45000' set message_text = 'month is closed';
  create user clerk identified by 'right'; grant select, insert on shop.work to clerk; grant select on shop.hot to clerk;
  create user few identified by 'right' with max_user_connections 1; grant all on shop.* to few;
  create user shut identified by 'right' account lock;
  create user sealed identified by 'right' require ssl;
  create user late identified by 'right' password expire; grant select on shop.hot to late;
`;

export function mariaDbScenarios(server: MariaDb): readonly Scenario[] {
  const cases = [...refusals(server), ...logins(server), ...races(server), ...losses(server)];
  let isReady = false;
  return cases.map(({ name, effect, reasons, why, phase, act }): Scenario => {
    const id = `mariadb/${name.replaceAll(/[^a-z\d]+/giu, "-")}`;
    return {
      id,
      protocol: "mysql",
      server: "MariaDB",
      fault: name,
      label: heldLabel(effect, reasons, why),
      play: async () => {
        if (!isReady)
          await server.run(`create database shop; use shop; ${SET_UP}`, { database: "" });
        isReady = true;
        const error = await act(id);
        if (error === undefined) throw new Error(`case ${id} went well`);
        return { seen: { phase, error }, ledger: await server.done(id) };
      },
    };
  });
}

interface Statement {
  readonly name: string;
  readonly reasons: Reasons;
  readonly why: string;
  readonly text: string;
  /** It commits what was before it, so nothing is. */
  readonly isBare: boolean;
}

const sql = (name: string, reasons: Reasons, why: string, text: string): Statement => ({
  name,
  reasons,
  why,
  text,
  isBare: false,
});
const bare = (name: string, reasons: Reasons, why: string, text: string): Statement => ({
  ...sql(name, reasons, why, text),
  isBare: true,
});
const order = (values: string): string => `insert into orders values (${values})`;

const STATEMENTS: readonly Statement[] = [
  sql("unique", "data", MEND, "insert into customer values (1)"),
  sql("no such customer", "data", MEND, order("2, 77, 1, 'a', null, null, null")),
  sql("customer has orders", "data", MEND, "delete from customer where id = 1"),
  sql("null where none may be", "data", MEND, order("2, null, 1, 'a', null, null, null")),
  sql("nothing given", "data", MEND, "insert into orders (id) values (3)"),
  sql("check", "data", MEND, order("2, 1, 0, 'a', null, null, null")),
  sql("too long", "data", MEND, order("2, 1, 1, 'a', null, null, 'longer than five'")),
  sql("out of range", "data", MEND, order("2, 1, 99999999999, 'a', null, null, null")),
  sql("no number", "data", MEND, order("2, 1, 'ten', 'a', null, null, null")),
  sql("no day", "data", MEND, order("2, 1, 1, 'a', '2026-02-31', null, null")),
  sql("not of the list", "data", MEND, order("2, 1, 1, 'z', null, null, null")),
  sql("no json", "data", MEND, order("2, 1, 1, 'a', null, '{', null")),
  sql("division by nothing", "data", MEND, order("2, 1, 1 / 0, 'a', null, null, null")),
  sql("row in no partition", "data", MEND, "insert into part values (7)"),
  sql(
    "numbers used up",
    "exhausted",
    "until somebody adds some",
    "select nextval(few), nextval(few), nextval(few)",
  ),
  sql(
    "table full",
    "exhausted",
    "no room until somebody makes some",
    `insert into small select repeat('x', 250) from seq_1_to_5000`,
  ),
  sql(
    "a rule of the database",
    ["policy", "data"],
    "it forbids it",
    "delete from orders where id = 1",
  ),
  sql("several rows for one", ["data", "defect"], MEND, "select (select id from hot)"),
  sql("computed column", "defect", OURS, "insert into twice values (1, 2)"),
  sql("syntax", "defect", OURS, "selct 1"),
  sql("no such column", "defect", OURS, "select colour from hot"),
  sql("no such function", "defect", OURS, "select shop.no_such(1)"),
  sql("no such savepoint", "defect", OURS, "rollback to savepoint nowhere"),
  sql("ambiguous column", "defect", OURS, "select id from hot h join customer c on h.id = c.id"),
  sql("not grouped", "defect", OURS, "select n, count(*) from hot having m > 1"),
  sql("wrong count", "defect", OURS, "insert into hot values (5)"),
  sql("no such table", "misconfigured", SETTING, "select * from archive_orders"),
  sql("no such schema", "misconfigured", SETTING, "select * from archive.orders"),
  bare(
    "no such plugin",
    ["misconfigured", "defect"],
    SETTING,
    "create table z (x int) engine = rocksdb_no",
  ),
  sql(
    "too long a statement",
    "transient",
    "the server stops it after its time",
    "set statement max_statement_time = 0.2 for select sleep(9) from hot",
  ),
  bare(
    "only to be read",
    "defect",
    OURS,
    "start transaction read only; insert into hot values (8, 0)",
  ),
  bare(
    "locked by ourselves",
    "defect",
    OURS,
    "lock tables hot read; insert into hot values (9, 0)",
  ),
];

const written = (key: string, text: string): string =>
  `begin; insert into work values ('${key}'); ${text}; commit;`;
const alone = (key: string): string => `insert into work select '${key}' from (select sleep(9)) s`;

/** The row is written first, in the same transaction; the client gives it up when it is refused. */
function refusals(server: MariaDb): readonly Case[] {
  const cases = STATEMENTS.map(({ text, isBare, ...one }): Case => ({
    ...one,
    effect: "never",
    phase: "in-transaction",
    act: async (key) => (await server.run(isBare ? text : written(key, text))).error,
  }));
  return [
    ...cases,
    {
      name: "server is only to be read",
      effect: "never",
      reasons: "unavailable",
      why: "not the one to write to, now",
      phase: "in-transaction",
      act: async (key) => {
        await server.run("set global read_only = 1");
        const { error } = await server.run(`insert into work values ('${key}')`, CLERK);
        await server.run("set global read_only = 0");
        return error;
      },
    },
  ];
}

const CLERK = { user: "clerk", password: "right" };
const as = (user: string) => ({ user, password: "right" });

function logins(server: MariaDb): readonly Case[] {
  const login = (
    name: string,
    reasons: Reasons,
    options: Parameters<MariaDb["run"]>[1],
    text = "select 1",
    phase: Case["phase"] = "connect",
  ): Case => ({
    name,
    effect: "never",
    reasons,
    why: SETTING,
    phase,
    act: async () => (await server.run(text, options)).error,
  });
  return [
    login("wrong password", "misconfigured", { user: "clerk", password: "wrong" }),
    login("no such user", "misconfigured", as("nobody")),
    login("no such database", "misconfigured", { database: "archive" }),
    login("not its database", "misconfigured", { ...CLERK, database: "mysql" }),
    login("account is locked", "misconfigured", as("shut")),
    login("password is too old", "misconfigured", as("late"), "select 1", "in-transaction"),
    login("encryption is wanted", "misconfigured", { ...as("sealed"), more: ["--skip-ssl"] }),
    login("no right to a table", "misconfigured", CLERK, "delete from hot", "in-transaction"),
    login(
      "no right to the server",
      "misconfigured",
      CLERK,
      "set global read_only = 1",
      "in-transaction",
    ),
    login("nobody listens", "unavailable", { port: 1 }),
    {
      ...login("one session only", "throttled", as("few")),
      act: async () => {
        const both = [1, 2].map(async () => server.run("select sleep(0.5)", as("few")));
        return (await Promise.all(both)).find(({ error }) => error !== undefined)?.error;
      },
    },
    {
      ...login("too many sessions", "throttled", CLERK),
      act: async () => {
        const many = Array.from({ length: 20 }, async () => server.run("select sleep(0.7)", CLERK));
        return (await Promise.all(many)).find(({ error }) => error !== undefined)?.error;
      },
    },
  ];
}

function races(server: MariaDb): readonly Case[] {
  const race = (name: string, act: Case["act"]): Case => ({
    name,
    effect: "never",
    reasons: "contention",
    why: RACE,
    phase: "in-transaction",
    act,
  });
  return [
    race("lock wait", async (key) => {
      const holder = await server.hold("begin; update hot set n = n + 1 where id = 1");
      const { error } = await server.run(written(key, "update hot set n = n + 1 where id = 1"));
      await holder.end();
      return error;
    }),
    race("lock not free", async (key) => {
      const holder = await server.hold("begin; update hot set n = n + 1 where id = 1");
      const { error } = await server.run(
        written(key, "select * from hot where id = 1 for update nowait"),
      );
      await holder.end();
      return error;
    }),
    race("table is held", async (key) => {
      const holder = await server.hold("lock tables hot write");
      const { error } = await server.run(
        written(key, "set lock_wait_timeout = 1; select n from hot"),
      );
      await holder.end();
      return error;
    }),
    race("deadlock", async (key) => {
      const other = await server.hold(
        "set innodb_lock_wait_timeout = 20; begin; update hot set n = n + 5 where id = 2; insert into customer select seq from seq_100_to_900",
      );
      const mine = server.run(
        written(
          key,
          "set innodb_lock_wait_timeout = 20; update hot set n = n + 1 where id = 1; select sleep(0.5); update hot set n = n + 1 where id = 2",
        ),
      );
      await server.run("select sleep(0.25)");
      other.ask("update hot set n = n + 1 where id = 1");
      const { error } = await mine;
      await other.end();
      return error;
    }),
    race("changed since it was read", async (key) => {
      const mine = await server.hold("select 1");
      await mine.end();
      const reading = server.run(
        written(
          key,
          "set innodb_snapshot_isolation = on; commit; start transaction with consistent snapshot; select n from hot; select sleep(0.5); update hot set n = n + 1 where id = 1",
        ).replace(`insert into work values ('${key}'); `, ""),
      );
      await server.run("select sleep(0.2); update hot set n = n + 100 where id = 1");
      return (await reading).error;
    }),
  ];
}

function losses(server: MariaDb): readonly Case[] {
  const lost = (
    name: string,
    effect: Proof,
    phase: Case["phase"],
    act: Case["act"],
    reasons: Reasons = ["transient", "unavailable"],
  ): Case => ({ name, effect, reasons, why: LOST, phase, act });
  const killed = async (text: string, how: string) => {
    const mine = server.run(text);
    await server.run(
      `select sleep(0.3); select concat('${how} ', id, ';') into @kill from information_schema.processlist where info like '%sleep(9)%' and info not like '%processlist%' limit 1; execute immediate @kill`,
    );
    return (await mine).error;
  };
  const cut = (kind: Cut, effect: Proof) =>
    lost(`cut ${kind} at the commit`, effect, "commit", async (key) => {
      const proxy = await startCutProxy(server.port, "commit /* now */", kind);
      const mine = server.run(`begin; insert into work values ('${key}'); commit /* now */;`, {
        port: proxy.port,
        more: ["--skip-ssl", "--comments"],
      });
      const { error } = await mine;
      await proxy.settled();
      await proxy.close();
      return error;
    });
  return [
    lost(
      "statement killed in a transaction",
      "never",
      "in-transaction",
      async (key) =>
        killed(
          `begin; insert into work values ('${key}'); select sleep(9) from hot;`,
          "kill query",
        ),
      "transient",
    ),
    lost("session killed in a transaction", "never", "in-transaction", async (key) =>
      killed(`begin; insert into work values ('${key}'); select sleep(9) from hot;`, "kill"),
    ),
    lost("session killed in a statement", "maybe", "statement", async (key) =>
      killed(alone(key), "kill"),
    ),
    lost(
      "packet too large",
      "never",
      "in-transaction",
      async (key) =>
        (
          await server.run(
            `begin; insert into work values ('${key}'); select length('${"x".repeat(2_000_000)}');`,
          )
        ).error,
      ["data", "defect", "misconfigured"],
    ),
    cut("before", "maybe"),
    cut("after", "maybe"),
    cut("half", "maybe"),
    {
      ...lost(
        "shut down in a statement",
        "maybe",
        "statement",
        async () => undefined,
        // Nothing tells it from a session that was killed.
        ["transient", "unavailable"],
      ),
      act: async (key) => {
        const mine = server.run(alone(key));
        // It sleeps before it writes: what is asked of the ledger afterwards finds nobody, and "not" is true.
        await server.run("select sleep(0.3)");
        process.kill(server.pid, "SIGTERM");
        return (await mine).error;
      },
    },
  ];
}
