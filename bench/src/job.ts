/**
 * A job: workloads that are measured together in one process of their own, so that each begins
 * with a heap and compiled code that no other has left behind.
 */
import type { Figure } from "./figure.ts";

const JOB_NAMES = [
  "load",
  "latency",
  "fanout",
  "lists",
  "sleepers",
  "recovery-make",
  "recovery",
  "postgres-load",
  "postgres-latency",
  "postgres-idle",
  "postgres-lists",
] as const;
export type JobName = (typeof JOB_NAMES)[number];

export interface Job {
  readonly name: JobName;
  /** Empty, for the job alone. */
  readonly folder: string;
  /** Workloads to measure; a job measures no other. */
  readonly workloads: readonly string[];
  /** A server that has been started for this job, where it needs one. */
  readonly postgresUrl?: string;
  /** How long the job may measure, milliseconds; it may take a little longer in all. */
  readonly budgetMs: number;
}

/** What a job says to the process that started it. */
export type JobMessage =
  | { readonly kind: "figure"; readonly figure: Figure }
  /** Something that cannot be measured on this machine, and why. */
  | { readonly kind: "missed"; readonly because: string }
  /** The job has come to the point at which it is to be killed. */
  | { readonly kind: "ready" };
