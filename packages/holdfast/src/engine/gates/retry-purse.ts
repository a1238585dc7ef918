/** What this worker holds of a retry budget that all workers share, and what its calls add to it. */
import type { OwnRetries, SharedRetries } from "../../core/shared-retries.ts";
import type { Payment } from "./gate-flow.ts";

export class RetryPurse {
  #held = 0;
  #earned = 0;
  /** Cost of a retry that waits until the others have been looked at; 0: none does. */
  #needs = 0;
  /** The last look found that nobody has enough for it. */
  #isEmpty = false;

  /** `wait`: whoever pays has to look at what the others have, and then comes again. */
  pay(cost: number): Payment {
    if (this.#held >= cost) {
      this.#held -= cost;
      this.#needs = 0;
      this.#isEmpty = false;
      return "paid";
    }
    if (this.#isEmpty && this.#needs >= cost) {
      this.#needs = 0;
      this.#isEmpty = false;
      return "empty";
    }
    this.#needs = Math.max(this.#needs, cost);
    return "wait";
  }

  get isWanted(): boolean {
    return this.#needs > 0;
  }

  earn(tokens: number): void {
    this.#earned += tokens;
  }

  report(isIdle: boolean): OwnRetries {
    return { held: this.#held, earned: this.#earned, needs: this.#needs, isIdle };
  }

  /** Before others can take it: less at once. */
  give(next: SharedRetries, told: OwnRetries): void {
    this.#held -= Math.max(0, told.held - next.held);
  }

  /** It is on record: more only now. */
  accept(next: SharedRetries, told: OwnRetries): void {
    this.#held += Math.max(0, next.held - told.held);
    this.#earned = Math.max(0, this.#earned - next.taken);
    this.#isEmpty = next.isEmpty && told.needs > 0;
  }
}
