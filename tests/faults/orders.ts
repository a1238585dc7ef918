/** Who asks for runs: knows of each start whether it was accepted, refused, or is not known. */
import type { SeededRandom } from "holdfast/testing";
import type { Fleet } from "./fleet.ts";

/** How often a start whose answer was lost, or that was refused, is asked for again. */
const TRIES_MAX = 200;
/** Who waits for an order's end asks for the next one after this, milliseconds. */
const END_MS_MAX = 1_500;
const CONFIRMED_AT_A_TIME = 8;
/** Of one script: with four rows of effects each. */
const ORDERS_MAX = 20_000;

export class Orders {
  readonly prefix: string;
  /** All that were ever asked for. */
  readonly keys: string[] = [];
  readonly accepted = new Set<string>();
  /** Starts whose answer was lost with their worker, and which were asked for again. */
  unknownCount = 0;
  refusedCount = 0;
  /** Starts that were answered and then forgotten, as sentences. */
  readonly broken: string[] = [];
  readonly #fleet: Fleet;
  readonly #random: SeededRandom;

  /** @param prefix - of the keys: a counterpart may serve several plays. */
  constructor(fleet: Fleet, random: SeededRandom, prefix: string) {
    this.prefix = prefix;
    this.#fleet = fleet;
    this.#random = random;
  }

  /** So many clients ask for one order after the other until that is over. */
  async during<T>(clients: number, work: Promise<T>): Promise<T> {
    const over = { isSo: false };
    const end = () => {
      over.isSo = true;
    };
    work.then(end, end);
    const client = async () => {
      while (!over.isSo && this.keys.length < ORDERS_MAX) {
        const key = `${this.prefix}${String(this.keys.length)}`;
        this.keys.push(key);
        const ended = this.#fleet.heardOfEnd(key, END_MS_MAX);
        await this.#accepted(key);
        await Promise.race([ended, work.then(end, end)]);
      }
    };
    const asking = Promise.all(Array.from({ length: clients }, client));
    asking.catch(() => undefined);
    // Where the work fails nobody may be left to answer them.
    const done = await work;
    await asking;
    return done;
  }

  /** Asks for each once more: none that was accepted may be new. */
  async confirm(): Promise<void> {
    const left = [...this.keys];
    const client = async () => {
      for (let key = left.pop(); key !== undefined; key = left.pop()) await this.#accepted(key);
    };
    await Promise.all(Array.from({ length: CONFIRMED_AT_A_TIME }, client));
  }

  async #accepted(key: string): Promise<void> {
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const worker = await this.#fleet.some(({ length }) =>
        this.#random.integer(Math.max(1, length)),
      );
      const wasAccepted = this.accepted.has(key);
      const answer = await worker.start(key);
      switch (answer.kind) {
        case "accepted":
          if (wasAccepted && answer.isNew)
            this.broken.push(`${key} was accepted and then forgotten`);
          this.accepted.add(key);
          return;
        case "refused":
          this.refusedCount += 1;
          break;
        case "ended":
          this.unknownCount += 1;
          break;
      }
    }
    this.broken.push(`${key} was not accepted in ${String(TRIES_MAX)} tries`);
  }
}
