/** The simulator by itself: seeds that once showed a defect, some more, and that it repeats itself. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { runSeed } from "./run-seed.ts";

/** A seed that once broke a promise, with what it showed. */
interface Regression {
  readonly seed: number;
  readonly workers: number;
  readonly showed: string;
  /** What is known of it since, where that is not that it still shows it. */
  readonly note?: string;
}

const FOLDER = new URL("seeds/", import.meta.url);
const REGRESSIONS = readdirSync(FOLDER)
  .toSorted()
  .map((file) => JSON.parse(readFileSync(new URL(file, FOLDER), "utf8")) as Regression);

/** New seeds of each number of workers. */
const SEEDS = 30;

describe("a simulated store, other systems and people", () => {
  test.each(REGRESSIONS)("hold in seed $seed: $showed", async ({ seed, workers }) => {
    const { violation, lines } = await runSeed(seed, workers);
    expect({ violation, lines }).toEqual({ violation: null, lines: [] });
  });

  test.each([1, 2, 3])("hold in some seeds with %s workers", async (workers) => {
    const totals: Record<string, number> = {};
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const { violation, lines, counts } = await runSeed(1_000_000 + seed, workers);
      expect({ seed, violation, lines }).toEqual({ seed, violation: null, lines: [] });
      for (const [what, times] of Object.entries(counts))
        totals[what] = (totals[what] ?? 0) + times;
    }
    // Not vacuous: effects were done, processes died, people were asked, things were told twice.
    expect(totals["lands"]).toBeGreaterThan(SEEDS);
    expect(totals["dies:"]).toBeGreaterThan(SEEDS);
    expect(totals["finished"]).toBeGreaterThan(SEEDS);
    expect(totals["answered"]).toBeGreaterThan(10);
    expect(totals["probe"]).toBeGreaterThan(10);
    expect(totals["opened"]).toBeGreaterThan(10);
  });

  test("are the same for the same seed", async () => {
    const [one, other] = [await runSeed(7, 2), await runSeed(7, 2)];
    expect(other.digest).toBe(one.digest);
    expect((await runSeed(8, 2)).digest).not.toBe(one.digest);
  });
});
