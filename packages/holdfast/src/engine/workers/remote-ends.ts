/** Looks for the ends of other workers' runs that somebody waits for here. Costs nothing without any. */
import type { SharedShards } from "../../store/shards.ts";
import type { Engine } from "../engine.ts";

/** Looks are so far apart at first, and at most, milliseconds. */
const LOOK_MS_FIRST = 50;
const LOOK_MS_MAX = 1_000;

export class RemoteEnds {
  readonly #engine: Engine;
  readonly #shared: SharedShards;
  readonly #onEnd: (run: number) => Promise<void>;
  readonly #watched = new Set<number>();
  #lookMs = LOOK_MS_FIRST;
  #cancelLook: (() => void) | null = null;
  #closed = false;

  constructor(engine: Engine, shared: SharedShards, onEnd: (run: number) => Promise<void>) {
    this.#engine = engine;
    this.#shared = shared;
    this.#onEnd = onEnd;
  }

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    return this.#watched.size;
  }

  watch(run: number): void {
    if (this.#watched.has(run)) return;
    this.#watched.add(run);
    this.#lookMs = LOOK_MS_FIRST;
    this.#lookLater();
  }

  close(): void {
    this.#closed = true;
    this.#cancelLook?.();
  }

  #lookLater(): void {
    if (this.#closed || this.#cancelLook !== null || this.#watched.size === 0) return;
    this.#cancelLook = this.#engine.clock.after(this.#lookMs, () => {
      this.#engine.background(this.#look());
    });
    this.#lookMs = Math.min(2 * this.#lookMs, LOOK_MS_MAX);
  }

  async #look(): Promise<void> {
    const ended = await this.#engine.reads.patiently("ends of other workers' runs", () =>
      this.#shared.ended([...this.#watched]),
    );
    this.#cancelLook = null;
    for (const run of ended ?? []) {
      this.#watched.delete(run);
      this.#engine.background(this.#onEnd(run));
    }
    if ((ended?.length ?? 0) > 0) this.#lookMs = LOOK_MS_FIRST;
    this.#lookLater();
  }
}
