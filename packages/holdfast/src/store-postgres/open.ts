/** Opens the store on PostgreSQL for an engine. */
import { randomBytes as systemRandomBytes } from "node:crypto";
import { HoldfastError } from "../core/error.ts";
import { keyId } from "../store/seal.ts";
import type { Shards } from "../store/shards.ts";
import type { FlushBatch, Store } from "../store/store.ts";
import { AnchorKeeper, checkAnchor } from "./anchor-keeper.ts";
import { backupInboxes } from "./backup-inboxes.ts";
import { toPredecessor } from "../store/chain-heads.ts";
import { openHeads } from "./chain.ts";
import { type Connection, connect } from "./client.ts";
import { ENGINE_SQL } from "./engine-sql.ts";
import type { Writing } from "./flush-builder.ts";
import { takenCommands } from "./forgotten-commands.ts";
import { Heartbeat } from "./heartbeat.ts";
import { Hearing } from "./hints.ts";
import { type KeySource, foreignKey, storeKey } from "./key.ts";
import { beat, joinLease, leaveLease, takeLease } from "./lease.ts";
import { Link } from "./link.ts";
import { Lookout } from "./lookout.ts";
import {
  type StoredMeta,
  isMetaSound,
  preferKeys,
  prepareSession,
  readOrMakeMeta,
} from "./meta.ts";
import { migrate, migrationTables, schemaVersion } from "./migrations.ts";
import { ConnectionLost, StatementRefused, cannotOpen, replaced } from "./postgres-errors.ts";
import { engineReads } from "./queries.ts";
import { OwnedShards } from "./owned-shards.ts";
import { type SharedSettings, sharedShards } from "./shared-shards.ts";
import { missingRights, requireFit, requireRights, serverSettings } from "./server-settings.ts";
import { sealKey } from "../store/seal.ts";
import { type Ticks, systemTicks } from "./ticks.ts";
import { PostgresWriter } from "./writer.ts";

export interface PostgresStoreOptions extends KeySource {
  /** `postgres://user@host:port/database`; everything is kept in its schema `holdfast`. */
  readonly url: string;
  /** Time for what the store itself stamps: when it was made and when it was closed. */
  readonly nowMs: () => number;
  /** Random bytes for the store's id and this opening; the system's by default. */
  readonly randomBytes?: (count: number) => Uint8Array;
  /** Others may write to the store too, each to shards of its own. Default: this engine alone. */
  readonly shared?: boolean;
  /**
   * An engine that has not shown for so long that it lives may be replaced, milliseconds. Default
   * 15,000, of a shared store 3,000. After two thirds of it, it gives up by itself; where the store
   * is shared it starts nothing outside until it can show again that it lives.
   */
  readonly leaseMs?: number;
  /** How long to wait for another engine's lease to end before it is refused. Default 0. */
  readonly waitMsMax?: number;
  /**
   * How long a lost connection is tried again, milliseconds. Default two thirds of the lease, of a
   * shared store 10,000: there the fence judges what comes late.
   */
  readonly reconnectMsMax?: number;
  /** Where the newest seals are kept outside the database; default: nowhere. */
  readonly anchorFile?: string;
  /** The driver's own clock; the system's by default. For tests. */
  readonly ticks?: Ticks;
}

/** The port, and what only a driver can do. */
export interface PostgresStore extends Store {
  /**
   * Lets go of the connections as a crash would: the lease stays until it has run out. For tests, and
   * for a process that gives up.
   */
  abandon(): Promise<void>;
}

/** Of an engine that has the store for itself. */
export const LEASE_MS = 15_000;
/** Short, so that a dead worker's runs go on elsewhere within 5 s: it beats once a second. */
const SHARED_LEASE_MS = 3_000;
const SHARED_RECONNECT_MS = 10_000;
const LEASE_MS_MIN = 300;
/** A server that has let us in, and does not answer the first statement for so long, is gone. */
const PREPARE_MS_MAX = 10_000;

/**
 * Opens the store, and makes it if there is none. One engine at a time: it holds a lease on all
 * shards, which others outwait or take over when it has run out. Or, if all say `shared`, one worker
 * of several: it owns no shard until it takes some.
 *
 * @throws {HoldfastError} HF5002 (cannot be opened), HF5004 (another engine), HF5005 (not durable),
 * HF5006 (damaged), HF5007 (older than its anchor), HF5009 (key), HF5010 (newer schema), HF5011 (pg
 * is not installed), HF5013 (too many workers).
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<PostgresStore> {
  const secret = storeKey(options, process.env);
  const connections: Connection[] = [];
  const open = async () => {
    const connection = await connectTo(options.url);
    connections.push(connection);
    return connection;
  };
  try {
    return await openWith(options, secret, open);
  } catch (error) {
    for (const connection of connections) connection.destroy();
    throw cannotOpen(options.url, error);
  }
}

/** A connection of the engine's own, to write or to read. */
async function connectByKeys(url: string): Promise<Connection> {
  const connection = await connectTo(url);
  await preferKeys(connection);
  return connection;
}

/** A connection on which our tables are found and a commit is durable. */
export async function connectTo(url: string): Promise<Connection> {
  const connection = await connect(url);
  const cancelLimit = systemTicks.after(PREPARE_MS_MAX, () => {
    connection.destroy();
  });
  try {
    await prepareSession(connection);
  } finally {
    cancelLimit();
  }
  return connection;
}

interface Connections {
  readonly writing: Connection;
  readonly reading: Connection;
  readonly beating: Connection;
}

async function openWith(
  options: PostgresStoreOptions,
  secret: Uint8Array,
  open: () => Promise<Connection>,
): Promise<PostgresStore> {
  const { ticks = systemTicks, anchorFile, waitMsMax = 0, shared: isShared = false } = options;
  const leaseMs = leaseOf(options);
  if (leaseMs < LEASE_MS_MIN) {
    throw new RangeError(`leaseMs is ${leaseMs}, at least ${LEASE_MS_MIN}`);
  }
  const connections = { writing: await open(), reading: await open(), beating: await open() };
  const { writing } = connections;
  const randomBytes = options.randomBytes ?? systemRandomBytes;
  const storeId = await prepareStore(writing, options, secret, randomBytes);
  if (anchorFile !== undefined) await checkAnchor(anchorFile, storeId, writing.rows);
  // 48 bits: a safe integer, and no two openings of one store are ever the same.
  const incarnation = Buffer.from(randomBytes(6)).readUIntBE(0, 6);
  const lease = { incarnation, leaseMs, waitMsMax, ticks };
  const slot = isShared ? await joinLease(writing, lease) : 0;
  try {
    const owned = isShared ? new OwnedShards() : await takeLease(writing, lease);
    for (const connection of [writing, connections.reading]) await preferKeys(connection);
    const writes = { storeId, secret, incarnation, owned, isShared };
    return await serve(connections, writes, options, slot);
  } catch (error) {
    await giveLeaseBack(writing, incarnation);
    throw error;
  }
}

/**
 * Nobody has to outwait an opening that failed; unless it failed with its connection, or with a right
 * that giving back needs, too: then what it failed with first is the error.
 */
async function giveLeaseBack(connection: Connection, incarnation: number): Promise<void> {
  try {
    await leaveLease(connection, incarnation);
  } catch (error) {
    if (!(error instanceof ConnectionLost || error instanceof StatementRefused)) throw error;
  }
}

async function serve(
  { writing, reading, beating }: Connections,
  writes: Writing,
  options: PostgresStoreOptions,
  slot: number,
): Promise<PostgresStore> {
  const { ticks = systemTicks, anchorFile, url } = options;
  const { storeId, incarnation, owned, isShared } = writes;
  const hearing = new Hearing((shard) => owned.has(shard));
  const leaseMs = leaseOf(options);
  const heads = await openHeads(writing.rows);
  const open = () => connectTo(url);
  const links = linksOf({ writing, reading }, options, ticks);
  const fatal = new FatalListeners();
  const onDeath = (error: unknown) => {
    writer.die(error);
  };
  const anchor =
    anchorFile === undefined
      ? null
      : new AnchorKeeper(anchorFile, { storeId, heads, ticks }, onDeath);
  const writer = new PostgresWriter(links.writing, writes, {
    onFatal: (error) => fatal.tell(error),
    onFlushed: (head, records) => anchor?.flushed(head, records),
  });
  await writer.open();
  await anchor?.write();
  const numbers = await numbersOf(writing);
  const confirmedAtMs = ticks.nowMs();
  if (!(await beat(beating, incarnation))) throw replaced("another engine has entered meanwhile");
  // Heard where the engine shows that it lives: on the connection that is always there.
  await hearing.open(beating);
  const lease = { incarnation, leaseMs, ticks, open: hearing.opening(open), onDeath };
  const onSilence = () => dropAll(links);
  const lookout = isShared ? new Lookout(beating, { ...lease, owned, onSilence }) : null;
  const heartbeat = lookout ?? new Heartbeat(beating, confirmedAtMs, lease);
  const of = { incarnation, slot, owned, link: links.reading, ticks, writer };
  const shards = shardsOf(lookout, of);
  const reads = engineReads(
    (name, text, values) => {
      writer.requireAlive();
      return links.reading.use((connection) => connection.rows(name, text, values));
    },
    sealKey(writes.secret),
    (error) => writer.die(error),
    await backupInboxes(writing.rows),
  );
  const endMsMax = leaseMs + reconnectMsOf(options);
  const end = new StoreEnd(links, { writer, heartbeat, anchor, ticks, endMsMax });
  return {
    shards,
    storeId,
    secret: writes.secret,
    incarnation,
    ...numbers,
    // Of a shared store only the keeper closes chains, and only of the dead.
    predecessors: isShared ? [] : heads.map(toPredecessor),
    ...reads,
    taken: takenCommands(links.reading, incarnation),
    onPosted(listener) {
      hearing.onHint(listener);
      return () => hearing.isOpen;
    },
    async flush(batch: FlushBatch) {
      await writer.flush(batch);
    },
    close: () => end.close(options.nowMs(), incarnation),
    abandon: () => end.abandon(),
    onFatal: (listener) => fatal.add(listener),
  };
}

function linksOf(
  { writing, reading }: Pick<Connections, "writing" | "reading">,
  options: PostgresStoreOptions,
  ticks: Ticks,
) {
  const { url } = options;
  const bounds = { ticks, reconnectMsMax: reconnectMsOf(options) };
  return {
    writing: new Link(writing, { ...bounds, open: () => connectByKeys(url) }),
    reading: new Link(reading, { ...bounds, open: () => connectByKeys(url) }),
  };
}

function shardsOf(
  lookout: Lookout | null,
  { writer, ...settings }: Omit<SharedSettings, "lookout" | "forget"> & { writer: PostgresWriter },
): Shards {
  if (lookout === null) return { isWhole: true };
  return sharedShards({ ...settings, lookout, forget: (shards) => writer.forget(shards) });
}

function reconnectMsOf(options: PostgresStoreOptions): number {
  const { shared, reconnectMsMax } = options;
  return reconnectMsMax ?? (shared === true ? SHARED_RECONNECT_MS : (leaseOf(options) * 2) / 3);
}

function leaseOf({ leaseMs, shared }: PostgresStoreOptions): number {
  return leaseMs ?? (shared === true ? SHARED_LEASE_MS : LEASE_MS);
}

async function prepareStore(
  connection: Connection,
  options: PostgresStoreOptions,
  secret: Uint8Array,
  randomBytes: (count: number) => Uint8Array,
): Promise<string> {
  requireFit(await serverSettings(connection));
  await schemaVersion(connection);
  await migrate(connection);
  requireRights(await missingRights(connection, migrationTables()));
  const meta = await readOrMakeMeta(connection, secret, {
    storeId: `store_${Buffer.from(randomBytes(16)).toString("hex")}`,
    createdAtMs: options.nowMs(),
  });
  requireOwnKey(secret, meta);
  return meta.storeId;
}

/** @throws {HoldfastError} HF5009 if the store was made with another key, HF5006 if its row was changed. */
export function requireOwnKey(secret: Uint8Array, meta: StoredMeta): void {
  if (meta.keyId !== keyId(secret)) throw foreignKey();
  if (isMetaSound(secret, meta)) return;
  throw new HoldfastError(
    "HF5006",
    "the row that says who this store is was changed",
    "Run `holdfast store verify` for the details, then restore the newest backup.",
  );
}

async function numbersOf(
  connection: Connection,
): Promise<Pick<Store, "lastRun" | "lastSystemSeq">> {
  return {
    lastRun: await highest(connection, "lastRun"),
    lastSystemSeq: await highest(connection, "lastSystemSeq"),
  };
}

function dropAll({ writing, reading }: { readonly writing: Link; readonly reading: Link }): void {
  writing.drop();
  reading.drop();
}

async function highest(connection: Connection, name: "lastRun" | "lastSystemSeq"): Promise<number> {
  const [row] = await connection.rows(name, ENGINE_SQL[name]);
  return (row?.[0] as number | null | undefined) ?? 0;
}

/** The two ways in which an opening ends, once. */
class StoreEnd {
  readonly #links: { readonly writing: Link; readonly reading: Link };
  readonly #writer: PostgresWriter;
  readonly #heartbeat: Heartbeat | Lookout;
  readonly #anchor: AnchorKeeper | null;
  readonly #ticks: Ticks;
  readonly #endMsMax: number;
  #hasEnded = false;

  constructor(
    links: { readonly writing: Link; readonly reading: Link },
    parts: {
      readonly writer: PostgresWriter;
      readonly heartbeat: Heartbeat | Lookout;
      readonly anchor: AnchorKeeper | null;
      readonly ticks: Ticks;
      /** An end that takes longer is broken off: others outwait the lease then, as after a crash. */
      readonly endMsMax: number;
    },
  ) {
    this.#links = links;
    this.#writer = parts.writer;
    this.#heartbeat = parts.heartbeat;
    this.#anchor = parts.anchor;
    this.#ticks = parts.ticks;
    this.#endMsMax = parts.endMsMax;
  }

  /** Seals the end, lets the next engine in, closes. A second call does nothing. */
  async close(atMs: number, incarnation: number): Promise<void> {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const cancelLimit = this.#ticks.after(this.#endMsMax, () => {
      this.#links.writing.destroy();
      this.#links.reading.destroy();
    });
    try {
      await this.#writer.end(atMs);
      if (this.#writer.isDead) return;
      await this.#anchor?.write();
      // Before it leaves: a beat that finds it gone would tell the app that it was replaced.
      await this.#heartbeat.close();
      await this.#links.writing.use((connection) => leaveLease(connection, incarnation));
    } catch (error) {
      throw this.#writer.die(error);
    } finally {
      cancelLimit();
      await this.#letGo();
    }
  }

  async abandon(): Promise<void> {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    await this.#letGo();
  }

  async #letGo(): Promise<void> {
    this.#writer.abandon();
    await this.#heartbeat.close();
    this.#links.writing.destroy();
    this.#links.reading.destroy();
  }
}

/** Tells each listener once, and at once one that comes too late. */
class FatalListeners {
  readonly #listeners: ((error: Error) => void)[] = [];
  #error: HoldfastError | null = null;

  add(listener: (error: Error) => void): void {
    if (this.#error === null) this.#listeners.push(listener);
    else listener(this.#error);
  }

  tell(error: HoldfastError): void {
    if (this.#error !== null) return;
    this.#error = error;
    for (const listener of this.#listeners) listener(error);
  }
}
