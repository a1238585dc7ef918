/** Keeps one engine running: kills it when it is told to, and starts it again each time. */
import type { ChildEnd } from "./child.ts";
import { startEngine, type EngineChild, type EngineSetting } from "./engine-child.ts";

export class EngineKeeper {
  readonly #setting: EngineSetting;
  #engine: Promise<EngineChild>;
  #current: EngineChild | null = null;
  #killsDone = 0;
  #isStopping = false;
  readonly #onFailure: (what: string) => void;

  /** @param onFailure - the engine has ended by itself, or could not be started again. */
  constructor(setting: EngineSetting, onFailure: (what: string) => void) {
    this.#setting = setting;
    this.#onFailure = onFailure;
    this.#engine = this.#start();
  }

  /** Resolves when the engine runs for the first time. @throws {Error} if it does not start. */
  async started(): Promise<void> {
    await this.#engine;
  }

  /** The intake's port; waits while the engine is down. Null if it could not be started again. */
  async port(): Promise<number | null> {
    const [engine] = await Promise.allSettled([this.#engine]);
    return engine.status === "fulfilled" ? engine.value.port : null;
  }

  /** Kills that the engine really died of. */
  get killsDone(): number {
    return this.#killsDone;
  }

  async #start(): Promise<EngineChild> {
    const engine = await startEngine(this.#setting);
    this.#current = engine;
    void engine.ended.then((end) => {
      if (this.#current !== engine || this.#isStopping) return;
      this.#onFailure(`the engine has ended by itself (${describe(end)})`);
    });
    return engine;
  }

  /** One SIGKILL, and the engine is up again; false if that failed. */
  async killOnce(): Promise<boolean> {
    const engine = await this.#engine;
    // From now on whoever needs the engine waits for the next one.
    this.#current = null;
    this.#engine = engine.kill().then(async (end) => {
      if (end.signal === "SIGKILL") this.#killsDone += 1;
      return this.#start();
    });
    const [next] = await Promise.allSettled([this.#engine]);
    if (next.status === "rejected") this.#onFailure(String(next.reason));
    return next.status === "fulfilled";
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
