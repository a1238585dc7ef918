/**
 * What has been written down in memory and is not yet durable: how much of it there is, and who
 * waits until there is less.
 *
 * A disk that is slower than the runs must not fill the heap. Beyond a share of the bound nothing
 * new is accepted; at the bound, steps of runs that were accepted wait before they begin. What has
 * begun may always write down how it ended: that is why it waits before and never after. So the
 * bound is passed by what was under way when it was reached, and by no more: the calls that the
 * gates let through, and for each run in memory the few records that say that it ends or sleeps.
 */
import { HoldfastError } from "../../core/error.ts";
import type { EngineLimits } from "../limits.ts";

export class Backlog {
  readonly #limits: EngineLimits;
  #records = 0;
  #chars = 0;
  /** First come, first served. */
  readonly #waiting = new Set<() => void>();

  constructor(limits: EngineLimits) {
    this.#limits = limits;
  }

  get records(): number {
    return this.#records;
  }

  get chars(): number {
    return this.#chars;
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  /** True if nothing may begin now that will have to be written. */
  get isFull(): boolean {
    const { bufferedRecordsMax, bufferedCharsMax } = this.#limits;
    return this.#records >= bufferedRecordsMax || this.#chars >= bufferedCharsMax;
  }

  /** False if what is new has to be refused, so that what was accepted has the rest of the room. */
  get takesIntake(): boolean {
    const { bufferedRecordsMax, bufferedCharsMax, intakeShare } = this.#limits;
    return (
      this.#records < bufferedRecordsMax * intakeShare &&
      this.#chars < bufferedCharsMax * intakeShare
    );
  }

  /** For messages: how much there is, and the limits. */
  get text(): string {
    const { bufferedRecordsMax, bufferedCharsMax, intakeShare } = this.#limits;
    return `${String(this.#records)} records and ${String(this.#chars)} characters wait to be written (limits bufferedRecordsMax ${String(bufferedRecordsMax)}, bufferedCharsMax ${String(bufferedCharsMax)}, of which intakeShare ${String(intakeShare)} is for what is new)`;
  }

  add(chars: number): void {
    this.#records += 1;
    this.#chars += chars;
  }

  /** So much of it is durable. Those who wait go on, in order, until it is full again. */
  written(records: number, chars: number): void {
    this.#records -= records;
    this.#chars -= chars;
    for (const goOn of this.#waiting) {
      if (this.isFull) return;
      this.#waiting.delete(goOn);
      goOn();
    }
  }

  /** Calls back once there is room, after all who waited before. Never, if a write fails. */
  whenRoom(goOn: () => void): void {
    this.#waiting.add(goOn);
  }

  /** Nothing is written any more. */
  close(): void {
    this.#waiting.clear();
  }
}

/** @param ending - what did not happen, as a clause. */
export function intakeIsFull(backlog: Backlog, work: string, ending: string): HoldfastError {
  return new HoldfastError(
    "HF4201",
    `The intake is full: ${work}${backlog.text}.`,
    `Try again in a moment; ${ending}.`,
  );
}
