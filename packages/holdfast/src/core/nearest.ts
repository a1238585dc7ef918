/** The name that was probably meant: for messages about a name that is not known. */

/** Longer names are not compared: the work grows with the square of the length. */
const NAME_CHARS_MAX = 64;
/** Slips of the keyboard at most: one in short names, up to a third in longer ones. */
const SLIPS_MAX = 3;

/** The known name that is nearest, or null if none is near enough to be meant. */
export function nearestName(name: string, known: readonly string[]): string | null {
  if (name.length > NAME_CHARS_MAX) return null;
  const wanted = name.toLowerCase();
  const slipsMax = Math.min(SLIPS_MAX, Math.max(1, Math.floor(name.length / 3)));
  let nearest: string | null = null;
  let slips = slipsMax + 1;
  for (const one of known) {
    if (one.length > NAME_CHARS_MAX) continue;
    const distance = slipsBetween(wanted, one.toLowerCase());
    if (distance >= slips) continue;
    nearest = one;
    slips = distance;
  }
  return nearest;
}

/** `Did you mean "within"? ` with its space, or nothing. */
export function didYouMean(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  return nearest === null ? "" : `Did you mean "${nearest}"? `;
}

/**
 * Letters that were added, left out, exchanged, or swapped with their neighbour. Source: the optimal
 * string alignment distance, computed row by row.
 */
function slipsBetween(a: string, b: string): number {
  let before: readonly number[] = [];
  let row: readonly number[] = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const isSame = a[i - 1] === b[j - 1];
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      next.push(
        Math.min(
          at(row, j) + 1,
          at(next, j - 1) + 1,
          at(row, j - 1) + (isSame ? 0 : 1),
          swapped ? at(before, j - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    before = row;
    row = next;
  }
  return at(row, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
