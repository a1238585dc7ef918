/**
 * Calls that would wait for each other for ever although no lane is in between (HF1204). Who calls a
 * workflow with the key of a run that is there already joins that run; if that one waits, over however
 * many calls and lanes, for the caller, neither would go on. What a run waits for is read from its
 * journal: most of those that wait are not in memory.
 */
import { HoldfastError } from "../../core/error.ts";
import type { CalledHead } from "../../core/journal.ts";
import { formatRunId } from "../../core/run-number.ts";
import { isFinal } from "../../core/run-state.ts";
import type { StoredRun } from "../../store/rows.ts";
import type { Engine } from "../engine.ts";
import { endsStep, headOf } from "../run/recovery.ts";

/** A run that has joined another one, and is about to wait for it. */
export interface JoiningCall {
  readonly caller: number;
  /** The workflow of the run that it joins. */
  readonly workflow: string;
  readonly joined: number;
}

/** Runs of a circle that a message tells of. */
const TOLD_MAX = 4;

const REMEDY =
  "Call in one direction only, or give the called run a key of its own. To end it now, cancel one of these runs; the others go on when they are resumed.";

/**
 * Reads what is durable: the caller's own call has to be, so that of two that call each other at the
 * same time the later one finds the earlier.
 *
 * @param runsMax - runs that are looked at; what cannot be ruled out within it is refused.
 * @throws {HoldfastError} HF1204 if the joined run waits for the caller.
 */
export async function refuseCircle(
  engine: Engine,
  call: JoiningCall,
  runsMax: number,
): Promise<void> {
  const { caller, joined } = call;
  /** Each run that is looked at, with the one that waits for it. */
  const before = new Map<number, number>([[joined, caller]]);
  let front: readonly number[] = [joined];
  while (front.length > 0) {
    if (before.size > runsMax) throw tooMany(call, runsMax);
    const next: number[] = [];
    for (const stored of await engine.store.load(front)) {
      const { run } = stored.row;
      for (const awaited of awaitedBy(engine, stored)) {
        if (awaited === caller) throw circle(call, [caller, ...wayTo(before, run, caller)]);
        if (before.has(awaited)) continue;
        before.set(awaited, run);
        next.push(awaited);
      }
    }
    front = next;
  }
}

/** Runs whose end this one waits for: those that it calls, and those before it in its lane. */
function awaitedBy({ lanes }: Engine, { row, records, unreadable }: StoredRun): readonly number[] {
  if (isFinal(row.state) || unreadable !== undefined) return [];
  const { run, namespace, lane } = row;
  const first = lane === null ? null : lanes.firstOf(namespace, lane);
  const ahead = first === null || first === run ? [] : [first];
  return [...ahead, ...openCalls(records)];
}

/** Runs that it has called and of which it has not heard yet how they have ended. */
export function openCalls(records: StoredRun["records"]): readonly number[] {
  const open = new Map<string, number>();
  for (const record of records) {
    if (record.kind === "called") open.set(record.name, headOf<CalledHead>(record).child);
    else if (endsStep(record)) open.delete(record.name);
  }
  return [...open.values()];
}

/** From the joined run to this one. */
function wayTo(before: ReadonlyMap<number, number>, run: number, caller: number): number[] {
  const way: number[] = [];
  for (let at = run; at !== caller; at = before.get(at) ?? caller) way.unshift(at);
  return way;
}

function circle({ caller, workflow }: JoiningCall, runs: readonly number[]): HoldfastError {
  const ids = runs.map(formatRunId);
  const told = ids.slice(0, TOLD_MAX).map((id, index) => {
    return `${id} waits for ${ids[index + 1] ?? formatRunId(caller)}`;
  });
  const more = ids.length - told.length;
  return new HoldfastError(
    "HF1204",
    `Workflow "${workflow}" was called by run ${formatRunId(caller)}: they would wait for each other. Of the runs there, ${told.join(", ")}${more > 0 ? `, and ${String(more)} more alike` : ""}.`,
    REMEDY,
  );
}

function tooMany({ caller, workflow }: JoiningCall, runsMax: number): HoldfastError {
  return new HoldfastError(
    "HF1204",
    `Workflow "${workflow}" was called by run ${formatRunId(caller)}, and the run that was there already waits for more than ${String(runsMax)} others (limit laneWalkMax): that none of them waits for the caller is unknown.`,
    "Let some of them end first, or raise laneWalkMax.",
  );
}
