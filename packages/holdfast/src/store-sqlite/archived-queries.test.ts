import { afterEach, beforeEach, expect, test } from "vitest";
import { ARCHIVED_SQL } from "./archived-queries.ts";
import { migrate } from "./migrations.ts";
import { REMOVAL_SQL } from "./removal.ts";
import { openDatabase, type Database } from "./runtime.ts";

let database: Database;
beforeEach(() => {
  database = openDatabase(":memory:");
  migrate(database, 0);
});
afterEach(() => {
  database.close();
});

test.each([...Object.values(ARCHIVED_SQL), ...REMOVAL_SQL])(
  "a store is not read as a whole for one run: %s",
  (sql) => {
    const steps = database.prepare(`explain query plan ${sql}`).all();
    const scans = steps.map((row) => String(row["detail"])).filter((step) => step.includes("SCAN"));
    // The list of runs is one JSON array.
    expect(scans.filter((step) => !step.includes("json_each"))).toEqual([]);
  },
);
