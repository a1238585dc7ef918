/**
 * The program that runs seeds, as one file: from the sources it takes nearly two seconds to begin, which
 * is most of what a planted bug takes until it is noticed.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

/** A file of the sources that is read as something else. */
export interface Changed {
  readonly path: string;
  readonly text: string;
}

const WORKER = fileURLToPath(new URL("worker.ts", import.meta.url));

/** The program is there for as long as `act` takes. */
export async function withProgram<T>(
  changed: Changed | null,
  act: (program: string) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-simulation-"));
  try {
    const program = join(folder, "worker.mjs");
    await bundle(program, changed);
    return await act(program);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function bundle(file: string, changed: Changed | null): Promise<void> {
  let isRead = changed === null;
  const load = (id: string) => {
    if (id !== changed?.path) return null;
    isRead = true;
    return changed.text;
  };
  const made = await rolldown({
    input: WORKER,
    platform: "node",
    resolve: { conditionNames: ["holdfast-source", "import", "node", "default"] },
    plugins: [{ name: "changed source", load }],
  });
  await made.write({ file, format: "esm" });
  await made.close();
  if (!isRead) throw new Error(`${changed?.path ?? ""} is no part of what runs a seed`);
}
