/** Whether where a run stands says what it waits for, or who is to do something about it (P2). */
import { isFinal } from "#src/core/run-state.ts";
import type { Disk } from "../store/disk.ts";

/** A sentence if it stands where nobody would find it; null if all is well. */
export function standingProblem(disk: Disk, run: number): string | null {
  const { tables } = disk;
  const row = tables.runs.get(run)?.row;
  if (row === undefined) return "it is not there";
  switch (row.state) {
    case "running":
    case "cancelling":
    case "compensating":
    case "completed":
    case "stopped":
    case "cancelled":
      return null;
    case "paused":
    case "exception":
    case "held":
      return hasOwnedException(disk, run) || hasChildThatStands(disk, run)
        ? null
        : `it is ${row.state} (${row.reason}), and no open exception says whose it is`;
    case "review":
      return [...tables.reviews.values()].some((one) => one.run === run && one.state === "open")
        ? null
        : `it waits for a review (${row.reason}), and none is open`;
    case "parked":
      return row.dependency !== null || row.wakeAtMs !== null || hasOwnedException(disk, run)
        ? null
        : `it is parked (${row.reason}), and nothing will wake it`;
    case "waiting":
      return waits(disk, run) ? null : `it waits (${row.reason}), and for nothing that will come`;
  }
}

function waits(disk: Disk, run: number): boolean {
  const { tables } = disk;
  const row = tables.runs.get(run)?.row;
  if (row === undefined) return false;
  if (row.wakeAtMs !== null) return true;
  if (tables.awaiting.some((one) => one.run === run)) return true;
  if (tables.pending.some((one) => one.run === run)) return true;
  const others = [...tables.runs.values()].map((entry) => entry.row);
  if (others.some((other) => other.parentRun === run)) return true;
  const inLane = others.filter(
    ({ lane, run: other }) => lane !== null && lane === row.lane && other !== run,
  );
  // One that has ended in this very write hands its turn on next; whether it does, the end tells.
  return inLane.some(
    ({ state, endedAtMs }) => !isFinal(state) || (endedAtMs ?? 0) >= row.startedAtMs,
  );
}

export function hasOwnedException(disk: Disk, run: number): boolean {
  return [...disk.tables.exceptions.values()].some(
    (one) =>
      one.run === run &&
      one.subject === null &&
      one.closedAtMs === null &&
      one.owner !== "" &&
      one.dueAtMs > 0,
  );
}

function hasChildThatStands(disk: Disk, run: number): boolean {
  return [...disk.tables.runs.values()].some(
    ({ row }) => row.parentRun === run && hasOwnedException(disk, row.run),
  );
}
