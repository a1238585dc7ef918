/** The engine is killed while runs leave: nothing is lost, and the next one goes on. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { eventually, holdfastCli, LIFE_MS_MAX } from "./command-line/processes.ts";
import { CONDITION_FLAG } from "./program-flags.ts";

const RUNS = 1_500;
const engineFile = fileURLToPath(new URL("archive-kill/engine.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "holdfast-archive-kill-"));
const address = `sqlite:${join(folder, "store.db")}`;
let engine: ChildProcess | null = null;

afterEach(() => {
  engine?.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

async function startEngine(runs: number): Promise<ChildProcess> {
  const child = spawn(process.execPath, [CONDITION_FLAG, engineFile, address, String(runs)], {
    stdio: ["ignore", "pipe", "inherit"],
    timeout: LIFE_MS_MAX,
    killSignal: "SIGKILL",
  });
  engine = child;
  await once(child.stdout, "data");
  return child;
}

async function json(...words: readonly string[]): Promise<Record<string, unknown>> {
  const { out } = await holdfastCli([...words, "--store", address, "--json"]);
  return JSON.parse(out) as Record<string, unknown>;
}

/** How many runs the store has; a page is enough to see that there are any. */
async function someRuns(): Promise<readonly unknown[]> {
  return (await json("runs", "--limit", "1000"))["runs"] as readonly unknown[];
}

test(
  "loses nothing, and ends what was ordered",
  async () => {
    const first = await startEngine(RUNS);
    const to = join(folder, "old.ndjson");
    const words = ["archive", "--older-than", "0s", "--to", to, "--yes", "--wait", "0s"];
    const ended = once(first, "close");
    const { out } = await holdfastCli([...words, "--store", address, "--json"]);
    first.kill("SIGKILL");
    await ended;
    expect(JSON.parse(out)).toMatchObject({ runs: RUNS, records: RUNS * 3 });
    expect(readFileSync(to, "utf8").trimEnd().split("\n").at(-1)).toContain('"end"');
    expect((await json("store", "verify"))["damage"]).toEqual([]);

    await startEngine(0);
    await eventually("all runs to leave", async () =>
      (await someRuns()).length === 0 ? true : null,
    );
    expect((await json("store", "verify"))["damage"]).toEqual([]);
  },
  LIFE_MS_MAX,
);
