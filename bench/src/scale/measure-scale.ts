/**
 * What several cells, or several workers of one store, do together, beside what one does alone. Both
 * take turns in slices of half a second, so that what else the machine does falls on them alike.
 */
import { startPostgresServer, type PostgresServer } from "holdfast/testing";
import { median, type Figure } from "../figure.ts";
import { ScaleWorker } from "./start-workers.ts";

/** `cells`: a server and an engine for each. `workers`: one server, whose store they share. */
export const SCALE_KINDS = ["cells", "workers"] as const;
export type ScaleKind = (typeof SCALE_KINDS)[number];

/** Each is a server or a process with 256 runs: more say nothing on any machine that tests run on. */
export const SCALE_MAX = 8;

/** Of each cell, and of all workers of a store together, as in `throughput`. */
const CONCURRENCY = 256;
const SETTLE_MS = 240;
const SLICE_MS = 480;
const WARM_UP_ROUNDS = 2;
const ROUNDS_MAX = 9;

export interface ScaleRun {
  readonly kind: ScaleKind;
  readonly count: number;
  /** Where the data of the servers lies. */
  readonly folder: string;
  /** When to stop measuring, by `performance.now()`. */
  readonly endMs: number;
  readonly report: (figure: Figure) => void;
}

/** @throws {Error} if a server or a worker does not start, or one of them ends. */
export async function measureScale(run: ScaleRun): Promise<void> {
  const servers: PostgresServer[] = [];
  const workers: ScaleWorker[] = [];
  try {
    const { all, one } = await startAll(run, servers, workers);
    const together: number[] = [];
    const alone: number[] = [];
    for (let round = 0; round < ROUNDS_MAX + WARM_UP_ROUNDS; round += 1) {
      const isWarm = round >= WARM_UP_ROUNDS;
      const whole = await sliceOf(all);
      const single = await sliceOf([one]);
      if (isWarm) together.push(whole);
      if (isWarm) alone.push(single);
      if (isWarm && performance.now() > run.endMs) break;
    }
    reportBoth(run, together, alone);
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
    await Promise.all(servers.map((server) => server.stop()));
  }
}

async function startAll(
  { kind, count, folder }: ScaleRun,
  servers: PostgresServer[],
  workers: ScaleWorker[],
): Promise<{ readonly all: readonly ScaleWorker[]; readonly one: ScaleWorker }> {
  const server = async () => {
    const started = await startPostgresServer({ parent: folder });
    servers.push(started);
    return started.url();
  };
  const worker = async (url: string, isShared: boolean, concurrency: number) => {
    const name = String(workers.length);
    const started = await ScaleWorker.start({ url, isShared, concurrency, name });
    workers.push(started);
    return started;
  };
  const all: ScaleWorker[] = [];
  if (kind === "cells") {
    for (let cell = 0; cell < count; cell += 1) {
      all.push(await worker(await server(), false, CONCURRENCY));
    }
    return { all, one: firstOf(all) };
  }
  const shared = await server();
  const each = Math.ceil(CONCURRENCY / count);
  for (let number = 0; number < count; number += 1) all.push(await worker(shared, true, each));
  // On a store of its own: the others would have their part of the shards of that one.
  return { all, one: await worker(await server(), true, CONCURRENCY) };
}

function firstOf(workers: readonly ScaleWorker[]): ScaleWorker {
  const [first] = workers;
  if (first === undefined) throw new RangeError("nothing is to be measured");
  return first;
}

async function sliceOf(workers: readonly ScaleWorker[]): Promise<number> {
  const asked = { settleMs: SETTLE_MS, sliceMs: SLICE_MS };
  const each = await Promise.all(workers.map((worker) => worker.slice(asked)));
  return each.reduce((sum, stepsPerS) => sum + stepsPerS, 0);
}

function reportBoth(
  { kind, count, report }: ScaleRun,
  together: readonly number[],
  alone: readonly number[],
): void {
  const settings = { concurrency: CONCURRENCY, stepsPerRun: 10, slices: alone.length };
  const figure = { metric: "steps_per_s", unit: "steps/s" };
  const whole = { ...settings, [kind]: count, sliceMs: SLICE_MS };
  const single = { ...settings, [kind]: 1, sliceMs: SLICE_MS };
  report({ ...figure, workload: kind, value: median(together), settings: whole });
  report({ ...figure, workload: `one-of-${kind}`, value: median(alone), settings: single });
}
