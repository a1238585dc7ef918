/**
 * Durable timers: the store knows when each sleeping run is due; only those due soon are held here,
 * eight bytes each, in buckets with one timer per bucket.
 */
import type { Store } from "../../store/store.ts";
import type { Clock } from "../clock.ts";
import { LookTimers } from "./look-timers.ts";
import type { Places } from "../workers/places.ts";

/** Width of a bucket: runs due within it wake together, milliseconds. */
const BUCKET_MS = 16;
/** Rows read from the store at a time. */
const DUE_PAGE_MAX = 10_000;

export class DurableTimers {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #wake: (runs: readonly number[]) => void;
  readonly #durable: () => Promise<void>;
  readonly #background: (work: Promise<void>) => void;
  readonly #patiently: (read: () => Promise<void>) => Promise<unknown>;
  readonly #places: Places;
  /** Runs due within this are held in memory, milliseconds. */
  readonly #aheadMs: number;
  readonly #buckets = new Map<number, { runs: number[]; cancel: () => void }>();
  readonly #looks: LookTimers;
  /** Everything in the store due up to here is held. */
  #heldUntilMs = -1;
  #cancelRefill: (() => void) | null = null;
  #closed = false;

  constructor(
    store: Store,
    clock: Clock,
    wake: (runs: readonly number[]) => void,
    durable: () => Promise<void>,
    background: (work: Promise<void>) => void,
    patiently: (read: () => Promise<void>) => Promise<unknown>,
    places: Places,
    aheadMs: number,
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#wake = wake;
    this.#looks = new LookTimers(clock, wake);
    this.#durable = durable;
    this.#background = background;
    this.#patiently = patiently;
    this.#places = places;
    this.#aheadMs = aheadMs;
  }

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    return this.#buckets.size + this.#looks.keptCount;
  }

  /** Reads what is due soon and goes on doing so. */
  async start(): Promise<void> {
    const untilMs = this.#clock.nowMs() + this.#aheadMs;
    const fromMs = this.#heldUntilMs;
    // Who goes to sleep from here on is held at once, and who did before is in the store when it is
    // read: nobody falls between the two.
    this.#heldUntilMs = untilMs;
    await this.#durable();
    const rows = await this.#store.due(fromMs, untilMs, DUE_PAGE_MAX, this.#places.list);
    if (this.#closed) return;
    for (const row of rows) this.#hold(row.run, row.wakeAtMs);
    // A full page means that there is more: hold only up to its end and read on soon.
    const full = rows.length === DUE_PAGE_MAX;
    // Less one: rows with the same time as the last may be on the next page; waking twice is harmless.
    this.#heldUntilMs = full ? (rows.at(-1)?.wakeAtMs ?? untilMs) - 1 : untilMs;
    const fromNextMs = this.#heldUntilMs;
    const nextMs = full
      ? Math.max(BUCKET_MS, this.#heldUntilMs - this.#clock.nowMs())
      : this.#aheadMs / 2;
    this.#cancelRefill = this.#clock.after(nextMs, () => {
      this.#background(this.#refill(fromNextMs));
    });
  }

  /** Reads what is due soon in shards that have come. */
  async cameIn(shards: readonly number[]): Promise<void> {
    for (let fromMs = -1; ;) {
      const rows = await this.#store.due(fromMs, this.#heldUntilMs, DUE_PAGE_MAX, shards);
      if (this.#closed) return;
      for (const row of rows) this.#hold(row.run, row.wakeAtMs);
      const lastMs = rows.at(-1)?.wakeAtMs;
      if (rows.length < DUE_PAGE_MAX || lastMs === undefined) return;
      // Less one, as below; but on, where a whole page has one time.
      fromMs = lastMs - 1 > fromMs ? lastMs - 1 : lastMs;
    }
  }

  /** Whatever fell due since the last reading is read again with it: waking twice is harmless. */
  async #refill(fromMs: number): Promise<void> {
    await this.#patiently(() => {
      this.#heldUntilMs = fromMs;
      return this.start();
    });
  }

  /** @param lookAtMs - when this engine looks at it, where what is on record of that is over. */
  sleeps(
    run: number,
    { wakeAtMs, lookAtMs }: { readonly wakeAtMs: number | null; readonly lookAtMs?: number | null },
  ): void {
    if (lookAtMs !== undefined && lookAtMs !== null && lookAtMs !== wakeAtMs)
      this.#looks.set(run, lookAtMs);
    else if (wakeAtMs !== null) this.add(run, wakeAtMs);
  }

  /** It is at work, or has ended: nothing of it is looked at. */
  wakes(run: number): void {
    this.#looks.clear(run);
  }

  /** A run has gone to sleep; its record may not be durable yet. */
  add(run: number, wakeAtMs: number): void {
    if (wakeAtMs <= this.#heldUntilMs) this.#hold(run, wakeAtMs);
  }

  close(): void {
    this.#closed = true;
    this.#cancelRefill?.();
    for (const bucket of this.#buckets.values()) bucket.cancel();
    this.#buckets.clear();
    this.#looks.close();
  }

  #hold(run: number, wakeAtMs: number): void {
    const index = Math.ceil(wakeAtMs / BUCKET_MS);
    const bucket = this.#buckets.get(index);
    if (bucket !== undefined) {
      bucket.runs.push(run);
      return;
    }
    const runs = [run];
    const delayMs = Math.max(0, index * BUCKET_MS - this.#clock.nowMs());
    const cancel = this.#clock.after(delayMs, () => {
      this.#buckets.delete(index);
      this.#wake(runs);
    });
    this.#buckets.set(index, { runs, cancel });
  }
}
