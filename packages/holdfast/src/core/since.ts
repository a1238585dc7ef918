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

/** What is deployed, and what was. */
export interface Deployed {
  readonly running: string;
  /** That were deployed on this store, the oldest first, with the one that runs. */
  readonly known: readonly string[];
  /** Those before the one that runs, as its code lists them, the oldest first. May be empty. */
  readonly earlier: readonly string[];
}

/**
 * True if `version` is `than`, or came after it; null if nobody can say. The code's own list wins over
 * the order in which a store has seen them: one that comes back after a rollback is not newer for that.
 */
function isSameOrNewer(version: string, than: string, deployed: Deployed): boolean | null {
  if (version === than) return true;
  const { running, known } = deployed;
  const listed = [...deployed.earlier, running];
  const isListed = listed.includes(version) && listed.includes(than);
  if (isListed) return listed.indexOf(version) > listed.indexOf(than);
  // Begun by a worker that was deployed after this one: newer than all that this one knows.
  if (!known.includes(version) && !listed.includes(version)) return true;
  if (known.includes(version) && known.includes(than))
    return known.indexOf(version) > known.indexOf(than);
  // It is the code that runs which asks: it has what `than` has brought, wherever that was deployed.
  return version === running ? true : null;
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
  deployed: Deployed,
): boolean {
  return !hasPassed && isSameOrNewer(began, version, deployed) === true;
}

/** Why nobody can say whether this version came before the one that a run began with; null if that is known. */
export function sinceProblem(version: string, began: string, deployed: Deployed): string | null {
  const { running, known, earlier } = deployed;
  if (isDerived(running))
    return `the version of this app is made of its files (${running}), and those have no order`;
  if (version === running || earlier.includes(version))
    return isSameOrNewer(began, version, deployed) === null
      ? `the run began with ${began}, which is not among the earlier versions that the app lists`
      : null;
  if (known.slice(0, known.indexOf(running)).includes(version)) return null;
  if (known.includes(version))
    return `it is newer than the version of this app, which is ${running}`;
  if (began === running) return null;
  return `it is not the version of this app, which is ${running}, it was never deployed on this store, and the app does not list it among its earlier versions, so whether it came before ${began}, with which the run began, nobody can say`;
}

/**
 * Why code that no longer asks the question does not fit what is on record of it; null if it does. Code
 * from before the question follows the old path, code that has left it out since follows the new one.
 */
export function unaskedProblem({ version, isNew }: SinceAnswer, deployed: Deployed): string | null {
  const { running } = deployed;
  const isOlder = isSameOrNewer(running, version, deployed) === false;
  if (isOlder === !isNew) return null;
  return isNew
    ? `the run is on the path that ${version} has brought, and this code, ${running}, is from before it`
    : `the run is on the path from before ${version}, which your code no longer has`;
}
