/** Which jobs measure which workloads, and how long each may take. */
import type { JobName } from "./job.ts";

/** Two minutes, less what starting and tidying up take. Source: the issue that asked for the bench. */
export const BUDGET_MS = 112_000;

/** For what several do together; starting their servers comes on top. */
export const SCALE_BUDGET_MS = 60_000;

/** Making a million runs takes longer than everything else together. */
export const LONG_BUDGET_MS = 1_200_000;

export interface PlannedJob {
  readonly jobs: readonly JobName[];
  readonly workloads: readonly string[];
  /** Raw limits that are measured beside any of the workloads. */
  readonly beside: readonly string[];
  /** Settings of the server that is started for it. */
  readonly serverSettings?: Readonly<Record<string, string>>;
  /** How long to measure, milliseconds; what is fixed in size takes as long as it takes. */
  readonly budgetMs: number;
  /** Takes longer than the whole may: measured only where it is named. */
  readonly isLong?: boolean;
}

/** With --store postgres; what else there is differs only in how fast rows are read. */
export const POSTGRES_PLAN: readonly PlannedJob[] = [
  {
    jobs: ["postgres-load"],
    workloads: ["throughput", "effects"],
    beside: ["raw-unnest", "raw-pgbench", "null-store"],
    budgetMs: 30_000,
  },
  {
    jobs: ["postgres-latency"],
    workloads: ["latency", "effect-latency"],
    beside: ["raw-insert-commit", "raw-pgbench"],
    budgetMs: 0,
  },
  {
    jobs: ["postgres-idle"],
    workloads: ["idle", "start-latency", "take-over"],
    beside: [],
    serverSettings: { shared_preload_libraries: "pg_stat_statements" },
    budgetMs: 0,
  },
  { jobs: ["postgres-lists"], workloads: ["lists"], beside: [], budgetMs: 0, isLong: true },
];

export const PLAN: readonly PlannedJob[] = [
  {
    jobs: ["load"],
    workloads: ["throughput", "effects", "throughput-speculative"],
    beside: ["raw-append-log", "null-store"],
    budgetMs: 30_000,
  },
  {
    jobs: ["load"],
    workloads: ["cost-journal", "cost-journal-seals"],
    beside: ["throughput"],
    budgetMs: 8_000,
  },
  {
    jobs: ["latency"],
    workloads: ["latency", "growth", "effect-latency"],
    beside: ["raw-fdatasync"],
    budgetMs: 0,
  },
  { jobs: ["fanout"], workloads: ["fanout"], beside: [], budgetMs: 0 },
  { jobs: ["sleepers"], workloads: ["sleepers"], beside: [], budgetMs: 0 },
  {
    jobs: ["recovery-make", "recovery"],
    workloads: ["recovery"],
    beside: ["raw-read"],
    budgetMs: 0,
  },
  { jobs: ["lists"], workloads: ["lists"], beside: [], budgetMs: 0, isLong: true },
];
