/** Who is asked next, where whoever was asked cannot tell. Source: failure model R28. */

/**
 * The next in line; null if nobody is above.
 *
 * @param chain - owners from the nearest to the last resort; one may be there twice.
 * @param asked - who owns the question now. One who is not in the chain was put there by hand, and
 *   the last resort comes next.
 */
export function nextOwner(chain: readonly string[], asked: string): string | null {
  const line = [...new Set(chain)];
  const at = line.indexOf(asked);
  const next = at === -1 ? line.at(-1) : line[at + 1];
  return next ?? null;
}
