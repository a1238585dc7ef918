/**
 * Who brought the process down? Runs that were being recovered when it died come back in smaller
 * groups, until one of them is alone. Source: settled point 24.
 */

export interface RecoveryGroup {
  readonly runs: readonly number[];
  /** Crashes that happened while this group, or the one it was cut from, was on record. */
  readonly crashes: number;
}

export interface Regrouped {
  /** To be recovered one group at a time, in this order. */
  readonly groups: readonly RecoveryGroup[];
  /** Runs that crashed alone too often. */
  readonly quarantined: readonly number[];
}

/**
 * Groups for the recovery after a crash, from those that had not come through before it.
 *
 * Only a run that was alone in its group is counted: `crashes` of a group of one says how often it
 * has crashed alone. A group of several is halved and its halves start from zero, for nothing is
 * proved against any of its members.
 *
 * @param crashesMax - after this many crashes alone a run is quarantined.
 */
export function groupsAfterCrash(open: readonly RecoveryGroup[], crashesMax: number): Regrouped {
  const groups: RecoveryGroup[] = [];
  const quarantined: number[] = [];
  for (const { runs, crashes } of open) {
    const [only] = runs;
    if (only === undefined) continue;
    if (runs.length > 1) {
      const half = Math.ceil(runs.length / 2);
      groups.push(
        { runs: runs.slice(0, half), crashes: 0 },
        { runs: runs.slice(half), crashes: 0 },
      );
    } else if (crashes + 1 >= crashesMax) {
      quarantined.push(only);
    } else {
      groups.push({ runs, crashes: crashes + 1 });
    }
  }
  return { groups, quarantined };
}

/**
 * Crashes to begin with for runs that are in no group yet: the process that brought them here has died
 * with them at work. Where there was only one, that is its first crash alone.
 *
 * @param seen.runs - that were at work and are known so far.
 * @param seen.isLast - whether these are all.
 */
export function crashesAtFirst(seen: { readonly runs: number; readonly isLast: boolean }): number {
  return seen.isLast && seen.runs === 1 ? 1 : 0;
}
