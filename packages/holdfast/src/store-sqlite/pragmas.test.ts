import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makeDurable, readPragma, requireDurable } from "./pragmas.ts";
import { isOlderThanMin, openDatabase } from "./runtime.ts";
import { makeFolder } from "./test-store.test-support.ts";

let folder: ReturnType<typeof makeFolder>;

beforeEach(() => {
  folder = makeFolder();
});

afterEach(() => {
  folder.remove();
});

const WANTED = {
  journal_mode: "wal",
  synchronous: 2,
  wal_autocheckpoint: 4000,
  busy_timeout: 5000,
};

describe("makeDurable", () => {
  test("sets after every open what a commit needs to outlast a power cut", () => {
    for (const table of ["a", "b"]) {
      const database = openDatabase(join(folder.path, "a.db"));
      makeDurable(database);
      for (const [name, value] of Object.entries(WANTED)) {
        expect(readPragma(database, name)).toBe(value);
      }
      database.exec(`create table ${table} (a)`);
      database.close();
    }
  });

  test("refuses a connection whose commits do not wait for the disk", () => {
    const database = openDatabase(join(folder.path, "a.db"));
    makeDurable(database);
    database.exec("pragma synchronous = normal");
    expect(() => requireDurable(database, WANTED)).toThrow(
      expect.objectContaining({
        code: "HF5005",
        message: "the store asked SQLite for synchronous = 2 and got 1",
      }),
    );
    database.close();
  });

  test("refuses a journal mode that did not take", () => {
    const database = openDatabase(join(folder.path, "a.db"));
    database.exec("pragma synchronous = full");
    expect(() => requireDurable(database, WANTED)).toThrow(
      expect.objectContaining({ code: "HF5005" }),
    );
    database.close();
  });
});

describe("the version of SQLite", () => {
  test.each([
    ["3.51.3", false],
    ["3.51.2", true],
    ["3.50.9", true],
    ["3.53.4", false],
    ["3.100.0", false],
    ["2.99.99", true],
    ["4.0.0", false],
  ])("%s is too old: %s", (version, expected) => {
    expect(isOlderThanMin(version)).toBe(expected);
  });
});
