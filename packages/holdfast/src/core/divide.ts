/** How what there is of something is divided among those who want it: nobody gets more than it wants. */

/**
 * As even as their wants allow: who wants little gets all of it, and what that leaves goes to the
 * others in equal numbers. What cannot be divided evenly goes to the first ones, so that with less
 * than one for each the order says who gets any.
 *
 * @param total - how many there are, a whole number of 0 or more.
 * @param wants - whole numbers of 0 or more.
 * @returns how many each gets, in the order of `wants`; their sum is `total`, or all that is wanted.
 */
export function divided(total: number, wants: readonly number[]): readonly number[] {
  const level = levelOf(total, wants);
  let left = total;
  for (const want of wants) left -= Math.min(want, level);
  return wants.map((want) => {
    const isOneMore = want > level && left > 0;
    if (isOneMore) left -= 1;
    return Math.min(want, level) + (isOneMore ? 1 : 0);
  });
}

/** The highest number that everybody who wants so many can have. */
function levelOf(total: number, wants: readonly number[]): number {
  let left = total;
  let count = wants.length;
  for (const want of wants.toSorted((a, b) => a - b)) {
    // Whoever is left wants at least as many.
    if (want * count > left) return Math.floor(left / count);
    left -= want;
    count -= 1;
  }
  return wants.reduce((most, want) => Math.max(most, want), 0);
}
