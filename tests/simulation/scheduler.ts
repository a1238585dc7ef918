/**
 * Simulated time, and the only thing that moves it. Everything that happens later, to whomever, is an
 * entry here; entries happen one by one, and after each one the code comes to rest before the next.
 */
import type { Clock } from "#src/engine/clock.ts";
import type { EventLoop } from "./event-loop.ts";

/** Whose an entry is: a process that can die, or be stopped for a while; null: the world's. */
export interface Life {
  isDead: boolean;
  /** Stopped (as by SIGSTOP) until then; 0 if it runs. */
  stoppedUntilMs: number;
  /** What its wall clock shows more than the true time. */
  skewMs: number;
}

interface Entry {
  readonly atMs: number;
  /** Breaks ties: first asked, first served. */
  readonly order: number;
  readonly life: Life | null;
  readonly act: () => void;
  isCancelled: boolean;
}

/** 2026-01-05 08:00 UTC, a Monday. */
const START_MS = 1_767_600_000_000;

export class Scheduler {
  #nowMs = START_MS;
  #order = 0;
  readonly #heap: Entry[] = [];
  readonly #eventLoop: EventLoop;

  constructor(eventLoop: EventLoop) {
    this.#eventLoop = eventLoop;
  }

  /** The true time; parts of a millisecond only order what happens. */
  get nowMs(): number {
    return this.#nowMs;
  }

  get sinceStartMs(): number {
    return this.#nowMs - START_MS;
  }

  after(delayMs: number, life: Life | null, act: () => void): () => void {
    this.#order += 1;
    const atMs = this.#nowMs + Math.max(0, delayMs);
    const entry = { atMs, order: this.#order, life, act, isCancelled: false };
    this.#push(entry);
    return () => {
      entry.isCancelled = true;
    };
  }

  /** The clock of one process. */
  clockOf(life: Life): Clock {
    return {
      nowMs: () => Math.floor(this.#nowMs + life.skewMs),
      after: (delayMs, callback) => this.after(delayMs, life, callback),
    };
  }

  /** Lets the next entry happen and the code come to rest; false if there is none until `untilMs`. */
  async step(untilMs: number): Promise<boolean> {
    for (;;) {
      const entry = this.#heap[0];
      if (entry === undefined || entry.atMs > untilMs) return false;
      this.#pop();
      if (entry.isCancelled || entry.life?.isDead === true) continue;
      this.#nowMs = Math.max(this.#nowMs, entry.atMs);
      const stoppedUntilMs = entry.life?.stoppedUntilMs ?? 0;
      if (stoppedUntilMs > this.#nowMs) {
        this.#order += 1;
        this.#push({ ...entry, atMs: stoppedUntilMs, order: this.#order });
        continue;
      }
      entry.act();
      await this.#eventLoop.settle();
      return true;
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !isBefore(entry, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      const left = heap[below];
      const right = heap[below + 1];
      if (left === undefined) break;
      if (right !== undefined && isBefore(right, left)) below += 1;
      const child = heap[below];
      if (child === undefined || !isBefore(child, last)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = last;
  }
}

function isBefore(one: Entry, other: Entry): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}
