/**
 * Commands that were taken leave the inbox after a while: what is left of them is their digests, so
 * that the seals of the flushes that took them are checked as before. No record says that one has
 * left. Instead none may leave before its time, which the sealed times of flushes prove: whoever
 * removes a command sooner has left a mark that cannot be made to look like ours.
 */
import type { Damage } from "./damage.ts";

/**
 * No command leaves sooner after it was taken, milliseconds, whatever is set. Longer than anybody
 * waits for an answer, and than a worker that has crashed needs to give what it had given on again.
 */
export const COMMAND_KEPT_MS_MIN = 3_600_000;

/**
 * Until when commands must have been taken to leave now.
 *
 * @param untilMs - what the engine wants.
 * @param newestMs - time of the newest flush that is durable: what verify will know of the time.
 */
export function forgottenUntilMs(untilMs: number, newestMs: number): number {
  return Math.min(untilMs, newestMs - COMMAND_KEPT_MS_MIN);
}

/** What a check of all flushes, or of the newest of them, finds of these. */
export class ForgottenCommands {
  #newestMs = Number.NEGATIVE_INFINITY;
  #youngest: { readonly name: string; readonly atMs: number } | null = null;

  /** Every flush that is checked. */
  seen(atMs: number): void {
    this.#newestMs = Math.max(this.#newestMs, atMs);
  }

  /** One of them whose commands have left. */
  left(name: string, atMs: number): void {
    if (this.#youngest === null || atMs > this.#youngest.atMs) this.#youngest = { name, atMs };
  }

  /** At the end of the check: commands that were removed before their time. */
  damage(): Damage | null {
    if (this.#youngest === null) return null;
    const { name, atMs } = this.#youngest;
    if (atMs + COMMAND_KEPT_MS_MIN <= this.#newestMs) return null;
    return { what: `the commands that ${name} took were removed before their time` };
  }
}
