/**
 * Repeatable randomness for tests, fault plans and generated work: the same seed and stream give the
 * same numbers on every machine. Not for secrets.
 */
export interface SeededRandom {
  /** A number in [0, 1). */
  next(): number;
  /**
   * A whole number in [0, below).
   * @throws {RangeError} if `below` is not a positive integer of at most 2^32.
   */
  integer(below: number): number;
  /** @throws {RangeError} if `items` is empty. */
  pick<T>(items: readonly T[]): T;
  /** A shuffled copy; `items` stays as it is. */
  shuffle<T>(items: readonly T[]): T[];
}

/**
 * @param stream - names an independent sequence of the same seed, so that drawing more numbers in
 *   one place (one proxy, one generator) does not change what another one draws.
 *
 * Source of the generator: sfc32 of Chris Doty-Humphrey's PractRand; the state is filled from a
 * hash of seed and stream, and the first 15 numbers are thrown away, as PractRand does.
 */
export function seededRandom(seed: number | string, stream = ""): SeededRandom {
  const draw = sfc32(`${String(seed)}\u0000${stream}`);
  const integer = (below: number): number => {
    if (!Number.isInteger(below) || below < 1 || below > 2 ** 32) {
      throw new RangeError(`expected a whole number from 1 to 2^32, got ${String(below)}`);
    }
    return Math.floor(draw() * below);
  };
  const shuffle = <T>(items: readonly T[]): T[] =>
    items
      .map((item) => ({ item, place: draw() }))
      .toSorted((one, other) => one.place - other.place)
      .map((entry) => entry.item);
  const pick = <T>(items: readonly T[]): T => {
    if (items.length === 0)
      throw new RangeError("expected at least one item to pick from, got none");
    // The index is below the length that was just checked, so there is an item; T may itself be undefined.
    return items[integer(items.length)] as T;
  };
  return { next: draw, integer, pick, shuffle };
}

function sfc32(text: string): () => number {
  let a = hash32(text, 0x811c9dc5);
  let b = hash32(text, 0x9e3779b9);
  let c = hash32(text, 0x85ebca6b);
  let counter = 1;
  const draw = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
  for (let warmUp = 0; warmUp < 15; warmUp += 1) draw();
  return draw;
}

/** FNV-1a over UTF-16 code units, from a basis of the caller's choice. */
function hash32(text: string, basis: number): number {
  let hash = basis;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash ^ (hash >>> 15);
}
