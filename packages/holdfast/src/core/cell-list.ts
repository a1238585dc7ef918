/**
 * Cells: independent stores over which an app places its runs, and where each belongs. The list of
 * cells has a generation, and every store of it keeps the whole list; see decision 0026.
 *
 * Where something belongs is a rendezvous hash: each cell has a rank for it, and the highest wins. A
 * cell that comes takes over what it ranks highest for, and nothing else moves (Thaler and
 * Ravishankar, "Using name-based mappings to increase hit rates", IEEE/ACM ToN 6(1), 1998).
 */
import { HoldfastError } from "./error.ts";
import { canonicalText } from "./operation-key.ts";
import { CELL_PARTS } from "./run-number.ts";

/** Each needs a part of the run numbers of its own. */
export const CELLS_MAX = CELL_PARTS;

/** Cells that were removed and whose keys are still asked for: each costs a look at a new start. */
const REMOVED_MAX = 64;

export interface Cell {
  readonly name: string;
  /** Of the store that it is. */
  readonly storeId: string;
  /** Its part of the run numbers, 0 to 15. */
  readonly part: number;
  /** Generation of the list that brought it. */
  readonly since: number;
  /** Generation from which on nothing new is placed in it; null: it takes new runs. */
  readonly drainsSince: number | null;
}

/** A cell that is no more: the others have its keys. */
interface RemovedCell {
  readonly name: string;
  readonly storeId: string;
  /** How many keys were carried over. */
  readonly keys: number;
}

export interface CellList {
  /** Counts from 1. */
  readonly generation: number;
  /** By name. */
  readonly cells: readonly Cell[];
  readonly removed: readonly RemovedCell[];
  /** Run numbers up to this one were given out before, and may not tell their cell. */
  readonly numbersAbove: number;
}

/** A store that becomes a cell. */
export type NewCell = Pick<Cell, "name" | "storeId">;

/** Hex SHA-256 of a text: core has no hashing. */
export type Sha256 = (text: string) => string;

/** What has a place: of a run its lane, if it has one, else its workflow and key. */
export type Placed =
  | { readonly kind: "lane"; readonly namespace: string; readonly lane: string }
  | {
      readonly kind: "run";
      readonly namespace: string;
      readonly workflow: string;
      readonly key: string;
    }
  | {
      readonly kind: "event";
      readonly namespace: string;
      readonly event: string;
      readonly key: string;
    }
  | { readonly kind: "answer"; readonly integration: string; readonly ref: string };

export interface Homes {
  /** Where it is placed now. */
  readonly home: Cell;
  /** Where earlier lists have placed it: it may be there already. None of them is `home`. */
  readonly earlier: readonly Cell[];
}

/** Where something belongs by this list, and by those before it. */
export function homesOf(list: CellList, placed: Placed, sha256: Sha256): Homes {
  const { kind, ...parts } = placed;
  const text = canonicalText(kind, Object.values(parts));
  const ranked = list.cells
    .map((cell) => ({ cell, rank: sha256(canonicalText("cell", [cell.name, text])) }))
    .toSorted((left, right) => (left.rank < right.rank ? 1 : -1))
    .map(({ cell }) => cell);
  const home = firstAt(ranked, list.generation);
  if (home === null) throw new RangeError("a list of cells without one that takes runs");
  const earlier = new Set<Cell>();
  for (const generation of changes(list)) {
    const before = firstAt(ranked, generation);
    if (before !== null && before !== home) earlier.add(before);
  }
  return { home, earlier: [...earlier] };
}

/** Generations in which it changed what a cell takes. */
function changes({ cells }: CellList): ReadonlySet<number> {
  return new Set(cells.flatMap(({ since, drainsSince }) => [since, drainsSince ?? since]));
}

function firstAt(ranked: readonly Cell[], generation: number): Cell | null {
  const takes = ({ since, drainsSince }: Cell) =>
    since <= generation && (drainsSince === null || generation < drainsSince);
  return ranked.find(takes) ?? null;
}

const NAME = /^[a-z][a-z0-9-]{0,31}$/u;

/** @throws {HoldfastError} HF1001 for names that are none, or too many. */
export function requireCellNames(names: readonly string[]): void {
  const wrong = names.find((name) => !NAME.test(name));
  if (wrong !== undefined) {
    throw new HoldfastError(
      "HF1001",
      `${JSON.stringify(wrong.slice(0, 60))} is no name of a cell: expected 1 to 32 lower-case letters, digits and hyphens, a letter first.`,
      'Name each store, for example: store: { north: "sqlite:./north.db", south: "sqlite:./south.db" }.',
    );
  }
  if (names.length > 0 && names.length <= CELLS_MAX) return;
  throw new HoldfastError(
    "HF1001",
    `${String(names.length)} cells are named: expected 1 to ${String(CELLS_MAX)}.`,
    "Give each cell more work: a store of its own takes tens of thousands of steps a second.",
  );
}

/** The first list: none of its stores has run anything yet. */
export function firstList(cells: readonly NewCell[]): CellList {
  const list: CellList = { generation: 1, cells: [], removed: [], numbersAbove: 0 };
  const made = cells.toSorted(byName).map(({ name, storeId }, part) => {
    return { name, storeId, part, since: 1, drainsSince: null };
  });
  return { ...list, cells: made };
}

/**
 * A list of one: what a store is that an app has had for itself until now.
 *
 * @param lastRun - its highest run number: what it has given out so far tells no cell.
 */
export function listOfOne(cell: NewCell, lastRun: number): CellList {
  return { ...firstList([cell]), numbersAbove: lastRun };
}

/**
 * @param lastRun - highest run number of all cells.
 * @throws {HoldfastError} HF6003 if there is one with this name or store, or too many.
 */
export function withCell(list: CellList, { name, storeId }: NewCell, lastRun: number): CellList {
  requireCellNames([...list.cells.map((cell) => cell.name), name]);
  const known = [...list.cells, ...list.removed].find(
    (cell) => cell.name === name || cell.storeId === storeId,
  );
  if (known !== undefined) {
    throw unfit(
      `There is or was a cell ${known.name} with the store ${known.storeId}; ${name} would be the store ${storeId}.`,
      "Give the new cell a name that no cell ever had, and a store that is new.",
    );
  }
  const generation = list.generation + 1;
  const taken = new Set(list.cells.map(({ part }) => part));
  // There is one: no more cells are allowed than there are parts.
  const part = [...Array(CELL_PARTS).keys()].find((free) => !taken.has(free)) ?? 0;
  const added: Cell = { name, storeId, part, since: generation, drainsSince: null };
  const cells = [...list.cells, added].toSorted(byName);
  return { ...list, generation, cells, numbersAbove: Math.max(list.numbersAbove, lastRun) };
}

/** @throws {HoldfastError} HF6001 if there is no such cell, HF6003 if no other takes new runs. */
export function withDraining(list: CellList, name: string): CellList {
  const cell = requireCell(list, name);
  if (cell.drainsSince !== null) return list;
  const others = list.cells.filter((other) => other !== cell && other.drainsSince === null);
  if (others.length === 0) {
    throw unfit(
      `${name} is the only cell that takes new runs.`,
      "Add another one first: holdfast cells add NAME=ADDRESS",
    );
  }
  const generation = list.generation + 1;
  const cells = list.cells.map((other) =>
    other === cell ? { ...other, drainsSince: generation } : other,
  );
  return { ...list, generation, cells };
}

/**
 * @param keys - how many of its keys the others have now.
 * @param lastRun - highest run number of all cells.
 */
export function withoutCell(
  list: CellList,
  name: string,
  { keys, lastRun }: { readonly keys: number; readonly lastRun: number },
): CellList {
  const { storeId } = requireCell(list, name);
  if (list.removed.length >= REMOVED_MAX) {
    throw unfit(
      `${String(REMOVED_MAX)} cells have been removed from this list, which is as many as it remembers.`,
      "Leave this one in the list: drained, it takes nothing new.",
    );
  }
  return {
    generation: list.generation + 1,
    cells: list.cells.filter((cell) => cell.name !== name),
    removed: [...list.removed, { name, storeId, keys }],
    numbersAbove: Math.max(list.numbersAbove, lastRun),
  };
}

/** @throws {HoldfastError} HF6001 */
export function requireCell(list: CellList, name: string): Cell {
  const cell = list.cells.find((one) => one.name === name);
  if (cell !== undefined) return cell;
  throw new HoldfastError(
    "HF6001",
    `There is no cell ${JSON.stringify(name.slice(0, 60))}.`,
    `Name one of: ${list.cells.map((one) => one.name).join(", ")}.`,
  );
}

function byName(left: NewCell, right: NewCell): number {
  return left.name < right.name ? -1 : 1;
}

function unfit(message: string, remedy: string): HoldfastError {
  return new HoldfastError("HF6003", `${message} Nothing was changed.`, remedy);
}
