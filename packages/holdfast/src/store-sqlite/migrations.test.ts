import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { EFFECT_PROOFS, FAILURE_CLASSES, FAILURE_FAMILIES } from "../core/failure.ts";
import { DEFINITION_KINDS, RESOLUTIONS } from "../core/journal.ts";
import { RECORD_KINDS } from "../core/record-kinds.ts";
import { COMPENSATED, FINAL_RUN_STATES, RUN_STATES } from "../core/run-state.ts";
import { INBOX_TOPICS, REVIEW_STATES } from "../store/rows.ts";
import { SCHEMA_VERSION, migrate, schemaVersion } from "./migrations.ts";
import { sql } from "./migrations/0001_initial.sql.ts";
import { readPragma } from "./pragmas.ts";
import { openDatabase } from "./runtime.ts";
import { expectedSchema } from "./schema-check.ts";

/** What the page with the schema begins with. */
const SCHEMA_HEADER = `-- The schema of a store in a file, as SQLite keeps it, for people who query it.
-- A test compares it with the one that the migrations make, and writes it anew:
-- npx vitest run packages/holdfast/src/store-sqlite/migrations.test.ts -u
-- They say what each table is for: packages/holdfast/src/store-sqlite/migrations.

-- begin

`;

/** Which column of the schema takes the words of which list. */
const CLOSED_LISTS: readonly { readonly column: string; readonly words: readonly string[] }[] = [
  { column: "run.compensated", words: COMPENSATED },
  { column: "effect.proof", words: EFFECT_PROOFS },
  { column: "exception.class", words: FAILURE_CLASSES },
  { column: "exception.family", words: FAILURE_FAMILIES },
  { column: "exception.effect", words: EFFECT_PROOFS },
  { column: "exception.resolution", words: RESOLUTIONS },
  { column: "issue.class", words: FAILURE_CLASSES },
  { column: "issue.family", words: FAILURE_FAMILIES },
  { column: "dependency.class", words: FAILURE_CLASSES },
  { column: "declaration.definition", words: DEFINITION_KINDS },
  { column: "review.state", words: REVIEW_STATES },
  { column: "inbox.topic", words: INBOX_TOPICS },
];

/** The statements as a file for people: tables, then indexes, in order of name. */
function schemaText(): string {
  const made = expectedSchema().filter(({ sql: text }) => text !== null);
  const tables = made.filter(({ type }) => type === "table");
  const others = made.filter(({ type }) => type !== "table");
  return `${[...tables, ...others].map(({ sql: text }) => `${text};`).join("\n\n")}\n`;
}

describe("the schema", () => {
  test("is the one in docs/reference/schema-sqlite.sql", async () => {
    const page = new URL("../../../../docs/reference/schema-sqlite.sql", import.meta.url);
    await expect(SCHEMA_HEADER + schemaText()).toMatchFileSnapshot(fileURLToPath(page));
  });

  for (const { column, words } of CLOSED_LISTS) {
    test(`accepts exactly the words of core for ${column}`, () => {
      const [table = "", name = ""] = column.split(".");
      const definition = expectedSchema().find((made) => made.name === table)?.sql;
      const list = new RegExp(`check \\(${name} in \\(([^)]*)\\)`, "su").exec(
        definition ?? "",
      )?.[1];
      const accepted = [...(list ?? "").matchAll(/'([^']+)'/gu)].map((match) => match[1]);
      expect(accepted).toEqual(words);
    });
  }

  test("accepts exactly the numbers of core for states and kinds", () => {
    expect(sql).toContain(`check (kind between 0 and ${RECORD_KINDS.length - 1})`);
    expect(sql).toContain(`check (state between 0 and ${RUN_STATES.length - 1})`);
    expect(RUN_STATES.slice(9)).toEqual(FINAL_RUN_STATES);
    expect(sql).toContain("check ((state >= 9) = (ended_at_ms is not null))");
  });

  test("is strict in every table", () => {
    const database = openDatabase(":memory:");
    migrate(database, 0);
    const tables = database.prepare("pragma table_list").all();
    const loose = tables.filter(
      (row) => row["strict"] !== 1 && !String(row["name"]).startsWith("sqlite_"),
    );
    expect(loose).toEqual([]);
    database.close();
  });

  test("names the query of every index in the comment above it", () => {
    const lines = sql.split("\n");
    const indexes = lines.flatMap((line, at) =>
      /^create (unique )?index/u.test(line) ? [at] : [],
    );
    expect(indexes.length).toBeGreaterThan(15);
    for (const at of indexes) expect(lines.slice(at - 3, at).join("\n")).toMatch(/^-- Serves /mu);
  });

  test("is recognised, and so is its version", () => {
    const database = openDatabase(":memory:");
    expect(schemaVersion(database, "a.db")).toBe(0);
    migrate(database, 0);
    expect(schemaVersion(database, "a.db")).toBe(SCHEMA_VERSION);
    migrate(database, SCHEMA_VERSION);
    expect(readPragma(database, "user_version")).toBe(SCHEMA_VERSION);
    database.exec(`pragma user_version = ${SCHEMA_VERSION + 1}`);
    expect(() => schemaVersion(database, "a.db")).toThrow(
      expect.objectContaining({ code: "HF5010" }),
    );
    database.close();
  });

  test("is not put into somebody else's database", () => {
    const database = openDatabase(":memory:");
    database.exec("create table customers (id integer primary key)");
    expect(() => schemaVersion(database, "a.db")).toThrow(
      expect.objectContaining({ code: "HF5002" }),
    );
    database.close();
  });
});
