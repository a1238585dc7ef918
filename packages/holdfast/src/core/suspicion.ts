/**
 * What speaks against a run that has come from another worker: whether it was at work when that worker
 * crashed, and how often it has crashed one alone. Written in the run's own journal by whoever brings
 * it back, so that it goes with the run from worker to worker.
 *
 * A store that one engine has for itself keeps the same in recovery groups of its own: see
 * recovery-groups.ts.
 */
import type { JournalRecord, StateHead } from "./journal.ts";
import { parseJson } from "./json-text.ts";
import { groupsAfterCrash, type Regrouped } from "./recovery-groups.ts";
import { isActive } from "./run-state.ts";

/** Head of a `suspected` record: the run is brought back among these, or has come through. */
export type SuspectedHead =
  | ({ readonly event: "started" } & Suspicion)
  | { readonly event: "passed" };

export interface Suspicion {
  /** Incarnation of the worker that brings it back. */
  readonly by: number;
  /** Counts the groups of that worker. */
  readonly group: number;
  /** Runs in it. */
  readonly size: number;
  /** Workers that it had crashed alone before. */
  readonly crashes: number;
}

/** Who had a run's shard last. */
export interface LastOwner {
  readonly incarnation: number;
  /** False if it ended without closing its store: a crash. */
  readonly clean: boolean;
}

export type Standing =
  /** Nothing speaks against it. */
  | { readonly kind: "clear" }
  /** It was at work when its worker crashed, for the first time. */
  | { readonly kind: "new" }
  /** Its worker was bringing it back, and crashed. */
  | { readonly kind: "tried"; readonly suspicion: Suspicion }
  /** It is suspected, and the worker that had it last did not get to it. */
  | { readonly kind: "untried"; readonly suspicion: Suspicion }
  /** The worker that was bringing it back has ended in order: nothing speaks against it any more. */
  | { readonly kind: "passed" };

export interface Suspect {
  readonly run: number;
  readonly suspicion: Suspicion;
}

/**
 * How a run stands that was at work when it came.
 *
 * @param last - who had its shard; null: it was handed over in order.
 */
export function standingOf(records: readonly JournalRecord[], last: LastOwner | null): Standing {
  const suspicion = suspicionIn(records);
  if (suspicion === null) return { kind: last === null || last.clean ? "clear" : "new" };
  if (suspicion.by !== last?.incarnation) return { kind: "untried", suspicion };
  return last.clean ? { kind: "passed" } : { kind: "tried", suspicion };
}

/** What stands against a run; null if it has come through, or has stood still, since. */
function suspicionIn(records: readonly JournalRecord[]): Suspicion | null {
  const last = records.findLast((record) => record.kind === "suspected" || standsStill(record));
  if (last?.kind !== "suspected") return null;
  const head = parseJson(last.head ?? "null") as SuspectedHead;
  return head.event === "started" ? head : null;
}

function standsStill({ kind, head }: JournalRecord): boolean {
  if (kind !== "state") return false;
  return !isActive((parseJson(head ?? "null") as Pick<StateHead, "to">).to);
}

/**
 * Groups for those that have come, to be brought back one at a time.
 *
 * A group whose worker has crashed is halved, and so is one of which some runs have gone to other
 * workers: those that are here are a part of it already. Only who was alone is counted.
 *
 * @param crashesMax - after this many crashes alone a run is quarantined.
 */
export function regrouped(
  came: {
    readonly tried: readonly Suspect[];
    readonly untried: readonly Suspect[];
  },
  crashesMax: number,
): Regrouped {
  const tried = [...byGroup(came.tried)];
  const whole = tried.filter(({ runs, size }) => runs.length === size);
  const parts = tried.filter(({ runs, size }) => runs.length < size);
  const { groups, quarantined } = groupsAfterCrash(whole, crashesMax);
  const untried = [...byGroup(came.untried)].map(({ runs, size, crashes }) => ({
    runs,
    crashes: size === 1 ? crashes : 0,
  }));
  return {
    groups: [...groups, ...parts.map(({ runs }) => ({ runs, crashes: 0 })), ...untried],
    quarantined,
  };
}

interface CameGroup {
  readonly runs: number[];
  readonly size: number;
  readonly crashes: number;
}

function byGroup(suspects: readonly Suspect[]): Iterable<CameGroup> {
  const groups = new Map<string, CameGroup>();
  for (const { run, suspicion } of suspects) {
    const { by, group, size, crashes } = suspicion;
    const name = `${String(by)}/${String(group)}`;
    const known = groups.get(name) ?? { runs: [], size, crashes };
    known.runs.push(run);
    groups.set(name, known);
  }
  return groups.values();
}
