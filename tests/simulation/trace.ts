/** What happened, in words: a hash of all of it, and the newest lines to show. */
import { createHash, type Hash } from "node:crypto";
import type { Scheduler } from "./scheduler.ts";

/** Lines that are kept to be shown. */
const LINES_MAX = 4_000;

const CHARS_HASHED = 64 * 1024;

export class Trace {
  readonly #scheduler: Scheduler;
  readonly #hash: Hash = createHash("sha256");
  #lines: string[] = [];
  /** What is not in the hash yet: many short texts cost more than a long one. */
  #pending = "";

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  add(text: string): void {
    const line = `${this.#scheduler.sinceStartMs.toFixed(3)} ${text}`;
    this.#pending += line;
    if (this.#pending.length > CHARS_HASHED) this.#hashPending();
    this.#lines.push(line);
    if (this.#lines.length > 2 * LINES_MAX) this.#lines = this.#lines.slice(LINES_MAX);
  }

  #hashPending(): void {
    this.#hash.update(this.#pending);
    this.#pending = "";
  }

  get digest(): string {
    this.#hashPending();
    return this.#hash.copy().digest("hex");
  }

  /** The newest lines that name one of these words; all if there is none. */
  newest(limit: number, words: readonly string[] = []): readonly string[] {
    const about =
      words.length === 0
        ? this.#lines
        : this.#lines.filter((line) => words.some((word) => line.includes(word)));
    return about.slice(-limit);
  }
}
