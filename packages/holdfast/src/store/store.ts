/**
 * The storage port. Each verb is one transaction. A driver applies what `core` decided; it never
 * decides. The write path is one verb, `flush`: a batch of journal records, from which the driver
 * derives the projections with `project` (one implementation for all drivers) and writes both in
 * the same transaction, sealed.
 *
 * Everything that a flush resolved is durable (a power cut does not lose it). A flush that fails is
 * fatal: the engine stops, because the next write may succeed over a hole.
 */
import type { ReceiptState } from "../core/received.ts";
import type { IssueLevel } from "../core/fingerprint.ts";
import type { IssueOverlay } from "../core/issue-overlay.ts";
import type { ClassificationRule } from "../core/classification-rule.ts";
import type { RoutingVersion } from "../core/routing.ts";
import type { RunState } from "../core/run-state.ts";
import type {
  AcceptedEventRow,
  ArchivedRunRow,
  DeclarationRow,
  DependencyRow,
  EarlyAnswerRow,
  EffectRow,
  ExceptionRow,
  ImportedArchiveRow,
  InboxRow,
  IssueOverlayRow,
  IssueRow,
  KeptEventRow,
  LaneRow,
  ReceivedRow,
  ReviewRow,
  RunRow,
  StoredRun,
  VersionCount,
  WaitingCommand,
} from "./rows.ts";
import type { AcceptedEvent, JournalRecord } from "../core/journal.ts";
import type { CellReader, CellReads } from "./cells.ts";
import type { Shards } from "./shards.ts";

/** Records as columns of equal length: cheap to hand to another thread or to bind as arrays. */
export interface RecordColumns {
  readonly run: number[];
  readonly seq: number[];
  /** Numbers of RECORD_KINDS. */
  readonly kind: number[];
  readonly attempt: number[];
  readonly name: string[];
  readonly atMs: number[];
  readonly head: (string | null)[];
  readonly data: (string | null)[];
}

export interface FlushBatch {
  /** Counts from 1 within an incarnation; a driver refuses any other order. */
  readonly number: number;
  readonly atMs: number;
  readonly records: RecordColumns;
  /** Commands that this flush applies, with their answers (JSON). */
  readonly taken: readonly { readonly id: string; readonly answer: string }[];
}

/** A chain of flushes that ended before this engine opened the store. */
export interface Predecessor {
  readonly incarnation: number;
  /** Number of its last flush. */
  readonly flush: number;
  /** Hex seal of that flush. */
  readonly seal: string;
  /** False if it ended without closing the store: a crash. */
  readonly clean: boolean;
}

/** Whom an event is for: a run of this namespace that waits for this name and key. */
export interface EventAddress {
  readonly namespace: string;
  readonly event: string;
  readonly key: string;
}

export interface RunKey {
  readonly namespace: string;
  readonly workflow: string;
  readonly key: string;
  /** Hex HMAC of (namespace, workflow, key). */
  readonly keyHash: string;
}

/** A run that still exists, or the trace that retention left of it. */
export interface FoundRun {
  readonly run: number;
  readonly generation: number;
  /** Hex HMAC of the input it was started with. */
  readonly inputDigest: string;
  readonly row: RunRow | null;
}

/** What an event is recognised by. */
export type EventId = Pick<AcceptedEvent, "namespace" | "event" | "id">;

export interface Page {
  /**
   * Rows beyond this run number (exclusive); 0 to begin. Exceptions begin at -1: some belong to the
   * store itself, which is run 0.
   */
  readonly afterRun: number;
  readonly limit: number;
}

/** What proves that a run is the one that an archive holds. */
export interface RecordSum {
  readonly run: number;
  readonly records: number;
  /** Hex, 16 bytes: over the digests of its records, in order. */
  readonly digest: string;
}

/** The verbs by which runs leave: the flush that holds an `archived` record removes its runs. */
export interface Removal {
  /** Of the runs that are there, in any order. */
  recordSums(runs: readonly number[]): Promise<readonly RecordSum[]>;
  /**
   * Records of the store's own journal by number, each held against its digest. Where workers share
   * the store several may have one number: all of them are given.
   */
  storeRecords(seqs: readonly number[]): Promise<readonly JournalRecord[]>;
  /** The runs whose parent is one of these. */
  childrenOf(runs: readonly number[]): Promise<readonly ChildRun[]>;
  /** Runs that have called one of these, whoever has started it, and have not ended. */
  callsOf(runs: readonly number[]): Promise<readonly RunCall[]>;
  /** Which of these have left, and where they are. */
  archivedRuns(runs: readonly number[]): Promise<readonly ArchivedRunRow[]>;
}

/** Commands that flushes have taken: kept so that their answers can be asked for, for a while. */
export interface TakenCommands {
  /** How many are kept. */
  count(): Promise<number>;
  /**
   * Lets those go that were taken until then, never one that was taken within COMMAND_KEPT_MS_MIN
   * before the newest flush. By whole flushes, the oldest first, until at least `limit` are gone; what
   * their seals are built on stays. Their ids are not known any more then.
   *
   * @returns how many have gone; below `limit` if no more could.
   */
  forget(untilMs: number, limit: number): Promise<number>;
}

export interface DueException {
  readonly run: number;
  readonly seq: number;
  readonly atMs: number;
}

export interface RunCall {
  readonly called: number;
  readonly caller: number;
}

export interface ChildRun {
  readonly run: number;
  readonly parentRun: number;
}

/**
 * What the engine needs. Where the store is whole there is one at a time. Of a shared store some
 * reads take the shards whose rows are wanted; not given, or where the store is whole: all.
 */
export interface Store {
  /** Which part of the store this engine writes. */
  readonly shards: Shards;
  /** Random identity of the store, made when it was created. */
  readonly storeId: string;
  /** 32 bytes, the key of every digest in this store. */
  readonly secret: Uint8Array;
  /** Random, made by this opening; leads this engine's chain of seals. */
  readonly incarnation: number;
  readonly predecessors: readonly Predecessor[];
  /** Highest run number and highest `seq` of the store's own journal (run 0) so far. */
  readonly lastRun: number;
  readonly lastSystemSeq: number;
  /** What is needed to read the payloads that it writes; goes on record as declarations of `payloads`. */
  readonly requirements?: readonly string[];
  readonly removal: Removal;
  /** What it holds as one of several cells. */
  readonly cells: CellReads;
  readonly taken: TakenCommands;

  /** Resolves when durable. Flushes are applied in the order of the calls. */
  flush(batch: FlushBatch): Promise<void>;
  /** Runs by key hash, in the order asked; null where there is none. */
  find(keys: readonly RunKey[]): Promise<readonly (FoundRun | null)[]>;
  /** Runs with their journals, in the order asked; unknown numbers are left out. */
  load(runs: readonly number[]): Promise<readonly StoredRun[]>;
  /** Runs in one of the states with their journals, by run number: the recovery page. */
  page(
    states: readonly RunState[],
    page: Page,
    shards?: readonly number[],
  ): Promise<readonly StoredRun[]>;
  /** Sleeping runs with `afterMs` < `wakeAtMs` <= `untilMs`, soonest first. */
  due(
    afterMs: number,
    untilMs: number,
    limit: number,
    shards?: readonly number[],
  ): Promise<readonly { readonly run: number; readonly wakeAtMs: number }[]>;
  /** Runs parked for an integration, oldest first. */
  parked(integration: string, page: Page, shards?: readonly number[]): Promise<readonly number[]>;
  /** How many runs are parked for an integration, of all shards. */
  parkedCount(integration: string): Promise<number>;
  /** Runs of a lane that have not ended, by run number. */
  lane(namespace: string, lane: string, limit: number): Promise<readonly RunRow[]>;
  /** All lanes with open runs: lane -> open runs in order. Read once at start. */
  openLanes(
    page: Page,
    shards?: readonly number[],
  ): Promise<
    readonly {
      readonly run: number;
      readonly namespace: string;
      readonly lane: string;
      readonly workflow: string;
      /** Null if no run has called it. */
      readonly parentRun: number | null;
    }[]
  >;
  /** What is remembered of these ids, in the order asked; null for one that is not known. */
  acceptedEvents(ids: readonly EventId[]): Promise<readonly (AcceptedEventRow | null)[]>;
  /** How many ids are remembered for longer than until `nowMs`. */
  acceptedCount(nowMs: number): Promise<number>;
  /** Receipts by their names, in the order asked; null for a message that is not known. */
  received(names: readonly string[]): Promise<readonly (ReceivedRow | null)[]>;
  receivedCount(): Promise<number>;
  /** Highest number that has started or joined a run under this name of an order; null if none has. */
  newestInOrder(orderName: string): Promise<number | null>;
  /** Messages that are held, by name: those behind `afterName` ("" to begin). */
  heldMessages(afterName: string, limit: number): Promise<readonly ReceivedRow[]>;
  exception(run: number, seq: number): Promise<ExceptionRow | null>;
  /** Exceptions beside a run: how many are open, and the one that there ever was about `subject`. */
  besideExceptions(
    run: number,
    subject: string,
  ): Promise<{ readonly openCount: number; readonly seq: number | null }>;
  /** Open exceptions whose next time passes soonest; `atMs` is when. */
  exceptionsDue(limit: number, shards?: readonly number[]): Promise<readonly DueException[]>;
  /** What operators have decided about a group; null if nothing was. */
  issueOverlay(fingerprint: string): Promise<IssueOverlay | null>;
  /** The rules that are in force; null if none were ever set. */
  routing(): Promise<RoutingVersion | null>;
  /** Classification rules that were changed after this change (0 to begin), in order of changes. */
  rules(afterChange: number, limit: number): Promise<readonly ClassificationRule[]>;
  /** How many events are kept because nobody has waited for them yet. */
  keptCount(): Promise<number>;
  keptEvents(of: EventAddress, limit: number): Promise<readonly KeptEventRow[]>;
  /** Runs that wait for an event with this key, oldest first. */
  awaiting(of: EventAddress, limit: number): Promise<readonly number[]>;
  /** The operation that waits for a late answer under this reference, if any. */
  pendingByRef(
    integration: string,
    ref: string,
  ): Promise<{ readonly run: number; readonly operation: number } | null>;
  /** An operation that was accepted under this reference and has ended, if any. */
  endedByRef(
    integration: string,
    ref: string,
  ): Promise<{ readonly run: number; readonly operation: number } | null>;
  /** Early answers that are kept for a request to come, oldest first. */
  earlyAnswers(limit: number): Promise<readonly EarlyAnswerRow[]>;
  dependencies(): Promise<readonly DependencyRow[]>;
  /** What definitions have declared of their payloads. Read once at start. */
  declarations(): Promise<readonly DeclarationRow[]>;
  /** Recovery groups that were started and did not come through before the last crash. */
  openGroups(): Promise<
    readonly {
      readonly group: number;
      readonly runs: readonly number[];
      readonly crashes: number;
    }[]
  >;
  /** Commands not yet taken, in order of arrival. */
  inbox(limit: number, shards?: readonly number[]): Promise<readonly WaitingCommand[]>;
  /** Cheap: true if another process may have written since the last call. */
  changed(): Promise<boolean>;
  /**
   * Calls back when a command has probably been posted. Only a hint: some come without, and a driver
   * that cannot know gives none. Once. The answer tells whether hints can be heard now.
   */
  onPosted(listener: () => void): () => boolean;
  /** Seals the end of this chain, writes the anchor, releases the lock. */
  close(): Promise<void>;
  /** Called at once if the driver can no longer write (a writer thread has died, a disk failed). */
  onFatal(listener: (error: Error) => void): void;
}

export interface RunQuery extends Page {
  readonly namespace?: string;
  readonly workflow?: string;
  readonly key?: string;
  readonly owner?: string;
  readonly states?: readonly RunState[];
  /** Of the code that went on with them last. No index serves it: give states with it. */
  readonly codeVersion?: string;
  /** Only those that are being undone, were undone, or have an exception about an undoing. */
  readonly isOfUndoing?: boolean;
}

export interface ExceptionQuery extends Page {
  /** Open ones only, unless `all`. */
  readonly all?: boolean;
  readonly owner?: string;
  readonly workflow?: string;
  readonly class?: string;
  readonly run?: number;
  /** Of one of these. It is looked at in the rows: what is open is not much. */
  readonly groups?: readonly Group[];
  /** As the next three, what is open by an index. */
  readonly tag?: string;
  /** Of this person; null: of nobody in particular, looked at in the rows. */
  readonly assignee?: string | null;
  /** Of those that this person watches. */
  readonly watcher?: string;
  /** Of those that are duplicates of the exception with this id. */
  readonly duplicateOf?: string;
  /** Due before this time, or before their own came to a stand; looked at in the rows. */
  readonly dueBeforeMs?: number;
  /** Only what is left of undoings: those that have failed, and effects that stay. */
  readonly isOfUndoing?: boolean;
  /** Only those that somebody keeps out of the list; looked at in the rows, too. */
  readonly isSnoozed?: boolean;
  /** Beside the run that is named, about this. */
  readonly subject?: string;
}

export interface EffectQuery extends Page {
  readonly run?: number;
  readonly effect?: string;
  readonly proof?: string;
  /** Only operations whose end is not known. */
  readonly open?: boolean;
}

export interface ReceivedQuery {
  /** The last of the page before; null for the first page. */
  readonly after: { readonly atMs: number; readonly name: string } | null;
  readonly limit: number;
  readonly state?: ReceiptState;
  readonly workflow?: string;
}

export interface ReviewQuery extends Page {
  readonly all?: boolean;
  readonly by?: string;
  readonly run?: number;
}

export interface Group {
  readonly level: IssueLevel;
  readonly fingerprint: string;
}

/** What other processes may do: read projections and leave commands. Needs no engine. */
export interface LaneQuery {
  readonly limit: number;
  /** The lanes of this name only: each namespace may have one. */
  readonly lane?: string;
}

/** Whether a store is worked on, and when that was last seen. */
export interface Pulse {
  /** Name of the cell, where several are read together. */
  readonly cell?: string;
  /** Engines, or workers, that hold the store now. */
  readonly engineCount: number;
  /** Newest sign of life of an engine that is on record; null where the store keeps none. */
  readonly beatAtMs: number | null;
  /** Time of the newest flush; null before the first. */
  readonly flushAtMs: number | null;
}

export interface StoreReader {
  readonly storeId: string;
  readonly cells: CellReader;
  runs(query: RunQuery): Promise<readonly RunRow[]>;
  run(run: number): Promise<RunRow | null>;
  /** By business key, newest first. */
  runsByKey(key: string, limit: number): Promise<readonly RunRow[]>;
  records(run: number, afterSeq: number, limit: number): Promise<readonly JournalRecord[]>;
  exceptions(query: ExceptionQuery): Promise<readonly ExceptionRow[]>;
  effects(query: EffectQuery): Promise<readonly EffectRow[]>;
  reviews(query: ReviewQuery): Promise<readonly ReviewRow[]>;
  /** Groups of a level, those first that were seen last. */
  issues(level: IssueLevel, limit: number): Promise<readonly IssueRow[]>;
  issue(fingerprint: string): Promise<IssueRow | null>;
  /** All that was ever decided about groups, up to the store's own bound. */
  issueOverlays(): Promise<readonly IssueOverlayRow[]>;
  /** Exceptions of a group, also closed ones, opened after `afterMs`; the newest first. */
  occurrences(of: Group, afterMs: number, limit: number): Promise<readonly ExceptionRow[]>;
  /** Versions of the routing rules, the newest first. */
  routings(limit: number): Promise<readonly RoutingVersion[]>;
  /** Classification rules that were changed after this change (0 to begin), in order of changes. */
  rules(afterChange: number, limit: number): Promise<readonly ClassificationRule[]>;
  dependencies(): Promise<readonly DependencyRow[]>;
  /** Lanes with runs that have not ended, those first in which the most are. */
  lanes(query: LaneQuery): Promise<readonly LaneRow[]>;
  declarations(): Promise<readonly DeclarationRow[]>;
  /** Runs that have not ended, counted by the version of the code that has them and by state. */
  versionCounts(): Promise<readonly VersionCount[]>;
  /** Answers that are kept for a request to come, oldest first. */
  earlyAnswers(limit: number): Promise<readonly EarlyAnswerRow[]>;
  /** Messages from outside, the newest first; of one that is held the payload is not told. */
  received(query: ReceivedQuery): Promise<readonly ReceivedRow[]>;
  /** Where a run is that has left; null if it has not, or never was here. */
  archivedRun(run: number): Promise<ArchivedRunRow | null>;
  /** Archives that were read into this store, by id; a store that has any is for looking. */
  importedArchives(): Promise<readonly ImportedArchiveRow[]>;
  counters(prefix: string): Promise<readonly { readonly name: string; readonly value: number }[]>;
  /**
   * Leaves a command; the same id twice is one command. `run`: which run it is about, so that it
   * finds that run's owner at once.
   */
  post(command: Omit<InboxRow, "answer"> & { readonly run?: number }): Promise<void>;
  /** Commands not yet taken, in order of arrival. */
  inbox(limit: number): Promise<readonly InboxRow[]>;
  /** The answer to a command; null while it was not taken, and once it was forgotten. */
  answer(id: string): Promise<string | null>;
  /** True if an engine holds the store now. */
  engineRuns(): Promise<boolean>;
  /** Who is at work; one entry for each store. */
  pulse(): Promise<readonly Pulse[]>;
  close(): Promise<void>;
}
