/** What has become of the items of a plan, and when the plan stops itself. Source: R35. */

export const REPLAY_ENDS = [
  "succeeded", // it has ended, or is past the step that had failed
  "passed", // the same, but it stands because of another exception that was open before
  "failed-same", // it stands at the same place for the same reason
  "failed-anew", // something else has come up, or it has ended without getting there
  "not-judged", // it went on, and the plan was stopped before anything could be said of it
  "skipped", // it was not resumed: it is no longer what was frozen, or may not go on
  "not-reached", // the plan ended before its turn
] as const;
export type ReplayEnd = (typeof REPLAY_ENDS)[number];

/** What became of one item. */
export interface ReplayResult {
  readonly end: ReplayEnd;
  readonly because: string;
  /** Of the exception that it has now, if it failed. */
  readonly fingerprint?: string;
}

export type ReplayTally = Readonly<Record<ReplayEnd, number>>;

export const EMPTY_TALLY: ReplayTally = {
  succeeded: 0,
  passed: 0,
  "failed-same": 0,
  "failed-anew": 0,
  "not-judged": 0,
  skipped: 0,
  "not-reached": 0,
};

export function counted(tally: ReplayTally, end: ReplayEnd, count = 1): ReplayTally {
  return { ...tally, [end]: tally[end] + count };
}

/** Share of failures above which a plan stops. Source: R35. */
const FAILURE_RATIO_MAX = 0.1;
/** Items that a large wave has to have judged before one of ten counts as a tenth. */
const JUDGED_MIN = 20;

/**
 * Why the plan stops with this result, as a sentence; null if it goes on.
 *
 * @param wave - of the wave that it is of, with this result.
 * @param known - fingerprints of the plan.
 */
export function stopsBecause(
  wave: ReplayTally,
  waveSize: number,
  result: ReplayResult,
  known: readonly string[],
): string | null {
  const { fingerprint } = result;
  if (fingerprint !== undefined && !known.includes(fingerprint))
    return `something new came up: ${result.because}`;
  const failed = wave["failed-same"] + wave["failed-anew"];
  const judged = failed + wave.succeeded + wave.passed;
  // Early in a large wave a few say little; a small one is judged by its size.
  const of = Math.max(judged, Math.min(waveSize, JUDGED_MIN));
  if (failed === 0 || failed <= of * FAILURE_RATIO_MAX) return null;
  return `${String(failed)} of ${String(judged)} items of this wave failed, more than one in ten`;
}

/** What a plan has come to. Every item is counted once. */
export interface ReplayOutcome {
  readonly end: "completed" | "stopped" | "expired";
  /** Why it did not come to its end; null if it did. */
  readonly because: string | null;
  readonly tally: ReplayTally;
}
