/**
 * `npm run bench -- [--store sqlite|postgres] [--only NAME] [--json]`: measures the speed of a store, each
 * figure beside the raw limit of the same run. See docs/reference/performance.md.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { startPostgresServer } from "holdfast/testing";
import type { Figure } from "./figure.ts";
import { rounded } from "./figure.ts";
import { BUDGET_MS, PLAN, POSTGRES_PLAN, type PlannedJob } from "./plan.ts";
import { tableOf } from "./report.ts";
import { startJob } from "./start-job.ts";

const { values } = parseArgs({
  options: {
    store: { type: "string", default: "sqlite" },
    only: { type: "string" },
    json: { type: "boolean", default: false },
  },
});

const PLANS = new Map([
  ["sqlite", PLAN],
  ["postgres", POSTGRES_PLAN],
]);
const plan = PLANS.get(values.store) ?? refuse(`--store ${values.store}`, [...PLANS.keys()]);
const NAMES = plan.flatMap((planned) => planned.workloads);
if (values.only !== undefined && !NAMES.includes(values.only)) {
  refuse(`--only ${values.only}`, NAMES);
}
await main(values.only, values.json);

async function main(only: string | undefined, asJson: boolean): Promise<void> {
  const endMs = performance.now() + BUDGET_MS;
  // Not the system's folder for temporary files: that may be in memory, where nothing is durable.
  const parent = resolve("var/bench");
  mkdirSync(parent, { recursive: true });
  const figures: Figure[] = [];
  const report = (figure: Figure) => {
    figures.push(figure);
    if (asJson) console.log(JSON.stringify({ ...figure, value: rounded(figure.value) }));
  };
  for (const planned of plan) {
    if (only !== undefined && !planned.workloads.includes(only)) continue;
    await measure(planned, only, { parent, endMs, report });
  }
  if (!asJson) console.log(tableOf(figures));
}

async function measure(
  planned: PlannedJob,
  only: string | undefined,
  run: { readonly parent: string; readonly endMs: number; readonly report: (f: Figure) => void },
): Promise<void> {
  const wanted = only === undefined ? planned.workloads : [only];
  const folder = mkdtempSync(join(run.parent, "job-"));
  const needsServer = planned.jobs.some((name) => name.startsWith("postgres-"));
  const server = needsServer ? await startPostgresServer({ parent: run.parent }) : null;
  try {
    for (const name of planned.jobs) {
      const leftMs = run.endMs - performance.now();
      process.stderr.write(`bench: ${name} (${wanted.join(", ")})\n`);
      const workloads = [...wanted, ...planned.beside];
      const budgetMs = Math.min(planned.budgetMs, leftMs);
      const on = server === null ? {} : { postgresUrl: server.url() };
      const killWhenReady = name === "recovery-make";
      const options = { killAfterMs: leftMs, killWhenReady, report: run.report };
      await startJob({ ...on, name, folder, workloads, budgetMs }, options);
    }
  } catch (error) {
    // The other workloads are still worth measuring; the exit code says that one is missing.
    const because = error instanceof Error ? error.message : String(error);
    process.stderr.write(`bench: ${wanted.join(", ")} not measured: ${because}\n`);
    process.exitCode = 1;
  } finally {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function refuse(given: string, possible: readonly string[]): never {
  process.stderr.write(`bench: ${given} is not known; possible: ${possible.join(", ")}\n`);
  process.exit(2);
}
