/** Runs leave a store that three workers share, and a worker is killed while they do. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { verifyPostgresStore } from "holdfast/postgres";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { makeDatabase, type TestDatabase } from "./postgres-database.ts";
import { holdfastCli } from "./command-line/processes.ts";
import { Worker } from "./workers/fleet.ts";

// Each test starts processes, on a machine that may be busy with others.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const WORKERS = 3;
const RUNS = 600;

const key = randomBytes(32).toString("base64");
let database: TestDatabase;
let folder: string;
let workers: Worker[];
let files: number;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-archive-workers-"));
  writeFileSync(join(folder, "ledger"), "");
  workers = [];
  files = 0;
  database = await makeDatabase();
});

afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.end("SIGKILL")));
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

/** In the order of their age: the first is the keeper, which takes the orders. */
async function startAll(): Promise<readonly [Worker, ...Worker[]]> {
  for (let count = 0; count < WORKERS; count += 1) {
    const worker = new Worker({
      HOLDFAST_STORE: database.url,
      HOLDFAST_STORE_KEY: key,
      LEDGER: join(folder, "ledger"),
      GATE: "",
    });
    workers.push(worker);
    await worker.ready();
  }
  await Promise.all(workers.map((worker, at) => worker.owns(at === 0 ? 86 : 85)));
  // As many as were started.
  return workers as [Worker, ...Worker[]];
}

interface Gone {
  readonly outcome: string;
  readonly runs: number;
  readonly removed: number;
  readonly stays: readonly { readonly because: string }[];
}

/** With another file each time. */
async function archive(...more: readonly string[]): Promise<Gone> {
  files += 1;
  const to = join(folder, `old-${String(files)}.ndjson`);
  const words = ["archive", "--older-than", "0s", "--to", to, "--yes", "--json", ...more];
  const { out } = await holdfastCli([...words, "--store", database.url]);
  return JSON.parse(out) as Gone;
}

async function runCount(): Promise<number> {
  const { out } = await holdfastCli(["runs", "--limit", "1000", "--json", "--store", database.url]);
  return (JSON.parse(out) as { readonly runs: readonly unknown[] }).runs.length;
}

async function damage() {
  return (await verifyPostgresStore({ url: database.url, key })).damage;
}

async function doRuns(worker: Worker, flow: "quick" | "family", count: number): Promise<void> {
  const names = Array.from({ length: count }, (_, number) => `n${String(number)}`);
  await Promise.all(names.map((name) => worker.asks({ verb: "result", flow, key: name })));
}

test("each worker lets go of its own, and a family that several have stays until one has all of it", async () => {
  const [first, second, third] = await startAll();
  await doRuns(first, "quick", 100);
  expect(await archive()).toMatchObject({ outcome: "applied", runs: 100, removed: 100, stays: [] });
  expect(await damage()).toEqual([]);

  await doRuns(first, "family", 10);
  const { removed, stays } = await archive();
  expect(removed + stays.length).toBe(40);
  expect(stays.length).toBeGreaterThan(0);
  for (const { because } of stays) expect(because).toContain("lies with several workers");

  await Promise.all([second?.end("SIGTERM"), third?.end("SIGTERM")]);
  await first.owns(256);
  expect(await archive()).toMatchObject({ removed: stays.length, stays: [] });
  expect(await runCount()).toBe(0);
  expect(await damage()).toEqual([]);

  // A key that has left joins, and says where its run is.
  await expect(first.asks({ verb: "result", flow: "quick", key: "n1" })).rejects.toThrow("HF6006");
});

test.each([
  ["the keeper", 0],
  ["another one", 1],
])("loses nothing where %s is killed while runs leave", async (_, victim) => {
  const all = await startAll();
  await doRuns(all[0], "quick", RUNS);
  const sent = await archive("--wait", "0s");
  expect(sent).toMatchObject({ outcome: "sent", runs: RUNS });
  await all[victim]?.end("SIGKILL");
  expect(await damage()).toEqual([]);
  const survivor = all[victim === 0 ? 1 : 0] ?? all[0];
  await survivor.owns(128);
  // Again, as the page says: what has left has left.
  let left = await runCount();
  for (let tries = 0; left > 0 && tries < 5; tries += 1) {
    await archive();
    left = await runCount();
  }
  expect(left).toBe(0);
  expect(await damage()).toEqual([]);
});
