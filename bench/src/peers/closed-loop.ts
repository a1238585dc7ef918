/** Keeps a number of runs under way at a party, and remembers how long they took. */
import { deferred } from "./deferred.ts";
import type { Party, RoomAfter } from "./party.ts";
import { STEPS_PER_RUN } from "./party.ts";

/** Durations kept between two counts; what comes after them is not measured. */
const DURATIONS_MAX = 20_000;

interface Open {
  readonly startMs: number;
  readonly onLastStep: () => void;
}

export class ClosedLoop {
  readonly #result: unknown;
  readonly #open = new Map<string, Open>();
  #runs = 0;
  #isOpen = false;
  #lines: Promise<unknown> = Promise.resolve();
  steps = 0;
  runsMs: number[] = [];
  lastStepsMs: number[] = [];

  /** `result` is what every step answers. */
  constructor(result: unknown) {
    this.#result = result;
  }

  /** The body of every step. */
  step(runId: string, index: number): unknown {
    this.steps += 1;
    if (index === STEPS_PER_RUN - 1) {
      const open = this.#open.get(runId);
      if (open !== undefined) {
        this.#open.delete(runId);
        keep(this.lastStepsMs, performance.now() - open.startMs);
        open.onLastStep();
      }
    }
    return this.#result;
  }

  /** `failed` is told of the first run that does not end as it should. */
  begin(
    party: Party,
    how: { readonly inFlight: number; readonly roomAfter: RoomAfter },
    failed: (error: unknown) => void,
  ): void {
    this.#isOpen = true;
    const line = async () => {
      while (this.#isOpen) await this.#one(party, how.roomAfter);
    };
    this.#lines = Promise.all(Array.from({ length: how.inFlight }, line)).catch(failed);
  }

  async drain(): Promise<void> {
    this.#isOpen = false;
    await this.#lines;
  }

  async #one(party: Party, roomAfter: RoomAfter): Promise<void> {
    this.#runs += 1;
    const runId = `run-${this.#runs}`;
    const startMs = performance.now();
    const { promise: lastStep, resolve: onLastStep } = deferred<void>();
    this.#open.set(runId, { startMs, onLastStep });
    const started = await party.start(runId);
    if (roomAfter === "last-step") {
      await lastStep;
      return;
    }
    await party.end(started);
    keep(this.runsMs, performance.now() - startMs);
  }
}

function keep(durations: number[], durationMs: number): void {
  if (durations.length < DURATIONS_MAX) durations.push(durationMs);
}
