/** Workers and their supervisor: who ends is started again, as in any real installation. */
import type { End } from "../kill/programs.ts";
import { WorkerProcess, type Way } from "./worker-process.ts";
import type { WorkerSettings } from "./worker.ts";

/** Lives of one place in a fleet: more means that it dies by itself again and again. */
const LIVES_MAX = 2000;
/** Lives in a row that never got ready: nobody will. */
const UNREADY_MAX = 15;
/** Pause before a place is filled anew whose worker never got ready, milliseconds. */
const PAUSE_MS = 200;

export interface FleetOptions {
  readonly settings: WorkerSettings;
  readonly ways: readonly Way[];
  /** Told of each worker that is ready, one at a time: nobody else gets ready meanwhile. */
  readonly onReady?: (worker: WorkerProcess) => Promise<void>;
}

export class Fleet {
  /** Of those that were not killed by their script: how each has ended. */
  readonly ends: End[] = [];
  readonly #options: FleetOptions;
  readonly #places: (WorkerProcess | null)[];
  /** Started and not ready yet: one at a time. */
  #unready: WorkerProcess | null = null;
  readonly #running: Promise<void>[];
  readonly #ended = new Map<string, () => void>();
  #starting: Promise<void> = Promise.resolve();
  #heard: (() => void)[] = [];
  #isClosing = false;
  /** Why a place is not filled any more. */
  #failure: unknown = null;
  #isHeld = false;
  #release: () => void = () => undefined;
  #held: Promise<void> = Promise.resolve();

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#places = options.ways.map(() => null);
    this.#running = options.ways.map((way, place) => this.#fill(place, way));
    for (const running of this.#running) {
      running.catch((error: unknown) => {
        this.#failure = error;
        this.#tell();
      });
    }
  }

  /** Those that are ready, in the order of their places. */
  get workers(): readonly WorkerProcess[] {
    return this.#places.filter((worker) => worker !== null && !worker.hasEnded) as WorkerProcess[];
  }

  /** Resolves when every place has a worker that is ready. */
  async whole(): Promise<readonly WorkerProcess[]> {
    while (this.workers.length < this.#places.length) await this.#news();
    return this.workers;
  }

  /** Resolves with one that is ready. */
  async some(choose: (from: readonly WorkerProcess[]) => number): Promise<WorkerProcess> {
    for (;;) {
      const worker = this.workers[choose(this.workers)];
      if (worker !== undefined) return worker;
      await this.#news();
    }
  }

  /** Resolves when one of them says that this run has ended, or after that time: it may have died. */
  async heardOfEnd(key: string, msMax: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, msMax);
      this.#ended.set(key, () => {
        clearTimeout(timer);
        resolve();
      });
    });
    this.#ended.delete(key);
  }

  /** Nobody is started again until `resume`. */
  pause(): void {
    if (this.#isHeld) return;
    this.#isHeld = true;
    this.#held = new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  resume(): void {
    this.#isHeld = false;
    this.#release();
  }

  async close(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    this.#isClosing = true;
    this.resume();
    for (const worker of this.#places) worker?.kill(signal);
    // It would get ready afterwards, and nobody would end it.
    this.#unready?.kill("SIGKILL");
    await Promise.allSettled(this.#running);
  }

  async #fill(place: number, way: Way): Promise<void> {
    let unready = 0;
    for (let life = 0; life < LIVES_MAX; life += 1) {
      await this.#held;
      if (this.#isClosing) return;
      const worker = await this.#start(place, way);
      const { code, signal, err } = await worker.ended;
      if (this.#places[place] === worker) this.#places[place] = null;
      if (this.#isClosing) return;
      if (signal !== "SIGKILL") this.ends.push({ code, signal, err });
      this.#tell();
      unready = (await worker.ready) ? 0 : unready + 1;
      if (unready === UNREADY_MAX) throw new Error(`no worker gets ready any more: ${err}`);
      if (worker.attempts === 0) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    throw new Error(
      `place ${String(place)} of the fleet has been filled ${String(LIVES_MAX)} times`,
    );
  }

  /** One after the other. */
  #start(place: number, way: Way): Promise<WorkerProcess> {
    const started = this.#starting.then(async () => {
      const worker = new WorkerProcess(this.#options.settings, way, (key) => {
        this.#ended.get(key)?.();
      });
      this.#unready = worker;
      if (this.#isClosing) worker.kill("SIGKILL");
      if (await worker.ready) {
        await this.#options.onReady?.(worker);
        this.#places[place] = worker;
        this.#tell();
      }
      this.#unready = null;
      return worker;
    });
    this.#starting = started.then(() => undefined);
    return started;
  }

  /** @throws {Error} if a place can be filled no more. */
  async #news(): Promise<void> {
    if (this.#failure === null) {
      await new Promise<void>((resolve) => {
        this.#heard.push(resolve);
      });
    }
    if (this.#failure !== null) throw this.#failure;
  }

  #tell(): void {
    for (const resolve of this.#heard.splice(0)) resolve();
  }
}
