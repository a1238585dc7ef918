/**
 * A word from who posts a command to who owns the shard that it is for, so that it is not found only
 * at the owner's next look. Nothing rests on it: it may be lost, come late, or not be possible at
 * all, and the command is found all the same. It is sent beside the write, never in its transaction,
 * where it would cost every writer of the database a common lock.
 */
import type { Connection } from "./client.ts";
import { isRefused } from "./postgres-errors.ts";
import type { Ticks } from "./ticks.ts";

/** Of one database, and so of one store. */
const CHANNEL = "holdfast_inbox";

/** Commands that are posted within so long share one hint, milliseconds. */
const GATHERED_MS = 10;

/** syntax_error, undefined_function, feature_not_supported: this database has no such thing. */
const UNKNOWN = ["42601", "42883", "0A000"];

export const HINT_SQL = `select pg_notify('${CHANNEL}', $1)`;

/** Says for which shards commands have been posted. */
export class Hints {
  readonly #send: (shards: string) => Promise<unknown>;
  readonly #ticks: Ticks;
  readonly #shards = new Set<number>();
  #sentAtMs = -Infinity;
  #isWaiting = false;
  /** A database of the protocol's that has no such thing. */
  #isRefused = false;

  constructor(send: (shards: string) => Promise<unknown>, ticks: Ticks) {
    this.#send = send;
    this.#ticks = ticks;
  }

  posted(shards: Iterable<number>): void {
    for (const shard of shards) this.#shards.add(shard);
    if (this.#isRefused || this.#isWaiting || this.#shards.size === 0) return;
    const delayMs = this.#sentAtMs + GATHERED_MS - this.#ticks.nowMs();
    if (delayMs <= 0) {
      void this.#tell();
      return;
    }
    this.#isWaiting = true;
    this.#ticks.after(delayMs, () => {
      this.#isWaiting = false;
      void this.#tell();
    });
  }

  async #tell(): Promise<void> {
    const shards = [...this.#shards].join(",");
    this.#shards.clear();
    this.#sentAtMs = this.#ticks.nowMs();
    try {
      await this.#send(shards);
    } catch (error) {
      // Anything else (too many connections, a full queue of notifications) may pass.
      this.#isRefused = UNKNOWN.some((state) => isRefused(error, state));
    }
  }
}

/** Hears hints, on whichever connection is the newest. */
export class Hearing {
  #listener: () => void = () => undefined;
  readonly #owns: (shard: number) => boolean;
  #connection: Connection | null = null;

  /** @param owns - whose commands are of interest. */
  constructor(owns: (shard: number) => boolean) {
    this.#owns = owns;
  }

  onHint(listener: () => void): void {
    this.#listener = listener;
  }

  /** True while a hint can be heard. */
  get isOpen(): boolean {
    return this.#connection?.isAlive() ?? false;
  }

  /** The same way to open one, and hints are heard on it. */
  opening(open: () => Promise<Connection>): () => Promise<Connection> {
    return async () => {
      const connection = await open();
      await this.open(connection);
      return connection;
    };
  }

  /** A database that refuses it is asked for commands as if there were no hints. */
  async open(connection: Connection): Promise<void> {
    const isHeard = await connection.listen(CHANNEL, (shards) => {
      if (shards.split(",").some((shard) => this.#owns(Number(shard)))) this.#listener();
    });
    this.#connection = isHeard ? connection : null;
  }
}
