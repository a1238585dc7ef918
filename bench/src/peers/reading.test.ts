import { expect, test } from "vitest";
import { figuresOf, sliceBetween, type Reading } from "./reading.ts";

const NOTHING: Reading = {
  atMs: 1_000,
  steps: 100,
  cpuS: 1,
  peakMemoryMb: 90,
  runsMs: [],
  lastStepsMs: [],
  serverCpuS: 2,
  serverMemoryMb: 50,
  database: { commits: 10, statements: 20 },
};
const LATER: Reading = {
  ...NOTHING,
  atMs: 3_000,
  steps: 1_100,
  cpuS: 2,
  peakMemoryMb: 100,
  runsMs: [3, 1, 2],
  lastStepsMs: [2, 0.5, 1],
  serverCpuS: 5,
  serverMemoryMb: 60,
  database: { commits: 510, statements: 4_020 },
};

test("counts what process and server have used between two readings, by step", () => {
  expect(sliceBetween(NOTHING, LATER, "throughput")).toEqual({
    steps_per_s: 500,
    cpu_s_per_1000_steps: 4,
    commits_per_step: 0.5,
    statements_per_step: 4,
    peak_memory_mb: 160,
  });
});

test("takes the middle run where one runs alone", () => {
  const slice = sliceBetween(NOTHING, LATER, "latency");
  expect(slice).toMatchObject({ p50_ms: 2, last_step_p50_ms: 1 });
  expect(slice).not.toHaveProperty("steps_per_s");
});

test("says nothing of commits where there is no database", () => {
  const slice = sliceBetween(NOTHING, { ...LATER, database: null }, "throughput");
  expect(slice).not.toHaveProperty("commits_per_step");
});

test("refuses a slice in which nothing was done", () => {
  expect(() => sliceBetween(NOTHING, NOTHING, "throughput")).toThrow("not one step");
  expect(() => sliceBetween(NOTHING, { ...LATER, runsMs: [] }, "latency")).toThrow("not one run");
});

test("reports the median of the slices with its spread, and of memory the highest", () => {
  const slices = [
    { steps_per_s: 30, peak_memory_mb: 1, cpu_s_per_1000_steps: 1 },
    { steps_per_s: 10, peak_memory_mb: 3, cpu_s_per_1000_steps: 1 },
    { steps_per_s: 20, peak_memory_mb: 2, cpu_s_per_1000_steps: 1 },
  ];
  const figures = figuresOf("peers", slices, { peer: "it" });
  const settings = { peer: "it", stepsPerRun: 10, slices: 3 };
  expect(figures).toHaveLength(3);
  expect(figures).toContainEqual({
    workload: "peers",
    metric: "steps_per_s",
    value: 20,
    unit: "steps/s",
    settings: { ...settings, lowest: 10, highest: 30 },
  });
  expect(figures).toContainEqual({
    workload: "peers",
    metric: "peak_memory_mb",
    value: 3,
    unit: "MB",
    settings: { ...settings, lowest: 1, highest: 3 },
  });
});
