/** The driver's own time: monotonic, so that a lease is not stretched by a clock that is set back. */
export interface Ticks {
  /** Milliseconds since some moment; never goes back. */
  readonly nowMs: () => number;
  /** Calls back after so long; the answer cancels it. No reason for a process to live on. */
  readonly after: (delayMs: number, callback: () => void) => () => void;
  /** A wait that keeps the process alive. */
  readonly pause: (ms: number) => Promise<void>;
}

export const systemTicks: Ticks = {
  nowMs: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs).unref();
    return () => {
      clearTimeout(timer);
    };
  },
  pause: (ms) =>
    new Promise((resolve) => {
      setTimeout(resolve, ms);
    }),
};
