/**
 * `npm run bench -- [--store sqlite|postgres | --peers] [--only NAME] [--json] [--out FILE]`:
 * measures the speed of a store, each figure beside the raw limit of the same run; or ours beside
 * the rivals' on the same work. `--store postgres --cells N` or `--workers N`: what so many do
 * together, beside one alone. See docs/reference/performance.md.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { startPostgresServer } from "holdfast/testing";
import type { Figure } from "./figure.ts";
import { rounded } from "./figure.ts";
import { measurePeers, PACE, PEERS_BUDGET_MS, peerWorkloads } from "./peers/measure-peers.ts";
import { peersRatios, peersTable } from "./peers/peers-report.ts";
import { LEFT_OUT } from "./peers/rivals.ts";
import {
  BUDGET_MS,
  LONG_BUDGET_MS,
  PLAN,
  POSTGRES_PLAN,
  SCALE_BUDGET_MS,
  type PlannedJob,
} from "./plan.ts";
import { ratiosOf, tableOf } from "./report.ts";
import { loadNow, writeResults } from "./results-file.ts";
import { measureScale, SCALE_KINDS, SCALE_MAX, type ScaleKind } from "./scale/measure-scale.ts";
import { startJob } from "./start-job.ts";

const { values } = parseArgs({
  options: {
    store: { type: "string" },
    peers: { type: "boolean", default: false },
    cells: { type: "string" },
    workers: { type: "string" },
    only: { type: "string" },
    json: { type: "boolean", default: false },
    out: { type: "string" },
  },
});

const PLANS = new Map([
  ["sqlite", PLAN],
  ["postgres", POSTGRES_PLAN],
]);
// Not the system's folder for temporary files: that may be in memory, where nothing is durable.
const PARENT = resolve("var/bench");

const loadBefore = loadNow();
const figures: Figure[] = [];
const missing: string[] = [];
mkdirSync(PARENT, { recursive: true });
const scale = SCALE_KINDS.filter((kind) => values[kind] !== undefined);
if (scale.length > 0) await scaleOut(scale);
else if (values.peers) await comparePeers();
else await measureStore();

async function scaleOut(kinds: readonly ScaleKind[]): Promise<void> {
  const [kind] = kinds;
  const isOne = kinds.length === 1 && !values.peers && values.only === undefined;
  if (kind === undefined || !isOne || values.store !== "postgres") {
    refuse(
      process.argv.slice(2).join(" "),
      SCALE_KINDS.map((one) => `--store postgres --${one} N`),
    );
  }
  const count = Number(values[kind]);
  if (!Number.isSafeInteger(count) || count < 2 || count > SCALE_MAX) {
    refuse(`--${kind} ${String(values[kind])}`, [`2 to ${String(SCALE_MAX)}`]);
  }
  const folder = mkdtempSync(join(PARENT, "scale-"));
  chmodSync(folder, 0o755);
  say(`${String(count)} ${kind}`);
  try {
    const endMs = performance.now() + SCALE_BUDGET_MS;
    await measureScale({ kind, count, folder, endMs, report });
  } catch (error) {
    failed(`${kind} not measured: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  end(tableOf(figures), ratiosOf(figures));
}

async function comparePeers(): Promise<void> {
  if (values.store !== undefined) {
    refuse(`--store ${values.store} with --peers`, ["--peers alone, which measures both stores"]);
  }
  const workloads = wanted(peerWorkloads());
  const folder = mkdtempSync(join(PARENT, "peers-"));
  const run = { folder, pace: PACE, budgetMs: PEERS_BUDGET_MS, workloads, report, progress: say };
  try {
    await measurePeers({ ...run, missed: failed });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  missing.push(...LEFT_OUT);
  end(peersTable(figures), peersRatios(figures));
}

async function measureStore(): Promise<void> {
  const store = values.store ?? "sqlite";
  const plan = PLANS.get(store) ?? refuse(`--store ${store}`, [...PLANS.keys()]);
  const names = wanted(plan.flatMap((planned) => planned.workloads));
  const startMs = performance.now();
  for (const planned of plan) {
    const isLong = planned.isLong === true;
    if (isLong && values.only === undefined) continue;
    const endMs = startMs + (isLong ? LONG_BUDGET_MS : BUDGET_MS);
    const workloads = planned.workloads.filter((name) => names.includes(name));
    if (workloads.length > 0) await measure(planned, workloads, endMs);
  }
  end(tableOf(figures), ratiosOf(figures));
}

function wanted(possible: readonly string[]): readonly string[] {
  const { only } = values;
  if (only === undefined) return possible;
  return possible.includes(only) ? [only] : refuse(`--only ${only}`, possible);
}

async function measure(
  planned: PlannedJob,
  workloads: readonly string[],
  endMs: number,
): Promise<void> {
  const folder = mkdtempSync(join(PARENT, "job-"));
  // The user whom root lends to PostgreSQL has to get to its data below this folder.
  chmodSync(folder, 0o755);
  const needsServer = planned.jobs.some((name) => name.startsWith("postgres-"));
  const settings = planned.serverSettings ?? {};
  const server = needsServer ? await startPostgresServer({ parent: folder, settings }) : null;
  try {
    for (const name of planned.jobs) {
      const leftMs = endMs - performance.now();
      say(`${name} (${workloads.join(", ")})`);
      const budgetMs = Math.min(planned.budgetMs, leftMs);
      const on = server === null ? {} : { postgresUrl: server.url() };
      const job = { ...on, name, folder, workloads: [...workloads, ...planned.beside], budgetMs };
      const killWhenReady = name === "recovery-make";
      await startJob(job, { killAfterMs: leftMs, killWhenReady, report, missed });
    }
  } catch (error) {
    // The other workloads are still worth measuring.
    const because = error instanceof Error ? error.message : String(error);
    failed(`${workloads.join(", ")} not measured: ${because}`);
  } finally {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function report(figure: Figure): void {
  figures.push(figure);
  if (values.json) console.log(JSON.stringify({ ...figure, value: rounded(figure.value) }));
}

function missed(because: string): void {
  missing.push(because);
  say(because);
}

/** The exit code says that something is missing which should be there. */
function failed(because: string): void {
  missed(because);
  process.exitCode = 1;
}

function end(table: string, ratios: ReturnType<typeof ratiosOf>): void {
  if (!values.json) console.log(table);
  if (values.out === undefined) return;
  const asked = process.argv.slice(2);
  writeResults(values.out, { asked, loadBefore, figures, ratios, missing });
}

function say(line: string): void {
  process.stderr.write(`bench: ${line}\n`);
}

function refuse(given: string, possible: readonly string[]): never {
  say(`${given} is not known; possible: ${possible.join(", ")}`);
  process.exit(2);
}
