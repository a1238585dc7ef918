/**
 * `latest-wins`: of the runs of one workflow that wait in a lane only the newest is done. An older one
 * is ended on record, as cancelled, before anything of it has begun; never one that has.
 *
 * It is ended when the newer one has been accepted; or, where the process dies between the two, when
 * it would have its turn.
 */
import { formatRunId } from "../../core/run-number.ts";
import type { StoredRun } from "../../store/rows.ts";
import type { Engine } from "../engine.ts";
import type { LiveRun } from "../run/live-run.ts";
import { hasBegun } from "../run/recovery.ts";

/** On record as who has ended it. */
const ENGINE = "engine";

/** Ends runs whose turn has not come, once the one that takes their place is durable. */
export async function supersede(
  engine: Engine,
  older: readonly number[],
  by: number,
): Promise<void> {
  for (const run of older) {
    const live = await engine.reads.patiently("a run that a newer one has superseded", () =>
      engine.wakes.reach(run, true),
    );
    // At work, or ended: its turn has come meanwhile.
    if (live?.isLent === true) end(live, by);
  }
}

/** True if a newer run has the place of this one, whose turn it is: it is ended then. */
export function supersededAtTurn(engine: Engine, stored: StoredRun): boolean {
  const { row, records } = stored;
  if (row.lane === null || row.state !== "waiting" || hasBegun(records)) return false;
  const newest = engine.lanes.newestAfter(row.namespace, row.lane, row.run);
  if (newest === null) return false;
  const live = engine.lend(stored);
  if (live !== null) end(live, newest);
  return true;
}

function end(live: LiveRun, by: number): void {
  const lane = live.row.lane ?? "";
  live.ending.cancel(ENGINE, `superseded by ${formatRunId(by)} in lane "${lane}": latest wins`);
  live.recheck();
}
