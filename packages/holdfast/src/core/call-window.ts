/**
 * How many calls went well and badly in the last 30 seconds, in slices of 5, so that its cost does
 * not depend on how many calls there are. Source: failure model R10.
 */
const SLICE_MS = 5_000;
const SLICE_COUNT = 6;

interface Slice {
  /** Start of the slice in units of 5 s. */
  readonly number: number;
  readonly callCount: number;
  readonly badCount: number;
}

/** Newest first, at most 6. */
export type CallWindow = readonly Slice[];

export const EMPTY_WINDOW: CallWindow = [];

/** The window with one more call. A clock that goes back counts into the newest slice. */
export function counted(window: CallWindow, nowMs: number, wentWell: boolean): CallWindow {
  const newest = window[0];
  const number = Math.max(Math.floor(nowMs / SLICE_MS), newest?.number ?? 0);
  const isNew = newest === undefined || newest.number < number;
  const slice: Slice = {
    number,
    callCount: (isNew ? 0 : newest.callCount) + 1,
    badCount: (isNew ? 0 : newest.badCount) + (wentWell ? 0 : 1),
  };
  const next = [slice];
  for (let i = isNew ? 0 : 1; i < window.length; i += 1) {
    const old = window[i];
    if (old !== undefined && old.number > number - SLICE_COUNT) next.push(old);
  }
  return next;
}

export function countsOf(
  window: CallWindow,
  nowMs: number,
): { readonly callCount: number; readonly badCount: number } {
  const number = Math.floor(nowMs / SLICE_MS);
  let callCount = 0;
  let badCount = 0;
  for (const slice of window) {
    if (slice.number <= number - SLICE_COUNT) continue;
    callCount += slice.callCount;
    badCount += slice.badCount;
  }
  return { callCount, badCount };
}

/** Calls a second of late: over what is known of the newest ten seconds, at least one. */
export function perSecondOf(window: CallWindow, nowMs: number): number {
  const number = Math.floor(nowMs / SLICE_MS);
  const newest = window.filter((slice) => slice.number >= number - 1);
  const oldest = newest.at(-1);
  if (oldest === undefined) return 0;
  const forMs = Math.max(1_000, nowMs - oldest.number * SLICE_MS);
  let callCount = 0;
  for (const slice of newest) callCount += slice.callCount;
  return (callCount * 1_000) / forMs;
}
