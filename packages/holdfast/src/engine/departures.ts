/**
 * Which runs left memory while others were being read from the store. What was read of such a run is
 * old: it has gone on since then, and brought back from there it would write its records twice.
 */
export interface DepartureWatch {
  /** True if the run has left memory since the watch began. */
  hasLeft(run: number): boolean;
  end(): void;
}

export class Departures {
  readonly #watches = new Set<Set<number>>();

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    return this.#watches.size;
  }

  note(run: number): void {
    for (const left of this.#watches) left.add(run);
  }

  /** Begins before the store is asked; `end` it once what was read has been used. */
  watch(): DepartureWatch {
    const left = new Set<number>();
    this.#watches.add(left);
    return {
      hasLeft: (run) => left.has(run),
      end: () => {
        this.#watches.delete(left);
      },
    };
  }
}
