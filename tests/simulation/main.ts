/**
 * `npm run simulate -- --seeds N [--from S] [--workers W] [--seconds T] [--trace N]`: runs seeds, those
 * that fit into that time, and shows what broke which promise, with the command that repeats it. With
 * `--mutants [--only WORDS]`: plants bugs, and says which seed notices each, the one that is known to do so
 * first; with `--all-seeds` from seed 1, which shows how many are needed.
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { withProgram } from "./bundle.ts";
import { MUTANTS } from "./mutants.ts";
import { notice, SEEDS_MAX } from "./plant.ts";
import { runAll } from "./pool.ts";
import { LINES_SHOWN, type SeedResult } from "./run-seed.ts";
import type { Order } from "./worker.ts";

/** Seeds between two lines that say how far it has come. */
const PROGRESS_EVERY = 1_000;
/** Of what a planted bug has shown. */
const HOW_CHARS = 160;
/** A simulator that cannot run ends its processes with every seed. */
const CRASHES_MAX = 20;
/** Seeds with violations that are shown in full. */
const SHOWN_MAX = 5;

process.exitCode = await main();

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string", default: "1000" },
      from: { type: "string", default: "1" },
      workers: { type: "string" },
      seconds: { type: "string" },
      trace: { type: "string", default: String(LINES_SHOWN) },
      mutants: { type: "boolean", default: false },
      only: { type: "string" },
      "all-seeds": { type: "boolean", default: false },
    },
  });
  if (values.mutants) return await plantAll(values.only, values["all-seeds"]);
  const from = wholeNumber("from", values.from);
  const count = wholeNumber("seeds", values.seeds);
  const workers = values.workers === undefined ? null : wholeNumber("workers", values.workers);
  const linesMax = wholeNumber("trace", values.trace);
  const seconds = values.seconds === undefined ? null : wholeNumber("seconds", values.seconds);
  const all = orders(from, count, workers, linesMax);
  return await runSeeds(seconds === null ? all : startedBefore(seconds, all));
}

async function plantAll(only: string | undefined, isFromFirst: boolean): Promise<number> {
  const mutants = MUTANTS.filter(({ name }) => only === undefined || name.includes(only));
  let unnoticed = 0;
  let stale = 0;
  for (const mutant of mutants) {
    const first = isFromFirst ? null : mutant.seed;
    const { seeds, seed, hasFirstMissed, how } = await notice(mutant, {
      processes: availableParallelism(),
      first,
    });
    if (seeds === null) unnoticed += 1;
    if (hasFirstMissed) stale += 1;
    const within = `${String(seeds)} ${seeds === 1 ? "seed" : "seeds"} (${String(seed)})`;
    const said = seeds === null ? `not within ${String(SEEDS_MAX)} seeds` : `after ${within}`;
    console.log(`${mutant.name}: ${said}: ${(how.split("\n")[0] ?? "").slice(0, HOW_CHARS)}`);
  }
  console.log(`${String(mutants.length)} planted bugs, ${String(unnoticed)} not noticed`);
  if (stale > 0)
    console.log(`${String(stale)} not by the seed in mutants.ts, which is out of date: mend it`);
  if (mutants.length === 0)
    throw new RangeError(`--only: no planted bug has these words: ${only ?? ""}`);
  return unnoticed === 0 ? 0 : 1;
}

function wholeNumber(option: string, text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new RangeError(`--${option}: expected a whole number, got ${text}`);
}

function* orders(from: number, count: number, workers: number | null, linesMax: number) {
  for (let seed = from; seed < from + count; seed += 1) yield { seed, workers, linesMax };
}

/** Begins none after that: the rest is left to another run. */
function* startedBefore(seconds: number, all: Iterable<Order>) {
  for (const one of all) {
    // Since this program began.
    if (performance.now() > seconds * 1000) return;
    yield one;
  }
}

async function runSeeds(all: Iterable<Order>): Promise<number> {
  const totals = new Map<string, number>();
  let seeds = 0;
  let failed = 0;
  const onResult = (result: SeedResult) => {
    seeds += 1;
    for (const [what, times] of Object.entries(result.counts))
      totals.set(what, (totals.get(what) ?? 0) + times);
    if (seeds % PROGRESS_EVERY === 0)
      console.log(`${String(seeds)} seeds, ${String(failed)} with a violation so far`);
    if (result.violation === null) return true;
    failed += 1;
    if (failed <= SHOWN_MAX) show(result);
    else console.log(`seed ${String(result.plan.seed)}: ${result.violation.text}`);
    return true;
  };
  const onCrash = ({ seed }: Order, how: string) => {
    failed += 1;
    console.log(`seed ${String(seed)} has ended its process: ${how}`);
    return failed < CRASHES_MAX;
  };
  const processes = availableParallelism();
  await withProgram(null, (program) =>
    runAll({ program, processes, orders: all, onResult, onCrash }),
  );
  const counted = [...totals].toSorted(([one], [other]) => (one < other ? -1 : 1));
  console.log(counted.map(([what, times]) => `${what} ${String(times)}`).join(", "));
  console.log(`${String(seeds)} seeds, ${String(failed)} with a violation`);
  return failed === 0 ? 0 : 1;
}

function show({ plan, violation, lines }: SeedResult): void {
  if (violation === null) return;
  const { seed, workers } = plan;
  console.log(`\nseed ${String(seed)} breaks ${violation.promise}: ${violation.text}`);
  console.log(JSON.stringify(plan));
  for (const line of lines) console.log(`  ${line}`);
  const of = `--from ${String(seed)} --workers ${String(workers)}`;
  console.log(`again: npm run simulate -- --seeds 1 ${of} --trace 2000`);
}
