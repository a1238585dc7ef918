/** Opens the embedded store for an engine. */
import { randomBytes as systemRandomBytes } from "node:crypto";
import { resolve } from "node:path";
import type { Store } from "../store/store.ts";
import { openInline } from "./inline-store.ts";
import type { SqliteMemory } from "./memory.ts";
import type { OnNotice } from "./notice.ts";
import { IN_MEMORY } from "./open-writer.ts";
import type { FreshRandom } from "./open-writer.ts";
import { BUSY_TIMEOUT_MS } from "./pragmas.ts";
import type { SessionSettings } from "./session.ts";
import { openInThread } from "./thread-store.ts";

export interface SqliteStoreOptions {
  /**
   * The database file; `.lock`, `.key` and `.anchor` are kept beside it. `":memory:"` for a store
   * that ends with the process: no lock, no anchor, always inline.
   */
  readonly path: string;
  /**
   * `worker` (default): in a thread of its own, so that a commit does not block the event loop.
   * `inline`: in the caller's thread, for tests and the command line.
   */
  readonly thread?: "worker" | "inline";
  /** Time for what the store itself stamps: when it was made and when it was closed. */
  readonly nowMs: () => number;
  /** Random bytes for the store's id, its key and this opening; the system's by default. */
  readonly randomBytes?: (count: number) => Uint8Array;
  /** The anchor outside the database is at most this much older than the store. Default 2,000. */
  readonly anchorEveryMs?: number;
  /** And at most this many records older. Default 20,000: what a start checks in some 50 ms. */
  readonly anchorEveryRecords?: number;
  /** How long a write waits for another process's post before it is tried again. Default 5,000. */
  readonly busyTimeoutMs?: number;
  readonly onNotice?: OnNotice;
  /** With `":memory:"`: the database that an engine before has left, and that this one leaves. */
  readonly memory?: SqliteMemory;
}

/** The port, and the one thing that only this driver can do. */
export interface SqliteStore extends Store {
  /**
   * Lets go of the files without sealing the end: the next start finds what a crash leaves. For
   * tests, and for a process that gives up.
   */
  abandon(): Promise<void>;
}

/**
 * Opens the store, and makes it if there is none. Resolves when the chain has been checked against
 * its anchor; what was acknowledged before is there.
 *
 * @throws {HoldfastError} HF5001 (Node too old), HF5002 (cannot be opened), HF5003 (network disk),
 * HF5004 (another engine), HF5005 (not durable), HF5006 (damaged), HF5007 (older than its anchor),
 * HF5009 (key), HF5010 (newer schema).
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteStore> {
  const inMemory = options.path === IN_MEMORY;
  const settings: SessionSettings = {
    path: inMemory ? IN_MEMORY : resolve(options.path),
    nowMs: options.nowMs(),
    fresh: freshRandom(options.randomBytes ?? systemRandomBytes),
    busyTimeoutMs: options.busyTimeoutMs ?? BUSY_TIMEOUT_MS,
    anchor: "checked",
    anchorEveryMs: options.anchorEveryMs ?? 2000,
    anchorEveryRecords: options.anchorEveryRecords ?? 20_000,
    ...(options.memory === undefined ? {} : { memory: options.memory }),
  };
  const onNotice = options.onNotice ?? (() => undefined);
  return inMemory || options.thread === "inline"
    ? openInline(settings, options.nowMs, onNotice)
    : openInThread(settings, options.nowMs, onNotice);
}

export function freshRandom(randomBytes: (count: number) => Uint8Array): FreshRandom {
  return {
    storeId: `store_${Buffer.from(randomBytes(16)).toString("hex")}`,
    // A copy: a small Buffer is a view of a pool, and would be sent to the thread with all of it.
    key: Uint8Array.from(randomBytes(32)),
    // 48 bits: a safe integer, and no two openings of one store are ever the same.
    incarnation: Buffer.from(randomBytes(6)).readUIntBE(0, 6),
  };
}
