/**
 * The writer: one connection, synchronous, used by the thread it lives in alone. One flush is one
 * transaction that holds the records, everything that is looked up, the commands it took, and the
 * seal over all of it.
 *
 * Once a write has failed this object is dead: it neither writes nor answers again. After a failed
 * fsync the next write can succeed over a hole (reliability.md, section 3), so what is on the disk
 * is for the next start to find out.
 */
import { HoldfastError } from "../core/error.ts";
import { RECORD_KINDS } from "../core/record-kinds.ts";
import type { RecordKind } from "../core/record-kinds.ts";
import { hasProjection, project } from "../store/projection.ts";
import type { WaitingCommand } from "../store/rows.ts";
import type { FlushBatch, Predecessor, RecordColumns } from "../store/store.ts";
import type { Anchor } from "../store/anchor.ts";
import { toPredecessor } from "../store/chain-heads.ts";
import { noRecords } from "../store/no-records.ts";
import { ChainQueries, anchorOf } from "./chain.ts";
import type { FlushRow } from "./chain.ts";
import type { DigestsAhead } from "./digests-ahead.ts";
import { backupInboxes } from "./backup-inboxes.ts";
import { CommandForgetter } from "./forgotten-commands.ts";
import { InboxWriter } from "./inbox-writer.ts";
import { JournalWriter } from "./journal-writer.ts";
import { sealAs } from "./meta.ts";
import { beginImmediate } from "./sqlite-errors.ts";
import { RemovalWriter } from "./removal.ts";
import { ProjectionsWriter } from "./projections-writer.ts";
import { EngineQueries } from "./queries.ts";
import type { Database, Statement } from "./runtime.ts";
import { flushSeal, genesis, postedDigest, sealKey } from "../store/seal.ts";

export interface WriterIdentity {
  readonly storeId: string;
  readonly secret: Uint8Array;
  readonly incarnation: number;
}

export class SqliteWriter {
  readonly identity: WriterIdentity;
  readonly predecessors: readonly Predecessor[];
  readonly lastRun: number;
  readonly lastSystemSeq: number;
  /** Position of the newest record when the store was opened; 0 if there was none. */
  readonly lastPos: number;
  readonly queries: EngineQueries;
  readonly #database: Database;
  readonly #key: string;
  readonly #journal: JournalWriter;
  readonly #projections: ProjectionsWriter;
  readonly #inbox: InboxWriter;
  readonly #forgetter: CommandForgetter;
  readonly #removal: RemovalWriter;
  readonly #openChain: Statement;
  readonly #insertFlush: Statement;
  readonly #begin: Statement;
  readonly #commit: Statement;
  readonly #onFatal: (error: HoldfastError) => void;
  readonly #close: () => void;
  /** Newest flush of the store, of whichever chain. */
  #last: FlushRow | null;
  /** Newest flush of this chain. */
  #head: FlushRow | null = null;
  /** Chains that this one has not closed yet. */
  #openHeads: readonly FlushRow[];
  readonly #ofBackup: ReturnType<typeof backupInboxes>;
  #death: HoldfastError | null = null;
  #dataVersion: number;

  constructor(
    database: Database,
    identity: WriterIdentity,
    onFatal: (error: HoldfastError) => void,
    close = () => {
      database.close();
    },
  ) {
    const chain = new ChainQueries(database);
    this.identity = identity;
    this.#database = database;
    this.#onFatal = onFatal;
    this.#close = close;
    this.#last = chain.last();
    this.#openHeads = chain.openHeads();
    this.predecessors = this.#openHeads.map(toPredecessor);
    // Numbers never come again, also those of runs that have left.
    this.lastRun = Math.max(
      maxOf(database, "select max(run) from journal"),
      maxOf(database, "select max(run) from archived_run"),
    );
    this.lastSystemSeq = maxOf(database, "select max(seq) from journal where run = 0");
    this.lastPos = this.#last?.lastPos ?? 0;
    this.#key = sealKey(identity.secret);
    this.queries = new EngineQueries(database, this.#key, (error) => this.die(error));
    this.#dataVersion = this.queries.dataVersion();
    this.#journal = new JournalWriter(database, this.#key);
    this.#projections = new ProjectionsWriter(database);
    this.#inbox = new InboxWriter(database, this.#key);
    this.#forgetter = new CommandForgetter(database);
    this.#ofBackup = backupInboxes(database);
    this.#removal = new RemovalWriter(database);
    this.#openChain = database.prepare(
      "insert into incarnation (incarnation, first_flush) values (?, ?)",
    );
    this.#insertFlush = database.prepare(
      `insert into flush (id, incarnation, number, first_pos, last_pos, records, taken, at_ms,
        closed, seal) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#begin = database.prepare("begin immediate");
    this.#commit = database.prepare("commit");
  }

  /**
   * Durable when it returns.
   *
   * @param ahead - digests of the records if they were made already.
   * @throws {RangeError} if the number is not the next one; nothing was written, more may be.
   * @throws {HoldfastError} HF5008 if the write failed; nothing more can be written.
   */
  flush(batch: FlushBatch, ahead: DigestsAhead | null = null): void {
    this.requireAlive();
    const next = (this.#head?.number ?? 0) + 1;
    if (batch.number !== next) {
      throw new RangeError(`flush ${next} of this chain comes next, not ${batch.number}`);
    }
    this.#guarded(() => {
      this.#write(batch, false, ahead);
    });
  }

  /** Commands that wait, each checked against its digest. */
  inbox(limit: number): WaitingCommand[] {
    this.requireAlive();
    return this.queries.inbox(limit).map(({ pos, digest, ...command }) => {
      const isAsPosted = postedDigest(command).equals(digest);
      return { ...command, isAsPosted, ...this.#ofBackup(pos, command.atMs) };
    });
  }

  /** As `TakenCommands.forget`. */
  forgetCommands(untilMs: number, limit: number): number {
    this.requireAlive();
    const newest = this.#last;
    if (newest === null) return 0;
    let gone = 0;
    this.#guarded(() => {
      beginImmediate(this.#begin);
      gone = this.#forgetter.forget(untilMs, limit, newest);
      this.#commit.run();
    });
    return gone;
  }

  /** Whether another connection has committed since the last call. */
  changed(): boolean {
    this.requireAlive();
    const version = this.queries.dataVersion();
    const changed = version !== this.#dataVersion;
    this.#dataVersion = version;
    return changed;
  }

  /** What the anchor has to say now. */
  anchor(): Anchor {
    const heads = this.#head === null ? this.#openHeads : [...this.#openHeads, this.#head];
    return anchorOf(this.identity.storeId, this.#last, heads);
  }

  /** Copies what it can of the write-ahead log into the database, without waiting for readers. */
  checkpoint(): void {
    this.requireAlive();
    this.#guarded(() => {
      this.#database.exec("pragma wal_checkpoint(passive)");
    });
  }

  /** Takes off the mark of a copy, if it is one. Durable when it returns. */
  sealAsStore(): void {
    this.requireAlive();
    this.#guarded(() => {
      sealAs(this.#database, this.identity.secret, "store");
    });
  }

  /** Seals the end of this chain, if it has begun. The last flush. */
  end(atMs: number): void {
    if (this.#death !== null || this.#head === null) return;
    const number = this.#head.number + 1;
    this.#guarded(() => {
      this.#write({ number, atMs, records: noRecords(), taken: [] }, true);
    });
  }

  /**
   * Closes the connection and leaves the chain as a crash would. SQLite may checkpoint while it
   * closes: only what was committed, and so durable, before; never a flush that failed.
   */
  abandon(): void {
    this.#death ??= dead(new Error("the store was closed"));
    if (this.#database.isOpen) this.#close();
  }

  /** @throws {HoldfastError} HF5008 if a write has failed before. */
  requireAlive(): void {
    if (this.#death !== null) throw this.#death;
  }

  /** Makes this object dead and tells why. The first reason counts. */
  die(cause: unknown): HoldfastError {
    if (this.#death === null) {
      this.#death = dead(cause);
      this.#onFatal(this.#death);
    }
    return this.#death;
  }

  #guarded(write: () => void): void {
    try {
      write();
    } catch (error) {
      throw this.die(error);
    }
  }

  #write(batch: FlushBatch, closed: boolean, ahead: DigestsAhead | null = null): void {
    const { incarnation } = this.identity;
    const { records, number, atMs } = batch;
    const id = (this.#last?.id ?? 0) + 1;
    const firstPos = (this.#last?.lastPos ?? 0) + 1;
    const lastPos = firstPos + records.run.length - 1;
    beginImmediate(this.#begin);
    const recordDigests = this.#journal.append(records, firstPos, ahead);
    if (number === 1) this.#openChain.run(incarnation, id);
    this.#project(records, firstPos);
    const digests = [recordDigests, this.#inbox.take(batch.taken, id)];
    const taken = batch.taken.length;
    const numbers = { incarnation, number, firstPos, lastPos, taken, atMs, closed };
    const seal = flushSeal(this.#key, this.#previousSeal(), numbers, Buffer.concat(digests));
    const values = [id, incarnation, number, firstPos, lastPos, records.run.length, taken, atMs];
    this.#insertFlush.run(...values, closed ? 1 : 0, seal);
    this.#commit.run();
    this.#head = { ...numbers, id, seal };
    this.#last = this.#head;
  }

  #previousSeal(): Uint8Array {
    const { storeId, incarnation } = this.identity;
    return this.#head?.seal ?? genesis(this.#key, storeId, incarnation);
  }

  #project(records: RecordColumns, firstPos: number): void {
    for (const [index, kind] of records.kind.entries()) {
      if (!hasProjection(kind)) continue;
      const changes = project({
        // Each column was found to have this index when the record was appended.
        run: records.run[index] as number,
        seq: records.seq[index] as number,
        kind: RECORD_KINDS[kind] as RecordKind,
        attempt: records.attempt[index] as number,
        name: records.name[index] as string,
        atMs: records.atMs[index] as number,
        head: records.head[index] as string | null,
        data: records.data[index] as string | null,
      });
      for (const change of changes) {
        this.#projections.apply(change, firstPos + index);
        if (change.kind === "chain-closed") this.#forget(change.incarnation);
        if (change.kind === "runs-archived") this.#removal.remove(change);
      }
    }
    this.#projections.finishFlush();
  }

  #forget(incarnation: number): void {
    this.#openHeads = this.#openHeads.filter((head) => head.incarnation !== incarnation);
  }
}

function dead(cause: unknown): HoldfastError {
  // What is damaged is said in its own words: no write has failed.
  if (cause instanceof HoldfastError && cause.code === "HF5006") return cause;
  const because = cause instanceof Error ? cause.message : String(cause);
  return new HoldfastError(
    "HF5008",
    `the store cannot be written any more: ${because}`,
    "Stop this process and look at the disk: space, health, permissions. The next start checks " +
      "the store and goes on from what is durable.",
    { cause },
  );
}

function maxOf(database: Database, sql: string): number {
  const row = database.prepare(sql).get();
  return Number(row === undefined ? 0 : (Object.values(row)[0] ?? 0));
}
