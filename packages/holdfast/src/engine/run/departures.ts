/**
 * Which runs left memory, or were written to from outside, while others were being read from the
 * store. What was read of such a run is old: brought back from there it would write its records twice.
 */
export interface DepartureWatch {
  /** True if what was read of the run since the watch began may be old. */
  hasLeft(run: number): boolean;
  /** True if it was written to from outside: then nobody else has it in hand. */
  wasWritten(run: number): boolean;
  /** Tells all others that who holds this watch has written to the run, and has it as it is now. */
  wrote(run: number): void;
  end(): void;
}

interface Noted {
  readonly left: Set<number>;
  readonly written: Set<number>;
}

export class Departures {
  readonly #watches = new Set<Noted>();

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    return this.#watches.size;
  }

  note(run: number): void {
    for (const { left } of this.#watches) left.add(run);
  }

  /** It was written to while it was not in memory. */
  noteWritten(run: number): void {
    for (const { written } of this.#watches) written.add(run);
  }

  /** Begins before the store is asked; `end` it once what was read has been used. */
  watch(): DepartureWatch {
    const noted: Noted = { left: new Set(), written: new Set() };
    this.#watches.add(noted);
    return {
      hasLeft: (run) => noted.left.has(run) || noted.written.has(run),
      wasWritten: (run) => noted.written.has(run),
      wrote: (run) => {
        for (const other of this.#watches) if (other !== noted) other.written.add(run);
      },
      end: () => {
        this.#watches.delete(noted);
      },
    };
  }
}
