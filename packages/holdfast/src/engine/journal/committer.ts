/**
 * Group commit: everything buffered while a flush is under way goes out with the next one.
 *
 * The order of records in the buffer is the order in the journal. `durable()` answers for all that
 * was buffered before it was called. A failed flush is fatal: nothing is written after it.
 */
import { requireTexts } from "./record-texts.ts";
import type { JournalRecord } from "../../core/journal.ts";
import { kindNumber, type RecordKind } from "../../core/record-kinds.ts";
import { HoldfastError } from "../../core/error.ts";
import type { RecordColumns, Store } from "../../store/store.ts";
import { Backlog } from "./backlog.ts";
import { Strain } from "./strain.ts";
import type { Clock } from "../clock.ts";
import type { EngineLimits } from "../limits.ts";

interface Batch {
  readonly records: RecordColumns;
  readonly taken: { id: string; answer: string }[];
  chars: number;
  /** It has reached its size, and what filled it has come to rest: it takes no more records. */
  isFull: boolean;
  promise: Promise<void> | null;
  resolve: () => void;
  reject: (error: Error) => void;
}

export interface NewRecord {
  readonly run: number;
  readonly seq: number;
  readonly kind: RecordKind;
  readonly attempt: number;
  readonly name: string;
  readonly head: object | null;
  readonly data: string | null;
  /** In the flush of the record before it, which was added in the same turn: both or neither. */
  readonly joins?: true;
}

/** Flushes handed to the store at a time: the writer never waits for the engine's thread. */
const FLUSHES_IN_FLIGHT_MAX = 2;

/** Below this a flush costs more than it gains to be cut. */
const CUT_RECORDS_MIN = 64;
/** Of the peak, what is left of it with each flush: it follows a load that falls within some ten. */
const PEAK_DECAY = 0.9;

export class Committer {
  /** What is not yet durable, and its bound. */
  readonly backlog: Backlog;
  /** Beside it, what speaks against taking in more. */
  readonly strain: Strain;
  readonly #store: Pick<Store, "flush">;
  readonly #clock: Clock;
  readonly #limits: EngineLimits;
  readonly #onFlush: (records: number, number: number) => void;
  readonly #onFatal: (error: Error) => void;
  /** The last one is being filled; those before it wait for their turn. */
  #batches: Batch[] = [newBatch()];
  #inFlight = 0;
  #lastDurable: Promise<void> = Promise.resolve();
  #number = 0;
  #scheduled = false;
  /** About how many records were not yet durable at most of late: a batch of half as many leaves. */
  #peak = 0;
  #failed: Error | null = null;

  constructor(
    store: Pick<Store, "flush">,
    clock: Clock,
    limits: EngineLimits,
    onFlush: (records: number, number: number) => void,
    onFatal: (error: Error) => void,
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#limits = limits;
    this.backlog = new Backlog(limits);
    this.strain = new Strain(clock);
    this.#onFlush = onFlush;
    this.#onFatal = onFatal;
  }

  /** A flush has failed: nothing is written any more. */
  get hasFailed(): boolean {
    return this.#failed !== null;
  }

  /**
   * Buffers a record, written after all those before it. Answers with it as the journal has it.
   *
   * @throws {HoldfastError} HF4102 for a text that is none: the store could not write it, and a
   *   failed flush would end the process. Nothing is buffered then.
   */
  add(record: NewRecord): JournalRecord {
    requireTexts(record);
    const { run, seq, kind, attempt, name, data } = record;
    if (record.joins !== true) this.#cutBefore(run);
    const batch = this.#open(record.joins === true ? this.#lastRun() : run);
    const { records } = batch;
    const head = record.head === null ? null : JSON.stringify(record.head);
    const atMs = this.#clock.nowMs();
    records.run.push(run);
    records.seq.push(seq);
    records.kind.push(kindNumber(kind));
    records.attempt.push(attempt);
    records.name.push(name);
    records.atMs.push(atMs);
    records.head.push(head);
    records.data.push(data);
    const chars = (head?.length ?? 0) + (data?.length ?? 0);
    batch.chars += chars;
    if (this.#isOfSize(batch)) fillAfterTurn(batch);
    this.backlog.add(chars);
    this.#schedule();
    return { run, seq, kind, attempt, name, atMs, head, data };
  }

  /** Marks a command as applied, with its answer, after the records that applied it. */
  take(id: string, answer: string): void {
    this.#open(null).taken.push({ id, answer });
    this.#schedule();
  }

  /** Resolves when everything buffered so far is durable. */
  durable(): Promise<void> {
    if (this.#failed !== null) return Promise.reject(this.#failed);
    const batch = this.#batches.at(-1);
    if (batch === undefined || isEmpty(batch)) {
      const before = this.#batches.at(-2);
      return before === undefined ? this.#lastDurable : promiseOf(before);
    }
    return promiseOf(batch);
  }

  /**
   * What a run writes in one turn goes into one flush, also beyond its size: a crash between two of
   * these records would leave a run that no rule foresees.
   */
  #open(run: number | null): Batch {
    if (this.#failed !== null) throw this.#failed;
    const last = this.#batches.at(-1);
    if (last !== undefined) {
      if (!this.#isOfSize(last)) return last;
      if (!last.isFull && last.records.run.at(-1) === run) return last;
    }
    const batch = newBatch();
    this.#batches.push(batch);
    return batch;
  }

  #lastRun(): number | null {
    return this.#batches.at(-1)?.records.run.at(-1) ?? null;
  }

  #isOfSize({ records, chars }: Batch): boolean {
    return (
      records.run.length >= this.#limits.flushRecordsMax || chars >= this.#limits.flushCharsMax
    );
  }

  /** Between the records of two runs only: what one run does at once stays in one flush. */
  #cutBefore(run: number): void {
    const records = this.#batches.at(-1)?.records;
    if (records === undefined || records.run.length < CUT_RECORDS_MIN) return;
    if (records.run.length < this.#peak / 2) return;
    if (records.run.at(-1) !== run) this.#flush();
  }

  #schedule(): void {
    if (this.#scheduled || this.#inFlight >= FLUSHES_IN_FLIGHT_MAX) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    const batch = this.#batches[0];
    if (batch === undefined || isEmpty(batch) || this.#failed !== null) return;
    if (this.#inFlight >= FLUSHES_IN_FLIGHT_MAX) return;
    this.#batches.shift();
    if (this.#batches.length === 0) this.#batches.push(newBatch());
    const { records } = batch;
    const count = records.run.length;
    this.#number += 1;
    this.#inFlight += 1;
    const number = this.#number;
    const promise = promiseOf(batch);
    this.#lastDurable = promise;
    // Runs that waited for one flush go on together, and would all wait for the next one, the two
    // threads taking turns. Cut in halves, one is written while the other is made.
    this.#peak = Math.max(this.backlog.records, this.#peak * PEAK_DECAY);
    this.#store.flush({ number, atMs: this.#clock.nowMs(), records, taken: batch.taken }).then(
      () => {
        this.#inFlight -= 1;
        batch.resolve();
        this.#onFlush(count, number);
        const next = this.#batches[0];
        if (next !== undefined && !isEmpty(next)) this.#schedule();
        this.backlog.written(count, batch.chars);
      },
      (cause: unknown) => {
        this.#fail(batch, cause);
      },
    );
  }

  #fail(batch: Batch, cause: unknown): void {
    const error =
      cause instanceof HoldfastError
        ? cause
        : new HoldfastError(
            "HF5008",
            `a write to the store failed: ${cause instanceof Error ? cause.message : String(cause)}`,
            "Nothing was written after it. Check the disk, then start again: recovery goes on from the last durable record.",
            { cause },
          );
    this.#failed = error;
    this.backlog.close();
    batch.reject(error);
    for (const waiting of this.#batches) waiting.reject(error);
    this.#onFatal(error);
  }
}

function newBatch(): Batch {
  return {
    records: { run: [], seq: [], kind: [], attempt: [], name: [], atMs: [], head: [], data: [] },
    taken: [],
    chars: 0,
    isFull: false,
    promise: null,
    resolve: () => undefined,
    reject: () => undefined,
  };
}

/** After the turn in which it was filled: what runs now may not be over with what it writes. */
function fillAfterTurn(batch: Batch): void {
  queueMicrotask(() => {
    batch.isFull = true;
  });
}

function isEmpty(batch: Batch): boolean {
  return batch.records.run.length === 0 && batch.taken.length === 0;
}

/** Made only when somebody asks: most batches of local steps have no waiter. */
function promiseOf(batch: Batch): Promise<void> {
  if (batch.promise === null) {
    batch.promise = new Promise<void>((resolve, reject) => {
      batch.resolve = resolve;
      batch.reject = reject;
    });
    // Waiters attach their own handlers; a batch without any must not end the process by itself.
    batch.promise.catch(() => undefined);
  }
  return batch.promise;
}
