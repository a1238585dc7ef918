/**
 * `run.since`: whether a run takes the path that a version has brought, or the one before it. Decided
 * once, and then on record. Source: settled point 18; decision 0032.
 */
import { isDerived } from "./code-version.ts";

/** What is on record of one question. */
export interface SinceAnswer {
  /** The version that has brought the new path. */
  readonly version: string;
  readonly isNew: boolean;
}

/** What is deployed, and what was: the oldest first, with the one that runs. */
export interface Deployed {
  readonly running: string;
  readonly known: readonly string[];
}

/** True if `version` is `than`, or was first deployed after it. One that is not known is the newest. */
function isSameOrNewer(version: string, than: string, known: readonly string[]): boolean {
  if (version === than) return true;
  const at = known.indexOf(version);
  return at === -1 || at > known.indexOf(than);
}

/**
 * Whether a run takes the new path, where nothing about it is on record.
 *
 * @param began - the version that the run began with.
 * @param hasPassed - the journal holds something that comes behind the question.
 */
export function takesNewPath(
  version: string,
  { began, hasPassed }: { readonly began: string; readonly hasPassed: boolean },
  { known }: Deployed,
): boolean {
  return !hasPassed && isSameOrNewer(began, version, known);
}

/** Why nobody can say what comes before this version and what after; null if that is known. */
export function sinceProblem(version: string, { running, known }: Deployed): string | null {
  if (isDerived(running))
    return `the version of this app is made of its files (${running}), and those have no order`;
  if (version === running) return null;
  const before = known.slice(0, known.indexOf(running));
  if (before.includes(version)) return null;
  return known.includes(version)
    ? `it is newer than the version of this app, which is ${running}`
    : `it is not the version of this app, which is ${running}, and none that was deployed before`;
}

/**
 * Why code that no longer asks the question does not fit what is on record of it; null if it does. Code
 * from before the question follows the old path, code that has left it out since follows the new one.
 */
export function unaskedProblem(
  { version, isNew }: SinceAnswer,
  { running, known }: Deployed,
): string | null {
  const isOlder = running !== version && !isSameOrNewer(running, version, known);
  if (isOlder === !isNew) return null;
  return isNew
    ? `the run is on the path that ${version} has brought, and this code, ${running}, is from before it`
    : `the run is on the path from before ${version}, which your code no longer has`;
}
