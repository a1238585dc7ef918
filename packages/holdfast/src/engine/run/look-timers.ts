/**
 * Runs that this engine looks at again although the store has nothing due for them: a look that finds
 * nothing new leaves no record. What is on record of them is over, so the next engine looks at once.
 */
import type { Clock } from "../clock.ts";

/** Runs to be looked at within it wake together, milliseconds. */
const BUCKET_MS = 1_000;

export class LookTimers {
  readonly #clock: Clock;
  readonly #wake: (runs: readonly number[]) => void;
  /** Of each run, the bucket that it is in: one, however often it was woken meanwhile. */
  readonly #bucketOf = new Map<number, number>();
  readonly #buckets = new Map<
    number,
    { readonly runs: Set<number>; readonly cancel: () => void }
  >();

  constructor(clock: Clock, wake: (runs: readonly number[]) => void) {
    this.#clock = clock;
    this.#wake = wake;
  }

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    return this.#bucketOf.size + this.#buckets.size;
  }

  set(run: number, atMs: number): void {
    this.clear(run);
    const index = Math.ceil(atMs / BUCKET_MS);
    const { runs } = this.#bucket(index);
    runs.add(run);
    this.#bucketOf.set(run, index);
  }

  clear(run: number): void {
    const index = this.#bucketOf.get(run);
    if (index === undefined) return;
    this.#bucketOf.delete(run);
    const bucket = this.#buckets.get(index);
    bucket?.runs.delete(run);
    if (bucket?.runs.size !== 0) return;
    bucket.cancel();
    this.#buckets.delete(index);
  }

  close(): void {
    for (const { cancel } of this.#buckets.values()) cancel();
    this.#buckets.clear();
    this.#bucketOf.clear();
  }

  #bucket(index: number): { readonly runs: Set<number> } {
    const known = this.#buckets.get(index);
    if (known !== undefined) return known;
    const runs = new Set<number>();
    const delayMs = Math.max(0, index * BUCKET_MS - this.#clock.nowMs());
    const cancel = this.#clock.after(delayMs, () => {
      this.#buckets.delete(index);
      for (const run of runs) this.#bucketOf.delete(run);
      this.#wake([...runs]);
    });
    const bucket = { runs, cancel };
    this.#buckets.set(index, bucket);
    return bucket;
  }
}
