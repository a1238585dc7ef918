/** Opens once. A promise for it is made only when somebody waits, which is seldom. */
import { Deferred } from "./deferred.ts";

export class Latch {
  #isOpen = false;
  #waiting: Deferred<void> | null = null;

  open(): void {
    this.#isOpen = true;
    this.#waiting?.resolve();
    this.#waiting = null;
  }

  /** Resolves when it is open. */
  get opened(): Promise<void> {
    if (this.#isOpen) return Promise.resolve();
    this.#waiting ??= new Deferred<void>();
    return this.#waiting.promise;
  }
}
