/**
 * Changes of the list of cells, by hand: `holdfast cells add` and `drain`. No engine runs meanwhile:
 * each store is had alone for what is written. A command that is cut short anywhere is given again,
 * and goes on where it was.
 */
import {
  type CellList,
  listOfOne,
  requireCellNames,
  withCell,
  withDraining,
  withoutCell,
} from "../core/cell-list.ts";
import type { CarriedKey, CellsHead } from "../core/cells.ts";
import { HoldfastError } from "../core/error.ts";
import { runKeyHash } from "../core/operation-key.ts";
import { digestsWith } from "../engine/journal/digest.ts";
import type { UsedKey } from "../store/cells.ts";
import type { ReceivedRow } from "../store/rows.ts";
import type { Store, StoreReader } from "../store/store.ts";
import { StoreJournal } from "./list-record.ts";
import { openSecret, sealSecret } from "./sealed-secret.ts";

/** A store that is a cell or becomes one, as a command reaches it. */
export interface CellStore {
  readonly name: string;
  readonly openReader: () => Promise<StoreReader>;
  /** Has it alone; made if it is not there. @throws {HoldfastError} HF5004 if an engine runs. */
  readonly openAlone: () => Promise<Store>;
}

export interface ChangeSettings {
  /** Who changes it; on record. */
  readonly by: string;
  readonly nowMs: () => number;
}

/** A store that is had alone. */
interface Held {
  readonly name: string;
  readonly store: Store;
  readonly head: CellsHead | null;
  readonly journal: StoreJournal;
}

/** Keys that are copied, and compared, in one step. */
const KEYS_PER_RECORD = 1_000;

/**
 * Brings a store in. `known` are the stores of the list; if there is none yet, the one that an app has
 * had alone until now.
 *
 * @throws {HoldfastError} HF5024 if the stores are not those of one list, HF6003 if the new one has
 *   runs, or is or was a cell.
 */
export async function addCell(
  known: readonly CellStore[],
  fresh: CellStore,
  settings: ChangeSettings,
): Promise<CellList> {
  requireCellNames([...known.map(({ name }) => name), fresh.name]);
  return await alone([...known, fresh], settings, async (all) => {
    const added = all.at(-1);
    const before = all.slice(0, -1);
    if (added === undefined) throw new RangeError("no cell to be added");
    const unfinished = all.find(({ head }) => head?.isAgreed === false)?.head;
    const newest = newestOf(all);
    const isThere = newest?.cells.some(({ name }) => name === added.name) === true;
    if (newest !== null && isThere) {
      // Given again: it goes on where it was cut short.
      requireMembers(newest, all);
      if (unfinished !== undefined || !all.every(holds(newest)))
        await put(all, newest, settings.by);
      return newest;
    }
    if (added.store.lastRun > 0 || added.head !== null) throw notFresh(added);
    const [first] = before;
    if (first === undefined) throw withoutKnown();
    const list = newest ?? ofOne(before, first);
    requireMembers(list, before);
    const { name, store } = added;
    const next = withCell(list, { name, storeId: store.storeId }, lastRunOf(all));
    await put(all, next, settings.by);
    return next;
  });
}

interface Left {
  readonly unfinishedRuns: number;
  readonly openExceptions: number;
  readonly keptEvents: number;
  readonly earlyAnswers: number;
  readonly commands: number;
  /** Messages that wait for what they follow, and all that are remembered, each up to 1,000. */
  readonly heldMessages: number;
  readonly messages: number;
  /** Ids of events that are remembered, and until when the last is. */
  readonly eventIds: number;
  readonly eventIdsUntilMs: number | null;
}

export interface Drained {
  readonly list: CellList;
  /** What keeps the cell in the list; null: it has left. */
  readonly left: Left | null;
  /** Keys that each of the others has of it now; 0 while it is in the list. */
  readonly keys: number;
}

/**
 * Takes a cell out, as far as that can be done now: nothing new is placed in it any more; once it has
 * nothing left to do, its keys are copied into all others, compared, and it leaves the list.
 *
 * @param forgetIds - ids of its events need not be known any longer.
 * @throws {HoldfastError} HF6001 if there is no such cell, HF6003 if it is the only one, HF5024 if the
 *   stores are not those of one list.
 */
export async function drainCell(
  stores: readonly CellStore[],
  name: string,
  { forgetIds, ...settings }: ChangeSettings & { readonly forgetIds: boolean },
): Promise<Drained> {
  const list = await alone(stores, settings, async (all) => await draining(all, name, settings.by));
  if (list.removed.some((removed) => removed.name === name)) return hasLeft(list, name);
  const leaving = requireStore(stores, name);
  const left = await leftIn(leaving, settings.nowMs());
  if (!isEmpty(left, forgetIds)) return { list, left, keys: 0 };
  return await alone(stores, settings, async (all) => {
    const out = all.find((one) => one.name === name);
    const others = all.filter((one) => one !== out);
    if (out === undefined) throw new RangeError(`no store of ${name}`);
    // Looked at again now that nobody else can write.
    const still = await leftIn(leaving, settings.nowMs());
    if (!isEmpty(still, forgetIds)) return { list, left: still, keys: 0 };
    const keys = await carryOver(leaving, out, others, stores);
    const next = withoutCell(list, name, { keys, lastRun: lastRunOf(all) });
    await put(all, next, settings.by);
    return { list: next, left: null, keys };
  });
}

function hasLeft(list: CellList, name: string): Drained {
  const keys = list.removed.find((removed) => removed.name === name)?.keys ?? 0;
  return { list, left: null, keys };
}

/** The list in which the cell takes nothing new, in all stores; or has left. */
async function draining(all: readonly Held[], name: string, by: string): Promise<CellList> {
  const newest = newestOf(all);
  if (newest === null) throw noList();
  const isOut = newest.removed.some((removed) => removed.name === name);
  requireMembers(newest, isOut ? all.filter((one) => one.name !== name) : all);
  const list = isOut ? newest : withDraining(newest, name);
  if (!all.every(holds(list))) await put(all, list, by);
  return list;
}

/** Has all of these alone while `act` goes on. */
async function alone<T>(
  stores: readonly CellStore[],
  { nowMs }: ChangeSettings,
  act: (all: readonly Held[]) => Promise<T>,
): Promise<T> {
  const all: Held[] = [];
  try {
    for (const { name, openAlone } of stores) {
      const store = await openAlone();
      const journal = new StoreJournal(store, nowMs);
      all.push({ name, store, head: await store.cells.list(), journal });
    }
    return await act(all);
  } finally {
    for (const { store } of all) await store.close();
  }
}

/** Asked for in all stores before it is agreed in one. */
async function put(all: readonly Held[], list: CellList, by: string): Promise<void> {
  const secrets = secretsIn(all);
  for (const isAgreed of [false, true]) {
    for (const { name: self, store, journal } of all) {
      const held = list.removed.filter(({ storeId }) => storeId !== store.storeId);
      const sealed = held.map(({ storeId }) => {
        const secret = secrets.get(storeId);
        if (secret === undefined) throw new RangeError(`the key of ${storeId} is not known`);
        return [storeId, sealSecret(secret, storeId, store)] as const;
      });
      const own = Object.fromEntries(sealed);
      await journal.list({ self, list, isAgreed, by, secrets: own });
    }
  }
}

/** Keys of digests: of the stores that are here, and of those that they hold. */
function secretsIn(all: readonly Held[]): ReadonlyMap<string, Uint8Array> {
  const secrets = new Map<string, Uint8Array>();
  for (const { store, head } of all) {
    secrets.set(store.storeId, store.secret);
    for (const [storeId, sealed] of Object.entries(head?.secrets ?? {})) {
      if (!secrets.has(storeId)) secrets.set(storeId, openSecret(sealed, storeId, store));
    }
  }
  return secrets;
}

async function leftIn({ openReader }: CellStore, nowMs: number): Promise<Left> {
  const reader = await openReader();
  try {
    const { cells } = reader;
    const ids = await cells.rememberedIds(nowMs);
    const page = { afterRun: -1, limit: LEFT_SHOWN_MAX };
    const firstPage = { after: null, limit: LEFT_SHOWN_MAX };
    const isRemembered = ({ untilMs }: ReceivedRow) => untilMs === null || untilMs > nowMs;
    return {
      unfinishedRuns: await cells.openRunsCount(),
      openExceptions: (await reader.exceptions(page)).length,
      keptEvents: await cells.keptCount(),
      earlyAnswers: (await reader.earlyAnswers(LEFT_SHOWN_MAX)).length,
      commands: (await reader.inbox(LEFT_SHOWN_MAX)).length,
      heldMessages: (await reader.received({ ...firstPage, state: "held" })).length,
      messages: (await reader.received(firstPage)).filter(isRemembered).length,
      eventIds: ids.count,
      eventIdsUntilMs: ids.untilMs,
    };
  } finally {
    await reader.close();
  }
}

/** What is counted by reading it is counted up to here. */
const LEFT_SHOWN_MAX = 1_000;

function isEmpty(left: Left, forgetIds: boolean): boolean {
  const { unfinishedRuns, openExceptions, keptEvents, earlyAnswers, commands, heldMessages } = left;
  const open =
    unfinishedRuns + openExceptions + keptEvents + earlyAnswers + commands + heldMessages;
  return open === 0 && (forgetIds || left.eventIds + left.messages === 0);
}

/**
 * Copies every key that the cell guards into all others, and reads each back. What was copied before
 * a crash is copied again, which changes nothing.
 *
 * @returns how many keys each of them has of it.
 */
async function carryOver(
  from: CellStore,
  out: Held,
  others: readonly Held[],
  stores: readonly CellStore[],
): Promise<number> {
  const reader = await from.openReader();
  const readers: StoreReader[] = [];
  try {
    for (const { name } of others) readers.push(await requireStore(stores, name).openReader());
    let count = 0;
    let after: string | null = null;
    for (;;) {
      const page = await pageOf(reader, after);
      for (const [store, keys] of byStore(page.keys, out.store)) {
        for (const { journal } of others) await journal.carry({ store, keys });
        for (const other of readers) await requireCarried(other, store, keys);
      }
      count += page.keys.length;
      if (page.next === null) return count;
      after = page.next;
    }
  } finally {
    await reader.close();
    for (const other of readers) await other.close();
  }
}

function pageOf(reader: StoreReader, after: string | null) {
  return reader.cells.usedKeys(after, KEYS_PER_RECORD);
}

function byStore(used: readonly UsedKey[], own: Store): ReadonlyMap<string, CarriedKey[]> {
  const digests = digestsWith(own.secret);
  const lists = new Map<string, CarriedKey[]>();
  for (const { keyHash, of, store, ...key } of used) {
    const hash =
      keyHash ??
      // Either is there.
      runKeyHash(of?.namespace ?? "", of?.workflow ?? "", of?.key ?? "", (t) => digests.hex(t));
    const from = store ?? own.storeId;
    const list = lists.get(from) ?? [];
    list.push({ keyHash: hash, ...key });
    lists.set(from, list);
  }
  return lists;
}

/** @throws {HoldfastError} HF5008 if a key is not there as it was written. */
async function requireCarried(
  reader: StoreReader,
  store: string,
  keys: readonly CarriedKey[],
): Promise<void> {
  const names = keys.map(({ keyHash }) => ({ store, keyHash }));
  const found = await reader.cells.carried(names);
  for (const [index, key] of keys.entries()) {
    const there = found[index];
    // A later run with the key may be there from another page.
    const isThere =
      there !== null &&
      there !== undefined &&
      (there.generation > key.generation ||
        (there.run === key.run &&
          there.cell === key.cell &&
          there.inputDigest === key.inputDigest));
    if (isThere) continue;
    throw new HoldfastError(
      "HF5008",
      `A key of ${store} is not in ${reader.storeId} as it was copied there. The cell stays in the list.`,
      "Check that store with: holdfast store verify. Then drain the cell again.",
    );
  }
}

function newestOf(all: readonly Held[]): CellList | null {
  const lists = all.flatMap(({ head }) => (head === null ? [] : [head.list]));
  return lists.toSorted((left, right) => right.generation - left.generation)[0] ?? null;
}

function holds(list: CellList): (held: Held) => boolean {
  return ({ head }) => head?.list.generation === list.generation && head.isAgreed;
}

function lastRunOf(all: readonly Held[]): number {
  return Math.max(...all.map(({ store }) => store.lastRun));
}

function ofOne(before: readonly Held[], { name, store }: Held): CellList {
  if (before.length > 1) throw noList();
  return listOfOne({ name, storeId: store.storeId }, store.lastRun);
}

/** @throws {HoldfastError} HF5024 unless these are all stores of the list. */
function requireMembers(list: CellList, all: readonly Held[]): void {
  const names = list.cells.map(({ name }) => name);
  const missing = names.find((name) => !all.some((held) => held.name === name));
  const foreign = all.find(({ name, store }) => {
    const cell = list.cells.find((one) => one.name === name);
    return cell?.storeId !== store.storeId;
  });
  if (missing === undefined && foreign === undefined) return;
  const what =
    missing === undefined
      ? `${foreign?.name ?? ""} is the store ${foreign?.store.storeId ?? ""}, which is not that of a cell with this name`
      : `The store of cell ${missing} is not named`;
  throw new HoldfastError(
    "HF5024",
    `${what}: the list of generation ${String(list.generation)} is ${names.join(", ")}. Nothing was changed.`,
    "Name all stores of the list: --store NAME=ADDRESS for each.",
  );
}

function requireStore(stores: readonly CellStore[], name: string): CellStore {
  const found = stores.find((store) => store.name === name);
  if (found !== undefined) return found;
  throw new HoldfastError(
    "HF6001",
    `The store of cell ${name} is not named.`,
    `Add --store ${name}=ADDRESS.`,
  );
}

function noList(): HoldfastError {
  return new HoldfastError(
    "HF5024",
    "These stores hold no list of cells. Nothing was changed.",
    "A list is made when an app starts on stores that are new, or by: holdfast cells add NAME=ADDRESS, with --store NAME=ADDRESS of the one store that has runs.",
  );
}

function withoutKnown(): HoldfastError {
  return new HoldfastError(
    "HF4102",
    "No cell is named that the new one would stand beside. Nothing was changed.",
    "Name all stores of the list: --store NAME=ADDRESS for each.",
  );
}

function notFresh({ name, head }: Held): HoldfastError {
  const what = head === null ? "has runs of its own" : `is the cell ${head.self} of another list`;
  return new HoldfastError(
    "HF6003",
    `The store of ${name} ${what}: its keys and its numbers could be used twice. Nothing was changed.`,
    "Give the new cell a store that is not there yet.",
  );
}

/** How a cell stands in the list that its store holds. */
export function cellState(
  list: CellList | null,
  name: string,
): "active" | "draining" | "not listed" {
  const cell = list?.cells.find((one) => one.name === name);
  if (cell === undefined) return "not listed";
  return cell.drainsSince === null ? "active" : "draining";
}
