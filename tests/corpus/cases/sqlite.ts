/** SQLite in the process, with another process's lock where one is needed. The table is the ledger. */
import { mkdtempSync, rmSync, writeFileSync, existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { label, type Reason, type Scenario } from "../case.ts";
import { plainError } from "../capture.ts";

interface SqliteCase {
  readonly name: string;
  readonly reason: Reason;
  readonly why: string;
  readonly act: (database: DatabaseSync, path: string) => void;
}

const BREAKS = "this row breaks a rule that the data must keep";
const CODE = "the statement we wrote is wrong; only another version of our code mends it";
const BUSY = "somebody else holds the database now";

const sql = (name: string, reason: Reason, why: string, text: string): SqliteCase => ({
  name,
  reason,
  why,
  act: (database) => {
    database.exec(text);
  },
});

const CASES: readonly SqliteCase[] = [
  sql("unique", "data", BREAKS, "insert into orders values (1, 1, null)"),
  sql("primary key of two", "data", BREAKS, "insert into pair values (1, 1)"),
  sql("not null", "data", BREAKS, "insert into orders values (2, null, null)"),
  sql("check", "data", BREAKS, "insert into orders values (2, 0, null)"),
  sql("foreign key", "data", BREAKS, "insert into orders values (2, 1, 77)"),
  sql("type of a strict table", "data", BREAKS, "insert into pair values ('x', 1)"),
  sql("rowid of text", "data", BREAKS, "insert into orders values ('x', 1, null)"),
  sql("raised by a trigger", "data", BREAKS, "insert into orders values (2, 1000, null)"),
  sql("syntax", "defect", CODE, "selct 1"),
  sql("no such column", "defect", CODE, "select colour from orders"),
  sql("no such function", "defect", CODE, "select no_such(1)"),
  sql(
    "no such table",
    "misconfigured",
    "a table that our setting names is not there",
    "select * from no_such",
  ),
  sql("not in a transaction", "defect", CODE, "vacuum"),
  sql(
    "full",
    "exhausted",
    "no room until somebody makes some",
    "pragma max_page_count = 1; insert into pair select value, 5 from generate_rows",
  ),
  {
    name: "busy",
    reason: "contention",
    why: BUSY,
    act: (database, path) => {
      const other = new DatabaseSync(path);
      database.exec("rollback");
      other.exec("begin immediate");
      try {
        database.exec("begin immediate");
      } finally {
        other.close();
      }
    },
  },
  {
    name: "busy snapshot",
    reason: "contention",
    why: "what was read is old: to be read anew",
    act: (database, path) => {
      database.exec("rollback; begin; select * from orders");
      database.prepare("select * from orders").all();
      const other = new DatabaseSync(path);
      other.exec("insert into pair values (8, 8)");
      try {
        database.exec("insert into pair values (9, 9)");
      } finally {
        other.close();
      }
    },
  },
  {
    name: "read only",
    reason: "misconfigured",
    why: "opened for reading only: a setting",
    act: (_database, path) => {
      const other = new DatabaseSync(path, { readOnly: true });
      try {
        other.exec("insert into pair values (7, 7)");
      } finally {
        other.close();
      }
    },
  },
  {
    name: "folder missing",
    reason: "misconfigured",
    why: "the place is not there",
    act: (_database, path) => {
      new DatabaseSync(`${path}-no/such.db`).close();
    },
  },
  {
    name: "no database",
    reason: "misconfigured",
    why: "the file that our setting names is no database",
    act: (_database, path) => {
      writeFileSync(
        `${path}.txt`,
        "this is no database, and long enough to be looked at ".repeat(40),
      );
      const other = new DatabaseSync(`${path}.txt`);
      try {
        other.exec("select * from sqlite_master");
      } finally {
        other.close();
      }
    },
  },
];

export function sqliteScenarios(): readonly Scenario[] {
  return CASES.map(({ name, reason, why, act }): Scenario => ({
    id: `sqlite/${name.replaceAll(" ", "-")}`,
    protocol: "sqlite",
    server: "SQLite",
    fault: name,
    label: label("never", reason, `${why}; undone`),
    play: async () => {
      const folder = mkdtempSync(join(tmpdir(), "corpus-sqlite-"));
      const path = join(folder, "orders.db");
      const database = new DatabaseSync(path);
      try {
        return await Promise.resolve(tried(database, path, act));
      } finally {
        database.close();
        rmSync(folder, { recursive: true, force: existsSync(folder) });
      }
    },
  }));
}

function tried(
  database: DatabaseSync,
  path: string,
  act: SqliteCase["act"],
): Awaited<ReturnType<Scenario["play"]>> {
  database.exec(`
    pragma journal_mode = wal; pragma busy_timeout = 0; pragma foreign_keys = on;
    create table work (key text);
    create table customer (id integer primary key);
    create table orders (id integer primary key, quantity int not null check (quantity > 0), customer int references customer (id));
    create table pair (a int, b int, primary key (a, b)) strict, without rowid;
    create view generate_rows as with recursive n (value) as (select 10 union all select value + 1 from n limit 5000) select value from n;
    create trigger limits before insert on orders when new.quantity > 900 begin select raise(abort, 'quantity is too large'); end;
    insert into orders values (1, 1, null);
    insert into pair values (1, 1);
    begin;
    insert into work values ('it');
  `);
  let error: unknown = new Error("no error");
  try {
    act(database, path);
  } catch (thrown) {
    error = thrown;
  }
  if (database.isTransaction) database.exec("rollback");
  const row = database.prepare("select count(*) as n from work").get();
  return {
    seen: { phase: "in-transaction", error: plainError(error) },
    ledger: row?.["n"] === 0 ? "not" : "happened",
  };
}
