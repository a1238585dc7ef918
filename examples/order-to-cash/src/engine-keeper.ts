/** Keeps the engine running: kills it as the plan says, and starts it again each time. */
import { setTimeout as delay } from "node:timers/promises";
import { seededRandom } from "holdfast/testing";
import type { ChildEnd } from "./child.ts";
import { startEngine, type EngineChild } from "./engine-child.ts";
import type { Ports } from "./integrations.ts";

/** A kill comes up to this long after its point of progress, so that it hits anything. */
const KILL_DELAY_MS_MAX = 600;

export class EngineKeeper {
  readonly #dir: string;
  readonly #ports: Ports;
  #engine: Promise<EngineChild>;
  #current: EngineChild | null = null;
  #killsDone = 0;
  #isStopping = false;
  #failure: Error | null = null;
  readonly #onFailure: (error: Error) => void;

  /** @param onFailure - the engine has ended by itself, or could not be started again. */
  constructor(dir: string, ports: Ports, onFailure: (error: Error) => void) {
    this.#dir = dir;
    this.#ports = ports;
    this.#onFailure = onFailure;
    this.#engine = this.#start();
  }

  /** The intake's port; waits while the engine is down. */
  async port(): Promise<number> {
    return (await this.#engine).port;
  }

  /** Kills that the engine really died of. */
  get killsDone(): number {
    return this.#killsDone;
  }

  async #start(): Promise<EngineChild> {
    const engine = await startEngine(this.#dir, this.#ports);
    this.#current = engine;
    void engine.ended.then((end) => {
      if (this.#current !== engine || this.#isStopping) return;
      this.#fail(new Error(`the engine has ended by itself (${describe(end)})`));
    });
    return engine;
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#onFailure(this.#failure);
  }

  /** One SIGKILL, and the engine is up again. */
  async #killOnce(): Promise<void> {
    const engine = await this.#engine;
    // From now on whoever needs the engine waits for the next one.
    this.#current = null;
    const next = engine.kill().then(async (end) => {
      if (end.signal === "SIGKILL") this.#killsDone += 1;
      return this.#start();
    });
    this.#engine = next;
    try {
      await next;
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
  }

  /**
   * Kills the engine `count` times, each when so much of the work is done as the seed says.
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
      await this.#engine;
      await delay(random.next() * KILL_DELAY_MS_MAX);
      if (signal.aborted) return;
      await this.#killOnce();
    }
  }

  /** Ends the engine in order. Null if it did; else how it ended. */
  async stop(): Promise<string | null> {
    this.#isStopping = true;
    const [engine] = await Promise.allSettled([this.#engine]);
    if (engine.status === "rejected") return String(engine.reason);
    const end = await engine.value.stop();
    return end.code === 0 ? null : describe(end);
  }
}

function describe({ code, signal, lastWords }: ChildEnd): string {
  const how = signal === null ? `code ${String(code)}` : signal;
  return lastWords.trim() === "" ? how : `${how}: ${lastWords.trim()}`;
}
