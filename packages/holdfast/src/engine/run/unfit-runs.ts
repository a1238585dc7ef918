/**
 * Cancelling a run whose code does not fit its journal, or is not in this app: the cancel is put on record, and the run is
 * brought back to be taken back by its journal alone (recorded-steps.ts).
 */
import { isFinal } from "../../core/run-state.ts";
import { ended } from "../commands/command-refusals.ts";
import type { Engine } from "../engine.ts";
import { withStored } from "../journal/stored-runs.ts";
import { requireReadable } from "./unreadable-run.ts";
import { absent, withoutCode } from "./without-code.ts";

/** False if somebody has the run in hand: then it is to be tried with that. */
export async function cancelUnfit(
  engine: Engine,
  run: number,
  { by, reason, child }: { readonly by: string; readonly reason: string; readonly child?: true },
): Promise<boolean> {
  const reached = await withStored(engine, run, (stored) => {
    const { state, workflow: name } = stored.row;
    if (isFinal(state)) throw ended(run, state);
    const workflow = engine.workflow(name);
    requireReadable(stored);
    // Nobody has decided that it is to be undone without its code, which may come back.
    if (workflow === null && child === true) throw withoutCode(stored.row);
    const live = engine.dormant(stored, workflow ?? absent(stored.row));
    if (live === null) return false;
    live.ending.cancelByRecord(by, reason, workflow === null ? { withoutCode: true } : {});
    live.leave({ kind: "reload" });
    return true;
  });
  await engine.committer.durable();
  return reached.kind === "stored" && reached.value;
}
