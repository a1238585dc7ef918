/** Opens the store of an app and its engine: which driver serves it, and with what. */
import { StoreNotices } from "./store-notices.ts";
import { tellOne } from "./engine/listeners.ts";
import type { HoldfastOptions, StoreAddress } from "./app-settings.ts";
import type { CellDoor } from "./cells/cells.ts";
import { HoldfastError, formatError } from "./core/error.ts";
import { refuseCellAlone } from "./core/cell-start.ts";
import { systemClock, systemRandom } from "./engine/clock.ts";
import { Engine } from "./engine/engine.ts";
import type { EngineListener } from "./engine/events.ts";
import type { Neighbours } from "./engine/neighbours.ts";
import { OWNER_DEFAULT } from "./core/exception-policy.ts";
import { exceptionPolicy } from "./exception-options.ts";
import { classifyForeign } from "./foreign-errors.ts";
import { logLine } from "./log-lines.ts";
import { readKeyRing, withPayloads } from "./payload/index.ts";
import { placeOf, shownAddress } from "./store-address.ts";
import type { Store, StoreReader } from "./store/store.ts";
import { openPostgresReader, openPostgresStore } from "./store-postgres/index.ts";
import { openSqliteReader, openSqliteStore, type StoreNotice } from "./store-sqlite/index.ts";

/** Where one engine's store is, and what it is told of others. */
interface Opening {
  readonly store: StoreAddress | ":memory:";
  /** What is done with the store before anything of it is; gives the other cells, if there are any. */
  readonly prepare: (store: Store) => Promise<Neighbours | null>;
  readonly onFatal: (error: Error) => void;
  readonly log: (line: string) => void;
}

/** The engine of an app that has one store. */
export function openAppEngine(
  options: HoldfastOptions,
  store: StoreAddress | ":memory:",
  listeners: ReadonlySet<EngineListener>,
): Promise<Engine> {
  const log = logOf(options);
  return openEngine(options, { store, prepare: alone, log, onFatal: endProcess }, listeners);
}

/** @throws {HoldfastError} HF5024 if the store is a cell. */
async function alone({ cells }: Store): Promise<null> {
  const head = await cells.list();
  if (head !== null) throw refuseCellAlone(head);
  return null;
}

/** One cell of an app, to be opened. */
export function cellDoor(
  options: HoldfastOptions,
  { name, store }: { readonly name: string; readonly store: StoreAddress },
  listeners: ReadonlySet<EngineListener>,
): CellDoor {
  const own = ofCell(options, name);
  const log = (line: string) => {
    logOf(options)(line.replace(/^holdfast:/u, `holdfast [${name}]:`));
  };
  return {
    name,
    async look() {
      const reader = await openReaderAt(store);
      try {
        const held = await reader.cells.list();
        const isUnused = (await reader.cells.lastRun()) === 0;
        return { name, storeId: reader.storeId, held, isUnused };
      } finally {
        await reader.close();
      }
    },
    openAlone: () => openStore(aloneAtOnce(own), store),
    open: (prepare, onFatal) => openEngine(own, { store, prepare, log, onFatal }, listeners),
  };
}

/** For itself, and refused at once if another has it: who waits for one cell holds others meanwhile. */
function aloneAtOnce(options: HoldfastOptions): StoreOptions {
  return { postgres: { ...options.postgres, shared: false, waitMsMax: 0 } };
}

/** How long a process that died while it had a store for itself keeps others out, milliseconds. */
export function aloneMsMax({ postgres = {} }: Pick<HoldfastOptions, "postgres">): number {
  return (postgres.leaseMs ?? LEASE_MS) + LEASE_SLACK_MS;
}

/** What belongs to a store alone has a place of its own for each cell; a directory may be a bucket. */
function ofCell(options: HoldfastOptions, name: string): HoldfastOptions {
  const { postgres = {}, payloads = {} } = options;
  const { anchorFile } = postgres;
  const { directory } = payloads;
  return {
    ...options,
    postgres: {
      ...postgres,
      ...(anchorFile === undefined ? {} : { anchorFile: `${anchorFile}.${name}` }),
    },
    payloads: {
      ...payloads,
      ...(directory === undefined ? {} : { directory: `${directory}/${name}` }),
    },
  };
}

/** A store for whoever has it alone; made if it is not there. The key is as the app has it. */
export function openWholeStore(address: string): Promise<Store> {
  if (placeOf(address) === null) return Promise.reject(unknownAddress(address));
  // One of the known forms, as was just seen.
  return openStore({}, address as StoreAddress);
}

export function logOf({ log }: HoldfastOptions): (line: string) => void {
  return log ?? ((line) => process.stderr.write(`${line}\n`));
}

/** @throws {HoldfastError} HF5002 if there is no store. */
function openReaderAt(store: string): Promise<StoreReader> {
  const place = placeOf(store);
  if (place === null) return Promise.reject(unknownAddress(store));
  return place.kind === "sqlite" ? openSqliteReader(place) : openPostgresReader(place);
}

/** What was found out before there is an engine. */
interface Prepared {
  readonly neighbours: Neighbours | null;
  readonly notices: StoreNotices;
}

async function openEngine(
  options: HoldfastOptions,
  opening: Opening,
  listeners: ReadonlySet<EngineListener>,
): Promise<Engine> {
  const { keyRing, ...kept } = options.payloads ?? {};
  const given = { ...kept, ...(keyRing === undefined ? {} : { ring: readKeyRing(keyRing) }) };
  const notices = new StoreNotices();
  const store = await openStore(options, opening.store, notices.note);
  try {
    const neighbours = await opening.prepare(store);
    const whole = await withPayloads(store, given);
    return await engineOn(whole, options, { ...opening, neighbours, notices }, listeners);
  } catch (error) {
    // The lock and the writer go too, or the next try would be refused by ourselves.
    await store.close();
    throw error;
  }
}

async function engineOn(
  store: Store,
  options: HoldfastOptions,
  { neighbours, notices, onFatal, log }: Opening & Prepared,
  listeners: ReadonlySet<EngineListener>,
): Promise<Engine> {
  const engine = new Engine({
    store,
    clock: systemClock,
    random: systemRandom,
    workflows: options.workflows,
    effects: options.effects ?? [],
    version: options.version ?? "1",
    ...(options.earlierVersions === undefined ? {} : { earlierVersions: options.earlierVersions }),
    limits: options.limits ?? {},
    ...(options.owner === undefined ? {} : { owner: options.owner }),
    ...(options.retention === undefined ? {} : { retention: options.retention }),
    ...(neighbours === null ? {} : { neighbours }),
    exceptions: exceptionPolicy(options.exceptions, {
      app: options.owner ?? OWNER_DEFAULT,
      workflows: options.workflows,
    }),
    foreign: classifyForeign,
  });
  engine.on((event) => {
    for (const listener of listeners) tellOne(listener, event);
  });
  engine.on((event) => {
    const line = logLine(event);
    if (line !== null) log(line);
  });
  store.onFatal((error) => {
    engine.emit({ type: "engine.fatal", message: error.message });
    onFatal(error);
  });
  notices.tellTo((event) => {
    engine.emit(event);
  });
  await engine.start();
  return engine;
}

/** Nothing may be written over a hole: the process ends, and recovery goes on from what is durable. */
function endProcess(error: Error): void {
  const text = error instanceof HoldfastError ? formatError(error) : error.message;
  process.stderr.write(`The store has failed, the process ends.\n${text}\n`);
  process.exit(70);
}

function systemNowMs(): number {
  return systemClock.nowMs();
}

/** Of a store on PostgreSQL, milliseconds: an engine that died without a word is gone after it. */
const LEASE_MS = 15_000;
const SHARED_LEASE_MS = 3_000;
/** A lease that has just run out is seen a little later. */
const LEASE_SLACK_MS = 1000;

interface StoreOptions {
  readonly postgres?: HoldfastOptions["postgres"] & { readonly waitMsMax?: number };
}

function openStore(
  { postgres = {} }: StoreOptions,
  store: StoreAddress | ":memory:",
  onNotice: (notice: StoreNotice) => void = () => undefined,
): Promise<Store> {
  const nowMs = systemNowMs;
  if (store === ":memory:") return openSqliteStore({ path: store, thread: "inline", nowMs });
  const place = placeOf(store);
  if (place?.kind === "sqlite") return openSqliteStore({ path: place.path, nowMs, onNotice });
  if (place?.kind === "postgres") {
    const leaseMs = postgres.leaseMs ?? (postgres.shared === true ? SHARED_LEASE_MS : LEASE_MS);
    // A worker as well may come after an engine that died while it had the store for itself.
    const waitMsMax = aloneMsMax({ postgres });
    return openPostgresStore({ waitMsMax, ...postgres, url: place.url, nowMs, leaseMs });
  }
  throw unknownAddress(store);
}

function unknownAddress(store: string): HoldfastError {
  return new HoldfastError(
    "HF5002",
    `The store ${shownAddress(store)} cannot be opened: expected sqlite:PATH or postgres://USER@HOST/DATABASE.`,
    'Give store: "sqlite:./holdfast.db".',
  );
}
