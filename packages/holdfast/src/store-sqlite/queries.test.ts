import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CHAIN_SQL } from "./chain.ts";
import { migrate } from "./migrations.ts";
import { ENGINE_SQL } from "./queries.ts";
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

function plan(sql: string): string[] {
  return database
    .prepare(`explain query plan ${sql}`)
    .all()
    .map((row) => String(row["detail"]));
}

/** How each query of the engine finds its rows; what is not named here reads a table of few rows. */
const BY_INDEX: Partial<Record<keyof typeof ENGINE_SQL, RegExp>> = {
  find: /SEARCH run USING INDEX run_key \(key=\? AND workflow=\? AND namespace=\?\)/u,
  runs: /SEARCH run USING INTEGER PRIMARY KEY \(rowid=\?\)/u,
  records: /SEARCH journal USING INDEX journal_run \(run=\?\)/u,
  inState: /SEARCH run USING COVERING INDEX run_state \(state=\? AND run>\?\)/u,
  due: /SEARCH run USING COVERING INDEX run_due \(wake_at_ms>\? AND wake_at_ms<\?\)/u,
  parked: /SEARCH run USING COVERING INDEX run_parked \(dependency=\? AND run>\?\)/u,
  lane: /SEARCH run USING INDEX run_lane \(namespace=\? AND lane=\?\)/u,
  openLanes: /SEARCH run USING INDEX run_laned \(run>\?\)/u,
  accepted: /SEARCH accepted_event USING PRIMARY KEY \(namespace=\? AND event=\? AND id=\?\)/u,
  acceptedCount: /SEARCH accepted_event USING COVERING INDEX accepted_event_until \(until_ms>\?\)/u,
  received: /SEARCH received USING PRIMARY KEY \(name=\?\)/u,
  newestInOrder: /SEARCH received USING INDEX received_order \(order_name=\?\)/u,
  held: /SEARCH received USING (COVERING )?INDEX received_held \(name>\?\)/u,
  exception: /SEARCH exception USING INDEX exception_run \(run=\? AND seq=\?\)/u,
  beside: /SEARCH exception USING INDEX exception_beside \(run=\? AND subject=\?\)/u,
  besideOpen: /SEARCH exception USING INDEX exception_beside_open \(run=\?\)/u,
  keptCount: /SCAN kept_event USING COVERING INDEX kept_event_key/u,
  kept: /SEARCH kept_event USING INDEX kept_event_key \(event=\? AND key=\?\)/u,
  awaiting: /SEARCH a USING INDEX awaiting_event \(event=\? AND key=\?\)/u,
  pending: /SEARCH pending USING PRIMARY KEY \(integration=\? AND ref=\?\)/u,
  ended: /SEARCH e USING INDEX effect_ref \(ref=\?\)/u,
  early: /SCAN early_answer USING INDEX early_answer_kept/u,
  inbox: /SCAN inbox USING INDEX inbox_open/u,
};

describe("queries of the engine", () => {
  for (const [name, expected] of Object.entries(BY_INDEX)) {
    test(`${name} finds its rows by an index and does not sort them`, () => {
      const steps = plan(ENGINE_SQL[name as keyof typeof ENGINE_SQL]);
      expect(steps.join("\n")).toMatch(expected);
      expect(steps.filter((step) => step.includes("TEMP B-TREE"))).toEqual([]);
    });
  }

  test("the head of a chain and a flush in it are found without reading the chain", () => {
    for (const sql of [CHAIN_SQL.last, CHAIN_SQL.byId, CHAIN_SQL.inChain, CHAIN_SQL.heads]) {
      const scans = plan(sql).filter((step) => /^SCAN (?!i\b|n\b)/u.test(step));
      // "last" walks the table from its end and stops at the first row.
      expect(scans).toEqual(sql === CHAIN_SQL.last ? ["SCAN f"] : []);
    }
  });
});
