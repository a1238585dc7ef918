/** Time that moves only when a test moves it. Timers fire in order of their time, one by one. */
import type { Clock } from "../../engine/clock.ts";

interface Timer {
  readonly atMs: number;
  /** Breaks ties: first asked, first served. */
  readonly order: number;
  readonly life: number;
  readonly callback: () => void;
}

/** 2026-01-05 08:00 UTC, a Monday. */
const START_MS = 1_767_600_000_000;

export class ManualClock {
  #nowMs = START_MS;
  #order = 0;
  #timers: Timer[] = [];
  /** Timers that were asked for; a test sees by it whether something is still going on. */
  askedCount = 0;

  nowMs(): number {
    return this.#nowMs;
  }

  /** The clock as one life of a process sees it: `end` is its death, and drops its timers. */
  ofLife(life: number): Clock {
    return {
      nowMs: () => this.#nowMs,
      after: (delayMs, callback) => this.#after(delayMs, life, callback),
    };
  }

  endLife(life: number): void {
    this.#timers = this.#timers.filter((timer) => timer.life !== life);
  }

  /** For other systems: they outlive every crash of ours. */
  after(delayMs: number, callback: () => void): () => void {
    return this.#after(delayMs, -1, callback);
  }

  #after(delayMs: number, life: number, callback: () => void): () => void {
    this.askedCount += 1;
    this.#order += 1;
    const timer = { atMs: this.#nowMs + delayMs, order: this.#order, life, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** When the next timer is due, or null. */
  get nextAtMs(): number | null {
    const next = this.#next();
    return next === undefined ? null : next.atMs;
  }

  #next(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (
        first === undefined ||
        timer.atMs < first.atMs ||
        (timer.atMs === first.atMs && timer.order < first.order)
      ) {
        first = timer;
      }
    }
    return first;
  }

  /** Moves to the next timer and fires it, if it is due by `untilMs`. */
  fireNext(untilMs = Number.POSITIVE_INFINITY): boolean {
    const next = this.#next();
    if (next === undefined || next.atMs > untilMs) return false;
    this.#timers = this.#timers.filter((timer) => timer !== next);
    this.#nowMs = Math.max(this.#nowMs, next.atMs);
    next.callback();
    return true;
  }

  /** Sets the wall clock without firing anything: a jump, or the time while nothing ran. */
  setMs(nowMs: number): void {
    this.#nowMs = nowMs;
  }
}
