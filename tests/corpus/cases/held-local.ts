/** Held-out local work: files and SQLite in ways in which the other parts do not use them. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cp, open, opendir, readFile, rename, truncate, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { plainError } from "../capture.ts";
import { heldLabel, type Reason, type Scenario } from "../case.ts";

const TEXT = "4711;12.50;EUR\n";
const OURS = "our code asked for what makes no sense";
const SETTING = "what our setting names is of another kind, or not there";
const BREAKS = "this row breaks a rule that the data must keep";
const RACE = "somebody else has it now";

interface Case<On> {
  readonly name: string;
  readonly reasons: Reason | readonly [Reason, ...Reason[]];
  readonly why: string;
  readonly act: (on: On) => unknown;
  readonly told?: "words";
}

/** `out` is what is to be written, in a folder of its own. */
const FILES: readonly Case<string>[] = [
  {
    name: "a socket for a file",
    reasons: "misconfigured",
    why: SETTING,
    act: async (at) => {
      const server = createServer();
      await new Promise<void>((resolve) => {
        server.listen(join(at, "socket"), resolve);
      });
      try {
        await writeFile(join(at, "socket"), TEXT);
      } finally {
        server.close();
      }
    },
  },
  {
    name: "a handle that was closed",
    reasons: "defect",
    why: OURS,
    act: async (at) => {
      const file = await open(join(at, "out"), "w");
      await file.close();
      rmSync(join(at, "out"));
      await file.write(TEXT);
    },
  },
  {
    name: "a folder that was closed",
    reasons: "defect",
    why: OURS,
    act: async (at) => {
      const folder = await opendir(at);
      await folder.close();
      await folder.read();
    },
  },
  {
    name: "a place before the beginning",
    reasons: "defect",
    why: OURS,
    act: async (at) => {
      const file = await open(join(at, "there"), "r");
      try {
        await file.read(Buffer.alloc(2), 0, 4);
      } finally {
        await file.close();
      }
    },
  },
  {
    name: "an unknown encoding",
    reasons: "defect",
    why: OURS,
    act: async (at) => readFile(join(at, "there"), "latin-9" as "latin1"),
  },
  { name: "less than nothing", reasons: "defect", why: OURS, act: async (at) => truncate(at, 1) },
  {
    name: "more than can be read",
    reasons: ["data", "defect"],
    why: "this file is larger than the client reads",
    act: async (at) => {
      await writeFile(join(at, "large"), "");
      await truncate(join(at, "large"), 5_000_000_000);
      return readFile(join(at, "large"));
    },
  },
  {
    name: "a copy over what is there",
    reasons: "data",
    why: "what is to be made is there already",
    act: async (at) =>
      cp(join(at, "there"), join(at, "there2"), { force: false, errorOnExist: true }),
  },
  {
    name: "a copy of a folder",
    reasons: ["misconfigured", "defect"],
    why: SETTING,
    act: async (at) => cp(at, join(at, "..", "elsewhere")),
  },
  {
    name: "the root as a name",
    reasons: ["misconfigured", "defect"],
    why: SETTING,
    act: async (at) => rename(join(at, "there"), "/"),
  },
];

export function heldFileScenarios(): readonly Scenario[] {
  return FILES.map((each): Scenario => {
    const id = `disk/${each.name.replaceAll(/[^a-z\d]+/giu, "-")}`;
    return {
      ...common(id, each),
      protocol: "file",
      server: "the operating system",
      play: async () => {
        const at = mkdtempSync(join(tmpdir(), "corpus-held-"));
        for (const name of ["there", "there2"]) writeFileSync(join(at, name), "x");
        try {
          await each.act(at);
          throw new Error(`case ${id} went well`);
        } catch (error) {
          const isWritten =
            existsSync(join(at, "out")) || readFileSync(join(at, "there"), "utf8") !== "x";
          return {
            seen: { phase: "call", error: plainError(error) },
            ledger: isWritten ? "happened" : "not",
          };
        } finally {
          rmSync(at, { recursive: true, force: true });
        }
      },
    };
  });
}

const sql = (
  name: string,
  reasons: Reason,
  why: string,
  text: string,
  told?: "words",
): Case<DatabaseSync> => ({
  name,
  reasons,
  why,
  act: (database) => {
    database.exec(text);
  },
  ...(told === undefined ? {} : { told }),
});

const OUR_SQL = "the statement that we wrote is wrong";
const STATEMENTS: readonly Case<DatabaseSync>[] = [
  sql("unique of two", "data", BREAKS, "insert into line values (1, 1, 'x')"),
  sql("check of a list", "data", BREAKS, "insert into line values (2, 1, 'z')"),
  sql("text in a number", "data", BREAKS, "insert into line values (2, 'many', 'x')"),
  sql("still referred to", "data", BREAKS, "delete from item where id = 1"),
  sql("raised", "policy", "a rule in the database forbids it", "delete from line", "words"),
  sql("view is not written", "defect", OUR_SQL, "insert into seen values (1)"),
  sql("column twice", "defect", OUR_SQL, "alter table item add column id integer"),
  sql("there already", "defect", OUR_SQL, "create table item (id integer)"),
  sql("too many columns", "defect", OUR_SQL, "insert into item values (7, 8)"),
  sql("savepoint", "defect", OUR_SQL, "rollback to nowhere"),
  sql("generated", "defect", OUR_SQL, "insert into sum (a, twice) values (1, 2)"),
  {
    name: "locked by ourselves",
    reasons: ["contention", "defect"],
    why: RACE,
    act: (database) => {
      const reader = database.prepare("select * from sum").iterate();
      reader.next();
      database.exec("drop table sum");
    },
  },
  {
    name: "a parameter of no name",
    reasons: "defect",
    why: OUR_SQL,
    act: (database) => database.prepare("insert into item values ($id)").run({ $nr: 7 }),
  },
  {
    name: "a number too large",
    reasons: ["data", "defect"],
    why: "this number is larger than the database takes",
    act: (database) => database.prepare("insert into item values (?)").run(2n ** 70n),
  },
];

const SET_UP = `pragma foreign_keys = on;
  create table item (id integer primary key) strict;
  create table line (item integer not null references item, nr integer not null, kind text check (kind in ('x', 'y')), unique (item, nr)) strict;
  create view seen as select id from item;
  create table sum (a integer, twice integer generated always as (a * 2));
  create trigger kept before delete on line begin select raise(abort, 'lines of a closed month stay'); end;
  insert into item values (1); insert into line values (1, 1, 'x'); insert into sum (a) values (1), (2);`;

export function heldSqliteScenarios(): readonly Scenario[] {
  return STATEMENTS.map((each): Scenario => {
    const id = `embedded/${each.name.replaceAll(/[^a-z\d]+/giu, "-")}`;
    return {
      ...common(id, each),
      protocol: "sqlite",
      server: "SQLite",
      play: async () => {
        const folder = mkdtempSync(join(tmpdir(), "corpus-held-"));
        const database = new DatabaseSync(join(folder, "shop.db"));
        database.exec(SET_UP);
        const before = rows(database);
        try {
          each.act(database);
          throw new Error(`case ${id} went well`);
        } catch (error) {
          const ledger = rows(database) === before ? "not" : "happened";
          return await Promise.resolve({
            seen: { phase: "statement", error: plainError(error) },
            ledger,
          });
        } finally {
          database.close();
          rmSync(folder, { recursive: true, force: true });
        }
      },
    };
  });
}

function rows(database: DatabaseSync): string {
  const count = database.prepare(
    "select (select count(*) from item) i, (select count(*) from line) l",
  );
  return JSON.stringify(count.get());
}

function common(
  id: string,
  { name, reasons, why, told }: Omit<Case<never>, "act">,
): Pick<Scenario, "id" | "fault" | "label"> {
  return { id, fault: name, label: heldLabel("never", reasons, why, told) };
}
