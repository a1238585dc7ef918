/** What is read at both ends of a slice, and what follows from the two readings. */
import { median, type Figure } from "../figure.ts";
import { STEPS_PER_RUN, type PartyCount } from "./party.ts";
import type { DatabaseCounts } from "./party-server.ts";

export interface Reading extends PartyCount {
  readonly serverCpuS: number;
  readonly serverMemoryMb: number;
  /** Null where the party has no PostgreSQL. */
  readonly database: DatabaseCounts | null;
}

/** The figures of one slice; what was not measured is absent. */
export interface Slice {
  readonly steps_per_s?: number;
  readonly cpu_s_per_1000_steps: number;
  readonly commits_per_step?: number;
  readonly statements_per_step?: number;
  readonly peak_memory_mb: number;
  readonly p50_ms?: number;
  readonly last_step_p50_ms?: number;
}
export type Metric = keyof Slice;

export const UNITS: Readonly<Record<Metric, string>> = {
  steps_per_s: "steps/s",
  cpu_s_per_1000_steps: "s",
  commits_per_step: "commits",
  statements_per_step: "statements",
  peak_memory_mb: "MB",
  p50_ms: "ms",
  last_step_p50_ms: "ms",
};

/** `throughput`: many runs at once. `latency`: one run alone, then the next. */
export type Workload = "throughput" | "latency";

/** @throws {Error} if no step was done in the slice: then there is nothing to say. */
export function sliceBetween(from: Reading, to: Reading, workload: Workload): Slice {
  const steps = to.steps - from.steps;
  if (steps <= 0) throw new Error("not one step was done in a slice");
  const cpuS = to.cpuS - from.cpuS + (to.serverCpuS - from.serverCpuS);
  const both = {
    cpu_s_per_1000_steps: (cpuS / steps) * 1000,
    // The server's own peak is not kept by the system: the fuller of the two ends stands for it.
    peak_memory_mb: to.peakMemoryMb + Math.max(from.serverMemoryMb, to.serverMemoryMb),
    ...perStep(from.database, to.database, steps),
  };
  if (workload === "throughput") {
    return { steps_per_s: (steps / (to.atMs - from.atMs)) * 1000, ...both };
  }
  if (to.runsMs.length === 0) throw new Error("not one run came to its end in a slice");
  return { p50_ms: median(to.runsMs), last_step_p50_ms: median(to.lastStepsMs), ...both };
}

function perStep(from: DatabaseCounts | null, to: DatabaseCounts | null, steps: number) {
  if (from === null || to === null) return {};
  return {
    commits_per_step: (to.commits - from.commits) / steps,
    statements_per_step: (to.statements - from.statements) / steps,
  };
}

/** The medians of a party's slices; `lowest` and `highest` say how far they were apart. */
export function figuresOf(
  workload: string,
  slices: readonly Slice[],
  settings: Figure["settings"],
): Figure[] {
  // The keys of an object literal above: `Object.keys` does not know their type.
  return (Object.keys(UNITS) as Metric[]).flatMap((metric) => {
    const values = slices.map((slice) => slice[metric]).filter((value) => value !== undefined);
    if (values.length === 0) return [];
    // A peak is the highest of all; the rest are medians.
    const value = metric === "peak_memory_mb" ? Math.max(...values) : median(values);
    const spread = {
      slices: values.length,
      lowest: Math.min(...values),
      highest: Math.max(...values),
    };
    const all = { ...settings, stepsPerRun: STEPS_PER_RUN, ...spread };
    return [{ workload, metric, value, unit: UNITS[metric], settings: all }];
  });
}
