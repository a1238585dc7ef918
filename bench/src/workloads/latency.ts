/**
 * One run at a time, alone on the machine: how long a step takes, whether an effect takes longer,
 * and whether the ten-thousandth takes longer than the first.
 */
import { join } from "node:path";
import { workflow } from "holdfast";
import type { Engine } from "holdfast/testing";
import { engineOn } from "../engine-on.ts";
import { median, quantile, type Figure } from "../figure.ts";
import { FdatasyncProbe } from "../raw-fdatasync.ts";
import { insertOne, type RawPostgres } from "../raw-postgres.ts";
import { openOnPostgres, openStore } from "../stores/open-store.ts";
import { keyed, post, RESULT } from "../workflows.ts";

const STEPS_LONG = 10_000;
const STEPS_SHORT = 1_000;
/**
 * Runs of each length. A hundredth is ten steps, or a hundred in some 25 ms, and another program's
 * burst takes longer than that: only several of them say anything.
 */
const RUNS_EACH = 3;
const STEPS_POSTGRES = 1_000;
/** Runs of so many steps, with pgbench between them. */
const TURNS_POSTGRES = 4;
const EFFECT_STEPS = 1_500;
/** Steps of one kind in a row before the other kind gets its turn. */
const EFFECT_BLOCK = 25;
/**
 * After so many steps the raw limit is measured once. One at a time, as steps are: in a row they
 * would find disk and processor awake, and be faster than anything that does something in between.
 */
const PROBE_EVERY = 5;
/** And in a row all the same, to be reported beside it: before the run and after it. */
const PROBES_IN_A_ROW = 200;

/** What the workflows below have measured, milliseconds each. */
let plainMs: number[] = [];
let effectMs: number[] = [];
let probe: FdatasyncProbe | null = null;
/** Measured in the same turns, where the raw limit is not a file's. */
let beside: (() => Promise<void>) | null = null;

async function timed(into: number[], step: () => Promise<unknown>): Promise<void> {
  const startMs = performance.now();
  await step();
  into.push(performance.now() - startMs);
}

const longRun = workflow("long-run", keyed, async (input, run) => {
  const steps = Number(String(input).split("/")[1]);
  for (let i = 0; i < steps; i += 1) {
    await timed(plainMs, () => run.step(`step-${i}`, () => RESULT, { durable: true }));
    if (i % PROBE_EVERY !== 0) continue;
    probe?.measure();
    await beside?.();
  }
  return null;
});

const mixedRun = workflow("mixed-run", keyed, async (input, run) => {
  const steps = Number(String(input).split("/")[1]);
  for (let i = 0; i < steps; i += 1) {
    const isEffect = Math.floor(i / EFFECT_BLOCK) % 2 === 1;
    if (isEffect) await timed(effectMs, () => run.do(post, { step: i }, { as: `${i}` }));
    else await timed(plainMs, () => run.step(`step-${i}`, () => RESULT, { durable: true }));
  }
  return null;
});

let runs = 0;

async function runOf(engine: Engine, definition: typeof longRun | typeof mixedRun, steps: number) {
  plainMs = [];
  effectMs = [];
  runs += 1;
  const { run } = await engine.startRun(definition, `${runs}/${steps}`);
  const end = await engine.end(run);
  if (end.state !== "completed") throw new Error(`the run was ${end.state}: ${end.reason}`);
}

export async function measureLatency(
  folder: string,
  workloads: readonly string[],
  report: (figure: Figure) => void,
): Promise<void> {
  const engine = await engineOn(await openStore("sqlite", folder), [longRun, mixedRun]);
  await runOf(engine, longRun, 500);
  await runOf(engine, mixedRun, 500);
  if (workloads.includes("effect-latency")) await measureEffects(engine, report);
  if (workloads.includes("growth")) {
    const { figures } = await measureGrowth(engine, STEPS_SHORT, RUNS_EACH);
    for (const figure of figures) report(figure);
  }
  if (workloads.includes("latency") || workloads.includes("growth")) {
    await measureLong(engine, join(folder, "raw"), workloads, report);
  }
  await engine.close();
}

/** Steps alone on PostgreSQL, each fifth beside one insert and commit without anything around. */
export async function measurePostgresLatency(
  { url, client, pgbench }: RawPostgres,
  report: (figure: Figure) => void,
): Promise<void> {
  const engine = await engineOn(await openOnPostgres(url), [longRun, mixedRun]);
  await runOf(engine, longRun, 500);
  await runOf(engine, mixedRun, 500);
  await measureEffects(engine, report);
  const text = JSON.stringify(RESULT);
  const rawMs: number[] = [];
  beside = async () => {
    rawMs.push(await insertOne(client, text));
  };
  const stepsMs: number[] = [];
  const pgbenchMs: number[] = [];
  for (let turn = 0; turn < TURNS_POSTGRES; turn += 1) {
    await runOf(engine, longRun, STEPS_POSTGRES);
    stepsMs.push(...plainMs);
    if (pgbench !== null) pgbenchMs.push(...(await pgbench.alone(STEPS_POSTGRES)));
  }
  beside = null;
  const settings = { concurrency: 1, steps: STEPS_POSTGRES, runs: TURNS_POSTGRES };
  const latency = (metric: string, q: number): Figure => ({
    workload: "latency",
    metric,
    value: quantile(stepsMs, q),
    unit: "ms",
    settings,
  });
  report(latency("p50_ms", 0.5));
  report(latency("p99_ms", 0.99));
  report(rawP50("raw-insert-commit", rawMs));
  if (pgbench !== null) report(rawP50("raw-pgbench", pgbenchMs));
  await client.end();
  await engine.close();
}

function rawP50(workload: string, valuesMs: readonly number[]): Figure {
  const settings = { concurrency: 1, samples: valuesMs.length };
  return { workload, metric: "p50_ms", value: median(valuesMs), unit: "ms", settings };
}

async function measureLong(
  engine: Engine,
  rawPath: string,
  workloads: readonly string[],
  report: (figure: Figure) => void,
): Promise<void> {
  const inARow = new FdatasyncProbe(`${rawPath}-in-a-row`, JSON.stringify(RESULT));
  for (let i = 0; i < PROBES_IN_A_ROW; i += 1) inARow.measure();
  probe = new FdatasyncProbe(rawPath, JSON.stringify(RESULT));
  const growth = await measureGrowth(engine, STEPS_LONG, RUNS_EACH);
  if (workloads.includes("latency")) for (const figure of longFigures(growth.all)) report(figure);
  if (workloads.includes("growth")) for (const figure of growth.figures) report(figure);
  for (let i = 0; i < PROBES_IN_A_ROW; i += 1) inARow.measure();
  report(rawFigure("p50_ms", probe));
  report(rawFigure("in_a_row_p50_ms", inARow));
  probe.close();
  inARow.close();
  probe = null;
}

function rawFigure(metric: string, { bytes, latenciesMs }: FdatasyncProbe): Figure {
  const settings = { bytes, samples: latenciesMs.length };
  return { workload: "raw-fdatasync", metric, value: median(latenciesMs), unit: "ms", settings };
}

async function measureEffects(engine: Engine, report: (figure: Figure) => void): Promise<void> {
  await runOf(engine, mixedRun, 2 * EFFECT_STEPS);
  const settings = { concurrency: 1, steps: EFFECT_STEPS, blockSteps: EFFECT_BLOCK };
  const figure = (metric: string, values: readonly number[]): Figure => ({
    workload: "effect-latency",
    metric,
    value: median(values),
    unit: "ms",
    settings,
  });
  report(figure("p50_ms", effectMs));
  report(figure("plain_p50_ms", plainMs));
}

/** First and last hundredths of several runs of this length, and all their steps. */
async function measureGrowth(engine: Engine, steps: number, runCount: number) {
  const first: number[] = [];
  const last: number[] = [];
  const all: number[] = [];
  for (let i = 0; i < runCount; i += 1) {
    await runOf(engine, longRun, steps);
    first.push(...hundredth(plainMs, 0));
    last.push(...hundredth(plainMs, 99));
    all.push(...plainMs);
  }
  return { figures: growthFigures(steps, first, last), all };
}

function longFigures(values: readonly number[]): Figure[] {
  const settings = { concurrency: 1, steps: STEPS_LONG, runs: RUNS_EACH };
  const latency = (metric: string, q: number): Figure => ({
    workload: "latency",
    metric,
    value: quantile(values, q),
    unit: "ms",
    settings,
  });
  return [latency("p50_ms", 0.5), latency("p99_ms", 0.99)];
}

function hundredth(values: readonly number[], index: number): readonly number[] {
  const size = values.length / 100;
  return values.slice(index * size, (index + 1) * size);
}

function growthFigures(steps: number, first: readonly number[], last: readonly number[]): Figure[] {
  const figure = (metric: string, values: readonly number[]): Figure => ({
    workload: "growth",
    metric,
    value: median(values),
    unit: "ms",
    settings: { steps, samples: values.length },
  });
  return [figure("first_hundredth_p50_ms", first), figure("last_hundredth_p50_ms", last)];
}
