/** Lists come in pages. A cursor is the id of the last run that a page showed. */
import { formatRunId, parseRunId } from "../core/run-number.ts";

export interface PageRequest {
  /** Rows at most; a page of exceptions, effects or reviews never ends within a run. */
  readonly limit: number;
  /** Id of the run after which to go on; absent: from the beginning, oldest first. */
  readonly after?: string;
}

export const PAGE_LIMIT_DEFAULT = 50;
export const PAGE_LIMIT_MAX = 1_000;

/**
 * @param begin - where a list begins: at 0, or at -1 if it holds what belongs to the store itself.
 * @throws {HoldfastError} HF6001 if the cursor is not a run's id.
 */
export function afterRunOf({ after }: PageRequest, begin = 0): number {
  return after === undefined ? begin : parseRunId(after);
}

/** Where the next page begins, or null if this one came up short. */
export function nextCursor(
  rows: readonly { readonly run: number }[],
  limit: number,
): string | null {
  const last = rows.at(-1);
  return last === undefined || rows.length < limit ? null : formatRunId(last.run);
}
