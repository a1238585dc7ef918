/**
 * Forgets commands that were taken: they grow with every command, so each that is taken gives cause to
 * look, once in a while. Needs no timer: what no command comes to does not grow.
 */
import { COMMAND_KEPT_MS_MIN } from "../../store/forgotten-commands.ts";
import type { Engine } from "../engine.ts";

type Needs = Pick<Engine, "store" | "clock" | "limits" | "reads" | "background">;

export class CommandForgetting {
  readonly #engine: Needs;
  #lookedAtMs: number | null = null;
  #isClosed = false;

  constructor(engine: Needs) {
    this.#engine = engine;
  }

  /** After a command was taken, and that is durable. */
  tookOne(): void {
    const { clock, limits, background } = this.#engine;
    const nowMs = clock.nowMs();
    const isDue =
      this.#lookedAtMs === null || nowMs - this.#lookedAtMs >= limits.commandsForgetEveryMs;
    if (!isDue || this.#isClosed) return;
    this.#lookedAtMs = nowMs;
    background.call(this.#engine, this.#forget(nowMs));
  }

  close(): void {
    this.#isClosed = true;
  }

  async #forget(nowMs: number): Promise<void> {
    const { store, limits, reads } = this.#engine;
    await this.#until(nowMs - limits.commandsKeptMs, Number.POSITIVE_INFINITY);
    if (this.#isClosed) return;
    const kept = await reads.patiently("how many commands are kept", () => store.taken.count());
    if (kept !== null)
      await this.#until(nowMs - COMMAND_KEPT_MS_MIN, kept - limits.commandsKeptMax);
  }

  /** Those that were taken until then, and about as many as that at most. */
  async #until(untilMs: number, countMax: number): Promise<void> {
    const { store, limits, reads } = this.#engine;
    for (let left = countMax; left > 0 && !this.#isClosed;) {
      const limit = Math.min(left, limits.commandsForgottenAtOnceMax);
      const gone = await reads.patiently("commands that are done with", () =>
        store.taken.forget(untilMs, limit),
      );
      if (gone === null || gone < limit) return;
      left -= gone;
    }
  }
}
