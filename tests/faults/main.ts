/**
 * Plays fault scripts one after the other: `npm run faults` all in their short form, `npm run faults
 * -- NAME...` some, `--rounds N` or `--long` for more. Exit code 1 if a promise was broken, or a
 * script has proved nothing. One that this machine cannot play counts as not possible, never as held.
 */
import { parseArgs } from "node:util";
import { Scene } from "./scene.ts";
import type { FaultScript, Found } from "./script.ts";
import { SCRIPTS } from "./scripts.ts";

/** Sentences shown of one script. */
const BROKEN_SHOWN_MAX = 40;

type Verdict = "held" | "broken" | "void" | "not possible";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string" }, long: { type: "boolean", default: false } },
});
process.exitCode = await main();

async function main(): Promise<number> {
  const unknown = positionals.filter((name) => !SCRIPTS.some((script) => script.name === name));
  const rounds = values.rounds === undefined ? null : Number(values.rounds);
  if (unknown.length > 0 || (rounds !== null && !(Number.isInteger(rounds) && rounds > 0))) {
    const names = SCRIPTS.map(({ name }) => name).join(", ");
    console.error(`expected [NAME...] [--rounds N | --long], N from 1, NAME of ${names}`);
    return 2;
  }
  const chosen = SCRIPTS.filter(
    ({ name }) => positionals.length === 0 || positionals.includes(name),
  );
  const verdicts: Verdict[] = [];
  for (const script of chosen) {
    verdicts.push(await play(script, rounds ?? script.rounds[values.long ? "long" : "short"]));
  }
  const count = (wanted: Verdict) => verdicts.filter((verdict) => verdict === wanted).length;
  console.log(
    `faults: ${String(count("held"))} held, ${String(count("broken"))} broken, ` +
      `${String(count("void"))} void, ${String(count("not possible"))} not possible here`,
  );
  return count("broken") + count("void") === 0 ? 0 : 1;
}

async function play(script: FaultScript, rounds: number): Promise<Verdict> {
  const { name } = script;
  const why = script.impossible();
  if (why !== null) {
    console.log(`${name}: not possible here: ${why}`);
    return "not possible";
  }
  const startedAtMs = performance.now();
  const scene = await Scene.open(name, (line) => {
    console.log(`${name}: ${(performance.now() / 1000).toFixed(1)} ${line}`);
  });
  const end = () => {
    // Mounts, namespaces and processes go before this process does.
    void scene.close().finally(() => process.exit(1));
  };
  process.once("SIGTERM", end).once("SIGINT", end);
  try {
    return report(name, await script.play(scene, rounds), { rounds, startedAtMs });
  } catch (error) {
    console.log(
      `${name}: broken: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
    return "broken";
  } finally {
    process.removeListener("SIGTERM", end).removeListener("SIGINT", end);
    await scene.close();
  }
}

function report(
  name: string,
  { broken, hits, figures }: Found,
  { rounds, startedAtMs }: { readonly rounds: number; readonly startedAtMs: number },
): Verdict {
  for (const sentence of broken.slice(0, BROKEN_SHOWN_MAX))
    console.log(`${name}: broken: ${sentence}`);
  const rare = Object.entries(hits).filter(([, { count, atLeast }]) => count < atLeast);
  for (const [what, { count, atLeast }] of rare) {
    console.log(`${name}: void: ${what}: ${String(count)}, at least ${String(atLeast)} are needed`);
  }
  const all = [
    ...Object.entries(hits).map(([what, { count }]) => `${what}: ${String(count)}`),
    ...Object.entries(figures).map(([what, count]) => `${what}: ${String(count)}`),
  ];
  const verdict = broken.length > 0 ? "broken" : rare.length > 0 ? "void" : "held";
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(0);
  console.log(`${name}: ${verdict}, ${String(rounds)} rounds in ${seconds} s; ${all.join(", ")}`);
  return verdict;
}
