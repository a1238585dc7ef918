/**
 * Which of the recovery groups on record still say something, after several crashes in a row.
 *
 * A group stays on record until each of its runs has come through or is in a newer group, so that no
 * suspect is forgotten if the process dies in the middle of taking a group apart.
 */
export interface KnownGroup {
  readonly group: number;
  readonly runs: readonly number[];
  readonly crashes: number;
}

export interface StandingGroups {
  /** At work when the process died: what `groupsAfterCrash` is about. */
  readonly tried: readonly KnownGroup[];
  /** The rest of groups that were being taken apart: their turn had not come, nothing is proved. */
  readonly untried: readonly KnownGroup[];
  /** All their runs are in newer groups. */
  readonly superseded: readonly number[];
}

export function standingGroups(known: readonly KnownGroup[]): StandingGroups {
  const tried: KnownGroup[] = [];
  const untried: KnownGroup[] = [];
  const superseded: number[] = [];
  const seen = new Set<number>();
  // Newest first: it is the newest group of a run that says where the run stands.
  for (const one of known.toSorted((a, b) => b.group - a.group)) {
    const runs = one.runs.filter((run) => !seen.has(run));
    for (const run of runs) seen.add(run);
    if (runs.length === 0) superseded.push(one.group);
    else if (runs.length === one.runs.length) tried.push(one);
    else untried.push({ group: one.group, runs, crashes: 0 });
  }
  return { tried: tried.toReversed(), untried: untried.toReversed(), superseded };
}
