/** Plants each bug in the program that runs seeds, and counts the seeds until the simulator notices. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { withProgram } from "./bundle.ts";
import type { Mutant } from "./mutants.ts";
import { runAll } from "./pool.ts";
import type { Order } from "./worker.ts";

/** Within so many seeds each planted bug has to be noticed. */
export const SEEDS_MAX = 2_000;

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

export interface Noticed {
  /** Seeds that were run until it was noticed; null if it was not. */
  readonly seeds: number | null;
  /** The seed that has noticed it; null if none has. */
  readonly seed: number | null;
  /** True if the one that is run before all others has not noticed it. */
  readonly hasFirstMissed: boolean;
  /** The promise that it breaks, or how it has ended a process. */
  readonly how: string;
}

/** @throws {Error} if what is to be found is not there one time: the data are out of date. */
export function mutated({ name, file, find, replace }: Mutant): string {
  const text = readFileSync(join(ROOT, file), "utf8");
  const parts = text.split(find);
  const [before, after] = parts;
  if (parts.length === 2 && before !== undefined && after !== undefined)
    return before + replace + after;
  throw new Error(
    `planted bug "${name}": expected ${JSON.stringify(find)} one time in ${file}, found it ` +
      `${String(parts.length - 1)} times. Mend mutants.ts, which names what the bug is planted in.`,
  );
}

/** @param first - run before all others, which begin with 1; none is run twice. */
export function notice(
  mutant: Mutant,
  { processes, first }: { readonly processes: number; readonly first: number | null },
): Promise<Noticed> {
  const planted = { path: join(ROOT, mutant.file), text: mutated(mutant) };
  return withProgram(planted, async (program) => {
    let seeds = 0;
    let how: string | null = null;
    let found: number | null = null;
    let hasFirstMissed = false;
    await runAll({
      program,
      processes,
      orders: orders(first),
      onResult: ({ violation, plan: { seed, workers } }) => {
        seeds += 1;
        if (violation !== null && how === null) found = seed;
        if (violation === null && seed === first) hasFirstMissed = true;
        if (violation !== null)
          how ??= `seed ${String(seed)} of ${String(workers)}: ${violation.promise}: ${violation.text}`;
        return how === null;
      },
      onCrash: ({ seed }, ended) => {
        if (how === null) found = seed;
        how ??= `its process has ended: ${ended}`;
        return false;
      },
    });
    return {
      seeds: how === null ? null : seeds,
      seed: found,
      hasFirstMissed,
      how: how ?? "nobody has noticed it",
    };
  });
}

function* orders(first: number | null): Iterable<Order> {
  if (first !== null) yield { seed: first, workers: null, linesMax: 0 };
  for (let seed = 1; seed <= SEEDS_MAX; seed += 1)
    if (seed !== first) yield { seed, workers: null, linesMax: 0 };
}
