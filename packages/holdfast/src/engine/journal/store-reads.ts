/**
 * Reads of the store that nobody outside waits for: one that fails is tried again, ever less often,
 * for as long as the store lives. Who asks for a command's sake hears of the failure instead.
 */
import { backoffDelayMs } from "../../core/backoff.ts";
import { HoldfastError } from "../../core/error.ts";
import type { Engine } from "../engine.ts";

/** Waits between two tries: half a second on the whole at first, half a minute at most. */
const AGAIN = { backoffFirstMs: 500, backoffMaxMs: 30_000 };

/** Thrown into work on a run whose read has no next try: the next engine takes the run up. */
export class EngineEnds extends HoldfastError {
  override readonly name = "EngineEnds";

  constructor() {
    super("HF4201", "The engine is shutting down.", "Start it at another worker, or later.");
  }
}

export class StoreReads {
  readonly #engine: Engine;
  /** Ends the waits that are under way. */
  readonly #waits = new Set<() => void>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    return this.#waits.size;
  }

  /**
   * The answer, after as many tries as it takes. Null if the engine ends before.
   *
   * @param what - names what is read, for whoever listens.
   */
  async patiently<T>(what: string, read: () => Promise<T>): Promise<T | null> {
    for (let failures = 1; ; failures += 1) {
      try {
        return await read();
      } catch (error) {
        if (!(await this.pause(what, error, failures))) return null;
      }
    }
  }

  /**
   * The same for work that cannot go on without the answer.
   *
   * @throws {EngineEnds} if the engine ends before.
   */
  async surely<T>(what: string, read: () => Promise<T>): Promise<T> {
    // Wrapped: null may be what was read.
    const answer = await this.patiently(what, async () => ({ read: await read() }));
    if (answer === null) throw new EngineEnds();
    return answer.read;
  }

  /** Reports a read that has failed and waits until the next try. False if there is none. */
  async pause(what: string, error: unknown, failures: number): Promise<boolean> {
    if (this.#isOver) return false;
    const { clock, random } = this.#engine;
    const delayMs = backoffDelayMs(AGAIN, failures, random.next());
    const message = error instanceof Error ? error.message : String(error);
    this.#engine.emit({ type: "store.retry", what, message, delayMs });
    await new Promise<void>((resolve) => {
      const end = () => {
        cancel();
        this.#waits.delete(end);
        resolve();
      };
      const cancel = clock.after(delayMs, end);
      this.#waits.add(end);
    });
    return !this.#isOver;
  }

  /** After a write that failed nothing is asked any more: the process ends. */
  get #isOver(): boolean {
    return this.#engine.draining || this.#engine.committer.hasFailed;
  }

  /** The engine is closing. */
  close(): void {
    for (const end of this.#waits) end();
  }
}
