/** What `--out FILE` writes: the figures, and what has to be known to judge them later. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem, type } from "node:os";
import { systemClock } from "holdfast/testing";
import type { Figure } from "./figure.ts";
import type { Ratio } from "./ratio.ts";

export interface Results {
  /** The command line behind `npm run bench --`. */
  readonly asked: readonly string[];
  /** Load of the machine over the last minute when the run began. */
  readonly loadBefore: number;
  readonly figures: readonly Figure[];
  readonly ratios: readonly Ratio[];
  /** What could not be measured or was left out, and why. */
  readonly missing: readonly string[];
}

/** @throws {Error} if the file cannot be written. */
export function writeResults(path: string, results: Results): void {
  const all = { ...whereAndWhen(), loadAfter: loadNow(), ...results };
  writeFileSync(path, `${JSON.stringify(all, null, 2)}\n`);
}

/** How many processes wanted to run, as a mean over the last minute. */
export function loadNow(): number {
  return loadavg()[0] ?? Number.NaN;
}

function whereAndWhen() {
  const processors = cpus();
  const cpuModel = processors[0]?.model.trim() ?? "unknown";
  const system = `${type()} ${release()}`;
  return {
    at: new Date(systemClock.nowMs()).toISOString(),
    commit: commitOfCheckout(),
    node: process.version,
    machine: { system, cores: processors.length, cpuModel, memoryBytes: totalmem() },
  };
}

/** With `+changes` if the files differ from it; "unknown" outside a checkout of git. */
function commitOfCheckout(): string {
  try {
    const commit = git("rev-parse", "HEAD");
    return git("status", "--porcelain") === "" ? commit : `${commit}+changes`;
  } catch {
    return "unknown";
  }
}

function git(...words: string[]): string {
  return execFileSync("git", words, { encoding: "utf8", stdio: "pipe" }).trim();
}
