/**
 * For a while after a crash no code goes on before the journal says on disk that it does, and with what.
 * Else code that ends its process in the very turn in which its run begins, comes back from rest, or has
 * an answer, would leave nothing there: whoever comes next would let it go on in the same way, and no
 * crash would ever speak against it.
 *
 * Not at all times: it costs each run flushes that it need not wait for.
 */
import type { JournalRecord } from "../../core/journal.ts";
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

/** Of one run in memory: whether a crash would find it at work, and where. */
export class SeenAtWork {
  readonly #host: CautionHost;
  #isSeen: boolean;

  /** @param isSeen - it was loaded as one that is at work. */
  constructor(host: CautionHost, isSeen: boolean) {
    this.#host = host;
    this.#isSeen = isSeen;
  }

  /**
   * Lets code begin, or come back: at once, or when it is on disk that it does. That has to be in the
   * committer's buffer before this is called.
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

  /**
   * What code waits for before it goes on with an answer that has just been written; null: for nothing.
   * An answer that is lost may only come again after the run has stood still, which passes for innocence.
   * Local work is done again at once.
   */
  written({ kind }: Pick<JournalRecord, "kind">): Promise<void> | null {
    if (!this.#host.caution.isOn) {
      this.#isSeen = true;
      return null;
    }
    return this.#isSeen && kind === "result" ? null : this.#host.committer.durable();
  }

  after(written: Promise<void> | null, act: () => void): void {
    if (written === null) act();
    else this.#host.background(written.then(act));
  }
}
