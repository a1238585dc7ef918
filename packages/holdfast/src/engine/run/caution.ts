/**
 * For a while after a crash no code goes on before the journal says on disk that it does. Else code that
 * ends its process in the very turn in which its run begins, or comes back from rest, would leave nothing
 * there: whoever comes next would let it go on in the same way, and no crash would ever speak against it.
 *
 * Not at all times: it costs each run a flush that it need not wait for.
 */
import type { Clock } from "../clock.ts";
import type { Committer } from "../journal/committer.ts";

export class Caution {
  readonly #clock: Clock;
  readonly #lastsMs: number;
  #untilMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, lastsMs: number) {
    this.#clock = clock;
    this.#lastsMs = lastsMs;
  }

  get isOn(): boolean {
    return this.#clock.nowMs() < this.#untilMs;
  }

  /** Something that was at work here has crashed. */
  begin(): void {
    this.#untilMs = this.#clock.nowMs() + this.#lastsMs;
  }
}

interface CautionHost {
  readonly caution: Pick<Caution, "isOn">;
  readonly committer: Pick<Committer, "durable">;
  background(work: Promise<unknown>): void;
}

/** Of one run in memory: whether a crash would find it at work. */
export class SeenAtWork {
  readonly #host: CautionHost;
  #isSeen: boolean;

  /** @param isSeen - it was loaded as one that is at work. */
  constructor(host: CautionHost, isSeen: boolean) {
    this.#host = host;
    this.#isSeen = isSeen;
  }

  /**
   * Lets code go on: at once, or when it is on disk that it does. That has to be in the committer's
   * buffer before this is called.
   */
  before(act: () => void): void {
    if (this.#isSeen || !this.#host.caution.isOn) {
      this.#isSeen = true;
      act();
      return;
    }
    this.#host.background(this.#seenThen(act));
  }

  async #seenThen(act: () => void): Promise<void> {
    await this.#host.committer.durable();
    this.#isSeen = true;
    act();
  }
}
