/**
 * A run leaves its lane before it has ended, and the next one has its turn. Both records of the gap are
 * in one flush, so that a crash leaves either the lane as it was or the gap at both sides of it.
 */
import { HoldfastError } from "../../core/error.ts";
import { laneHeadOf, quarantineOf, type LaneCause, type LaneHead } from "../../core/lane.ts";
import { formatRunId } from "../../core/run-number.ts";
import { isActive, isFinal } from "../../core/run-state.ts";
import { unknownEffects, unknownText } from "../../core/unknown-effects.ts";
import type { StoredRun } from "../../store/rows.ts";
import { ended } from "../commands/command-refusals.ts";
import type { Engine } from "../engine.ts";
import { withStored, type Append } from "../journal/stored-runs.ts";
import { requireReadable } from "../run/unreadable-run.ts";

export interface LeavesLane {
  readonly by: string;
  readonly reason: string;
  readonly cause: LaneCause;
  /** Id of the command in the inbox. */
  readonly command?: string;
}

/** Who is behind a run may come and go while that is read; then it is given up. */
const READS_MAX = 100;

/**
 * Takes the first run of a lane out of it. Durable when it resolves.
 *
 * @throws {HoldfastError} HF6001 (no such run), HF6003 (it has ended, is in no lane, is not the first
 *   there, or is at work), HF6004 (an outcome of it is unknown).
 */
export async function leaveLane(engine: Engine, run: number, how: LeavesLane): Promise<void> {
  for (let reads = 0; reads < READS_MAX; reads += 1) {
    const isOver = await tryToLeave(engine, run, how);
    if (!isOver) continue;
    await engine.committer.durable();
    return;
  }
  throw refuse(run, "The run behind it came and went while it was being read.", TRY_AGAIN);
}

/**
 * A run that is put away leaves its lane, which goes on without it. One whose outcome is unknown stays:
 * what is behind it may build on that. Nothing where it has left already.
 */
export async function leaveQuarantined(engine: Engine, { row, records }: StoredRun): Promise<void> {
  if (row.lane === null || unknownEffects(records).length > 0) return;
  const opened = quarantineOf(records);
  if (opened === null) return;
  try {
    const how = { by: "engine", reason: opened.because, cause: "quarantine" } as const;
    await leaveLane(engine, row.run, how);
  } catch (error) {
    // Somebody has something for it just now, and sees that it stands in its lane.
    if (!(error instanceof HoldfastError) || error.code !== "HF6003") throw error;
  }
}

/** False if it is to be read again. */
async function tryToLeave(engine: Engine, run: number, how: LeavesLane): Promise<boolean> {
  const { committer, departures, lanes, live, store } = engine;
  const watch = departures.watch();
  try {
    await committer.durable();
    const [first] = await store.load([run]);
    if (first === undefined) throw noSuchRun(run);
    const { namespace, lane } = first.row;
    const next = lane === null ? null : lanes.secondOf(namespace, lane);
    const [behind] = next === null ? [] : await store.load([next]);
    const isOld = () => next !== null && (watch.hasLeft(next) || watch.wasWritten(next));
    const reached = await withStored(engine, run, (stored, append) => {
      if (wasDone(stored, how)) return true;
      refuseUnfit(engine, stored);
      if (lanes.secondOf(namespace, lane ?? "") !== next || isOld()) return false;
      writeGap({ engine, stored, append, behind, how });
      return true;
    });
    if (reached.kind === "unknown") throw noSuchRun(run);
    if (reached.kind === "stored") return reached.value;
    await reached.live.settledDown;
    if (live.has(run)) throw refuse(run, "It is at work.", TRY_AGAIN);
    return false;
  } finally {
    watch.end();
  }
}

function writeGap({
  engine,
  stored: { row },
  append,
  behind,
  how: { command, ...why },
}: {
  readonly engine: Engine;
  readonly stored: StoredRun;
  readonly append: Append;
  readonly behind: StoredRun | undefined;
  readonly how: LeavesLane;
}): void {
  const { run, namespace, lane } = row;
  if (lane === null) return;
  const next = behind?.row.run ?? null;
  if (behind !== undefined) noteGap(engine, behind, { event: "gap", lane, ...why, run });
  const said = command === undefined ? {} : { command };
  const left: LaneHead = { event: "left", lane, ...why, next, ...said };
  append("lane", "", left, { joins: behind !== undefined });
  engine.lanes.leave(namespace, lane, run);
  // One that is lent to a command looks for its turn when it goes.
  if (next !== null && !engine.live.has(next)) engine.wakes.add([next]);
}

/** In the run whose turn it is now. Who has left writes in the flush of this record. */
function noteGap({ committer, departures, live }: Engine, behind: StoredRun, head: LaneHead): void {
  const { run } = behind.row;
  const here = live.get(run);
  if (here !== undefined) {
    here.append("lane", "", head);
    return;
  }
  const seq = (behind.records.at(-1)?.seq ?? 0) + 1;
  committer.add({ run, seq, kind: "lane", attempt: 0, name: "", head, data: null });
  departures.noteWritten(run);
}

/** The same command, taken again after a crash. */
function wasDone({ records }: StoredRun, { command }: LeavesLane): boolean {
  if (command === undefined) return false;
  return records.some((record) => {
    if (record.kind !== "lane") return false;
    const head = laneHeadOf(record);
    return head.event === "left" && head.command === command;
  });
}

function refuseUnfit({ lanes }: Engine, stored: StoredRun): void {
  const { row, records } = stored;
  const { run, state, namespace, lane } = row;
  if (isFinal(state)) throw ended(run, state);
  requireReadable(stored);
  if (lane === null) {
    const hasLeft = records.some((one) => one.kind === "lane" && laneHeadOf(one).event === "left");
    throw refuse(run, hasLeft ? "It has left its lane already." : "It is in no lane.", LOOK);
  }
  const first = lanes.firstOf(namespace, lane);
  if (first !== run) {
    const before = first === null ? "" : `: ${formatRunId(first)} is`;
    throw refuse(run, `It is not the first of its lane "${lane}"${before}.`, LOOK);
  }
  if (isActive(state)) throw refuse(run, `It is at work (${state}).`, TRY_AGAIN);
  const [unknown] = unknownEffects(records);
  if (unknown !== undefined) throw unknownFirst(run, unknown, unknownText(records, unknown));
}

const TRY_AGAIN = "Try again when it waits; what is at work ends or comes to wait by itself.";
const LOOK = "See all lanes with runs that wait, and the first of each: holdfast lanes";

function refuse(run: number, why: string, remedy: string): HoldfastError {
  const id = formatRunId(run);
  const message = `Run ${id} was not taken out of a lane. ${why}`;
  return new HoldfastError("HF6003", message, remedy, { where: id });
}

function unknownFirst(run: number, step: string, what: string): HoldfastError {
  const id = formatRunId(run);
  return new HoldfastError(
    "HF6004",
    `Run ${id} was not taken out of its lane: "${step}" ${what}, and what is behind it could build on that.`,
    `Find out what happened, then say so with holdfast settle: holdfast why ${id} shows the command.`,
    { where: id },
  );
}

function noSuchRun(run: number): HoldfastError {
  return new HoldfastError(
    "HF6001",
    `There is no run ${formatRunId(run)} in this store.`,
    "List runs with: holdfast runs",
  );
}
