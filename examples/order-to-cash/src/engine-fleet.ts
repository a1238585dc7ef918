/** The engines that work on the orders, one or several on one store, and the plan of their kills. */
import { setTimeout as delay } from "node:timers/promises";
import { seededRandom } from "holdfast/testing";
import type { EngineSetting } from "./engine-child.ts";
import { EngineKeeper } from "./engine-keeper.ts";

/** A kill comes up to this long after its point of progress, so that it hits anything. */
const KILL_DELAY_MS_MAX = 600;

export class EngineFleet {
  readonly #keepers: readonly EngineKeeper[];
  #next = 0;

  /** @param onFailure - an engine has ended by itself, or could not be started again. */
  constructor(setting: EngineSetting, workers: number, onFailure: (what: string) => void) {
    this.#keepers = Array.from({ length: workers }, () => new EngineKeeper(setting, onFailure));
  }

  /** Resolves when all engines run for the first time. @throws {Error} if one does not start. */
  async started(): Promise<void> {
    await Promise.all(this.#keepers.map(async (keeper) => keeper.started()));
  }

  /** An intake's port, of one engine after the other. Null if it could not be started again. */
  async port(): Promise<number | null> {
    const keeper = this.#keepers[this.#next % this.#keepers.length];
    this.#next += 1;
    return keeper === undefined ? null : keeper.port();
  }

  /** Kills that engines really died of. */
  get killsDone(): number {
    return this.#keepers.reduce((sum, keeper) => sum + keeper.killsDone, 0);
  }

  /**
   * Kills engines `count` times, each when so much of the work is done as the seed says, and that
   * one which it draws.
   *
   * @param reached - resolves when this share of the work is done, 0..1.
   */
  async killAll(
    count: number,
    seed: number,
    reached: (share: number) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const random = seededRandom(seed, "kills");
    const shares = Array.from({ length: count }, () => random.next()).toSorted((a, b) => a - b);
    for (const share of shares) {
      await reached(share);
      if (signal.aborted) return;
      await delay(random.next() * KILL_DELAY_MS_MAX);
      const keeper = this.#keepers[random.integer(this.#keepers.length)];
      if (signal.aborted || keeper === undefined || !(await keeper.killOnce())) return;
    }
  }

  /** Ends all engines in order. Null if they did; else how one of them ended. */
  async stop(): Promise<string | null> {
    const ends = await Promise.all(this.#keepers.map(async (keeper) => keeper.stop()));
    return ends.find((end) => end !== null) ?? null;
  }
}
