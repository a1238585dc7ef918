/**
 * The beat of an engine, on a connection of its own. Who cannot confirm it for two thirds of the
 * lease, by the monotonic clock, gives up before anybody else may take over: it starts no effect
 * that the next owner does not know of.
 */
import type { Connection } from "./client.ts";
import { beat } from "./lease.ts";
import { replaced } from "./postgres-errors.ts";
import type { Ticks } from "./ticks.ts";

export interface HeartbeatSettings {
  readonly incarnation: number;
  readonly leaseMs: number;
  readonly ticks: Ticks;
  /** A new connection for the beat. */
  readonly open: () => Promise<Connection>;
  readonly onDeath: (error: Error) => void;
}

/** Beats in a lease, and looks at the clock in a lease. */
const BEATS = 3;
const LOOKS = 12;

export class Heartbeat {
  readonly #settings: HeartbeatSettings;
  #connection: Connection;
  /** When the newest beat that was confirmed was sent. */
  #confirmedAtMs: number;
  #cancelBeat: () => void = () => undefined;
  #cancelLook: () => void = () => undefined;
  #beating: Promise<void> = Promise.resolve();
  #ended = false;
  #lastError = "the database does not answer";

  /** @param confirmedAtMs - by `ticks`, before a beat was sent that was confirmed. */
  constructor(connection: Connection, confirmedAtMs: number, settings: HeartbeatSettings) {
    this.#connection = connection;
    this.#confirmedAtMs = confirmedAtMs;
    this.#settings = settings;
    this.#beatLater();
    this.#lookLater();
  }

  async close(): Promise<void> {
    this.#end();
    this.#connection.destroy();
    await this.#beating;
    // A new one, if it was being made meanwhile: it would listen on, and keep the process alive.
    this.#connection.destroy();
  }

  #end(): void {
    this.#ended = true;
    this.#cancelBeat();
    this.#cancelLook();
  }

  #beatLater(): void {
    if (this.#ended) return;
    const { ticks, leaseMs } = this.#settings;
    this.#cancelBeat = ticks.after(leaseMs / BEATS, () => {
      this.#beating = this.#beat().finally(() => {
        this.#beatLater();
      });
    });
  }

  async #beat(): Promise<void> {
    const { ticks, incarnation, open } = this.#settings;
    const sentAtMs = ticks.nowMs();
    try {
      if (!this.#connection.isAlive()) this.#connection = await open();
      const isOurs = await beat(this.#connection, incarnation);
      if (isOurs) this.#confirmedAtMs = sentAtMs;
      else this.#die("the database says that it is dead");
    } catch (error) {
      // Not confirmed: the next beat tries again, and the look at the clock says when it is too late.
      this.#connection.destroy();
      this.#lastError = error instanceof Error ? error.message : String(error);
    }
  }

  #lookLater(): void {
    if (this.#ended) return;
    const { ticks, leaseMs } = this.#settings;
    this.#cancelLook = ticks.after(leaseMs / LOOKS, () => {
      const silentMs = ticks.nowMs() - this.#confirmedAtMs;
      if (silentMs <= (leaseMs * 2) / 3) this.#lookLater();
      else
        this.#die(`its beat was not confirmed for ${Math.round(silentMs)} ms (${this.#lastError})`);
    });
  }

  #die(because: string): void {
    if (this.#ended) return;
    this.#end();
    this.#settings.onDeath(replaced(because));
  }
}
