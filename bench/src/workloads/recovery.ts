/**
 * A hundred thousand runs that a killed process has left behind: how long until each of them is
 * at work again, beside a plain read of the rows that this takes.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { workflow } from "holdfast";
import { engineOn } from "../engine-on.ts";
import type { Figure } from "../figure.ts";
import { openStore } from "../stores/open-store.ts";
import { keyed, RESULT } from "../workflows.ts";

const RUNS = 100_000;
const STEPS = 5;
const STARTS_MAX = 2_000;
/** All of them are in memory at once: they never end, so they never make room. */
const LIMITS = { liveRunsMax: RUNS + 10_000, bufferedRecordsMax: 2_000_000 };

/** Called by each run that has come to the step after those in its journal. */
let atWork: () => void = () => undefined;

const unfinished = workflow("unfinished", keyed, async (_input, run) => {
  for (let step = 0; step < STEPS; step += 1) await run.step(`step-${step}`, () => RESULT);
  await run.step("forever", () => {
    atWork();
    return new Promise<null>(() => undefined);
  });
  return null;
});

/** Makes the runs. When this resolves, all are durable and the process is to be killed. */
export async function makeUnfinished(folder: string): Promise<void> {
  const engine = await engineOn(await openStore("sqlite", folder), [unfinished], {
    limits: LIMITS,
  });
  let started = 0;
  const startOneByOne = async () => {
    while (started < RUNS) {
      started += 1;
      await engine.startRun(unfinished, started);
    }
  };
  await Promise.all(Array.from({ length: STARTS_MAX }, startOneByOne));
  await engine.committer.durable();
}

export async function measureRecovery(
  folder: string,
  report: (figure: Figure) => void,
): Promise<void> {
  const rows = plainRead(folder);
  let count = 0;
  let firstMs = 0;
  const startMs = performance.now();
  const all = new Promise<void>((resolve) => {
    atWork = () => {
      count += 1;
      if (count === 1) firstMs = performance.now() - startMs;
      if (count === RUNS) resolve();
    };
  });
  const engine = await engineOn(await openStore("sqlite", folder), [unfinished], {
    limits: LIMITS,
  });
  await all;
  const allMs = performance.now() - startMs;
  const settings = { runs: RUNS, steps: STEPS, records: rows.count };
  const figure = (metric: string, ms: number): Figure => ({
    workload: "recovery",
    metric,
    value: ms / 1000,
    unit: "s",
    settings,
  });
  report(figure("all_s", allMs));
  report(figure("first_s", firstMs));
  report({ ...figure("read_s", rows.tookMs), workload: "raw-read" });
  await engine.close();
}

/** Reads runs and records in the order in which recovery needs them, and does nothing with them. */
function plainRead(folder: string): { readonly count: number; readonly tookMs: number } {
  const startMs = performance.now();
  const database = new DatabaseSync(databaseIn(folder), { readOnly: true });
  const journal = database.prepare(`select run, seq, kind, attempt, name, at_ms, head, data
    from journal order by run, seq`);
  const runs = database.prepare("select * from run order by run");
  let count = 0;
  for (const statement of [runs, journal]) {
    statement.setReturnArrays(true);
    for (const row of statement.iterate()) if (row !== undefined) count += 1;
  }
  database.close();
  return { count, tookMs: performance.now() - startMs };
}

function databaseIn(folder: string): string {
  const name = readdirSync(folder).find((file) => file.endsWith(".db"));
  if (name === undefined) throw new Error(`there is no store in ${folder}`);
  return join(folder, name);
}
