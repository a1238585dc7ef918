/**
 * Finds the cell that a start belongs to. One (namespace, workflow, key) has one run, so whoever
 * starts asks, in this order: the cells where earlier lists have placed that key; and, if the
 * workflow has lanes, where the key leads, because two inputs with one key may name two lanes.
 */
import { laneOf } from "../workflow/lane.ts";
import { hash } from "node:crypto";
import { type CellList, type Placed, homesOf } from "../core/cell-list.ts";
import type { PlacedHead } from "../core/cells.ts";
import { runKeyHash } from "../core/operation-key.ts";
import type { Engine } from "../engine/engine.ts";
import { checkedStart } from "../engine/starts/start-input.ts";
import type { StartOptions } from "../engine/starts/starts.ts";
import type { EventAddress } from "../store/store.ts";
import type { AnyWorkflow } from "../workflow/workflow.ts";

function sha256(text: string): string {
  return hash("sha256", text, "hex");
}

/** Where engines of cells are found. */
export interface Places {
  readonly list: CellList;
  /** @throws {CellAway} if it is not there now. */
  engine(cell: string): Engine;
}

interface RunKey {
  readonly workflow: string;
  readonly key: string;
}

/** Names of the cells where something belongs: now, and by earlier lists. */
export function homeNames(list: CellList, placed: Placed) {
  const { home, earlier } = homesOf(list, placed, sha256);
  return { home: home.name, earlier: earlier.map(({ name }) => name) };
}

/** What a place is looked for. */
interface Start {
  readonly workflow: AnyWorkflow;
  readonly input: unknown;
  readonly options: StartOptions;
}

/**
 * The same for a start that is to begin its run in this cell: unless its key has a run elsewhere, or
 * leads there already.
 */
export async function placeIn(
  places: Places,
  cell: string,
  { workflow, input, options }: Start,
): Promise<Engine> {
  const via = places.engine(cell);
  const { namespace, limits } = via;
  const checked = await checkedStart(workflow, input, options, limits);
  const of = { workflow: workflow.name, key: checked.key };
  const known = await findKey(places, of, namespace);
  if (known !== null) return known;
  const atKey = places.engine(homeNames(places.list, { kind: "run", namespace, ...of }).home);
  await atKey.committer.durable();
  const [found] = await atKey.store.find([{ namespace, ...of, keyHash: keyHashIn(atKey, of) }]);
  if (found !== null && found !== undefined) return atKey;
  const led = await lead(atKey, keyHashIn(atKey, of), cell);
  return isListed(places, led) ? places.engine(led) : via;
}

/**
 * The engine in which this start begins a run or joins one.
 *
 * @throws {HoldfastError} HF4102..HF4105 for an input that does not fit, HF5023 for a cell that is away.
 */
export async function placeStart(
  places: Places,
  { workflow, input, options }: Start,
  via: Engine,
): Promise<Engine> {
  const checked = await checkedStart(workflow, input, options, via.limits);
  const of = { workflow: workflow.name, key: checked.key };
  // The engine that begins the run says what is wrong with a lane that is none.
  const lane: unknown = laneOf(workflow, checked.input);
  const known = await findKey(places, of, via.namespace);
  if (known !== null) return known;
  const { namespace } = via;
  const atKey = places.engine(homeNames(places.list, { kind: "run", namespace, ...of }).home);
  if (typeof lane !== "string") return atKey;
  const home = await laneHome(places, of, { namespace, lane });
  if (home.kind === "known") return home.engine;
  const led = await lead(atKey, keyHashIn(atKey, of), home.name);
  // Put down for a run that never began, in a cell that is no more: now it begins here.
  return isListed(places, led) ? places.engine(led) : atKey;
}

function isListed({ list }: Places, cell: string): boolean {
  return list.cells.some(({ name }) => name === cell);
}

/**
 * Where a run with this key is, or is to begin because somebody has said so; null if the key is new
 * as far as its own homes know.
 */
async function findKey(places: Places, of: RunKey, namespace: string): Promise<Engine | null> {
  const { home, earlier } = homeNames(places.list, { kind: "run", namespace, ...of });
  for (const name of earlier) {
    const engine = places.engine(name);
    const found = await knownIn(places, engine, of, { isHome: false });
    if (found !== null) return found;
  }
  return await knownIn(places, places.engine(home), of, { isHome: true });
}

/** @param how - whether its run begins here if nobody knows it: then the engine itself looks. */
async function knownIn(
  places: Places,
  engine: Engine,
  of: RunKey,
  { isHome }: { readonly isHome: boolean },
): Promise<Engine | null> {
  const { store } = engine;
  const keyHash = keyHashIn(engine, of);
  if (await leads(engine)) {
    const [led] = await store.cells.placed([keyHash]);
    // One that leads to a cell that is no more was carried over from that, if a run had it.
    if (led !== null && led !== undefined && isListed(places, led)) return places.engine(led);
  }
  const former = await ledByFormer(places, engine, of);
  if (former !== null) return former;
  if (isHome) return null;
  await engine.committer.durable();
  const { namespace } = engine;
  const [found] = await store.find([{ namespace, ...of, keyHash }]);
  return found === null || found === undefined ? null : engine;
}

/** Engines that have their stores alone, with whether any key in them leads elsewhere. */
const leading = new WeakMap<Engine, boolean>();

/** Asked once where nobody else writes: most stores have no such key. */
async function leads(engine: Engine): Promise<boolean> {
  const known = leading.get(engine);
  if (known !== undefined) return known;
  const does = await engine.store.cells.hasPlaced();
  if (engine.store.shards.isWhole || does) leading.set(engine, does);
  return does;
}

/** Where a key leads that was carried over from a cell that is no more. */
async function ledByFormer(places: Places, engine: Engine, of: RunKey): Promise<Engine | null> {
  const former = engine.neighbours?.former ?? [];
  if (former.length === 0) return null;
  const names = former.map(({ storeId, digests }) => {
    const hex = (text: string) => digests.hex(text);
    return { store: storeId, keyHash: runKeyHash(engine.namespace, of.workflow, of.key, hex) };
  });
  for (const carried of await engine.store.cells.carried(names)) {
    if (carried === null) continue;
    // A run of a cell that is no more: this engine has its key, and says so.
    if (carried.cell === null) return engine;
    // One that leads to a cell that is no more either was carried over from that one, too.
    if (isListed(places, carried.cell)) return places.engine(carried.cell);
  }
  return null;
}

type LaneHome =
  | { readonly kind: "known"; readonly engine: Engine }
  | { readonly kind: "new"; readonly name: string };

/** Where the lane is; unless the key is in a cell that had the lane before, or has the key itself. */
async function laneHome(
  places: Places,
  of: RunKey,
  { namespace, lane }: { readonly namespace: string; readonly lane: string },
): Promise<LaneHome> {
  const { home, earlier } = homeNames(places.list, { kind: "lane", namespace, lane });
  const atKey = homeNames(places.list, { kind: "run", namespace, ...of }).home;
  for (const name of new Set([...earlier, atKey])) {
    const engine = places.engine(name);
    await engine.committer.durable();
    const [found] = await engine.store.find([{ namespace, ...of, keyHash: keyHashIn(engine, of) }]);
    if (found !== null && found !== undefined) return { kind: "known", engine };
  }
  return { kind: "new", name: home };
}

/**
 * Puts down, in the cell that a key belongs to, which cell its run begins in. Durable before anything
 * begins; of two at once the first is obeyed by both.
 */
async function lead(atKey: Engine, keyHash: string, cell: string): Promise<string> {
  const { store, journal, committer } = atKey;
  leading.set(atKey, true);
  const head: PlacedHead = { keyHash, cell };
  journal.append("placed", head);
  await committer.durable();
  const [led] = await store.cells.placed([keyHash]);
  return led ?? cell;
}

function keyHashIn({ namespace, digests }: Engine, { workflow, key }: RunKey): string {
  return runKeyHash(namespace, workflow, key, (text) => digests.hex(text));
}

/** Where an event is taken: where its id may be known from an earlier list, else where it belongs. */
export async function placeEvent(places: Places, of: EventAddress, id: string): Promise<Engine> {
  const { home, earlier } = homeNames(places.list, { kind: "event", ...of });
  const { namespace, event } = of;
  for (const name of earlier) {
    const engine = places.engine(name);
    await engine.committer.durable();
    const [known] = await engine.store.acceptedEvents([{ namespace, event, id }]);
    if (known !== null && known !== undefined) return engine;
  }
  return places.engine(home);
}
