/**
 * A connection that is made again when it is lost, within a bound. What was under way is done again
 * by its own rule: reads as they are, a flush after a look whether it was done.
 */
import type { Connection } from "./client.ts";
import { ConnectionLost } from "./postgres-errors.ts";
import type { Ticks } from "./ticks.ts";

/** Pauses between tries to connect: doubled from the first to the longest, in milliseconds. */
const PAUSE_MS_MIN = 20;
const PAUSE_MS_MAX = 1000;

export class Link {
  readonly #open: () => Promise<Connection>;
  readonly #ticks: Ticks;
  readonly #reconnectMsMax: number;
  #connection: Connection;
  #reconnecting: Promise<Connection> | null = null;
  #closed = false;

  constructor(
    first: Connection,
    options: {
      readonly open: () => Promise<Connection>;
      readonly ticks: Ticks;
      /** How long after a loss the work is tried again. */
      readonly reconnectMsMax: number;
    },
  ) {
    this.#connection = first;
    this.#open = options.open;
    this.#ticks = options.ticks;
    this.#reconnectMsMax = options.reconnectMsMax;
  }

  /**
   * Does the work, again on a new connection if the one it had was lost.
   *
   * @param work - gets how often it was begun before.
   * @throws {ConnectionLost} if no connection lasted for the work within the bound.
   */
  async use<T>(work: (connection: Connection, triesBefore: number) => Promise<T>): Promise<T> {
    let untilMs: number | null = null;
    for (let tries = 0; ; tries += 1) {
      let connection: Connection | null = null;
      try {
        connection = await this.#alive(untilMs);
        return await work(connection, tries);
      } catch (error) {
        if (!(error instanceof ConnectionLost) || this.#closed) throw error;
        untilMs ??= this.#ticks.nowMs() + this.#reconnectMsMax;
        if (this.#ticks.nowMs() >= untilMs) throw error;
        // A connection may look alive for a moment after its answers were cut off. This one only:
        // another's work may have a new one already.
        connection?.destroy();
      }
    }
  }

  /** Takes the connection for lost: what waits for an answer on it is done again on another one. */
  drop(): void {
    this.#connection.destroy();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#connection.close();
  }

  destroy(): void {
    this.#closed = true;
    this.#connection.destroy();
  }

  async #alive(untilMs: number | null): Promise<Connection> {
    if (this.#closed) throw new ConnectionLost("the store was closed");
    if (this.#connection.isAlive()) return this.#connection;
    this.#reconnecting ??= this.#reconnect(
      untilMs ?? this.#ticks.nowMs() + this.#reconnectMsMax,
    ).finally(() => {
      this.#reconnecting = null;
    });
    return this.#reconnecting;
  }

  async #reconnect(untilMs: number): Promise<Connection> {
    for (let pauseMs = PAUSE_MS_MIN; ; pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX)) {
      try {
        const connection = await this.#open();
        if (this.#closed) connection.destroy();
        this.#connection = connection;
        return connection;
      } catch (error) {
        const isOver = this.#closed || this.#ticks.nowMs() >= untilMs;
        if (isOver || !(error instanceof ConnectionLost)) throw error;
      }
      await this.#ticks.pause(pauseMs);
    }
  }
}
