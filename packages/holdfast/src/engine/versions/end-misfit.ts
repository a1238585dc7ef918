/** Whether code ends where the history of a completed run does, and as it did. */
import { canonicalJson } from "../../core/canonical-json.ts";
import { differenceText } from "../../core/json-difference.ts";
import { parseJson } from "../../core/json-text.ts";
import { parse, problemText } from "../../workflow/schema.ts";
import type { LiveRun } from "../run/live-run.ts";

/** Turns of the event loop in which the code may come to its end. */
const TURNS_MAX = 20;

/**
 * What it does otherwise, as a sentence; null if it returns what the run had returned.
 *
 * @param recorded - JSON of the result; null if it had none.
 */
export async function endMisfit(run: LiveRun, recorded: string | null): Promise<string | null> {
  for (let turn = 0; turn <= TURNS_MAX; turn += 1) {
    const more = [...run.slots.values()].find((one) => !one.ended && one.records.length === 0);
    if (more !== undefined)
      return `The journal says that the run had completed; your code asks for ${more.verb.what} here.`;
    const { said } = run.ending;
    if (said !== null && "because" in said)
      return `The journal says that the run had completed; your code ${said.because}.`;
    if (said !== null) return await resultMisfit(run, said.value, recorded);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return "The journal says that the run had completed; your code does not return here.";
}

async function resultMisfit(
  run: LiveRun,
  value: unknown,
  recorded: string | null,
): Promise<string | null> {
  if (recorded === null) return null;
  const { output, sensitive = [] } = run.workflow.definition;
  const parsed = await parse(output, value);
  if (!parsed.ok)
    return `The run had completed; what your code returns does not fit its output schema: ${problemText(parsed.problems)}.`;
  const returned = parsed.value === undefined ? null : parsed.value;
  const before = parseJson(recorded);
  if (canonicalJson(returned) === canonicalJson(before)) return null;
  if (run.host.check?.isSame(recorded, canonicalJson(returned), sensitive) === true) return null;
  const where = differenceText(before, returned, sensitive);
  return `The run had completed with another result than your code returns now${where === null ? "" : `: ${where}`}.`;
}
