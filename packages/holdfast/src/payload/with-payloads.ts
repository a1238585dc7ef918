/**
 * A store whose payloads are sealed, or kept in files if they are long: the port around any driver.
 * The driver stores the texts that it is given and knows of neither; its digests and seals cover
 * what lies on the disk, which is the sealed form.
 *
 * Every verb is listed, and none is taken over unseen: one that is new has to be thought about.
 */
import { HoldfastError } from "../core/error.ts";
import { DeclaredFields } from "../store/declared-fields.ts";
import type { ReceivedRow, StoredRun, WaitingCommand } from "../store/rows.ts";
import type { FlushBatch, Store } from "../store/store.ts";
import type { KeyRing } from "./key-ring.ts";
import { filePlace } from "./open-place.ts";
import { PayloadFiles } from "./payload-files.ts";
import { PayloadWriter } from "./payload-writer.ts";
import { commandPlace } from "./place.ts";
import { requireDirectory, requirementsOf, requireRing } from "./requirements.ts";
import { sealedShards } from "./sealed-shards.ts";
import { isSealed, Sealer } from "./sealing.ts";
import {
  isKeptApart,
  PAYLOAD_INLINE_BYTES_MAX,
  PAYLOAD_INLINE_BYTES_MIN,
  StoredPayloads,
  withoutRing,
} from "./stored-payloads.ts";

export interface PayloadOptions {
  /** Seals what is declared sensitive. */
  readonly ring?: KeyRing;
  /** Where long payloads go: a directory, made if it is not there, or `s3://BUCKET/PREFIX`. */
  readonly directory?: string;
  /** Longest payload that stays in its record, bytes. Default 64 KiB. */
  readonly inlineBytesMax?: number;
}

/** The store's own journal. */
const STORE = 0;

/**
 * The store itself if neither is asked for. It must not have been written to.
 *
 * @throws {HoldfastError} HF5020 if the store's payloads need what is not given, HF1001 for a limit
 *   that is none.
 */
export async function withPayloads(store: Store, options: PayloadOptions): Promise<Store> {
  const { ring = null, directory, inlineBytesMax = PAYLOAD_INLINE_BYTES_MAX } = options;
  const rows = await store.declarations();
  requireRing(rows, ring, store.storeId);
  requireDirectory(rows, directory);
  if (ring === null && directory === undefined) return store;
  requireLimit(inlineBytesMax);
  const place = directory === undefined ? null : filePlace(directory);
  await place?.prepare();
  const files = place === null ? null : new PayloadFiles(place, store.secret);
  const sealer = ring === null ? null : new Sealer(ring, store.storeId);
  const payloads = new StoredPayloads(sealer, files, inlineBytesMax);
  const writer = new PayloadWriter(payloads, new DeclaredFields(rows));
  const requirements = requirementsOf(ring, files !== null, store.storeId);
  return decorated(store, payloads, writer, requirements);
}

function decorated(
  store: Store,
  payloads: StoredPayloads,
  writer: PayloadWriter,
  requirements: readonly string[],
): Store {
  const flushes = new Flushes(store, payloads.files, writer);
  const opened = async (runs: readonly StoredRun[]): Promise<readonly StoredRun[]> => {
    const all: StoredRun[] = [];
    // One after the other: a page of runs is bounded, what lies in their files is not.
    for (const stored of runs) {
      writer.note(stored.row);
      all.push(await openedRun(payloads, stored));
    }
    return all;
  };
  return {
    shards: sealedShards(store.shards, payloads.sealer),
    storeId: store.storeId,
    secret: store.secret,
    incarnation: store.incarnation,
    predecessors: store.predecessors,
    lastRun: store.lastRun,
    lastSystemSeq: store.lastSystemSeq,
    requirements,
    // No payload is in what they answer: of the store's own records only heads are looked at.
    removal: store.removal,
    cells: store.cells,
    taken: store.taken,
    flush: (batch) => flushes.flush(batch),
    find: (keys) => store.find(keys),
    load: async (runs) => opened(await store.load(runs)),
    page: async (states, page, shards) => opened(await store.page(states, page, shards)),
    due: (afterMs, untilMs, limit, shards) => store.due(afterMs, untilMs, limit, shards),
    parked: (integration, page, shards) => store.parked(integration, page, shards),
    parkedCount: (integration) => store.parkedCount(integration),
    lane: (namespace, lane, limit) => store.lane(namespace, lane, limit),
    openLanes: (page, shards) => store.openLanes(page, shards),
    acceptedEvents: (ids) => store.acceptedEvents(ids),
    acceptedCount: (nowMs) => store.acceptedCount(nowMs),
    received: async (names) => openedReceipts(payloads, await store.received(names)),
    receivedCount: () => store.receivedCount(),
    newestInOrder: (name) => store.newestInOrder(name),
    // The engine asks for each by its name before it does anything with its payload.
    heldMessages: (after, limit) => store.heldMessages(after, limit),
    exception: (run, seq) => store.exception(run, seq),
    besideExceptions: (run, subject) => store.besideExceptions(run, subject),
    exceptionsDue: (limit, shards) => store.exceptionsDue(limit, shards),
    issueOverlay: (fingerprint) => store.issueOverlay(fingerprint),
    routing: () => store.routing(),
    rules: (afterChange, limit) => store.rules(afterChange, limit),
    keptCount: () => store.keptCount(),
    onPosted: (listener) => store.onPosted(listener),
    keptEvents: async (of, limit) => openedRows(payloads, await store.keptEvents(of, limit)),
    awaiting: (of, limit) => store.awaiting(of, limit),
    pendingByRef: (integration, ref) => store.pendingByRef(integration, ref),
    endedByRef: (integration, ref) => store.endedByRef(integration, ref),
    earlyAnswers: async (limit) => openedRows(payloads, await store.earlyAnswers(limit)),
    dependencies: () => store.dependencies(),
    declarations: () => store.declarations(),
    openGroups: () => store.openGroups(),
    inbox: async (limit, shards) =>
      (await store.inbox(limit, shards)).map((command) => openedCommand(payloads, command)),
    changed: () => store.changed(),
    close: () => flushes.close(),
    onFatal: (listener) => {
      store.onFatal(listener);
    },
  };
}

/** Hands flushes on in the order in which they come, each after its files are durable. */
class Flushes {
  readonly #store: Store;
  readonly #files: PayloadFiles | null;
  readonly #writer: PayloadWriter;
  /** Rejected for good once files could not be written: no flush may follow over the hole. */
  #before: Promise<void> = Promise.resolve();

  constructor(store: Store, files: PayloadFiles | null, writer: PayloadWriter) {
    this.#store = store;
    this.#files = files;
    this.#writer = writer;
  }

  async flush(batch: FlushBatch): Promise<void> {
    // At once, in the order of the calls: later records are sealed by the declarations of this one.
    const rewritten = this.#writer.rewritten(batch);
    if (this.#files === null) return this.#store.flush(rewritten.batch);
    const written = this.#written(this.#before, this.#files, rewritten.files);
    this.#before = written;
    await written;
    return this.#store.flush(rewritten.batch);
  }

  async #written(
    before: Promise<void>,
    files: PayloadFiles,
    newFiles: Parameters<PayloadFiles["write"]>[0],
  ): Promise<void> {
    await before;
    if (newFiles.length > 0) await files.write(newFiles);
  }

  async close(): Promise<void> {
    // What has failed was told to who flushed it; the store is closed all the same.
    await this.#before.catch(() => undefined);
    await this.#store.close();
  }
}

/** With `unreadable` set, and its records as they lie there, if a payload of it cannot be read. */
async function openedRun(payloads: StoredPayloads, stored: StoredRun): Promise<StoredRun> {
  if (!stored.records.some(({ data }) => isKeptApart(data))) return stored;
  try {
    return { ...stored, records: await openedRecords(payloads, stored.records) };
  } catch (error) {
    if (error instanceof HoldfastError) return { ...stored, unreadable: error };
    throw error;
  }
}

async function openedRecords(
  payloads: StoredPayloads,
  records: StoredRun["records"],
): Promise<StoredRun["records"]> {
  const opened: StoredRun["records"][number][] = [];
  for (const record of records) {
    const { data } = record;
    opened.push(isKeptApart(data) ? { ...record, data: await payloads.get(data, record) } : record);
  }
  return opened;
}

/** Rows that hold the payload of a record of the store itself. */
async function openedRows<Row extends { readonly seq: number; readonly data: string | null }>(
  payloads: StoredPayloads,
  rows: readonly Row[],
): Promise<readonly Row[]> {
  const opened: Row[] = [];
  for (const row of rows) {
    const { data, seq } = row;
    const place = { run: STORE, seq };
    opened.push(isKeptApart(data) ? { ...row, data: await payloads.get(data, place) } : row);
  }
  return opened;
}

async function openedReceipts(
  payloads: StoredPayloads,
  rows: readonly (ReceivedRow | null)[],
): Promise<readonly (ReceivedRow | null)[]> {
  const opened: (ReceivedRow | null)[] = [];
  for (const row of rows) {
    opened.push(row === null ? null : ((await openedRows(payloads, [row]))[0] ?? null));
  }
  return opened;
}

function openedCommand({ sealer }: StoredPayloads, command: WaitingCommand): WaitingCommand {
  const { id, data } = command;
  if (!isSealed(data)) return command;
  const place = commandPlace(id);
  try {
    if (sealer === null) throw withoutRing(place);
    return { ...command, data: sealer.open(data, place) };
  } catch (error) {
    if (error instanceof HoldfastError) return { ...command, unreadable: error };
    throw error;
  }
}

function requireLimit(inlineBytesMax: number): void {
  if (Number.isSafeInteger(inlineBytesMax) && inlineBytesMax >= PAYLOAD_INLINE_BYTES_MIN) return;
  throw new HoldfastError(
    "HF1001",
    `payloads.inlineBytesMax is not valid: expected a whole number of bytes, at least ${String(PAYLOAD_INLINE_BYTES_MIN)}, got ${String(inlineBytesMax)}.`,
    "Leave it out for 65536, which is 64 KiB.",
  );
}
