/**
 * Many runs at a time: how many steps in a second, and at what cost of CPU.
 *
 * The workloads and the raw limits beside them take turns, in slices of half a second in one
 * process, so that what else the machine does falls on all of them alike.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Workflow, Schema } from "holdfast";
import type { Engine } from "holdfast/testing";
import { engineOn } from "../engine-on.ts";
import { median, type Figure } from "../figure.ts";
import { PGBENCH_CLIENTS } from "../raw-pgbench.ts";
import { unnestLoop, type RawPostgres } from "../raw-postgres.ts";
import { openOnPostgres, openStore, type StoreKind } from "../stores/open-store.ts";
import { counted, durableSteps, effectSteps, RESULT, speculativeSteps } from "../workflows.ts";

type Steps = Workflow<string, Schema, Schema>;

interface Load {
  /** Name in the figures. */
  readonly workload: string;
  readonly store: StoreKind | "postgres";
  readonly steps: Steps;
  readonly concurrency: number;
}

const LOADS: readonly Load[] = [
  load("throughput", "sqlite", durableSteps, 256),
  load("raw-append-log", "log", durableSteps, 256),
  load("effects", "sqlite", effectSteps, 256),
  load("null-store", "null", durableSteps, 256),
  load("throughput", "sqlite", durableSteps, 1024),
  load("raw-append-log", "log", durableSteps, 1024),
  load("throughput-speculative", "sqlite", speculativeSteps, 256),
  load("cost-journal", "bare", durableSteps, 256),
  load("cost-journal-seals", "bare-sealed", durableSteps, 256),
];

/** A slice is measured after its runs have spread over the flushes. */
const SETTLE_MS = 120;
const SLICE_MS = 480;
const WARM_UP_SLICES = 2;
/** It takes whole seconds only. */
const PGBENCH_S = 1;
/** More rounds would not fit into the time that the whole may take. */
const ROUNDS_MAX = 9;

interface Sample {
  readonly stepsPerS: number;
  readonly cpuSPer1000: number;
}

export async function measureLoads(
  folder: string,
  workloads: readonly string[],
  budgetMs: number,
  report: (figure: Figure) => void,
): Promise<void> {
  const endMs = performance.now() + budgetMs;
  const loads = LOADS.filter((one) => workloads.includes(one.workload));
  const engines = await openEngines(loads, folder);
  const samples = new Map<Load, Sample[]>(loads.map((one) => [one, []]));
  for (let round = 0; round < ROUNDS_MAX + WARM_UP_SLICES; round += 1) {
    const roundMs = performance.now();
    for (const one of loads) {
      const engine = engines.get(one.store);
      if (engine === undefined) throw new Error(`no engine was opened on ${one.store}`);
      const sample = await slice(engine, one);
      if (round >= WARM_UP_SLICES) samples.get(one)?.push(sample);
    }
    const tookMs = performance.now() - roundMs;
    if (round >= WARM_UP_SLICES && performance.now() + tookMs > endMs) break;
  }
  for (const [one, taken] of samples) for (const figure of figuresOf(one, taken)) report(figure);
  for (const engine of engines.values()) await engine.close();
}

/** The same on PostgreSQL, in turns with the database's own limits. */
export async function measurePostgresLoads(
  { url, client, pgbench }: RawPostgres,
  budgetMs: number,
  report: (figure: Figure) => void,
): Promise<void> {
  const endMs = performance.now() + budgetMs;
  const workflows = [durableSteps, effectSteps];
  const engine = await engineOn(await openOnPostgres(url), workflows);
  const bare = await engineOn(await openStore("null", ""), workflows);
  const loads = [
    load("throughput", "postgres", durableSteps, 256),
    load("effects", "postgres", effectSteps, 256),
    load("null-store", "null", durableSteps, 256),
  ];
  const samples = new Map<Load, Sample[]>(loads.map((one) => [one, []]));
  const unnested: number[] = [];
  const pgbenched: number[] = [];
  for (let round = 0; round < ROUNDS_MAX + WARM_UP_SLICES; round += 1) {
    const isWarm = round >= WARM_UP_SLICES;
    for (const one of loads) {
      const sample = await slice(one.store === "null" ? bare : engine, one);
      if (isWarm) samples.get(one)?.push(sample);
    }
    const rows = await unnestLoop(client, JSON.stringify(RESULT), SLICE_MS);
    const transactions = await pgbench?.load(PGBENCH_S);
    if (isWarm) unnested.push(rows);
    if (isWarm && transactions !== undefined) pgbenched.push(transactions);
    if (isWarm && performance.now() > endMs) break;
  }
  for (const [one, taken] of samples) for (const figure of figuresOf(one, taken)) report(figure);
  reportRaw("raw-unnest", unnested, { rowsPerStatement: 256, sliceMs: SLICE_MS }, report);
  const settings = { clients: PGBENCH_CLIENTS, rowsPerTransaction: 1, sliceMs: PGBENCH_S * 1000 };
  if (pgbench !== null) reportRaw("raw-pgbench", pgbenched, settings, report);
  await client.end();
  for (const one of [engine, bare]) await one.close();
}

function reportRaw(
  workload: string,
  stepsPerS: readonly number[],
  how: Figure["settings"],
  report: (figure: Figure) => void,
): void {
  const settings = { ...how, slices: stepsPerS.length };
  const value = median(stepsPerS);
  report({ workload, metric: "steps_per_s", value, unit: "steps/s", settings });
}

function load(workload: string, store: Load["store"], steps: unknown, concurrency: number): Load {
  // The name of a workflow is part of its type, which the list of them forgets.
  return { workload, store, steps: steps as Steps, concurrency };
}

async function openEngines(loads: readonly Load[], folder: string) {
  const engines = new Map<Load["store"], Engine>();
  for (const { store } of loads) {
    if (store === "postgres" || engines.has(store)) continue;
    const own = join(folder, store);
    mkdirSync(own);
    const opened = await openStore(store, own);
    const workflows = [durableSteps, speculativeSteps, effectSteps];
    engines.set(store, await engineOn(opened, workflows));
  }
  return engines;
}

let nextKey = 0;

/** Keeps `concurrency` runs going for the time of a slice; the rest of them ends outside it. */
async function slice(engine: Engine, { steps, concurrency }: Load): Promise<Sample> {
  let open = true;
  let running = concurrency;
  const begin = () => {
    nextKey += 1;
    return engine.startRun(steps, nextKey);
  };
  const allEnded = new Promise<void>((resolve, reject) => {
    const off = engine.on((event) => {
      if (event.type === "engine.fatal") reject(new Error(event.message));
      if (event.type !== "run.finished") return;
      if (open) {
        begin().catch(reject);
        return;
      }
      running -= 1;
      if (running > 0) return;
      off();
      resolve();
    });
    for (let i = 0; i < concurrency; i += 1) begin().catch(reject);
  });
  await after(SETTLE_MS);
  const before = { steps: counted.steps, ms: performance.now(), cpu: process.cpuUsage() };
  await after(SLICE_MS);
  const done = counted.steps - before.steps;
  const seconds = (performance.now() - before.ms) / 1000;
  const cpu = process.cpuUsage(before.cpu);
  open = false;
  await allEnded;
  return { stepsPerS: done / seconds, cpuSPer1000: (cpu.user + cpu.system) / 1e3 / done };
}

function figuresOf({ workload, concurrency }: Load, samples: readonly Sample[]): Figure[] {
  const settings = {
    concurrency,
    stepsPerRun: 10,
    resultBytes: 300,
    slices: samples.length,
    sliceMs: SLICE_MS,
  };
  return [
    {
      workload,
      metric: "steps_per_s",
      value: median(samples.map((sample) => sample.stepsPerS)),
      unit: "steps/s",
      settings,
    },
    {
      workload,
      metric: "cpu_s_per_1000_steps",
      value: median(samples.map((sample) => sample.cpuSPer1000)),
      unit: "s",
      settings,
    },
  ];
}

function after(delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, delayMs);
  });
}
