/**
 * Workers with nothing to do: what they ask the database and what they cost; how soon a run begins
 * that another process starts; how soon the others have what a killed one had.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { holdfast, workflow } from "holdfast";
import { openPostgresReader } from "holdfast/postgres";
import { Client } from "pg";
import { median, quantile, type Figure } from "../figure.ts";
import { requireProc, treeCpuS } from "../peers/process-tree.ts";
import { BENCH_KEY, keyed, type IdleLine } from "./idle-shared.ts";

const WORKERS = 3;
/** They have found each other and shared out everything. */
const SETTLE_MS = 5_000;
const IDLE_MS = 20_000;
/** Starts of each kind. They come at any moment of the workers' looks, which are a second apart. */
const STARTS = 25;
const PAUSE_MS_MAX = 700;
/** Multiples of the golden ratio fall evenly between whole numbers. */
const PAUSE_STRIDE = 0.618_033_988_749;
/** A run that has not begun by then is an error. */
const BEGUN_MS_MAX = 10_000;
/** Runs that are started for a killed worker's shards: some are in each of the 256. */
const STARTS_AT_KILL = 60;

const DATABASE = "idle";

interface Worker {
  readonly process: ChildProcess;
  readonly ready: Promise<void>;
}

/** When which run has begun, by its key. */
class Begun {
  readonly #atMs = new Map<string, number>();
  readonly #waiting = new Map<string, (atMs: number) => void>();

  note(key: string, atMs: number): void {
    this.#atMs.set(key, atMs);
    this.#waiting.get(key)?.(atMs);
  }

  async at(key: string): Promise<number> {
    const known = this.#atMs.get(key);
    if (known !== undefined) return known;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`run ${key} has not begun`)), BEGUN_MS_MAX);
      this.#waiting.set(key, (atMs) => {
        clearTimeout(late);
        resolve(atMs);
      });
    });
  }
}

export async function measureIdle(
  serverUrl: string,
  workloads: readonly string[],
  report: (figure: Figure) => void,
): Promise<void> {
  requireProc();
  const outside = new Client({ connectionString: serverUrl });
  await outside.connect();
  await outside.query("create extension pg_stat_statements");
  await outside.query(`create database ${DATABASE}`);
  const url = new URL(serverUrl);
  url.pathname = `/${DATABASE}`;
  const begun = new Begun();
  const workers = Array.from({ length: WORKERS }, () => startWorker(url.toString(), begun));
  try {
    await Promise.all(workers.map(({ ready }) => ready));
    await after(SETTLE_MS);
    if (workloads.includes("idle")) await measureRest(outside, workers, report);
    if (workloads.includes("start-latency")) await measureStarts(url.toString(), begun, report);
    // Last: it kills one of them.
    if (workloads.includes("take-over")) {
      await measureTakeOver(url.toString(), begun, workers, report);
    }
  } finally {
    for (const worker of workers) worker.process.kill("SIGKILL");
    await outside.end();
  }
}

function startWorker(url: string, begun: Begun): Worker {
  const file = new URL("idle-worker.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [...process.execArgv, file, url], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ready = new Promise<void>((resolve, reject) => {
    child.once("exit", () => reject(new Error("a worker has ended")));
    createInterface(child.stdout).on("line", (text) => {
      // Written by idle-worker.ts.
      const line = JSON.parse(text) as IdleLine;
      if (line.kind === "ready") resolve();
      else begun.note(line.key, line.atMs);
    });
  });
  return { process: child, ready };
}

/** Counted by the server, which needs its extension for that. */
async function measureRest(
  outside: Client,
  workers: readonly Worker[],
  report: (figure: Figure) => void,
): Promise<void> {
  const cpuS = () => workers.reduce((sum, { process: { pid = 0 } }) => sum + treeCpuS(pid), 0);
  const from = { statements: await statementsOf(outside), cpuS: cpuS(), ms: performance.now() };
  await after(IDLE_MS);
  const seconds = (performance.now() - from.ms) / 1000;
  const statements = (await statementsOf(outside)) - from.statements;
  const settings = { workers: WORKERS, seconds: Math.round(seconds) };
  const each = (metric: string, value: number, unit: string): Figure => ({
    workload: "idle",
    metric,
    value: value / WORKERS / seconds,
    unit,
    settings,
  });
  report(each("statements_per_min", statements * 60, "1/min"));
  report(each("cpu_percent", (cpuS() - from.cpuS) * 100, "%"));
}

async function statementsOf(outside: Client): Promise<number> {
  const { rows } = await outside.query<{ count: number }>(
    `select coalesce(sum(s.calls), 0)::float8 as count
      from pg_stat_statements s join pg_database d on d.oid = s.dbid where d.datname = $1`,
    [DATABASE],
  );
  return rows[0]?.count ?? Number.NaN;
}

/** From the moment before it is posted to the moment at which its first step is at work. */
async function measureStarts(
  url: string,
  begun: Begun,
  report: (figure: Figure) => void,
): Promise<void> {
  const reader = await openPostgresReader({ url });
  const withHint = await startLatencies("hint", begun, async (key) => {
    const data = JSON.stringify({ workflow: "begin", input: key });
    await reader.post({ id: key, topic: "start", atMs: Math.round(wallMs()), by: "bench", data });
  });
  await reader.close();
  const begin = workflow("begin", keyed, async () => null);
  const app = holdfast({
    store: url as `postgres://${string}`,
    postgres: { key: BENCH_KEY, shared: true },
    workflows: [begin],
    log: () => undefined,
  });
  const client = new Client({ connectionString: url });
  await client.connect();
  // Inside a transaction of the user's own no hint is given.
  const without = await startLatencies("no-hint", begun, async (key) => {
    await client.query("begin");
    await app.startIn(client, begin, key);
    await client.query("commit");
  });
  await client.end();
  await app.close();
  for (const [hint, latenciesMs] of [[true, withHint] as const, [false, without] as const]) {
    const settings = { workers: WORKERS, hint, starts: STARTS };
    for (const [metric, q] of [["p50_ms", 0.5] as const, ["p90_ms", 0.9] as const]) {
      const value = quantile(latenciesMs, q);
      report({ workload: "start-latency", metric, value, unit: "ms", settings });
    }
  }
}

async function startLatencies(
  prefix: string,
  begun: Begun,
  start: (key: string) => Promise<void>,
): Promise<number[]> {
  const latenciesMs: number[] = [];
  for (let number = 0; number < STARTS; number += 1) {
    await after(((number * PAUSE_STRIDE) % 1) * PAUSE_MS_MAX);
    const key = `${prefix}-${number}`;
    const fromMs = wallMs();
    await start(key);
    latenciesMs.push((await begun.at(key)) - fromMs);
  }
  return latenciesMs;
}

/** How long after its SIGKILL the last of the runs that were meant for it has begun elsewhere. */
async function measureTakeOver(
  url: string,
  begun: Begun,
  workers: readonly Worker[],
  report: (figure: Figure) => void,
): Promise<void> {
  const [victim] = workers;
  const reader = await openPostgresReader({ url });
  victim?.process.kill("SIGKILL");
  if (victim !== undefined) await once(victim.process, "exit");
  const fromMs = wallMs();
  const keys = Array.from({ length: STARTS_AT_KILL }, (_, number) => `kill-${number}`);
  for (const key of keys) {
    const data = JSON.stringify({ workflow: "begin", input: key });
    await reader.post({ id: key, topic: "start", atMs: Math.round(wallMs()), by: "bench", data });
  }
  const begunMs = await Promise.all(keys.map((key) => begun.at(key)));
  await reader.close();
  const tookMs = begunMs.map((atMs) => atMs - fromMs);
  const settings = { workers: WORKERS, runs: STARTS_AT_KILL };
  const figure = { workload: "take-over", unit: "ms", settings };
  report({ ...figure, metric: "p50_ms", value: median(tookMs) });
  report({ ...figure, metric: "max_ms", value: Math.max(...tookMs) });
}

/** The same in all processes of a machine, milliseconds since 1970. */
function wallMs(): number {
  return performance.timeOrigin + performance.now();
}

function after(delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, delayMs);
  });
}
