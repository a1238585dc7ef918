/** Several pulled runs against the workflows of a module. Part of command-line.ts. */
import { HoldfastError } from "./core/error.ts";
import type { PulledVerdict } from "./core/pulled/verdict.ts";
import { checkPulledRun } from "./testing/check-pulled-run.ts";
import { definitionIn } from "./worker.ts";

/**
 * One after the other. A file that cannot be read does not keep the others from being tested.
 *
 * @throws {HoldfastError} HF4102 if the module cannot be used.
 */
export async function testPulled(
  files: readonly string[],
  module: string,
): Promise<readonly PulledVerdict[]> {
  const code = await definitionIn(module);
  const verdicts: PulledVerdict[] = [];
  for (const file of files) verdicts.push(await verdictOf(file, code));
  return verdicts;
}

type Code = Parameters<typeof checkPulledRun>[1];

async function verdictOf(file: string, code: Code): Promise<PulledVerdict> {
  try {
    return await checkPulledRun(file, code);
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    const { code: misfitCode, message, remedy } = error;
    const misfit = { code: misfitCode, message, remedy };
    return { file, workflow: "", run: "", state: "", codeVersion: "", records: 0, misfit };
  }
}
