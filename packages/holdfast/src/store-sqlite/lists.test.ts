import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  EFFECT_QUERIES,
  EXCEPTION_QUERIES,
  PAGE,
  REVIEW_QUERIES,
  RUN_QUERIES,
} from "../store/list-queries.test-support.ts";
import { effectList, exceptionList, reviewList, runList } from "./lists.ts";
import { listSql, type List } from "./list-sql.ts";
import { migrate } from "./migrations.ts";
import { openDatabase } from "./runtime.ts";
import type { Database } from "./runtime.ts";

let database: Database;

beforeEach(() => {
  database = openDatabase(":memory:");
  migrate(database, 0);
});

afterEach(() => {
  database.close();
});

const LISTS: readonly (readonly [name: string, list: List, index: string])[] = [
  ...RUN_QUERIES.map(([q, index]) => named("runs", q, runList({ ...PAGE, ...q }), index)),
  ...EXCEPTION_QUERIES.map(([q, index]) =>
    named("exceptions", q, exceptionList({ ...PAGE, ...q }), index),
  ),
  ...EFFECT_QUERIES.map(([q, index]) => named("effects", q, effectList({ ...PAGE, ...q }), index)),
  ...REVIEW_QUERIES.map(([q, index]) => named("reviews", q, reviewList({ ...PAGE, ...q }), index)),
];

function named(list: string, query: object, of: List, index: string) {
  return [`${list} ${JSON.stringify(query)}`, of, index] as const;
}

function plan({ sql, values }: { sql: string; values: readonly (null | number | string)[] }) {
  const rows = database.prepare(`explain query plan ${sql}`).all(...values);
  return rows.map((row) => String(row["detail"]));
}

describe("a list is read by an index, in the order in which it is shown", () => {
  for (const [name, list, index] of LISTS) {
    test(`${name}, by ${index}`, () => {
      const statement = listSql(list, PAGE.afterRun, PAGE.limit);
      const steps = plan(statement ?? { sql: "select 1", values: [] });
      const searches = steps.filter((step) => step.startsWith("SEARCH"));
      expect(searches.join("\n")).toContain(`USING INDEX ${index} `);
      expect(searches.every((step) => /INDEX|INTEGER PRIMARY KEY/u.test(step))).toBe(true);
      // What is scanned or sorted is a page that was read before.
      const scans = steps.filter((step) => step.startsWith("SCAN") && !step.includes("subquery"));
      // The tags, or the watchers, of one exception, which are few.
      expect(scans.filter((step) => !/^SCAN (?:tag|watcher) /u.test(step))).toEqual([]);
      const sorts = steps.filter((step) => step.includes("TEMP B-TREE"));
      const pages = steps.filter((step) => step.startsWith("SCAN (subquery"));
      // The runs of one key are few and are not in order.
      expect(sorts.length).toBe(index === "run_key" ? 1 : pages.length);
    });
  }

  test("without a filter by number, and effects by the journal's order of runs", () => {
    const ofRuns = listSql(runList(PAGE), 0, 50);
    const ofEffects = listSql(effectList(PAGE), 0, 50);
    expect(ofRuns && plan(ofRuns)).toEqual(["SEARCH run USING INTEGER PRIMARY KEY (rowid>?)"]);
    expect(ofEffects && plan(ofEffects)).toEqual([
      "SEARCH j USING INDEX journal_run (run>?)",
      "SEARCH e USING INTEGER PRIMARY KEY (rowid=?)",
    ]);
  });

  test("no state is no run", () => {
    expect(listSql(runList({ ...PAGE, states: [] }), 0, 50)).toBeNull();
  });
});

describe("counts", () => {
  const COUNTS = {
    counters:
      "select name, value from counter where name >= ?1 and name < ?1 || char(0x10ffff) order by name limit ?2",
    issues: "select * from issue where level = 'place' order by last_seen_at_ms desc limit 1",
    "open exceptions of an owner":
      "select count(*) from exception where closed_at_ms is null and owner = 'x'",
    "open exceptions of a class":
      "select count(*) from exception where closed_at_ms is null and class = 'data'",
  };
  for (const [name, sql] of Object.entries(COUNTS)) {
    test(`${name} come from an index of what is counted`, () => {
      const steps = plan({ sql, values: [] });
      expect(steps.join("\n")).toMatch(/PRIMARY KEY \(name|issue_last_seen|exception_open_\w+ \(/u);
      expect(steps.filter((step) => step.includes("TEMP B-TREE"))).toEqual([]);
    });
  }
});
