/** Who may go at a time, in the order of asking: a bound over everything that asks here. */
import { Deferred } from "../run/deferred.ts";

export interface Place {
  /** Settles when its turn has come. */
  readonly turn: Promise<void>;
  readonly isTaken: () => boolean;
  /** Gives the place to the next, or leaves the line; at most once. */
  readonly leave: () => void;
}

export class TurnLine {
  readonly #placesMax: number;
  readonly #waiting = new Set<() => void>();
  #taken = 0;

  constructor(placesMax: number) {
    this.#placesMax = placesMax;
  }

  /** How many have a place or wait for one. */
  get keptCount(): number {
    return this.#taken + this.#waiting.size;
  }

  /** A place at the end of the line; whoever has asked leaves, whether its turn has come or not. */
  ask(): Place {
    let isTaken = false;
    const turn = new Deferred<void>();
    const take = () => {
      isTaken = true;
      this.#taken += 1;
      turn.resolve();
    };
    if (this.#taken < this.#placesMax) take();
    else this.#waiting.add(take);
    const leave = () => {
      if (!isTaken) this.#waiting.delete(take);
      else this.#give();
    };
    return { turn: turn.promise, isTaken: () => isTaken, leave };
  }

  #give(): void {
    this.#taken -= 1;
    const [next] = this.#waiting;
    if (next === undefined) return;
    this.#waiting.delete(next);
    next();
  }
}
