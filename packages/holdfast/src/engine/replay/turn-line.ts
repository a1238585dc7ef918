/** Who may go at a time, in the order of asking: a bound over everything that asks here. */

export class TurnLine {
  readonly #placesMax: number;
  readonly #waiting: (() => void)[] = [];
  #taken = 0;

  constructor(placesMax: number) {
    this.#placesMax = placesMax;
  }

  /** How many have a place or wait for one. */
  get keptCount(): number {
    return this.#taken + this.#waiting.length;
  }

  /** Resolves with a place, which `leave` gives back. */
  async enter(): Promise<void> {
    if (this.#taken < this.#placesMax) {
      this.#taken += 1;
      return;
    }
    // Handed over by who leaves: the count stays.
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#taken -= 1;
    else next();
  }
}
