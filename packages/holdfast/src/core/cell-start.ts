/**
 * Whether an app may start on its cells: what it names has to be what they hold. A change of the list
 * is put down twice in every store, first as asked for and then as agreed, so that no list is used
 * while a store may still be opened with the one before.
 */
import type { CellList, NewCell } from "./cell-list.ts";
import { HoldfastError } from "./error.ts";

/** The list as one store holds it. */
export interface HeldList {
  /** Name of the cell that the store is. */
  readonly self: string;
  readonly list: CellList;
  /** True once every store of the list has been asked. */
  readonly isAgreed: boolean;
}

/** What was found in the store that an app names. */
export interface FoundCell extends NewCell {
  /** Null if it holds no list. */
  readonly held: HeldList | null;
  /** True if it has never had a run. */
  readonly isUnused: boolean;
}

export type CellStart =
  | { readonly kind: "go"; readonly list: CellList }
  /** No store has a list that is agreed yet, and none has a run: they become the first. */
  | { readonly kind: "first" };

/**
 * @param names - of all cells that the app names.
 * @param found - those that could be looked at.
 * @throws {HoldfastError} HF5024 if they are not to be used with these names.
 */
export function cellStart(names: readonly string[], found: readonly FoundCell[]): CellStart {
  const lists = found.flatMap(({ held }) => (held === null ? [] : [held]));
  const newest = lists.toSorted((a, b) => b.list.generation - a.list.generation)[0];
  if (newest === undefined || (newest.list.generation === 1 && !lists.some(isAgreed))) {
    const used = found.filter(({ isUnused }) => !isUnused).map(({ name }) => name);
    if (used.length > 0) throw hadAlone(used);
    return { kind: "first" };
  }
  const { list } = newest;
  for (const { name, storeId, held } of found) requireOwn(list, name, storeId, held);
  requireNames(list, names);
  const behind = found.filter(({ held }) => held?.list.generation !== list.generation);
  // One that has agreed says that all others have at least been asked.
  const isThrough = lists.some((held) => held.list.generation === list.generation && held.isAgreed);
  if (!isThrough || behind.length > 0) throw underWay(list);
  return { kind: "go", list };
}

function isAgreed(held: HeldList): boolean {
  return held.isAgreed;
}

function requireOwn(list: CellList, name: string, storeId: string, held: HeldList | null): void {
  const cell = list.cells.find((one) => one.name === name);
  const removed = list.removed.find((one) => one.storeId === storeId);
  if (removed !== undefined) {
    throw other(
      list,
      `The store named ${name} is that of the cell ${removed.name}, which has been removed`,
      `Leave ${name} out.`,
    );
  }
  if (cell !== undefined && cell.storeId !== storeId) {
    const own = held === null ? "which is in no list" : `which is the cell ${held.self}`;
    throw other(
      list,
      `${name} is the store ${storeId}, ${own}; the list says ${cell.storeId}`,
      "Give each name the address of its own store.",
    );
  }
}

function requireNames(list: CellList, names: readonly string[]): void {
  const listed = list.cells.map(({ name }) => name);
  const missing = listed.filter((name) => !names.includes(name));
  const more = names.filter((name) => !listed.includes(name));
  const said = [
    ...(missing.length === 0 ? [] : [`${missing.join(", ")} missing here`]),
    ...(more.length === 0 ? [] : [`${more.join(", ")} only here`]),
  ];
  if (said.length === 0) return;
  throw other(
    list,
    `The stores hold the list ${listed.join(", ")} (generation ${String(list.generation)}), this app names ${names.join(", ")}: ${said.join("; ")}`,
    "Name the same cells as the list. To bring one in: holdfast cells add NAME=ADDRESS. To take one out: holdfast cells drain NAME, until it says that it may be left out. See docs/operate/cells.md.",
  );
}

function other({ generation }: CellList, what: string, remedy: string): HoldfastError {
  return new HoldfastError(
    "HF5024",
    `${what} (list of generation ${String(generation)}). Nothing was started.`,
    remedy,
  );
}

function underWay({ generation }: CellList): HoldfastError {
  return new HoldfastError(
    "HF5024",
    `The change of the list of cells to generation ${String(generation)} was not finished. Nothing was started.`,
    "Give the command again that began it (holdfast cells add or holdfast cells drain): it goes on where it was.",
  );
}

function hadAlone(names: readonly string[]): HoldfastError {
  return new HoldfastError(
    "HF5024",
    `${names.join(", ")} ${names.length === 1 ? "has" : "have"} runs of an app that had ${names.length === 1 ? "that store" : "each of these stores"} alone, and no list of cells. Nothing was started.`,
    "Make a list that begins with that store: holdfast cells add NAME=ADDRESS with --store NAME=ADDRESS of the store that has runs. Stores that have runs of their own cannot be put together.",
  );
}

/** An app that has a store alone may not use one that is a cell. */
export function refuseCellAlone({ self, list }: HeldList): HoldfastError {
  const names = list.cells.map(({ name }) => name).join(", ");
  return new HoldfastError(
    "HF5024",
    `The store is the cell ${self} of a list (${names}; generation ${String(list.generation)}), and this app would have it alone. Nothing was started.`,
    "Name all cells: store: { NAME: ADDRESS, ... }. Keys that are used in the others would be unknown here.",
  );
}
