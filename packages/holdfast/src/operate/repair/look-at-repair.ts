/**
 * What an engine says of a repair before it is done: the plan is made from the journal alone, and what
 * the deployed code declares, which fields are editable and which values fit, only an engine knows.
 */
import { parseJson } from "../../core/json-text.ts";
import { HoldfastError } from "../../core/error.ts";
import { parseRunId } from "../../core/run-number.ts";
import type { StoreReader } from "../../store/store.ts";
import { postAndWait, type CommandAnswer, type Patience } from "../command.ts";
import type { RepairPlan, RepairRequest } from "./plan-repair.ts";

export interface LookedAt {
  /** Why a second person has to approve it; null if one is enough. */
  readonly needs: string | null;
}

/**
 * Null if no engine runs, or none has answered in time: then it is looked at when it is done.
 *
 * @throws {HoldfastError} the engine's refusal: it would be refused now.
 */
export async function lookAtRepair(
  reader: StoreReader,
  { run, version }: Pick<RepairPlan, "run" | "version">,
  { act, step, value, ref, newKey }: RepairRequest,
  by: string,
  patience: Patience,
): Promise<LookedAt | null> {
  // A look that is left for the next engine would be answered to nobody.
  if (patience.waitMs === 0 || !(await reader.engineRuns())) return null;
  const body = {
    run,
    act,
    step,
    version,
    value,
    reason: LOOKS,
    look: true as const,
    ...(ref === undefined ? {} : { ref }),
    ...(newKey === undefined ? {} : { newKey }),
  };
  const given = { topic: "repair", by, body, run: parseRunId(run), where: run } as const;
  try {
    const answered = await postAndWait(reader, given, patience);
    if (answered.outcome !== "applied") return null;
    // Written by the engine in this form, and sealed since.
    const answer = parseJson(answered.answer) as CommandAnswer;
    return { needs: answer.ok ? (answer.needs ?? null) : null };
  } catch (error) {
    if (error instanceof HoldfastError && error.code === "HF6005") return null;
    throw error;
  }
}

const LOOKS = "looks whether it could be done";
