/** SQLite whose file is damaged or moved, whose neighbours read, and statements that the other parts do not have. */
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { plainError } from "../capture.ts";
import { fourthLabel, type FourthMore, type Ledger, type Scenario } from "../case.ts";
import type { Reasons } from "./fourth-answer.ts";

interface Case {
  readonly name: string;
  readonly reasons: Reasons;
  readonly why: string;
  readonly act: (shop: Shop) => unknown;
  readonly more: FourthMore;
}

interface Shop {
  readonly path: string;
  readonly database: DatabaseSync;
}

const sql = (
  name: string,
  reasons: Reasons,
  why: string,
  act: string | ((shop: Shop) => unknown),
  more: FourthMore = {},
): Case => ({
  name,
  reasons,
  why,
  act:
    typeof act === "string"
      ? ({ database }: Shop) => {
          database.exec(act);
        }
      : act,
  more,
});

const OUR_SQL = "the statement that we wrote is wrong; nothing was done";
const BROKEN = "the file of the database is damaged: nothing goes until somebody restores it";
const BREAKS = "this row breaks a rule that the data must keep";
const words = { told: "words" } as const;

const DATABASES: readonly Case[] = [
  sql("begun twice", "defect", OUR_SQL, "begin; begin"),
  sql(
    "line without its item, at the commit",
    "data",
    BREAKS,
    "pragma foreign_keys = on; begin; insert into line values (77); commit",
  ),
  sql("tidied up in a transaction", "defect", OUR_SQL, "begin; vacuum"),
  sql(
    "trigger without an end",
    "defect",
    OUR_SQL,
    "pragma recursive_triggers = on; insert into echo values (1)",
  ),
  sql(
    "too many files at once",
    ["defect", "misconfigured"],
    OUR_SQL,
    Array.from({ length: 11 }, (_, n) => `attach ':memory:' as a${String(n)}`).join("; "),
  ),
  sql(
    "file of a newer kind",
    "misconfigured",
    "this build may read this file, and not write it",
    ({ path, database }) => {
      database.close();
      const bytes = readFileSync(path);
      // The version of those who may write.
      bytes.writeUInt8(3, 18);
      writeFileSync(path, bytes);
      new DatabaseSync(path).exec("insert into item values (9, 'x')");
    },
  ),
  sql(
    "words of a search that are none",
    ["data", "defect"],
    "what somebody looks for is no search",
    `create virtual table if not exists words using fts5(text); select * from words('"open')`,
    words,
  ),
  sql(
    "order of letters that is not known",
    ["defect", "misconfigured"],
    OUR_SQL,
    "select * from item order by note collate german",
  ),
  sql(
    "no such module",
    ["misconfigured", "defect"],
    "this build has no such part",
    "create virtual table place using no_such_module(id)",
  ),
  sql(
    "reader keeps us from the commit",
    "contention",
    "somebody else reads now; our transaction is still open",
    ({ path, database }) => {
      const other = new DatabaseSync(path);
      const reading = other.prepare("select * from item").iterate();
      reading.next();
      try {
        database.exec("pragma busy_timeout = 0; begin; insert into item values (9, 'x'); commit");
      } finally {
        other.close();
      }
    },
  ),
  sql(
    "file is moved away while we write",
    ["misconfigured", "unavailable", "permanent"],
    "the file is no longer where we opened it",
    ({ path, database }) => {
      database.exec("begin");
      rmSync(path);
      database.exec("insert into item values (9, 'x'); commit");
    },
  ),
  sql(
    "page is overwritten",
    ["permanent", "misconfigured", "unavailable"],
    BROKEN,
    ({ path, database }) => {
      database.close();
      const bytes = readFileSync(path);
      bytes.fill(0xee, 4_096, 8_192);
      writeFileSync(path, bytes);
      new DatabaseSync(path).exec("insert into item values (9, 'x')");
    },
  ),
  sql(
    "file is cut",
    ["permanent", "misconfigured", "unavailable"],
    BROKEN,
    ({ path, database }) => {
      database.close();
      truncateSync(path, 4_096 + 100);
      new DatabaseSync(path).exec("insert into item values (9, 'x')");
    },
  ),
];

const SET_UP = `create table item (id integer primary key, note text) strict;
  create table line (item integer not null references item deferrable initially deferred) strict;
  create table echo (n integer) strict; create trigger again after insert on echo begin insert into echo values (new.n + 1); end;
  insert into item values (1, 'a'), (2, 'b')`;

export function fourthSqliteScenarios(): readonly Scenario[] {
  return DATABASES.map((each): Scenario => {
    const id = `inside/${each.name.replaceAll(/[^a-z\d]+/giu, "-")}`;
    return {
      id,
      fault: each.name,
      label: fourthLabel("never", each.reasons, each.why, each.more),
      protocol: "sqlite",
      server: "SQLite",
      play: async () => {
        const folder = mkdtempSync(join(tmpdir(), "corpus-fourth-"));
        const path = join(folder, "shop.db");
        const database = new DatabaseSync(path);
        database.exec(SET_UP);
        try {
          await each.act({ path, database });
          throw new Error(`case ${id} went well`);
        } catch (error) {
          return { seen: { phase: "statement", error: plainError(error) }, ledger: written(path) };
        } finally {
          if (database.isOpen) database.close();
          rmSync(folder, { recursive: true, force: true });
        }
      },
    };
  });
}

/** Whether somebody who opens the file anew finds a row. */
function written(path: string): Ledger {
  const database = new DatabaseSync(path);
  try {
    const row = database
      .prepare("select (select count(*) from item where id = 9) + (select count(*) from line) as n")
      .get();
    return row?.["n"] === 0 ? "not" : "happened";
  } catch {
    // No table, or none that can be read: there is no row in it.
    return "not";
  } finally {
    database.close();
  }
}
