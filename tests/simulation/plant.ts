/** Plants each bug in a copy of the sources, and counts the seeds until the simulator notices. */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Mutant } from "./mutants.ts";
import { runAll } from "./pool.ts";
import type { Order } from "./worker.ts";

/** Within so many seeds each planted bug has to be noticed. */
export const SEEDS_MAX = 2_000;

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const COPIED = ["package.json", "packages/holdfast/package.json", "packages/holdfast/src"];

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

/** A copy of the sources with the bug in it, for as long as `act` takes. */
async function withMutant<T>(mutant: Mutant, act: (root: string) => Promise<T>): Promise<T> {
  const root = mkdtempSync(join(tmpdir(), "holdfast-mutant-"));
  try {
    for (const path of [...COPIED, "tests/simulation"]) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      cpSync(join(ROOT, path), join(root, path), { recursive: true });
    }
    symlinkSync(join(ROOT, "node_modules"), join(root, "node_modules"));
    writeFileSync(join(root, mutant.file), mutated(mutant));
    return await act(root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
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
  return withMutant(mutant, async (root) => {
    let seeds = 0;
    let how: string | null = null;
    let found: number | null = null;
    let hasFirstMissed = false;
    await runAll({
      program: join(root, "tests/simulation/worker.ts"),
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
