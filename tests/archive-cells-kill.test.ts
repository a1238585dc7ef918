/** `holdfast archive` over two cells is killed in the middle: nothing is lost, and given again it goes on. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import {
  eventually,
  holdfastCli,
  LIFE_MS_MAX,
  startHoldfastCli,
} from "./command-line/processes.ts";

const RUNS = 600;
const engineFile = fileURLToPath(new URL("archive-kill/cells.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "holdfast-archive-cells-"));
const stores = ["north", "south"].map((name) => `${name}=sqlite:${join(folder, `${name}.db`)}`);
const words = stores.flatMap((store) => ["--store", store]);
let engine: ChildProcess | null = null;

afterEach(() => {
  engine?.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

async function json(...more: readonly string[]): Promise<Record<string, unknown>> {
  const { out } = await holdfastCli([...more, ...words, "--json"]);
  return JSON.parse(out) as Record<string, unknown>;
}

test(
  "goes on where it was killed",
  async () => {
    const flags = ["--conditions=holdfast-source", engineFile, String(RUNS), ...stores];
    engine = spawn(process.execPath, flags, {
      stdio: ["ignore", "pipe", "inherit"],
      timeout: LIFE_MS_MAX,
      killSignal: "SIGKILL",
    });
    if (engine.stdout === null) throw new Error("its output is piped");
    await once(engine.stdout, "data");
    const archive = (to: string) =>
      ["archive", "--older-than", "0s", "--yes", "--to", join(folder, to)] as const;
    const first = startHoldfastCli([...archive("old.ndjson"), ...words]);
    const ended = once(first, "close");
    await eventually("the archive of the first cell", async () =>
      existsSync(join(folder, "old.north.ndjson")) ? true : null,
    );
    first.kill("SIGKILL");
    await ended;
    // Refused, and told to be given again, while what was ordered before the kill still leaves.
    let tries = 0;
    const cells = await eventually("an archive that nothing else changes", async () => {
      tries += 1;
      return (await json(...archive(`again-${String(tries)}.ndjson`)))["cells"] ?? null;
    });
    expect(cells).toMatchObject([{ cell: "north" }, { cell: "south" }]);
    // What was ordered before the kill may be on its way still.
    await eventually("all runs to leave", async () =>
      ((await json("runs", "--limit", "1"))["runs"] as readonly unknown[]).length === 0
        ? true
        : null,
    );
    for (const name of ["north", "south"]) {
      const verified = await json("store", "verify", "--cell", name);
      expect(verified["damage"]).toEqual([]);
    }
    expect(existsSync(join(folder, "old.south.ndjson"))).toBe(false);
  },
  LIFE_MS_MAX,
);
