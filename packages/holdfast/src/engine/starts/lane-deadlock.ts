/**
 * Calls between lanes that would wait for each other for ever (HF1204). A run that calls keeps its
 * lane until the called one has ended; one that is called may wait in its own lane behind a run
 * whose call waits, over however many others, behind the caller. Whichever call would close such a
 * circle is refused, so that there never is one.
 */
import { HoldfastError } from "../../core/error.ts";
import type { HeldLane } from "../../core/journal.ts";
import { formatRunId } from "../../core/run-number.ts";
import type { Lanes } from "./lanes.ts";

/** A call that is made, or that is waited for again after a restart. */
export interface LaneCall {
  readonly workflow: string;
  readonly namespace: string;
  /** The lane of the called run. */
  readonly lane: string;
  /** The run that calls. */
  readonly caller: number;
  /** Lanes that are held until the called run has ended: the caller's, and those of who waits for it. */
  readonly held: readonly HeldLane[];
}

/** `holder` waits for the run `calls`, which is in a lane behind the holder of `behind`. */
interface Link {
  readonly holder: HeldLane;
  readonly calls: number;
  readonly behind: Link | null;
}

/** Links of a circle that a message tells of. */
const LINKS_TOLD_MAX = 4;

const REMEDY =
  "Give the called workflow another lane, or none, or call in one direction only: who calls keeps its lane until the called run has ended.";

/**
 * @param runsMax - called runs that are looked at; what cannot be ruled out within it is refused.
 * @throws {HoldfastError} HF1204 if the call would wait for its own caller.
 */
export function refuseDeadlock(lanes: Lanes, call: LaneCall, runsMax: number): void {
  const { namespace, lane } = call;
  const links = call.held.filter(atWork(lanes, namespace)).map(firstLink);
  const seen = new Set(links.map(({ holder }) => holder.run));
  let looked = 0;
  // Grows while it is walked: from who holds a lane to who waits for a run behind it.
  for (const link of links) {
    if (link.holder.lane === lane) throw deadlock(call, link);
    for (const [run, waiting] of lanes.called(namespace, link.holder.lane)) {
      if (run === link.holder.run) continue;
      looked += 1;
      if (looked > runsMax) throw tooMany(call, runsMax);
      for (const holder of waiting.filter(atWork(lanes, namespace))) {
        if (seen.has(holder.run)) continue;
        seen.add(holder.run);
        links.push({ holder, calls: run, behind: link });
      }
    }
  }
}

/** Who has left its lane holds nobody up, though those that it called may still be there. */
function atWork(lanes: Lanes, namespace: string): (held: HeldLane) => boolean {
  return ({ lane, run }) => lanes.mayGo(namespace, lane, run);
}

function firstLink(holder: HeldLane): Link {
  return { holder, calls: 0, behind: null };
}

function deadlock({ workflow, lane, caller }: LaneCall, last: Link): HoldfastError {
  const { holder, behind } = last;
  if (behind === null) {
    const who =
      holder.run === caller
        ? `run ${formatRunId(caller)}`
        : `a run that ${formatRunId(holder.run)} waits for, which is`;
    return new HoldfastError(
      "HF1204",
      `Workflow "${workflow}" was called by ${who} of the same lane "${lane}": they would wait for each other.`,
      REMEDY,
    );
  }
  return new HoldfastError(
    "HF1204",
    `Workflow "${workflow}" was called by run ${formatRunId(caller)} into lane "${lane}": they would wait for each other. ${circle(last)}.`,
    REMEDY,
  );
}

/** From the lane that was called into back to the one that the caller holds. */
function circle(last: Link): string {
  const told: string[] = [];
  let more = 0;
  for (let link = last; link.behind !== null; link = link.behind) {
    if (told.length === LINKS_TOLD_MAX) more += 1;
    else {
      const { holder, calls, behind } = link;
      told.push(
        `Run ${formatRunId(holder.run)} holds lane "${holder.lane}" and waits for ${formatRunId(calls)}, which is behind ${formatRunId(behind.holder.run)} in lane "${behind.holder.lane}"`,
      );
    }
  }
  if (more > 0) told.push(`${String(more)} more wait alike`);
  return told.join("; ");
}

function tooMany({ workflow, lane, caller }: LaneCall, runsMax: number): HoldfastError {
  return new HoldfastError(
    "HF1204",
    `Workflow "${workflow}" was called by run ${formatRunId(caller)} into lane "${lane}", and more than ${String(runsMax)} called runs (limit laneWalkMax) wait in lanes that may wait for each other: that this one would not is unknown.`,
    "Let the called runs that wait end first, or raise laneWalkMax.",
  );
}
