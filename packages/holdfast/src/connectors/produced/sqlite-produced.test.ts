/** SQLite's refusals, from real files. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { FailureClass } from "../../core/failure.ts";
import { classifySqliteResult } from "../sql/sql-states.ts";
import { expectFailure, failureOf } from "./produced.test-support.ts";

let folder: string;
const open: DatabaseSync[] = [];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-sqlite-"));
});
afterEach(() => {
  for (const database of open.splice(0)) database.close();
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function file(name: string, options: { readonly readOnly?: boolean } = {}): DatabaseSync {
  const database = new DatabaseSync(join(folder, name), { ...options, timeout: 0 });
  open.push(database);
  return database;
}

/** A table of the user's with a row in it. */
function shop(name: string): DatabaseSync {
  const database = file(name);
  database.exec("create table t (id integer primary key, n integer not null) strict");
  database.exec("insert into t values (1, 1)");
  return database;
}

const CASES: readonly (readonly [string, number, FailureClass, () => unknown])[] = [
  [
    "sqlite/contention",
    5,
    "contention",
    () => {
      const [a, b] = [shop("busy"), file("busy")];
      a.exec("begin immediate");
      b.exec("begin immediate");
    },
  ],
  ["sqlite/constraint", 19, "data", () => shop("constraint").exec("insert into t values (1, 2)")],
  [
    "sqlite/disk-full",
    13,
    "exhausted",
    () => {
      const database = shop("full");
      database.exec("pragma max_page_count = 2");
      database.exec("create table more (t text) strict");
    },
  ],
  [
    "sqlite/access",
    8,
    "misconfigured",
    () => {
      shop("read-only");
      file("read-only", { readOnly: true }).exec("insert into t values (2, 2)");
    },
  ],
  ["sqlite/access", 14, "misconfigured", () => file("no/such/folder")],
  [
    "sqlite/damaged",
    26,
    "misconfigured",
    () => {
      writeFileSync(join(folder, "text"), "no database at all".repeat(100));
      file("text").exec("select * from t");
    },
  ],
  ["sqlite/statement", 1, "defect", () => shop("statement").exec("selec 1")],
  [
    "sqlite/statement",
    20,
    "defect",
    () => {
      shop("mismatch").exec("create table m (id integer primary key); insert into m values ('x')");
    },
  ],
];

test.each(CASES)("%s: result %i is %s", (rule, result, failureClass, act) => {
  let thrown: unknown = null;
  try {
    act();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toMatchObject({ code: "ERR_SQLITE_ERROR" });
  // Extended codes hold the primary one in their last byte.
  const { errcode } = thrown as { readonly errcode: number };
  expect(errcode & 0xff).toBe(result);
  const known = classifySqliteResult(errcode & 0xff, false);
  expect([known?.rule.id, known?.says.class, known?.says.effect]).toEqual([
    rule,
    failureClass,
    "never",
  ]);
});

test("a database that we have closed is a mistake of our code", () => {
  const database = new DatabaseSync(":memory:");
  database.close();
  let thrown: unknown = null;
  try {
    database.exec("select 1");
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toMatchObject({ code: "ERR_INVALID_STATE" });
  const failure = failureOf(thrown, { phase: "created", callCount: 1 });
  expectFailure(failure, "node/code", "defect", "never");
});
