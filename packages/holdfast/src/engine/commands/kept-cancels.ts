/**
 * Cancels that were left while no engine had their runs. They are put on record before any of these
 * runs goes on, and without their code: a recovered run would else send what comes next, or once more
 * what was under way, before it hears that it is not wanted. Whoever crashes the engine is still found
 * by its recovery group: the run comes back with all others, being taken back.
 */
import { parseRunId } from "../../core/run-number.ts";
import { isFinal } from "../../core/run-state.ts";
import type { WaitingCommand } from "../../store/rows.ts";
import { requireName } from "../journal/checked-values.ts";
import type { Engine } from "../engine.ts";
import { commandOf } from "./inbox-command.ts";
import { withStored } from "../journal/stored-runs.ts";
import { requireReadable } from "../run/unreadable-run.ts";
import { lateUnwinding } from "../run/unwinding.ts";

/** Of a run that was read where the store is whole. */
const NO_SHARD = -1;

/**
 * True if the run is on record as cancelled, for whatever reason.
 *
 * @param came - shards whose runs are about to be brought back; not given where the store is whole: all.
 *   A run of another shard is at rest here, and nobody would bring it back: its cancel is a command like
 *   any other.
 * @throws {HoldfastError} where the command or its run is not as it should be: whoever takes commands
 *   one by one finds that too, and says so.
 */
export async function recordKeptCancel(
  engine: Engine,
  row: WaitingCommand,
  came?: readonly number[],
): Promise<boolean> {
  if (!row.isAsPosted || row.unreadable !== undefined) return false;
  requireName(row.by, "sends a command");
  const { run: id, reason } = commandOf<"cancel">({ ...row, topic: "cancel" });
  const reached = await withStored(engine, parseRunId(id), (stored) => {
    const { state, workflow: name } = stored.row;
    const workflow = engine.workflow(name);
    if (isFinal(state) || workflow === null) return false;
    if (came !== undefined && !came.includes(stored.shard ?? NO_SHARD)) return false;
    requireReadable(stored);
    if (stored.records.some(({ kind }) => kind === "cancel")) return true;
    // It is being taken back as it is.
    if (stored.records.some((record) => lateUnwinding(record) !== null)) return false;
    const live = engine.dormant(stored, workflow);
    if (live === null) return false;
    live.ending.cancelByRecord(row.by, reason);
    live.leave({ kind: "suspended", state: live.state, wakeAtMs: null });
    return true;
  });
  return reached.kind === "stored" && reached.value;
}
