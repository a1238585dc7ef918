/**
 * Whoever gives the app something to do: starts, messages, events, late answers. Each goes on until it
 * has an answer, says it twice now and then, and holds the app to what it has answered.
 */
import { HoldfastError } from "#src/core/error.ts";
import type { SeededRandom } from "#src/testing/seeded-random.ts";
import type { Process } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";

export interface SendersOptions {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  /** Chance that something is said once more although it was answered. */
  readonly again: () => number;
  /** Processes that take requests now. */
  readonly ready: () => readonly Process[];
  readonly note: (text: string) => void;
}

/** Something that has to be answered once, and the same whenever it is said again. */
export interface Saying<T> {
  readonly name: string;
  readonly say: (process: Process) => Promise<T>;
  /** Held against the store in the moment of the answer. */
  readonly heard: (answer: T) => void;
}

/** Refusals that say: later. */
const LATER: readonly string[] = ["HF4111", "HF4201", "HF4202", "HF4204", "HF4206", "HF6005"];

/** The process that was asked ends: another one is asked. */
const OVER: readonly string[] = ["HF5008", "HF5012"];

const PATIENCE_MS = 20_000;
const AGAIN_MS = 5_000;

export class Senders {
  readonly #options: SendersOptions;
  /** What has no answer yet. */
  readonly open = new Set<string>();
  /** What was refused for good, by its name. */
  readonly refused = new Map<string, string>();

  constructor(options: SendersOptions) {
    this.#options = options;
  }

  send<T>(saying: Saying<T>, afterMs: number): void {
    this.open.add(saying.name);
    this.#later(saying, afterMs);
  }

  #later<T>(saying: Saying<T>, afterMs: number): void {
    this.#options.scheduler.after(afterMs, null, () => {
      this.#say(saying);
    });
  }

  #say<T>(saying: Saying<T>): void {
    const { scheduler, random, ready, note, again } = this.#options;
    const processes = ready();
    if (processes.length === 0) {
      this.#later(saying, AGAIN_MS);
      return;
    }
    const process = random.pick(processes);
    const said = { isOver: false };
    const answered = (act: () => void) => {
      // Its line is cut with the process.
      if (said.isOver || process.isDead) return;
      said.isOver = true;
      act();
    };
    note(`${saying.name} at ${process.name}`);
    scheduler.after(PATIENCE_MS, null, () => {
      if (said.isOver) return;
      said.isOver = true;
      this.#later(saying, random.next() * AGAIN_MS);
    });
    saying.say(process).then(
      (answer) => {
        answered(() => {
          note(`${saying.name} answered`);
          saying.heard(answer);
          this.open.delete(saying.name);
          if (random.next() < again()) this.#later(saying, random.next() * 20 * AGAIN_MS);
        });
      },
      (error: unknown) => {
        answered(() => {
          this.#refusedWith(saying, error);
        });
      },
    );
  }

  #refusedWith<T>(saying: Saying<T>, error: unknown): void {
    // What another worker could not read comes back as a refusal.
    const isUnread = String(error).includes("(simulated)");
    const isFinal = error instanceof HoldfastError && !LATER.includes(error.code) && !isUnread;
    this.#options.note(`${saying.name} refused: ${String(error)}`);
    if (!isFinal || OVER.includes(error.code)) {
      this.#later(saying, AGAIN_MS);
      return;
    }
    this.open.delete(saying.name);
    this.refused.set(saying.name, error.code);
  }
}
