/**
 * A store that is open for an engine, as the thread that owns the connection sees it: lock, writer
 * and upkeep as one lifetime. The same behind a thread and inline.
 */
import type { HoldfastError } from "../core/error.ts";
import type { FlushBatch, Predecessor } from "../store/store.ts";
import type { DigestsAhead } from "./digests-ahead.ts";
import type { OnNotice } from "./notice.ts";
import { IN_MEMORY, openWriter, translated } from "./open-writer.ts";
import type { OpenSettings } from "./open-writer.ts";
import type { EngineQueries } from "./queries.ts";
import { Upkeep } from "./upkeep.ts";
import type { UpkeepSettings } from "./upkeep.ts";
import type { SqliteWriter, WriterIdentity } from "./writer.ts";

export interface SessionSettings extends OpenSettings, UpkeepSettings {}

/** What the engine is told about a store when it has been opened. */
export interface Opened extends WriterIdentity {
  readonly predecessors: readonly Predecessor[];
  readonly lastRun: number;
  readonly lastSystemSeq: number;
  readonly lastPos: number;
}

export interface SessionListeners {
  readonly onNotice: OnNotice;
  readonly onFatal: (error: HoldfastError) => void;
}

/** Reads that go to the database as they are. */
export const READS = [
  "find",
  "load",
  "page",
  "due",
  "parked",
  "parkedCount",
  "lane",
  "openLanes",
  "acceptedEvents",
  "acceptedCount",
  "received",
  "receivedCount",
  "newestInOrder",
  "heldMessages",
  "exception",
  "besideExceptions",
  "exceptionsDue",
  "issueOverlay",
  "routing",
  "rules",
  "keptCount",
  "keptEvents",
  "awaiting",
  "pendingByRef",
  "endedByRef",
  "earlyAnswers",
  "dependencies",
  "declarations",
  "openGroups",
  "recordSums",
  "storeRecords",
  "childrenOf",
  "callsOf",
  "archivedRuns",
  "cellList",
  "carriedKeys",
  "placedKeys",
  "hasPlaced",
  "keptFor",
  "carriedRun",
  "takenCount",
] as const;
export type Read = (typeof READS)[number];

export class Session {
  readonly opened: Opened;
  readonly #writer: SqliteWriter;
  readonly #release: () => void;
  readonly #upkeep: Upkeep | null;
  #hasEnded = false;

  /** @throws {HoldfastError} HF5001 to HF5010. */
  constructor(settings: SessionSettings, listeners: SessionListeners) {
    const { writer, release, isNew } = openWriter(settings, listeners);
    this.#writer = writer;
    this.#release = release;
    this.#upkeep =
      settings.path === IN_MEMORY ? null : new Upkeep(writer, settings, listeners.onNotice);
    try {
      // What was just checked need not be checked again at the next start. A store is accepted when
      // all of that is on record: until then the old anchor keeps every engine out.
      if (settings.anchor === "checked") this.#upkeep?.writeAnchor();
    } catch (error) {
      writer.abandon();
      release();
      throw translated(error, settings.path);
    }
    if (isNew && settings.path !== IN_MEMORY)
      listeners.onNotice({ kind: "new", path: settings.path });
    const { identity, predecessors, lastRun, lastSystemSeq, lastPos } = writer;
    this.opened = { ...identity, predecessors, lastRun, lastSystemSeq, lastPos };
  }

  flush(batch: FlushBatch, ahead: DigestsAhead | null = null): void {
    this.#writer.flush(batch, ahead);
    this.#upkeep?.flushed(batch.records.run.length);
  }

  /** The reads; none is answered once a write has failed. */
  get queries(): EngineQueries {
    this.#writer.requireAlive();
    return this.#writer.queries;
  }

  inbox(limit: number): ReturnType<SqliteWriter["inbox"]> {
    return this.#writer.inbox(limit);
  }

  forgetCommands(untilMs: number, limit: number): number {
    return this.#writer.forgetCommands(untilMs, limit);
  }

  changed(): boolean {
    return this.#writer.changed();
  }

  /** A copy is from now on the store to go on with. */
  accepted(): void {
    this.#writer.sealAsStore();
  }

  /**
   * Seals the end of the chain, writes the anchor, drops the lock. A second call does nothing.
   *
   * @throws {HoldfastError} HF5008 if that cannot be written; the files are let go of all the same.
   */
  async close(atMs: number): Promise<void> {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    await this.#upkeep?.stop();
    try {
      this.#writer.end(atMs);
      this.#upkeep?.writeAnchor();
    } catch (error) {
      throw this.#writer.die(error);
    } finally {
      this.#writer.abandon();
      this.#release();
    }
  }

  /** Lets go of the files and leaves them as a crash would. */
  async abandon(): Promise<void> {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    await this.#upkeep?.stop();
    this.#writer.abandon();
    this.#release();
  }
}
