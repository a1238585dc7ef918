/**
 * Want of our own: calls that fail because this process has no socket, file or memory left. No other
 * system is at fault, and each new run would make it worse: so nothing new is taken in for a while.
 * What was accepted goes on, and people's commands are taken. Source: failure model 2.1 and 2.4.
 */
import type { Failure } from "../../core/failure.ts";
import type { Clock } from "../clock.ts";

/** Within so long; and so many of them, as in R10. */
const WINDOW_MS = 30_000;
const FAILURES_MIN = 3;

export class Strain {
  readonly #clock: Clock;
  /** Times of the newest of them, newest first. */
  #atMs: readonly number[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  saw({ scope, origin, class: failureClass }: Failure): void {
    if (scope !== "system" || origin !== "local" || failureClass === "interrupted") return;
    this.#atMs = [this.#clock.nowMs(), ...this.#atMs].slice(0, FAILURES_MIN);
  }

  /** What there is want of, as the beginning of a sentence; empty while there is none. */
  get text(): string {
    const oldest = this.#atMs[FAILURES_MIN - 1];
    if (oldest === undefined || this.#clock.nowMs() - oldest >= WINDOW_MS) return "";
    return `${String(FAILURES_MIN)} calls have failed within ${String(WINDOW_MS / 1_000)} s for want of sockets, files or memory of our own, `;
  }
}
