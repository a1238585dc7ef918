/** `run.sleep`: a durable timer. */
import { durationMs } from "../../core/duration.ts";
import { HoldfastError } from "../../core/error.ts";
import type { JournalRecord, TimerHead } from "../../core/journal.ts";
import { isoText, msOfDate } from "../clock.ts";
import { Deferred } from "../run/deferred.ts";
import type { LiveRun } from "../run/live-run.ts";
import { headOf } from "../run/recovery.ts";
import { stepDrift } from "./step-drift.ts";
import type { StepSlot, StepVerb } from "./step-slot.ts";

export class SleepStep implements StepVerb {
  readonly #run: LiveRun;
  readonly #path: string;
  readonly #until: string | Date;
  readonly #deferred = new Deferred<void>();

  constructor(run: LiveRun, path: string, until: string | Date) {
    this.#run = run;
    this.#path = path;
    this.#until = until;
    if (Number.isNaN(msOfDate(until))) {
      throw new HoldfastError(
        "HF1001",
        "run.sleep got an invalid Date.",
        'Give a valid Date or a duration such as "2h".',
      );
    }
    if (typeof until === "string") durationMs(until, "run.sleep");
    run.enter(path, this);
  }

  get what(): string {
    return `sleep ${this.#path}`;
  }

  get promise(): Promise<void> {
    return this.#deferred.promise;
  }

  misfit(records: readonly JournalRecord[]): string | null {
    return stepDrift(this.#path, records, { verb: "timer", target: null, digest: null });
  }

  settle(): void {
    this.#deferred.resolve();
  }

  live(slot: StepSlot): void {
    const recorded = slot.records[0];
    const dueAtMs = recorded === undefined ? this.#dueAtMs() : headOf<TimerHead>(recorded).dueAtMs;
    if (recorded === undefined) this.#run.append("timer", this.#path, { dueAtMs });
    this.#waitUntil(slot, dueAtMs);
  }

  #dueAtMs(): number {
    const atMs = msOfDate(this.#until);
    return atMs ?? this.#run.host.clock.nowMs() + durationMs(String(this.#until), "run.sleep");
  }

  #waitUntil(slot: StepSlot, dueAtMs: number): void {
    if (this.#run.host.clock.nowMs() >= dueAtMs) {
      this.#run.deliver(slot, this.#run.append("fired", this.#path, null));
      return;
    }
    this.#run.setWait(slot, {
      state: "waiting",
      reason: `sleeps until ${isoText(dueAtMs)}`,
      wakeAtMs: dueAtMs,
      onWake: () => {
        this.#waitUntil(slot, dueAtMs);
      },
    });
  }
}
