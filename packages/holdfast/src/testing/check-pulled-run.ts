/** A real run as a test: its history, pulled from a store, is held against code. */
import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { HoldfastError } from "../core/error.ts";
import { PULLED_BYTES_MAX, parsePulledRun } from "../core/pulled/pulled-run.ts";
import type { PulledVerdict } from "../core/pulled/verdict.ts";
import { pulledMisfit, type CheckedCode } from "../engine/versions/pulled-check.ts";

export type { CheckedCode } from "../engine/versions/pulled-check.ts";
export type { PulledMisfit, PulledVerdict } from "../core/pulled/verdict.ts";

/**
 * Runs the workflow's code over the history in a file that `holdfast pull` has written, as recovery does,
 * up to the place where something would be executed. Nothing is: no effect is called, no step is done. A
 * completed run is also held to its result. For any test framework:
 *
 *     expect((await checkPulledRun("runs/late-refund.hfrun", { workflows: [placeOrder] })).misfit).toBeNull();
 *
 * @param file - path, or `file:` URL.
 * @throws {HoldfastError} HF4102 if there is no such file, HF5025 if it is no pulled run or was changed,
 *   HF5026 if a newer Holdfast wrote it, HF1002 if two workflows have one name.
 */
export async function checkPulledRun(
  file: string | URL,
  code: CheckedCode,
): Promise<PulledVerdict> {
  const path = typeof file === "string" ? file : fileURLToPath(file);
  const text = await textOf(path);
  const pulled = parsePulledRun(path, text, sha256Of);
  const { workflow, run, state, codeVersion } = pulled.header;
  const misfit = await pulledMisfit(pulled, code);
  const records = pulled.records.length;
  return { file: path, workflow, run, state, codeVersion, records, misfit };
}

async function textOf(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > PULLED_BYTES_MAX) throw tooLong(path, size);
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    throw new HoldfastError(
      "HF4102",
      `The file ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}.`,
      "Name a file that `holdfast pull` has written.",
      { cause: error },
    );
  }
}

function tooLong(path: string, size: number): HoldfastError {
  return new HoldfastError(
    "HF5025",
    `The file ${path} is no pulled run: it has ${String(size)} bytes, and none has more than ${String(PULLED_BYTES_MAX)}.`,
    "Pull the run again with: holdfast pull RUN > FILE.hfrun.",
  );
}

function sha256Of(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
