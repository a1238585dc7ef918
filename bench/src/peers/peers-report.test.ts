import { expect, test } from "vitest";
import type { Figure } from "../figure.ts";
import { peersRatios, peersTable } from "./peers-report.ts";

function figure(workload: string, peer: string, metric: string, value: number): Figure {
  const settings = { peer, lowest: value / 2, highest: value * 2 };
  return { workload, metric, value, unit: "x", settings };
}

const SPEED = "peers-postgres-throughput";
const ALONE = "peers-postgres-latency";

test("sets our speed beside that of each rival", () => {
  const ratios = peersRatios([
    figure(SPEED, "holdfast", "steps_per_s", 25_000),
    figure(SPEED, "dbos", "steps_per_s", 1_000),
    figure(SPEED, "openworkflow", "steps_per_s", 1_001),
  ]);
  expect(ratios).toMatchObject([
    { what: "postgres: steps/s / dbos's", value: 25, atLeast: 25, isMet: true },
    { what: "postgres: steps/s / openworkflow's", value: 24.98, atLeast: 25, isMet: false },
  ]);
});

test("sets our cost and our latency beside the best rival's", () => {
  const ratios = peersRatios([
    figure(SPEED, "holdfast", "cpu_s_per_1000_steps", 0.1),
    figure(SPEED, "dbos", "cpu_s_per_1000_steps", 2),
    figure(SPEED, "openworkflow", "cpu_s_per_1000_steps", 1),
    figure(ALONE, "holdfast", "p50_ms", 6),
    figure(ALONE, "dbos", "p50_ms", 20),
    figure(ALONE, "openworkflow", "p50_ms", 1_000),
  ]);
  expect(ratios).toMatchObject([
    { what: expect.stringContaining("(openworkflow)"), value: 0.1, atMost: 0.1, isMet: true },
    { what: expect.stringContaining("(dbos)"), value: 0.3, atMost: 0.25, isMet: false },
  ]);
});

test("leaves out a rival that was not measured, and judges nothing without ours", () => {
  expect(peersRatios([figure(SPEED, "dbos", "steps_per_s", 1_000)])).toEqual([]);
  const ours = figure(SPEED, "holdfast", "steps_per_s", 50_000);
  const ratios = peersRatios([ours, figure(SPEED, "dbos", "steps_per_s", 1_000)]);
  expect(ratios).toHaveLength(1);
});

test("shows a row for each product and names who is not in the list", () => {
  const table = peersTable([
    figure(SPEED, "holdfast", "steps_per_s", 50_000),
    figure(SPEED, "dbos", "steps_per_s", 1_000),
    figure(SPEED, "dbos", "commits_per_step", 4),
  ]);
  expect(table).toMatch(/^peers-postgres-throughput +steps_per_s +commits_per_step$/mu);
  expect(table).toMatch(/^holdfast +50000 \(25000\.\.100000\) +-$/mu);
  expect(table).toMatch(/^dbos +1000 \(500\.\.2000\) +4 \(2\.\.8\)$/mu);
  expect(table).toContain("left out: absurd");
});
