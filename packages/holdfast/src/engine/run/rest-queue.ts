/**
 * Calls back once all code has come to rest, that is when no microtask is left.
 *
 * A tick asked for by a tick runs before the microtasks; only one that a microtask asks for runs
 * after all of them. All runs share the microtask and the tick: one of each for every run and step
 * took a sixth of a step's time.
 */
import { AsyncLocalStorage } from "node:async_hooks";

const RESOLVED = Promise.resolve();

export class RestQueue {
  #waiting: (() => void)[] = [];
  /** What is called belongs to no run's asynchronous context, whoever asked first. */
  readonly #inOwnContext = AsyncLocalStorage.snapshot();

  add(callback: () => void): void {
    this.#waiting.push(callback);
    if (this.#waiting.length > 1) return;
    void RESOLVED.then(() => {
      const ready = this.#waiting;
      this.#waiting = [];
      this.#inOwnContext(() => {
        process.nextTick(callAll, ready);
      });
    });
  }
}

/** In the order in which they were asked for. One that throws takes none of the others with it. */
function callAll(callbacks: readonly (() => void)[]): void {
  let index = 0;
  try {
    for (; index < callbacks.length; index += 1) callbacks[index]?.();
  } finally {
    if (index < callbacks.length) process.nextTick(callAll, callbacks.slice(index + 1));
  }
}
