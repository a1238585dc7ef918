/**
 * How full a list in the store is. Counting reads the whole of it, so that is done once; from there
 * on what is added is counted here, and what is taken away only when the list seems to be full.
 */
import type { Clock } from "../clock.ts";

/** A list that was full is counted again after this. */
const COUNT_AGAIN_MS = 60_000;

export class CountedList {
  readonly #clock: Clock;
  readonly #max: number;
  readonly #read: (nowMs: number) => Promise<number>;
  /** At least as many as there are; null: not counted yet. */
  #count: Promise<number> | null = null;
  #countedAtMs = 0;
  #since = 0;
  /** Of those: what is not known to be on disk. */
  #onTheirWay = 0;

  constructor(clock: Clock, max: number, read: (nowMs: number) => Promise<number>) {
    this.#clock = clock;
    this.#max = max;
    this.#read = read;
  }

  /**
   * Does what puts one more on the list, if there is room; it must be durable when `act` resolves. Where
   * `act` throws, nothing was put there.
   *
   * @param full - what is thrown where there is no room.
   */
  async within<T>(act: () => Promise<T>, full: () => Error): Promise<T> {
    if (!(await this.#takesOne())) throw full();
    try {
      return await act();
    } catch (error) {
      this.#since -= 1;
      throw error;
    } finally {
      this.#onTheirWay -= 1;
    }
  }

  async #takesOne(): Promise<boolean> {
    const nowMs = this.#clock.nowMs();
    const wasFull = this.#count !== null && (await this.#count) + this.#since >= this.#max;
    if (this.#count === null || (wasFull && nowMs - this.#countedAtMs >= COUNT_AGAIN_MS)) {
      this.#count = this.#read(nowMs);
      // A count that failed is no count: the next one reads again.
      this.#count.catch(() => {
        this.#count = null;
      });
      this.#countedAtMs = nowMs;
      // Some of these are counted twice then, and none is forgotten.
      this.#since = this.#onTheirWay;
    }
    if ((await this.#count) + this.#since >= this.#max) return false;
    this.#since += 1;
    this.#onTheirWay += 1;
    return true;
  }
}
