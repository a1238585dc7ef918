import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RULE_STATES } from "../core/classification-rule.ts";
import { EFFECT_PROOFS, FAILURE_CLASSES, FAILURE_FAMILIES } from "../core/failure.ts";
import { DEFINITION_KINDS, RESOLUTIONS } from "../core/journal.ts";
import { RECORD_KINDS } from "../core/record-kinds.ts";
import { RECEIPT_STATES } from "../core/received.ts";
import { COMPENSATED, FINAL_RUN_STATES, RUN_STATES } from "../core/run-state.ts";
import { INBOX_TOPICS, REVIEW_STATES } from "../store/rows.ts";
import { CHAIN_SQL } from "./chain.ts";
import type { Connection } from "./client.ts";
import { ENGINE_SQL } from "./engine-sql.ts";
import { connectTo } from "./open.ts";
import { migrationSql } from "./migrations.ts";
import { schemaText } from "./schema-text.ts";
import {
  KEY,
  type TestDatabase,
  makeDatabase,
  makeEmptyDatabase,
  openStore,
  runSql,
} from "./test-store.test-support.ts";
import { verifyPostgresStore } from "./verify.ts";

const sql = migrationSql();

/** What the page with the schema begins with. */
const SCHEMA_HEADER = `-- The schema of a store on PostgreSQL, as the database describes it, for people who query it.
-- A test compares it with the one that the migrations make, and writes it anew:
-- npx vitest run packages/holdfast/src/store-postgres/schema.test.ts -u
-- They say what each table is for: packages/holdfast/src/store-postgres/migrations.

-- begin

`;

/** Which column of the schema takes the words of which list. */
const CLOSED_LISTS: readonly { readonly column: string; readonly words: readonly string[] }[] = [
  { column: "run.compensated", words: COMPENSATED },
  { column: "exception.resolution", words: RESOLUTIONS },
  { column: "declaration.definition", words: DEFINITION_KINDS },
  { column: "effect.proof", words: EFFECT_PROOFS },
  { column: "exception.class", words: FAILURE_CLASSES },
  { column: "exception.family", words: FAILURE_FAMILIES },
  { column: "exception.effect", words: EFFECT_PROOFS },
  { column: "issue.class", words: FAILURE_CLASSES },
  { column: "issue.family", words: FAILURE_FAMILIES },
  { column: "dependency.class", words: FAILURE_CLASSES },
  { column: "review.state", words: REVIEW_STATES },
  { column: "inbox.topic", words: INBOX_TOPICS },
  { column: "classification_rule.state", words: RULE_STATES },
  { column: "received.state", words: RECEIPT_STATES },
];

let database: TestDatabase;
let connection: Connection;

beforeAll(async () => {
  database = await makeEmptyDatabase();
  await (await openStore(database.url)).close();
  // Enough rows that the planner has a choice.
  await runSql(
    database.url,
    `insert into run (shard, run, namespace, workflow, key, generation, version, owner, lane,
      correlation_id, started_by, state, reason, wake_at_ms, dependency, started_at_ms,
      updated_at_ms, compensated, code_version)
      select n % 256, n, 'main', 'order', 'key-' || n, 1, '1', 'finance', 'lane-' || n % 1000,
        'c', 'api', n % 9, 'r', n, 'd' || n % 100, n, n, 'no', '1' from generate_series(1, 10000) as t (n);
    insert into run_key select n % 256, decode(lpad(to_hex(n), 64, '0'), 'hex'), n, n % 256, 1, '\\x00'
      from generate_series(1, 10000) as t (n);
    insert into journal select n % 256, n, seq, 1, 0, 's', n, null, '1', 1, n * 3 + seq, '\\x00'
      from generate_series(1, 10000) as t (n), generate_series(1, 3) as u (seq);
    analyze`,
  );
  connection = await connectTo(database.url);
});

afterAll(async () => {
  connection.destroy();
  await database.drop();
});

describe("the schema", () => {
  for (const { column, words } of CLOSED_LISTS) {
    test(`accepts exactly the words of core for ${column}`, () => {
      const [table = "", name = ""] = column.split(".");
      const made = new RegExp(`create table ${table} \\(.*?\\n\\)`, "su").exec(sql)?.[0] ?? "";
      const anew = new RegExp(`alter table ${table} add constraint [^;]*${name} in [^;]*;`, "u");
      const definition = anew.exec(sql)?.[0] ?? made;
      const list = new RegExp(`check \\(${name} in \\(([^)]*)\\)`, "su").exec(definition);
      const accepted = [...(list?.[1] ?? "").matchAll(/'([^']+)'/gu)].map((match) => match[1]);
      expect(accepted).toEqual(words);
    });
  }

  test("accepts exactly the numbers of core for states and kinds", () => {
    expect(sql).toContain(`check (kind between 0 and ${RECORD_KINDS.length - 1})`);
    expect(sql).toContain(`check (state between 0 and ${RUN_STATES.length - 1})`);
    expect(RUN_STATES.slice(9)).toEqual(FINAL_RUN_STATES);
    expect(sql).toContain("check ((state >= 9) = (ended_at_ms is not null))");
  });

  test("has the shard in every key of what a shard owns: behind the run, else in front", () => {
    const keys = [...sql.matchAll(/create table (\w+) \([^;]*?primary key \(([^)]*)\)/gu)];
    expect(keys.length).toBeGreaterThan(14);
    // The fence's own tables are found by the incarnation.
    const others = keys.filter(([, , key]) => !/^(run, .*\bshard$|shard, )/u.test(key ?? ""));
    expect(others.map(([, table]) => table)).toEqual(["flush", "forgotten_command"]);
  });

  test("names the query of every index in the comment above it", () => {
    const lines = sql.split("\n");
    const indexes = lines.flatMap((line, at) =>
      /^create (unique )?index/u.test(line) ? [at] : [],
    );
    expect(indexes.length).toBeGreaterThan(15);
    for (const at of indexes) expect(lines.slice(at - 3, at).join("\n")).toMatch(/^-- Serves /mu);
  });

  test("uses nothing that other databases of this protocol lack", () => {
    const spoken = sql.replaceAll(/^\s*--.*$/gmu, "");
    expect(spoken).not.toMatch(/serial|sequence|trigger|function|language|notify|advisory/iu);
  });

  test("is the one in docs/reference/schema-postgres.sql", async () => {
    const page = new URL("../../../../docs/reference/schema-postgres.sql", import.meta.url);
    const text = await schemaText(connection.rows, "holdfast");
    await expect(SCHEMA_HEADER + text).toMatchFileSnapshot(fileURLToPath(page));
  });

  test("is not made in a schema that somebody else uses", async () => {
    const other = await makeEmptyDatabase();
    await runSql(other.url, "create schema holdfast; create table holdfast.customer (id integer)");
    await expect(openStore(other.url)).rejects.toMatchObject({ code: "HF5002" });
    await other.drop();
  });

  test("of a newer Holdfast is left alone", async () => {
    const other = await makeDatabase();
    await (await openStore(other.url)).close();
    await runSql(other.url, "update schema_version set version = 99");
    await expect(openStore(other.url)).rejects.toMatchObject({ code: "HF5010" });
    await other.drop();
  });

  test("that was changed is noticed by verify", async () => {
    const other = await makeDatabase();
    await (await openStore(other.url)).close();
    await runSql(other.url, "alter table run add column note text; drop index run_due");
    const { damage } = await verifyPostgresStore({ url: other.url, key: KEY });
    expect(damage.map(({ what }) => what).join("\n")).toMatch(/run_due[\s\S]*create table run/u);
    await other.drop();
  });
});

/** How each query of the engine finds its rows; what is not named here reads a table of few rows. */
const BY_INDEX: Partial<Record<keyof typeof ENGINE_SQL, RegExp>> = {
  find: /run_key_pkey on run_key[\s\S]*run_pkey on run/u,
  runs: /run_pkey on run/u,
  records: /run_pkey on run[\s\S]*journal_pkey on journal/u,
  inStates: /run_state on run/u,
  due: /run_due on run/u,
  parked: /run_parked on run/u,
  lane: /run_lane on run/u,
  openLanes: /run_laned on run/u,
  kept: /kept_event_key on kept_event/u,
  awaiting: /awaiting_event on awaiting/u,
  ended: /effect_ref on effect/u,
  early: /early_answer_kept on early_answer/u,
  acceptedCount: /accepted_event_until on accepted_event/u,
  accepted: /accepted_event_pkey on accepted_event/u,
  exception: /exception_pkey on exception/u,
  exceptionsDue: /exception_next on exception/u,
  // The exceptions of one run are few, by whichever index they are found.
  beside: /exception_\w+ on exception/u,
  // So are those that are open, as long as its statistics say that none is.
  besideOpen: /exception_\w*open\w* on exception/u,
  pending: /pending_ref on pending/u,
  inbox: /inbox_open on inbox/u,
  waiting: /inbox_open on inbox/u,
  lastRun: /run_pkey on run.*archived_run_pkey on archived_run/su,
};

/** Queries whose index gives the order as well. */
const UNSORTED: readonly (keyof typeof ENGINE_SQL)[] = [
  "due",
  "exceptionsDue",
  "parked",
  "lane",
  "openLanes",
  "kept",
  "awaiting",
  "pending",
  "inbox",
];

async function plan(text: string): Promise<string> {
  await connection.script(
    "set enable_seqscan = off; set enable_bitmapscan = off; set plan_cache_mode = force_generic_plan",
  );
  await connection.script(`prepare asked as ${text}`);
  const nulls = [...new Set(text.match(/\$\d/gu))].map(() => "null").join(", ");
  const rows = await connection.rows(
    "",
    `explain execute asked${nulls === "" ? "" : ` (${nulls})`}`,
  );
  await connection.script("deallocate asked");
  return rows.map(([line]) => String(line)).join("\n");
}

describe("queries of the engine", () => {
  for (const [name, expected] of Object.entries(BY_INDEX)) {
    test(`${name} finds its rows by an index`, async () => {
      const steps = await plan(ENGINE_SQL[name as keyof typeof ENGINE_SQL]);
      expect(steps).toMatch(expected);
      expect(steps).not.toMatch(/Seq Scan/u);
    });
  }

  for (const name of UNSORTED) {
    test(`${name} does not sort what it finds`, async () => {
      expect(await plan(ENGINE_SQL[name])).not.toMatch(/Sort Key/u);
    });
  }

  test("the head of a chain and a flush in it are found without reading the chain", async () => {
    for (const text of Object.values(CHAIN_SQL)) {
      const steps = await plan(text);
      expect(steps).toMatch(/flush_pkey on flush/u);
      expect(steps).not.toMatch(/Seq Scan/u);
    }
  });
});
