/** A run that is started in the place of one that has ended: same business key, new operation keys. */
import { parseJson } from "../../core/json-text.ts";
import type { ByHand } from "../../core/repaired.ts";
import { formatRunId } from "../../core/run-number.ts";
import type { StoredRun } from "../../store/rows.ts";
import type { AnyWorkflow } from "../../workflow/workflow.ts";
import type { Engine } from "../engine.ts";
import { misfit } from "./repair-refusals.ts";

/**
 * Looks whether it may begin; what comes back begins it and must be called before anything else can
 * happen.
 *
 * @throws {HoldfastError} HF6003 if the key has a later run already: that one is the run of its key.
 */
export async function startAnew(
  engine: Engine,
  { row }: StoredRun,
  workflow: AnyWorkflow,
  { text, input }: { readonly text: string; readonly input: unknown },
): Promise<(hand: ByHand) => number> {
  const { starts } = engine;
  const later = await starts.find(workflow, parseJson(text));
  if (later !== null && later !== row.run) {
    throw misfit(
      row.run,
      `Run ${formatRunId(later)} was started in its place already.`,
      `Look at that one: holdfast show ${formatRunId(later)}`,
    );
  }
  return ({ by, approvedBy = by, reason }) =>
    starts.anew(workflow, input, text, {
      by,
      correlationId: row.correlationId,
      anew: { of: row.run, by, approvedBy, reason, generation: row.generation + 1 },
    });
}
