import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { writeResults } from "./results-file.ts";

test("writes the figures with the machine, the commit and what is missing", () => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-results-"));
  const path = join(folder, "results.json");
  const figure = { workload: "fanout", metric: "p50_ms", value: 3, unit: "ms", settings: {} };
  const results = { asked: ["--peers"], loadBefore: 1, figures: [figure], ratios: [] };
  try {
    writeResults(path, { ...results, missing: ["absurd: no SQL"] });
    const written: unknown = JSON.parse(readFileSync(path, "utf8"));
    expect(written).toMatchObject({ ...results, missing: ["absurd: no SQL"] });
    expect(written).toMatchObject({
      commit: expect.stringMatching(/^(?:[0-9a-f]{40}(?:\+changes)?|unknown)$/u),
      machine: { cores: expect.any(Number), memoryBytes: expect.any(Number) },
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
