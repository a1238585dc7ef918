import { expect, test } from "vitest";
import { median, quantile, type Figure } from "./figure.ts";
import { tableOf } from "./report.ts";

function figure(workload: string, metric: string, value: number, settings = {}): Figure {
  return { workload, metric, value, unit: "x", settings };
}

function lineOf(table: string, start: string): string | undefined {
  return table.split("\n").find((line) => line.startsWith(start));
}

test("sets a ratio beside its target and says whether it is met", () => {
  const log = figure("raw-append-log", "steps_per_s", 100, { concurrency: 256 });
  const met = [figure("throughput", "steps_per_s", 60, { concurrency: 256 }), log];
  const missed = [figure("throughput", "steps_per_s", 59, { concurrency: 256 }), log];
  expect(lineOf(tableOf(met), "throughput at 256 /")).toMatch(/0\.6 +at least 0\.6 +met$/);
  expect(lineOf(tableOf(missed), "throughput at 256 /")).toMatch(/0\.59 +at least 0\.6 +NOT MET$/);
});

test("takes the figure with the settings that the target is about", () => {
  const table = tableOf([
    figure("throughput", "steps_per_s", 1, { concurrency: 1024 }),
    figure("throughput", "steps_per_s", 90, { concurrency: 256 }),
    figure("raw-append-log", "steps_per_s", 100, { concurrency: 256 }),
  ]);
  expect(lineOf(table, "throughput at 256 /")).toContain("0.9");
});

test("says what several do together beside one alone, without a verdict", () => {
  const table = tableOf([
    figure("cells", "steps_per_s", 150, { cells: 2 }),
    figure("one-of-cells", "steps_per_s", 100, { cells: 1 }),
  ]);
  expect(lineOf(table, "throughput of all cells")).toMatch(/alone +1\.5$/);
});

test("leaves out ratios that were not measured", () => {
  const table = tableOf([figure("fanout", "p50_ms", 3)]);
  expect(lineOf(table, "fanout")).toContain("p50_ms");
  expect(table).not.toContain("target");
});

test("takes the middle value, and the lower one of two", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2);
  expect(quantile([5, 1, 2, 3, 4], 1)).toBe(5);
  expect(median([])).toBeNaN();
});
