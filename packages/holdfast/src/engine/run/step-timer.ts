/** One timer that is set anew or taken away. */
import type { Clock } from "../clock.ts";

export class StepTimer {
  readonly #clock: Clock;
  #cancel: (() => void) | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** In the place of the one before. */
  set(delayMs: number, callback: () => void): void {
    this.cancel();
    this.#cancel = this.#clock.after(delayMs, () => {
      this.#cancel = null;
      callback();
    });
  }

  cancel(): void {
    this.#cancel?.();
    this.#cancel = null;
  }
}
