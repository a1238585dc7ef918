/**
 * The beat of a worker that shares its store, and its look around, in one statement: who lives, which
 * shards nobody has, whether a command waits. About one a second, and nothing else while it is idle.
 *
 * A worker that cannot confirm its beat for two thirds of its lease starts nothing outside until it
 * can again; it ends when the database says that it is dead. What it writes meanwhile is for the
 * fence to judge.
 *
 * A look that has no answer within a lease has lost its connection, whatever the system says of it: a
 * balancer or a router that has forgotten one says nothing. It is dropped, and so are the others.
 */
import type { Surroundings } from "../store/shards.ts";
import type { Connection } from "./client.ts";
import { binaryArray } from "./binary-array.ts";
import { DATABASE_NOW_MS, endIfExpired } from "./lease.ts";
import type { OwnedShards } from "./owned-shards.ts";
import { replaced } from "./postgres-errors.ts";
import type { Ticks } from "./ticks.ts";

export interface LookoutSettings {
  readonly incarnation: number;
  readonly leaseMs: number;
  readonly ticks: Ticks;
  readonly owned: OwnedShards;
  /** A new connection for the beat. */
  readonly open: () => Promise<Connection>;
  readonly onDeath: (error: Error) => void;
  /** A look had no answer within a lease: what else waits for the database will have none either. */
  readonly onSilence: () => void;
}

/** Beats in a lease. */
const BEATS = 3;
/** A lost connection is made again no faster than this, milliseconds. */
const RECONNECT_MS = 100;

const LOOK_SQL = `with beat as (update heartbeat set beat_at_ms = ${DATABASE_NOW_MS}
    where incarnation = $1::int8 and exists
      (select 1 from worker w where w.incarnation = $1::int8 and w.alive = 1)
    returning 1)
  select (select count(*) from beat),
    (select string_agg(w.incarnation || ':' || (h.beat_at_ms + w.lease_ms - ${DATABASE_NOW_MS})
        || ':' || (select count(*) from shard s where s.owner = w.incarnation), ' '
        order by w.epoch)
      from worker w join heartbeat h on h.incarnation = w.incarnation where w.alive = 1),
    (select string_agg(s.id || ':' || coalesce(s.owner, 0), ' ' order by s.id) from shard s
      where (s.owner is null or s.owner = $1::int8 or not exists
        (select 1 from worker w where w.incarnation = s.owner and w.alive = 1))
        and not s.id = any($2::int2[])),
    (select count(*) from (select 1 from inbox i where i.taken_by is null
      and i.target = any($2::int2[]) limit 1) waiting),
    (select count(*) from incarnation i join worker w on w.incarnation = i.incarnation
      where i.closed_by is null and w.alive = 0)`;

export class Lookout {
  /** Last owner of each shard that the newest look showed as free; null if it was given up. */
  readonly owners = new Map<number, number | null>();
  readonly #settings: LookoutSettings;
  #connection: Connection;
  #silenceListener: (message: string, delayMs: number) => void = () => undefined;
  /** When a silence was told of last. */
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #listener: (seen: Surroundings) => void = () => undefined;
  /** When the newest beat that was confirmed was sent. */
  #confirmedAtMs: number;
  #waiting: (() => void)[] = [];
  #cancelBeat: () => void = () => undefined;
  #looking: Promise<void> | null = null;
  #isWantedAgain = false;
  #ended = false;

  constructor(connection: Connection, settings: LookoutSettings) {
    this.#connection = connection;
    this.#settings = settings;
    // Its first beat has just been written.
    this.#confirmedAtMs = settings.ticks.nowMs();
    this.#lookLater();
  }

  onLook(listener: (seen: Surroundings) => void): void {
    this.#listener = listener;
    this.lookSoon();
  }

  onSilence(listener: (message: string, delayMs: number) => void): void {
    this.#silenceListener = listener;
  }

  lookSoon(): void {
    if (this.#ended) return;
    if (this.#looking !== null) {
      this.#isWantedAgain = true;
      return;
    }
    this.#cancelBeat();
    this.#looking = this.#look().finally(() => {
      this.#looking = null;
      const isWanted = this.#isWantedAgain;
      this.#isWantedAgain = false;
      if (isWanted) this.lookSoon();
      else this.#lookLater();
    });
  }

  /** Null while the newest confirmed beat is fresh; else resolves when one is again. */
  confirmed(): Promise<void> | null {
    if (!this.#ended && this.#isFresh) return null;
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  async close(): Promise<void> {
    this.#end();
    this.#connection.destroy();
    await this.#looking;
    // A new one, if it was being made meanwhile: it would listen on, and keep the process alive.
    this.#connection.destroy();
  }

  get #isFresh(): boolean {
    const { ticks, leaseMs } = this.#settings;
    return ticks.nowMs() - this.#confirmedAtMs < (leaseMs * 2) / 3;
  }

  #end(): void {
    this.#ended = true;
    this.#cancelBeat();
  }

  #lookLater(): void {
    if (this.#ended) return;
    const { ticks, leaseMs } = this.#settings;
    const delayMs = this.#connection.isAlive() ? leaseMs / BEATS : RECONNECT_MS;
    this.#cancelBeat = ticks.after(delayMs, () => {
      this.lookSoon();
    });
  }

  async #look(): Promise<void> {
    const { ticks, incarnation, leaseMs, owned, open, onSilence } = this.#settings;
    const sentAtMs = ticks.nowMs();
    const cancelLimit = ticks.after(leaseMs, () => {
      this.#connection.destroy();
      onSilence();
    });
    try {
      if (!this.#connection.isAlive()) this.#connection = await open();
      const known = binaryArray("int2", owned.list);
      const [cells] = await this.#connection.rows("look", LOOK_SQL, [incarnation, known]);
      if (cells?.[0] !== 1) {
        this.#die();
        return;
      }
      this.#confirm(sentAtMs);
      await this.#tell(cells as [number, string, string | null, number, number]);
    } catch (error) {
      // Not confirmed: the next look tries again, and nothing is begun outside before one is.
      this.#connection.destroy();
      this.#tellOfSilence(error);
    } finally {
      cancelLimit();
    }
  }

  #tellOfSilence(error: unknown): void {
    const { ticks, leaseMs } = this.#settings;
    const nowMs = ticks.nowMs();
    const sinceMs = Math.max(this.#confirmedAtMs, this.#toldAtMs);
    if (this.#ended || nowMs - sinceMs < leaseMs) return;
    this.#toldAtMs = nowMs;
    const silentMs = Math.round(nowMs - this.#confirmedAtMs);
    const why = error instanceof Error ? error.message : String(error);
    this.#silenceListener(`not confirmed for ${String(silentMs)} ms (${why})`, RECONNECT_MS);
  }

  #confirm(sentAtMs: number): void {
    this.#confirmedAtMs = sentAtMs;
    if (!this.#isFresh) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  async #tell([, living, free, commands, chains]: [
    number,
    string,
    string | null,
    number,
    number,
  ]): Promise<void> {
    const workers = living.split(" ").map((text) => text.split(":").map(Number));
    const expired = workers.filter(([, leftMs = 0]) => leftMs <= 0);
    for (const [incarnation = 0] of expired) {
      if (incarnation === this.#settings.incarnation) continue;
      await endIfExpired(this.#connection, incarnation);
      this.#isWantedAgain = true;
    }
    this.owners.clear();
    for (const text of free?.split(" ") ?? []) {
      const [id = 0, owner = 0] = text.split(":").map(Number);
      this.owners.set(id, owner === 0 ? null : owner);
    }
    if (this.#ended) return;
    this.#listener({
      workers: workers.map(([incarnation = 0, , shardCount = 0]) => ({ incarnation, shardCount })),
      free: [...this.owners.keys()],
      hasCommands: commands > 0,
      hasDeadChains: chains > 0,
    });
  }

  #die(): void {
    if (this.#ended) return;
    this.#end();
    this.#settings.onDeath(replaced("the database says that it is dead"));
  }
}
