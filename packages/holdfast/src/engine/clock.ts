/** Time and chance as arguments, so that the engine can be simulated. The only file that asks the system. */

export interface Clock {
  /** Wall clock, Unix milliseconds. May jump. */
  nowMs(): number;
  /** Calls back after `delayMs` (at most 2^31-1); the answer cancels it. */
  after(delayMs: number, callback: () => void): () => void;
}

export interface Random {
  /** In [0, 1). */
  next(): number;
}

/** Longest delay that a Node timer takes, in milliseconds. */
const TIMER_DELAY_MS_MAX = 2 ** 31 - 1;

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(0, delayMs), TIMER_DELAY_MS_MAX));
    return () => {
      clearTimeout(timer);
    };
  },
};

export const systemRandom: Random = { next: () => Math.random() };

/** Conversions only; nothing here asks for the time. */
export function dateOf(ms: number): Date {
  return new Date(ms);
}

export function isoText(ms: number): string {
  return new Date(ms).toISOString();
}

/** Milliseconds of a Date, null for anything else. NaN if it is invalid. */
export function msOfDate(value: unknown): number | null {
  return value instanceof Date ? value.getTime() : null;
}
