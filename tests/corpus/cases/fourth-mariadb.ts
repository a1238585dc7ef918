/** MariaDB: refusals that the held-out part does not have, limits of an hour, and sessions that break. */
import { fourthLabel, type FourthMore, type Proof, type Scenario, type Seen } from "../case.ts";
import { startCutProxy } from "../cut-proxy.ts";
import type { MariaDb } from "../held-mariadb-server.ts";
import type { Counterpart } from "../start-counterpart.ts";
import type { WireStep } from "../wire-script.ts";
import type { Reasons } from "./fourth-answer.ts";

type Phase = "connect" | "in-transaction" | "statement" | "commit";
interface Case {
  readonly name: string;
  readonly effect: Proof;
  readonly reasons: Reasons;
  readonly why: string;
  readonly phase: Phase;
  readonly act: (key: string) => Promise<Seen["error"] | undefined>;
  readonly more: FourthMore;
}

const MEND = "the value or the row is refused; undone";
const OURS = "the statement that we wrote is wrong; undone";
const SETTING = "every call fails alike until a setting changes";
const SPENT = "what this user may do in an hour is used up";
const UNBORN = "no session came about";

const SET_UP = `
  create table work (k varchar(90) primary key) engine innodb;
  create table hot (id int primary key, n int unsigned not null default 0, day date) engine innodb;
  create table few (id tinyint auto_increment primary key) engine innodb;
  create table own (id int) engine innodb;
  create table shape (id int) engine innodb;
  insert into hot (id) values (1), (2); insert into few values (127); insert into shape values (1);
  create trigger own_count before insert on own for each row update own set id = 1;
  create procedure secret() select 1;
  create user clerk identified by 'right'; grant select, insert on shop.work to clerk; grant select (id) on shop.hot to clerk;
  create user hourly identified by 'right' with max_updates_per_hour 1; grant all on shop.* to hourly;
  create user seldom identified by 'right' with max_connections_per_hour 1; grant all on shop.* to seldom;
`;

const as = (user: string) => ({ user, password: "right" });
const one = (
  name: string,
  effect: Proof,
  reasons: Reasons,
  why: string,
  phase: Phase,
  act: Case["act"],
  more: FourthMore = {},
): Case => ({ name, effect, reasons, why, phase, act, more });

const written = (key: string, text: string): string =>
  `begin; insert into work values ('${key}'); ${text}; commit;`;

export function fourthMariaDbScenarios(
  server: MariaDb,
  counterpart: Counterpart,
): readonly Scenario[] {
  const cases = [
    ...refusals(server),
    ...alone(server),
    ...sessions(server, counterpart),
    killed(server),
  ];
  let isReady = false;
  return cases.map(({ name, effect, reasons, why, phase, act, more }): Scenario => {
    const id = `maria/${name.replaceAll(/[^a-z\d]+/giu, "-")}`;
    return {
      id,
      protocol: "mysql",
      server: "MariaDB",
      fault: name,
      label: fourthLabel(effect, reasons, why, more),
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

/** The row is written first, in the same transaction; the client gives it up when it is refused. */
function refusals(server: MariaDb): readonly Case[] {
  const sql = (
    name: string,
    reasons: Reasons,
    why: string,
    text: string,
    options: Parameters<MariaDb["run"]>[1] = {},
    more: FourthMore = {},
  ): Case =>
    one(
      name,
      "never",
      reasons,
      why,
      "in-transaction",
      async (key) => (await server.run(written(key, text), options)).error,
      more,
    );
  return [
    sql("column named twice", "defect", OURS, "insert into hot (id, id) values (5, 5)"),
    sql("less than nothing of a count", ["data", "defect"], MEND, "update hot set n = n - 1"),
    sql("bytes that are no letters", "data", MEND, "select _utf8mb4 x'ff'"),
    sql("lists of two lengths", "defect", OURS, "select 1 union select 1, 2"),
    sql(
      "day that is none",
      "data",
      MEND,
      "update hot set day = str_to_date('31.02.2026', '%d.%m.%Y')",
    ),
    sql("no such setting", ["defect", "misconfigured"], OURS, "set session no_such_setting = 1"),
    sql("no such prepared", ["defect", "transient"], OURS, "execute nothing"),
    sql("trigger that writes its own table", "defect", OURS, "insert into own values (1)"),
    sql(
      "numbers of a table used up",
      ["exhausted", "data", "defect"],
      "its key has no number left until somebody makes it larger",
      "insert into few values ()",
    ),
    sql("several rows for one value", ["data", "defect"], MEND, "select id into @a from hot"),
    sql("column of others", "misconfigured", SETTING, "select n from hot", as("clerk")),
    sql("procedure of others", "misconfigured", SETTING, "call secret()", as("clerk")),
    sql(
      "writes of an hour",
      ["exhausted", "throttled"],
      SPENT,
      "insert into hot (id) values (9)",
      as("hourly"),
    ),
    one(
      "table has changed its shape",
      "never",
      "contention",
      "it has changed since our transaction began; undone",
      "in-transaction",
      async (key) => {
        const mine = await server.hold(
          `start transaction with consistent snapshot; insert into work values ('${key}')`,
        );
        await server.run("alter table shape add column more int, algorithm = copy");
        return mine.failed("select * from shape; commit");
      },
    ),
    one(
      "idle for too long in a transaction",
      "never",
      ["transient", "unavailable"],
      "the server has ended the session; no commit was sent",
      "in-transaction",
      async (key) => {
        const mine = await server.hold(
          `set wait_timeout = 1; begin; insert into work values ('${key}')`,
        );
        await server.run("select sleep(3)");
        return mine.failed("update hot set n = n + 1; commit");
      },
    ),
  ];
}

/** Statements that commit by themselves. */
function alone(server: MariaDb): readonly Case[] {
  const sql = (
    name: string,
    reasons: Reasons,
    why: string,
    text: (key: string) => string,
    options: Parameters<MariaDb["run"]>[1] = {},
  ): Case =>
    one(
      name,
      "never",
      reasons,
      why,
      "statement",
      async (key) => (await server.run(text(key), options)).error,
    );
  return [
    sql(
      "no database chosen",
      ["misconfigured", "defect"],
      SETTING,
      (key) => `insert into work values ('${key}')`,
      { database: "" },
    ),
    sql(
      "no such table to drop",
      ["misconfigured", "defect", "data"],
      "what is to be dropped is not there",
      () => "drop table nothing",
    ),
    sql(
      "table is there already",
      ["defect", "data"],
      "what is to be made is there already",
      () => "create table hot (id int)",
    ),
    sql("unique, alone", "data", MEND, () => "insert into hot (id) values (1)"),
    sql(
      "too long, alone",
      "transient",
      "the server stops it after its time, and undoes it",
      (key) =>
        `set statement max_statement_time = 0.3 for insert into work select '${key}' from hot where sleep(9) = 0`,
    ),
    one(
      "lock wait, alone",
      "never",
      "contention",
      "somebody else has it now",
      "statement",
      async () => {
        const holder = await server.hold("begin; update hot set n = n + 1 where id = 1");
        const { error } = await server.run("update hot set n = n + 1 where id = 1");
        await holder.end();
        return error;
      },
    ),
    one(
      "killed by a person, alone",
      "never",
      "transient",
      "stopped by a person, and undone",
      "statement",
      async (key) => {
        const mine = server.run(`insert into work select '${key}' from (select sleep(9)) s`);
        await server.run(
          "select sleep(0.5); select concat('kill query ', id, ';') into @kill from information_schema.processlist where info like '%sleep(9)%' and info not like '%processlist%' limit 1; execute immediate @kill",
        );
        return (await mine).error;
      },
    ),
  ];
}

function sessions(server: MariaDb, counterpart: Counterpart): readonly Case[] {
  const wired = async (steps: readonly WireStep[], more: readonly string[]) => {
    await counterpart.follow({ key: "maria/greeting", greet: steps, on: [] });
    return (await server.run("select 1", { port: counterpart.ports.wire, more })).error;
  };
  return [
    one("sessions of an hour", "never", ["exhausted", "throttled"], SPENT, "connect", async () => {
      await server.run("select 1", as("seldom"));
      return (await server.run("select 1", as("seldom"))).error;
    }),
    one(
      "a server that says nothing",
      "never",
      ["transient", "unavailable"],
      UNBORN,
      "connect",
      async () => wired([], ["--connect-timeout=1"]),
    ),
    one(
      "a server of mail",
      "never",
      ["transient", "unavailable", "misconfigured"],
      UNBORN,
      "connect",
      async () =>
        wired(
          [{ do: "send", text: "220 mx.example.com ESMTP ready\r\n" }],
          ["--skip-ssl", "--connect-timeout=2"],
        ),
    ),
    one(
      "a server that ends at once",
      "never",
      ["transient", "unavailable", "misconfigured"],
      UNBORN,
      "connect",
      async () => wired([{ do: "end" }], []),
    ),
    one(
      "no such name",
      "never",
      "misconfigured",
      SETTING,
      "connect",
      async () => (await server.run("select 1", { more: ["--host=db.invalid"] })).error,
    ),
    one(
      "encryption that the server does not have",
      "never",
      "misconfigured",
      SETTING,
      "connect",
      async () => (await server.run("select 1", { more: ["--ssl-verify-server-cert"] })).error,
    ),
    one(
      "noise at the commit",
      "maybe",
      ["transient", "unavailable"],
      "the commit was sent; what came back is no answer",
      "commit",
      async (key) => {
        const proxy = await startCutProxy(server.port, "commit /* now */", "garbage");
        const mine = server.run(`begin; insert into work values ('${key}'); commit /* now */;`, {
          port: proxy.port,
          more: ["--skip-ssl", "--comments"],
        });
        const { error } = await mine;
        await proxy.settled();
        await proxy.close();
        return error;
      },
    ),
  ];
}

/** The last case: nobody is there after it, and what has not been committed is not. */
function killed(server: MariaDb): Case {
  return one(
    "the server is killed in a transaction",
    "never",
    ["transient", "unavailable"],
    "no commit was sent, and a server that dies undoes the rest",
    "in-transaction",
    async (key) => {
      const mine = server.run(written(key, "select sleep(9) from hot"));
      await server.run("select sleep(0.5)");
      process.kill(server.pid, "SIGKILL");
      return (await mine).error;
    },
  );
}
