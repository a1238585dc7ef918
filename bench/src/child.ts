/** A job's own process: measures what it was told to and says each figure as one line. */
import type { Figure } from "./figure.ts";
import type { Job, JobMessage } from "./job.ts";
import { openRawPostgres } from "./raw-postgres.ts";
import { measureFanout } from "./workloads/fanout.ts";
import { measureIdle } from "./workloads/idle.ts";
import { measureLatency, measurePostgresLatency } from "./workloads/latency.ts";
import { measureLists } from "./workloads/lists.ts";
import { measureLoads, measurePostgresLoads } from "./workloads/load.ts";
import { makeUnfinished, measureRecovery } from "./workloads/recovery.ts";
import { measureSleepers } from "./workloads/sleepers.ts";

// Written by start-job.ts.
const job = JSON.parse(process.argv[2] ?? "") as Job;

function say(message: JobMessage): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

function report(figure: Figure): void {
  say({ kind: "figure", figure });
}

function miss(because: string): void {
  say({ kind: "missed", because });
}

switch (job.name) {
  case "load":
    await measureLoads(job.folder, job.workloads, job.budgetMs, report);
    break;
  case "latency":
    await measureLatency(job.folder, job.workloads, report);
    break;
  case "postgres-load":
    await measurePostgresLoads(await rawPostgres(), job.budgetMs, report);
    break;
  case "postgres-latency":
    await measurePostgresLatency(await rawPostgres(), report);
    break;
  case "postgres-idle":
    await measureIdle(job.postgresUrl ?? "", job.workloads, report);
    break;
  case "fanout":
    await measureFanout(job.folder, report);
    break;
  case "lists":
    await measureLists(job.folder, null, report);
    break;
  case "postgres-lists":
    await measureLists(job.folder, job.postgresUrl ?? "", report);
    break;
  case "sleepers":
    await measureSleepers(job.folder, report);
    break;
  case "recovery-make":
    await makeUnfinished(job.folder);
    say({ kind: "ready" });
    break;
  case "recovery":
    await measureRecovery(job.folder, report);
    break;
}

function rawPostgres() {
  return openRawPostgres(job.postgresUrl ?? "", job.folder, miss);
}
