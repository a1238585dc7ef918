/** Waits that end early when something has happened, or for good when the engine ends. */
import type { Clock } from "../clock.ts";
import { EngineEnds } from "../journal/store-reads.ts";

export class Naps {
  readonly #clock: Clock;
  /** Of runs that somebody waits for: who is woken when one of them has left memory. */
  readonly #ofRuns = new Map<number, Set<() => void>>();
  readonly #all = new Set<() => void>();
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get keptCount(): number {
    return this.#all.size;
  }

  /**
   * Resolves after that time, or before it when `run` has left memory.
   *
   * @throws {EngineEnds} if the engine ends.
   */
  async nap(ms: number, run?: number): Promise<void> {
    if (this.#closed) throw new EngineEnds();
    await new Promise<void>((resolve) => {
      const end = () => {
        cancel();
        this.#all.delete(end);
        if (run !== undefined) this.#forget(run, end);
        resolve();
      };
      const cancel = this.#clock.after(ms, end);
      this.#all.add(end);
      if (run !== undefined) this.#remember(run, end);
    });
    if (this.#closed) throw new EngineEnds();
  }

  /** A run has come to rest, has ended, or was given away. */
  departed(run: number): void {
    for (const end of this.#ofRuns.get(run) ?? []) end();
  }

  close(): void {
    this.#closed = true;
    for (const end of this.#all) end();
  }

  #remember(run: number, end: () => void): void {
    const ends = this.#ofRuns.get(run) ?? new Set();
    this.#ofRuns.set(run, ends.add(end));
  }

  #forget(run: number, end: () => void): void {
    const ends = this.#ofRuns.get(run);
    ends?.delete(end);
    if (ends?.size === 0) this.#ofRuns.delete(run);
  }
}
