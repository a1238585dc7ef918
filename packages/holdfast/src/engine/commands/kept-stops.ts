/**
 * Cancels and pauses that were left while no engine had their runs. They are put on record before any of
 * these runs goes on, and without their code: a recovered run would else send what comes next, or once
 * more what was under way, before it hears that it is not wanted. Whoever crashes the engine is still found
 * by its recovery group: a run that is cancelled comes back with all others, being taken back.
 */
import { parseRunId } from "../../core/run-number.ts";
import { isFinal, type RunState } from "../../core/run-state.ts";
import type { StoredRun, WaitingCommand } from "../../store/rows.ts";
import { requireName } from "../journal/checked-values.ts";
import type { Engine } from "../engine.ts";
import { commandOf } from "./inbox-command.ts";
import { withStored } from "../journal/stored-runs.ts";
import type { LiveRun } from "../run/live-run.ts";
import { requireReadable } from "../run/unreadable-run.ts";
import { lateUnwinding } from "../run/unwinding.ts";

type Stop = WaitingCommand & { readonly topic: "cancel" | "pause" };

/** Of a run that was read where the store is whole. */
const NO_SHARD = -1;

/**
 * True if the run is on record as cancelled, or as paused, for whatever reason.
 *
 * @param came - shards whose runs are about to be brought back; not given where the store is whole: all.
 *   A run of another shard is at rest here, and nobody would bring it back: to stop it is a command like
 *   any other.
 * @throws {HoldfastError} where the command or its run is not as it should be: whoever takes commands
 *   one by one finds that too, and says so.
 */
export async function recordKeptStop(
  engine: Engine,
  row: Stop,
  came?: readonly number[],
): Promise<boolean> {
  if (!row.isAsPosted || row.unreadable !== undefined) return false;
  requireName(row.by, "sends a command");
  const { run: id, reason } = commandOf(row);
  const reached = await withStored(engine, parseRunId(id), (stored) => {
    const { state, workflow: name } = stored.row;
    const workflow = engine.workflow(name);
    if (isFinal(state) || workflow === null) return false;
    if (came !== undefined && !came.includes(stored.shard ?? NO_SHARD)) return false;
    requireReadable(stored);
    // What a run has begun to undo of itself is not stopped in the middle.
    if (row.topic === "pause" && isTakenBack(state)) return false;
    const is = isStopped(stored, row.topic);
    if (is !== null) return is;
    const live = engine.dormant(stored, workflow);
    if (live === null) return false;
    if (!stop(live, row, reason)) return false;
    live.leave({ kind: "suspended", state: live.state, wakeAtMs: null });
    return true;
  });
  return reached.kind === "stored" && reached.value;
}

/** Null if it is not taken back: then that can be begun, or it can be paused. */
function isStopped({ records }: StoredRun, topic: Stop["topic"]): boolean | null {
  if (records.some(({ kind }) => kind === "cancel")) return topic === "cancel";
  // It is being taken back as it is.
  return records.some((record) => lateUnwinding(record) !== null) ? false : null;
}

function isTakenBack(state: RunState): boolean {
  return state === "cancelling" || state === "compensating";
}

function stop(live: LiveRun, { topic, by, id }: Stop, reason: string): boolean {
  if (topic === "pause") return live.ending.pauseByRecord({ by, reason, command: id });
  live.ending.cancelByRecord(by, reason);
  return true;
}
