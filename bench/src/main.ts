/**
 * `npm run bench -- --store sqlite [--only NAME] [--json]`: measures the speed of a store, each
 * figure beside the raw limit of the same run. See docs/reference/performance.md.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { Figure } from "./figure.ts";
import { rounded } from "./figure.ts";
import { BUDGET_MS, PLAN, type PlannedJob } from "./plan.ts";
import { tableOf } from "./report.ts";
import { startJob } from "./start-job.ts";

const NAMES = PLAN.flatMap((planned) => planned.workloads);

const { values } = parseArgs({
  options: {
    store: { type: "string", default: "sqlite" },
    only: { type: "string" },
    json: { type: "boolean", default: false },
  },
});

if (values.store !== "sqlite") refuse(`--store ${values.store}`, ["sqlite"]);
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
  for (const planned of PLAN) {
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
  try {
    for (const name of planned.jobs) {
      const leftMs = run.endMs - performance.now();
      process.stderr.write(`bench: ${name} (${wanted.join(", ")})\n`);
      const workloads = [...wanted, ...planned.beside];
      const budgetMs = Math.min(planned.budgetMs, leftMs);
      const killWhenReady = name === "recovery-make";
      const options = { killAfterMs: leftMs, killWhenReady, report: run.report };
      await startJob({ name, folder, workloads, budgetMs }, options);
    }
  } catch (error) {
    // The other workloads are still worth measuring; the exit code says that one is missing.
    const because = error instanceof Error ? error.message : String(error);
    process.stderr.write(`bench: ${wanted.join(", ")} not measured: ${because}\n`);
    process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function refuse(given: string, possible: readonly string[]): never {
  process.stderr.write(`bench: ${given} is not known; possible: ${possible.join(", ")}\n`);
  process.exit(2);
}
