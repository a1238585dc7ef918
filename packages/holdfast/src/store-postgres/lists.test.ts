import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  EFFECT_QUERIES,
  EXCEPTION_QUERIES,
  PAGE,
  REVIEW_QUERIES,
  RUN_QUERIES,
} from "../store/list-queries.test-support.ts";
import type { Connection } from "./client.ts";
import { connectTo } from "./open.ts";
import { ReaderQueries } from "./reader-queries.ts";
import type { ReadRows } from "./runs-at-hand.ts";
import { type TestDatabase, makeDatabase, openStore, runSql } from "./test-store.test-support.ts";

let database: TestDatabase;
let connection: Connection;

/**
 * Made to tempt the planner: its statistics are of a day when the store was all completed runs of
 * one team, and everything that is rare has come since, at the end. What is open is analysed anew:
 * of indexes that hold next to nothing it may take any.
 */
const RUNS = 20_000;
const RARE = `(n > ${RUNS})`;
const FILLED = (from: number, to: number) => `
  insert into run (shard, run, namespace, workflow, key, generation, version, owner, correlation_id,
      started_by, state, reason, started_at_ms, updated_at_ms, ended_at_ms, compensated,
      code_version)
    select n % 256, n, case when ${RARE} then 'rare' else 'main' end,
      case when ${RARE} then 'rare' else 'flow-1' end, 'key-' || n, 1, '1',
      case when ${RARE} and n % 2 = 0 then 'rare' else 'team-1' end, 'c', 'api',
      case when ${RARE} then (array[4, 5, 10])[n % 3 + 1] else 9 end, 'r', n, n,
      case when ${RARE} and n % 3 < 2 then null else n end,
      case when ${RARE} and n % 3 = 2 then 'fully' else 'no' end, '1'
    from generate_series(${from}, ${to}) as t (n);
  insert into journal select n % 256, n, 2, 2, 1, 's', n,
      '{"effect":"e","integration":"i","contract":"keyed","key":"k","generation":1,"digest":"d"}',
      null, 1, n, '\\x00' from generate_series(${from}, ${to}) as t (n);
  insert into effect select n % 256, n, 2, case when ${RARE} then 'rare' else 'usual' end, 'i',
      case when ${RARE} then (array['maybe', 'never'])[n / 2 % 2 + 1] else 'surely' end,
      case when ${RARE} and n % 2 = 0 then 0 else 1 end, 1, n,
      case when ${RARE} and n % 2 = 0 then null else n end, null, null
    from generate_series(${from}, ${to}) as t (n);
  insert into exception select n % 256, n, 3, case when ${RARE} then 'rare' else 'flow-1' end,
      case when ${RARE} and n % 50 = 0 then 'undo/s' else 's' end,
      null, null, null, case when ${RARE} then 'poison' else 'data' end, 'data', 'never', 'c', 'r',
      'm', 'b', case when ${RARE} then 'rare' else 'team-1' end, 'f-' || n % 300, null, n, n,
      case when ${RARE} then null else n end, case when ${RARE} then null else 'resumed' end,
      case when ${RARE} then null else 'anna' end, null, null, '{}',
      case when ${RARE} and n % 2 = 0 then '{"tags":["vip"],"assignee":"ana","watchers":["ana"],"duplicateOf":"exc_1","snoozed":{}}' else '{}' end, null, 'f1', 'f3', null
    from generate_series(${from}, ${to}) as t (n);
  insert into review select n % 256, n, 4, 's', 'r', case when ${RARE} then 'rare' else 'team-1' end,
      null, case when ${RARE} then 'open' else 'withdrawn' end, n, null, null, null, null, 'd', null,
      null from generate_series(${from}, ${to}) as t (n);
`;

beforeAll(async () => {
  database = await makeDatabase();
  await (await openStore(database.url)).close();
  // Nor may the server look again by itself, as it does once a minute where a test takes so long.
  const filled = ["run", "journal", "effect", "exception", "review", "issue", "counter"];
  const left = filled.map((table) => `alter table ${table} set (autovacuum_enabled = off)`);
  await runSql(database.url, left.join("; "));
  await runSql(
    database.url,
    `${FILLED(1, RUNS)}
    insert into issue select s, 'f-' || n, 'place', 't', 'data', 'data', 'w', 's', 'o', n, n * 256 + s, 1, 1
      from generate_series(0, 63) as t (s), generate_series(1, 300) as u (n);
    insert into counter select s, 'runs/flow-' || n || '/running', 1
      from generate_series(0, 63) as t (s), generate_series(1, 300) as u (n);
    analyze`,
  );
  await runSql(database.url, FILLED(RUNS + 1, RUNS + 1500));
  await runSql(database.url, "analyze exception, review");
  connection = await connectTo(database.url);
});

afterAll(async () => {
  connection.destroy();
  await database.drop();
});

interface PlanNode {
  readonly "Node Type": string;
  readonly "Index Name"?: string;
  readonly "Actual Rows": number;
  readonly "Actual Loops": number;
  readonly "Rows Removed by Filter"?: number;
  readonly Plans?: readonly PlanNode[];
}

/** The plans of the statements that a list asks, as they were executed. */
async function executed(ask: (queries: ReaderQueries) => Promise<unknown>): Promise<PlanNode[]> {
  const nodes: PlanNode[] = [];
  const read: ReadRows = async (_name, text, values) => {
    const [row] = await connection.rows("", `explain (analyze, format json) ${text}`, values);
    const plan: unknown = row?.[0];
    const [top] = (typeof plan === "string" ? JSON.parse(plan) : plan) as [{ Plan: PlanNode }];
    nodes.push(...flat(top.Plan));
    return connection.rows("", text, values);
  };
  await ask(new ReaderQueries(read));
  return nodes;
}

function flat(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(flat)];
}

/** Rows that were read from tables, those that did not fit among them. */
function rowsRead(nodes: readonly PlanNode[]): number {
  return nodes
    .filter((node) => node["Node Type"].includes("Scan") && node["Index Name"] !== undefined)
    .reduce((sum, node) => {
      const removed = node["Rows Removed by Filter"] ?? 0;
      return sum + (node["Actual Rows"] + removed) * node["Actual Loops"];
    }, 0);
}

/** Indexes that are called otherwise here. */
const NAMED_HERE = new Map([
  ["run_key", "run_business_key"],
  ["exception_run", "exception_pkey"],
  ["review_run", "review_pkey"],
]);

type Ask = (queries: ReaderQueries) => Promise<unknown>;

const LISTS: readonly (readonly [name: string, ask: Ask, index: string])[] = [
  ...RUN_QUERIES.map(([q, index]) =>
    named("runs", q, (queries) => queries.runs({ ...PAGE, ...q }), index),
  ),
  ...EXCEPTION_QUERIES.map(([q, index]) =>
    named("exceptions", q, (queries) => queries.exceptions({ ...PAGE, ...q }), index),
  ),
  ...EFFECT_QUERIES.map(([q, index]) =>
    named("effects", q, (queries) => queries.effects({ ...PAGE, ...q }), index),
  ),
  ...REVIEW_QUERIES.map(([q, index]) =>
    named("reviews", q, (queries) => queries.reviews({ ...PAGE, ...q }), index),
  ),
];

function named(list: string, query: object, ask: Ask, index: string) {
  const here = NAMED_HERE.get(index) ?? index;
  return [`${list} ${JSON.stringify(query)}`, ask, here] as const;
}

/** Where two filters meet, one is looked at in the rows that the other finds; here half fit. */
const ROWS_READ_MAX = 6 * PAGE.limit + 10;

describe("a list reads about what it shows, whatever the statistics say", () => {
  for (const [name, ask, index] of LISTS) {
    test(`${name}, by ${index}`, async () => {
      const nodes = await executed(ask);
      const kinds = nodes.map((node) => node["Node Type"]);
      expect(nodes.map((node) => node["Index Name"])).toContain(index);
      // Those of one key are few, and may be gathered and sorted.
      const scans = index === "run_business_key" ? /Seq Scan/u : /Seq Scan|Bitmap/u;
      expect(kinds.filter((kind) => scans.test(kind))).toEqual([]);
      expect(rowsRead(nodes)).toBeLessThanOrEqual(ROWS_READ_MAX);
      const sorted = nodes.filter((node) => node["Node Type"] === "Sort");
      for (const node of sorted)
        expect(node["Actual Rows"]).toBeLessThanOrEqual(3 * PAGE.limit + 3);
    });
  }

  test("runs and effects without a filter", async () => {
    for (const ask of [
      (queries: ReaderQueries) => queries.runs(PAGE),
      (queries: ReaderQueries) => queries.effects(PAGE),
    ]) {
      const nodes = await executed(ask);
      expect(nodes.map((node) => node["Index Name"])).toContain("run_pkey");
      expect(nodes.filter((node) => /Seq Scan|Bitmap/u.test(node["Node Type"]))).toEqual([]);
      expect(rowsRead(nodes)).toBeLessThanOrEqual(ROWS_READ_MAX);
    }
  });

  test("issues and counters are added up over the shards of those that are shown", async () => {
    const ofIssues = await executed((queries) => queries.issues("place", 5));
    expect(ofIssues.map((node) => node["Index Name"])).toContain("issue_last_seen");
    expect(ofIssues.filter((node) => node["Node Type"] === "Seq Scan")).toEqual([]);
    const ofCounters = await executed((queries) => queries.counters("runs/flow-7/"));
    expect(ofCounters.filter((node) => node["Node Type"] === "Seq Scan")).toEqual([]);
  });
});

test("issues are the latest ones, whatever the shards", async () => {
  const issues = await new ReaderQueries(connection.rows).issues("place", 3);
  expect(issues.map(({ fingerprint, openCount }) => [fingerprint, openCount])).toEqual([
    ["f-300", 64],
    ["f-299", 64],
    ["f-298", 64],
  ]);
});
