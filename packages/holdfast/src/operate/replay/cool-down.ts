/** Which plans may not be started yet, because one of the same cause has stopped itself (R36). */
import {
  REPLAY_COOL_DOWN_MS,
  REPLAY_WORKFLOW,
  type ReplayPlan,
} from "../../core/replay/replay-plan.ts";
import type { StoreReader } from "../../store/store.ts";
import { PAGE_LIMIT_MAX } from "../paging.ts";
import { courseOf, type ReplayCourse } from "./replay-view.ts";

export interface CoolDown {
  /** The plan that has stopped itself. */
  readonly after: string;
  /** When a plan of that cause may be started again. */
  readonly at: string;
}

/** Null if the plan may be started now. Of several the one that holds it longest. */
export async function coolDownOf(
  reader: StoreReader,
  plan: Pick<ReplayPlan, "fingerprints">,
  nowMs: number,
): Promise<CoolDown | null> {
  let found: { readonly after: string; readonly atMs: number } | null = null;
  for (let afterRun = 0; ;) {
    const states = ["completed"] as const;
    const query = { workflow: REPLAY_WORKFLOW, states, afterRun, limit: PAGE_LIMIT_MAX };
    const rows = await reader.runs(query);
    for (const row of rows) {
      const atMs = (row.endedAtMs ?? 0) + REPLAY_COOL_DOWN_MS;
      if (atMs <= nowMs || atMs <= (found?.atMs ?? 0)) continue;
      const other = await courseOf(reader, row);
      if (hasStoppedItself(other) && haveSameCause(other.plan, plan))
        found = { after: other.plan.id, atMs };
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE_LIMIT_MAX) break;
    afterRun = last.run;
  }
  return found === null ? null : { after: found.after, at: new Date(found.atMs).toISOString() };
}

/** Nobody has said so: the last that was decided let it run. */
function hasStoppedItself({ outcome, control }: ReplayCourse): boolean {
  return outcome?.end === "stopped" && control.phase === "running";
}

type Causes = Pick<ReplayPlan, "fingerprints">;

function haveSameCause(left: Causes, right: Causes): boolean {
  return left.fingerprints.some((one) => right.fingerprints.includes(one));
}
