/**
 * Histories that releases have written, kept as they are: each release has to read them, and its code to
 * fit them. A file that a release has shipped is never written again. To make that of a release that is
 * to come anew, delete it and run this test.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkBuild } from "../../check-versions.ts";
import type { JournalRecord } from "../../core/journal.ts";
import { project } from "../../store/projection.ts";
import type { RunRow } from "../../store/rows.ts";
import { readKey } from "../../store-sqlite/key-file.ts";
import { openSqliteReader } from "../../store-sqlite/index.ts";
import { ManualClock } from "../../testing/bed/manual-clock.ts";
import { Counterpart } from "../counterpart.test-support.ts";
import { seededRandom } from "../../testing/seeded-random.ts";
import { TestWorld } from "../test-world.test-support.ts";
import { FitCheck } from "./fit-check.ts";
import { historiesOf, makeHistories } from "./histories.test-support.ts";

const FOLDER = new URL("../../../../../tests/histories/", import.meta.url);
/** Of the release that is to come. */
const NEXT = "0.1.0.json";

interface Histories {
  readonly storeId: string;
  /** Base64. */
  readonly key: string;
  readonly runs: readonly { readonly row: RunRow; readonly records: readonly JournalRecord[] }[];
}

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

async function written(): Promise<Histories> {
  await makeHistories(world);
  const reader = await openSqliteReader({ path: world.path });
  try {
    const rows = await reader.runs({ afterRun: 0, limit: 1_000 });
    const runs = await Promise.all(
      rows.map(async (row) => ({ row, records: await reader.records(row.run, 0, 10_000) })),
    );
    const key = Buffer.from(readKey(world.path)).toString("base64");
    return { storeId: reader.storeId, key, runs };
  } finally {
    await reader.close();
  }
}

test("the release that is to come has its histories kept, one record a line", async () => {
  const file = new URL(NEXT, FOLDER);
  if (!existsSync(file)) {
    mkdirSync(FOLDER, { recursive: true });
    const { runs, ...of } = await written();
    const lines = runs.map(({ row, records }) => {
      const list = records.map((record) => `    ${JSON.stringify(record)}`).join(",\n");
      return `  {"row": ${JSON.stringify(row)}, "records": [\n${list}\n  ]}`;
    });
    const head = `"storeId": ${JSON.stringify(of.storeId)}, "key": ${JSON.stringify(of.key)}`;
    writeFileSync(file, `{${head}, "runs": [\n${lines.join(",\n")}\n]}\n`);
  }
  expect(readdirSync(FOLDER)).toContain(NEXT);
});

describe.each(readdirSync(FOLDER).filter((name) => name.endsWith(".json")))("%s", (name) => {
  const { storeId, key, runs } = JSON.parse(
    readFileSync(new URL(name, FOLDER), "utf8"),
  ) as Histories;

  test("holds runs in many states, and most kinds of records that runs have", () => {
    const states = new Set(runs.map(({ row }) => row.state));
    for (const state of ["waiting", "review", "parked", "held", "completed", "cancelled"] as const)
      expect(states).toContain(state);
    const kinds = new Set(runs.flatMap(({ records }) => records.map(({ kind }) => kind)));
    expect(kinds.size).toBeGreaterThanOrEqual(16);
  });

  test("is read: every record is folded", () => {
    const changes = runs.flatMap(({ records }) => records.flatMap((record) => project(record)));
    expect(changes.filter(({ kind }) => kind === "run-started")).toHaveLength(runs.length);
  });

  test("the same workflows fit it", async () => {
    const clock = new ManualClock().ofLife(1);
    const { workflows, effects } = historiesOf(new Counterpart("erp", "keys", new ManualClock()));
    const check = new FitCheck({
      storeId,
      secret: Buffer.from(key, "base64"),
      declarations: () => Promise.resolve([]),
      workflows,
      effects,
      version: "v2",
      limits: {},
      clock,
      random: seededRandom(1, "histories"),
    });
    await check.begin();
    for (const { row, records } of runs) {
      const misfit = await check.misfitOf({ row, records });
      expect([row.key, row.state, misfit?.message ?? null]).toEqual([row.key, row.state, null]);
    }
  });
});

test("what is kept would be told from other code", async () => {
  await makeHistories(world);
  const store = {
    openReader: () => openSqliteReader({ path: world.path }),
    secret: () => readKey(world.path),
  };
  const { workflows } = historiesOf(new Counterpart("erp", "keys", new ManualClock()), "renamed");
  const found = await checkBuild(store, { workflows, version: "v2" });
  expect(found.misfitCount).toBeGreaterThan(3);
});
