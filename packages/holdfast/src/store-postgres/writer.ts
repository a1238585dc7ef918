/**
 * The writer: builds flushes in order and sends them in order, two at a time, so that the database
 * has the next one when it is done with one. One flush is one transaction in one round trip; it is
 * refused where the flush before it is not in the database, so that none is left out.
 *
 * If the connection is lost, the answer is not known: the flush's row is looked for on a new one. If
 * it is there, the flush is done. If not, the same flush is sent again: its row and its records have
 * keys, so of two that are under way one is refused. If the fence no longer holds, it is refused.
 *
 * Once a flush has failed this object is dead: it writes nothing more, and what is in the database
 * is for the next start to find out.
 */
import { HoldfastError } from "../core/error.ts";
import { noRecords } from "../store/no-records.ts";
import type { FlushBatch } from "../store/store.ts";
import { hex } from "../store/chain-heads.ts";
import { type FlushRow, flushInChain } from "./chain.ts";
import type { Connection } from "./client.ts";
import { type BuiltFlush, FlushBuilder, type Writing } from "./flush-builder.ts";
import { TAKEN_OVER, fencedBecause, isAlive, waitForStandbys } from "./lease.ts";
import type { Link } from "./link.ts";
import { ConnectionLost, SQL_STATES, isRefused, replaced } from "./postgres-errors.ts";

/** How often the database may ask for a transaction to be done again before it counts as failed. */
const CONTENTION_TRIES_MAX = 5;

export class PostgresWriter {
  readonly #link: Link;
  readonly #builder: FlushBuilder;
  readonly #incarnation: number;
  readonly #onFatal: (error: HoldfastError) => void;
  readonly #onFlushed: (head: FlushRow, records: number) => void;
  #nextNumber = 1;
  #building: Promise<unknown> = Promise.resolve();
  #committing: Promise<void> = Promise.resolve();
  /** The flush before that one: when it is done, the next may leave. */
  #leaving: Promise<void> = Promise.resolve();
  #death: HoldfastError | null = null;

  constructor(
    link: Link,
    writing: Writing,
    listeners: {
      readonly onFatal: (error: HoldfastError) => void;
      readonly onFlushed: (head: FlushRow, records: number) => void;
    },
  ) {
    this.#link = link;
    this.#incarnation = writing.incarnation;
    this.#builder = new FlushBuilder(writing, (name, text, values) =>
      link.use((connection) => connection.rows(name, text, values)),
    );
    this.#onFatal = listeners.onFatal;
    this.#onFlushed = listeners.onFlushed;
  }

  /** Shards that were given up: what another makes of their rows is not at hand here. */
  forget(shards: ReadonlySet<number>): void {
    this.#builder.forget(shards);
  }

  async open(): Promise<void> {
    await this.#builder.open();
  }

  get isDead(): boolean {
    return this.#death !== null;
  }

  /**
   * Durable when it resolves. Flushes are done in the order of the calls.
   *
   * @throws {RangeError} if the number is not the next one; nothing was written, more may be.
   * @throws {HoldfastError} HF5008 if the write failed, HF5012 if this worker has been replaced;
   * nothing more can be written.
   */
  flush(batch: FlushBatch): Promise<void> {
    return this.#enqueue(batch, false);
  }

  /** Seals the end of this chain, if it has begun. The last flush. */
  async end(atMs: number): Promise<void> {
    // A flush that fails has told its own caller.
    await Promise.allSettled([this.#committing]);
    if (this.#death !== null || this.#nextNumber === 1) return;
    const batch = { number: this.#nextNumber, atMs, records: noRecords(), taken: [] };
    await this.#enqueue(batch, true);
  }

  /** @throws {HoldfastError} HF5008 or HF5012 if this writer is dead. */
  requireAlive(): void {
    if (this.#death !== null) throw this.#death;
  }

  /** Makes this object dead and tells why. The first reason counts. */
  die(cause: unknown): HoldfastError {
    if (this.#death === null) {
      this.#death = cause instanceof HoldfastError ? cause : dead(cause);
      this.#onFatal(this.#death);
    }
    return this.#death;
  }

  /** As `die`, for a store that is closed: nobody is told. */
  abandon(): void {
    this.#death ??= dead(new Error("the store was closed"));
  }

  async #enqueue(batch: FlushBatch, closed: boolean): Promise<void> {
    this.requireAlive();
    if (batch.number !== this.#nextNumber) {
      throw new RangeError(
        `flush ${this.#nextNumber} of this chain comes next, not ${batch.number}`,
      );
    }
    this.#nextNumber += 1;
    const earlier = this.#committing;
    const built = this.#building.then(() => this.#build(batch, closed, earlier));
    this.#building = built;
    const committing = this.#commit(
      built,
      { earlier, room: this.#leaving },
      batch.records.run.length,
    );
    this.#leaving = earlier;
    this.#committing = committing;
    await committing;
  }

  /**
   * What others have done to its shards since it was replaced does not fit what is at hand here, nor
   * the inbox. That is no fault of the database, and is not to be told as one.
   */
  async #build(batch: FlushBatch, closed: boolean, earlier: Promise<void>): Promise<BuiltFlush> {
    try {
      return await this.#builder.build(batch, closed, earlier);
    } catch (error) {
      if (error instanceof HoldfastError || error instanceof ConnectionLost) throw error;
      if (await this.#link.use((connection) => isAlive(connection, this.#incarnation))) throw error;
      throw replaced(TAKEN_OVER);
    }
  }

  async #commit(
    building: Promise<BuiltFlush>,
    before: { readonly earlier: Promise<void>; readonly room: Promise<void> },
    records: number,
  ): Promise<void> {
    try {
      // Both are awaited together: whichever fails first is what has failed.
      const [built] = await Promise.all([building, before.room]);
      this.requireAlive();
      await this.#link.use((connection, tries) =>
        this.#send(connection, built, { earlier: before.earlier, isAgain: tries > 0 }),
      );
      await before.earlier;
      this.#onFlushed(built.head, records);
    } catch (error) {
      throw this.die(error);
    }
  }

  async #send(
    connection: Connection,
    built: BuiltFlush,
    { earlier, isAgain }: { readonly earlier: Promise<void>; readonly isAgain: boolean },
  ): Promise<void> {
    if (isAgain) {
      await earlier;
      if (await isDone(connection, built.head)) return;
    }
    let isAfterEarlier = isAgain;
    for (let tries = 1; ; tries += 1) {
      try {
        await connection.transaction(built.statements);
        return;
      } catch (error) {
        if (error instanceof ConnectionLost) throw error;
        const fenced = fencedBecause(error);
        if (fenced !== null) throw replaced(fenced);
        if (!isAfterEarlier) {
          // Whatever it was refused for, it may have been for want of the flush before, whose rows it
          // changes: that one was not refused for good, or this one need not be sent.
          await earlier;
          isAfterEarlier = true;
          continue;
        }
        const mayPass = isContention(error) || isUnprepared(error);
        if (mayPass && tries < CONTENTION_TRIES_MAX) continue;
        // The first sending came through while this one waited for it: for its keys, or its commands.
        if (isAgain && (await isDone(connection, built.head))) return;
        throw error;
      }
    }
  }
}

/** Whether the flush is durable; its number and seal are its name. */
async function isDone(connection: Connection, head: FlushRow): Promise<boolean> {
  const row = await flushInChain(connection.rows, head.incarnation, head.number);
  if (row === null) return false;
  if (hex(row.seal) !== hex(head.seal)) {
    throw new Error(`flush ${head.number} is there with another seal`);
  }
  await waitForStandbys(connection, head.incarnation);
  return true;
}

/** One that was sent before it on this connection was refused, and with it what it was to prepare. */
function isUnprepared(error: unknown): boolean {
  return isRefused(error, SQL_STATES.noSuchStatement);
}

function isContention(error: unknown): boolean {
  return isRefused(error, SQL_STATES.serializationFailure) || isRefused(error, SQL_STATES.deadlock);
}

function dead(cause: unknown): HoldfastError {
  const because = cause instanceof Error ? cause.message : String(cause);
  return new HoldfastError(
    "HF5008",
    `the store cannot be written any more: ${because}`,
    "Stop this process and look at the database: space, health, the way to it. The next start " +
      "checks the store and goes on from what is durable.",
    { cause },
  );
}
