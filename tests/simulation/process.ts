/** One worker: a process with an engine in it, which dies, is stopped, and is started again. */
import { Engine } from "#src/engine/engine.ts";
import type { EngineEvent } from "#src/engine/events.ts";
import type { EngineLimits } from "#src/engine/limits.ts";
import type { AnyEffect } from "#src/workflow/effect.ts";
import type { AnyWorkflow } from "#src/workflow/workflow.ts";
import { seededRandom } from "#src/testing/seeded-random.ts";
import type { Store } from "#src/store/store.ts";
import type { StoreFaults } from "./plan.ts";
import type { Life, Scheduler } from "./scheduler.ts";
import { memoryStore } from "./store/memory-store.ts";
import { SharedPart } from "./store/shared.ts";
import { Way } from "./store/way.ts";
import { earlierThan, type CodeVersion } from "./versions.ts";
import type { Chain, Disk } from "./store/disk.ts";

/** What an app brings along: made anew for each process, because its calls are the process's own. */
export interface Definitions {
  readonly workflows: readonly AnyWorkflow[];
  readonly effects: readonly AnyEffect[];
}

export interface ProcessOptions {
  readonly name: string;
  readonly seed: number;
  /** Counts over all processes of the simulation. */
  readonly number: number;
  readonly isShared: boolean;
  /** Of the code that it runs. */
  readonly version: CodeVersion;
  /** Limits of this world. */
  readonly limits: Partial<EngineLimits>;
  readonly disk: Disk;
  readonly scheduler: Scheduler;
  readonly skewMs: number;
  readonly faults: () => StoreFaults | null;
  readonly define: (process: Process) => Definitions;
  readonly note: (text: string) => void;
  /** It has died, of itself or because the simulation killed it. */
  readonly onDeath: (process: Process, why: string) => void;
  readonly onPost: (shard: number) => void;
  readonly onEvent: (process: Process, event: EngineEvent) => void;
}

/** Polls of an inbox that nobody uses would be most of what happens. */
const LIMITS = { inboxBusyMs: 2_000, inboxIdleMs: 60_000, inboxToldMs: 60_000, drainMs: 5_000 };

/** Runs that wait for less than this stay in memory: each seed has another. */
const KEEP_LIVE_MS = [0, 1_000, 60_000];

export class Process implements Life {
  readonly name: string;
  readonly version: CodeVersion;
  readonly engine: Engine;
  readonly chain: Chain;
  isDead = false;
  isReady = false;
  stoppedUntilMs = 0;
  skewMs: number;
  readonly #options: ProcessOptions;
  readonly #shared: SharedPart | null;
  #onPosted: () => void = () => undefined;

  constructor(options: ProcessOptions) {
    const { disk, scheduler, seed, number, name } = options;
    this.#options = options;
    this.name = name;
    this.version = options.version;
    this.skewMs = options.skewMs;
    const random = seededRandom(seed, `process ${String(number)}`);
    this.chain = disk.enter(2 ** 20 * (number + 1) + random.integer(2 ** 20), scheduler.nowMs);
    const kill = (why: string) => {
      this.die(why);
    };
    const way = new Way({
      disk,
      chain: this.chain,
      life: this,
      scheduler,
      random: seededRandom(seed, `store ${String(number)}`),
      faults: options.faults,
      kill,
      note: (text) => {
        options.note(`${name} ${text}`);
      },
      fence: (records, targets) => {
        this.#shared?.require(records, targets);
      },
    });
    const via = <T>(verb: string, act: () => T) => way.call(verb, act);
    const { chain } = this;
    const onDeath = (error: Error) => {
      kill(error.message);
    };
    const shared = { disk, chain, via, scheduler, life: this, onDeath, onPost: options.onPost };
    this.#shared = options.isShared ? new SharedPart(shared) : null;
    this.engine = this.#engine(way, via, random);
  }

  #engine(
    way: Way,
    via: <T>(verb: string, act: () => T) => Promise<T>,
    random: { next(): number },
  ) {
    const { disk, scheduler, define, onEvent, seed, limits } = this.#options;
    const store: Store = memoryStore({
      disk,
      chain: this.chain,
      via,
      shards: this.#shared?.shards ?? { isWhole: true },
      flush: (batch) => way.flush(batch),
      onPosted: (listener) => {
        this.#onPosted = listener;
        return () => true;
      },
      onFatal: () => undefined,
    });
    const keepLiveMs = KEEP_LIVE_MS[seed % KEEP_LIVE_MS.length] ?? 1_000;
    const engine = new Engine({
      store,
      clock: scheduler.clockOf(this),
      random,
      ...define(this),
      version: this.version,
      earlierVersions: earlierThan(this.version),
      limits: { ...LIMITS, keepLiveMs, ...limits },
    });
    engine.on((event) => {
      if (this.isDead) return;
      onEvent(this, event);
      if (event.type === "engine.fatal") this.die(event.message);
    });
    return engine;
  }

  start(): void {
    this.#options.note(`${this.name} starts`);
    this.engine.start().then(
      () => {
        this.isReady = true;
      },
      (error: unknown) => {
        this.die(`cannot start: ${String(error)}`);
      },
    );
  }

  /** A command was posted that this process is to take. */
  hint(): void {
    if (!this.isDead) this.#onPosted();
  }

  owns(shard: number): boolean {
    return this.#options.disk.shards[shard]?.owner === this.chain.incarnation;
  }

  die(why: string): void {
    if (this.isDead) return;
    this.isDead = true;
    this.isReady = false;
    this.#shared?.close();
    // An embedded store has one writer: its lock goes with its process.
    if (!this.#options.isShared) this.chain.isAlive = false;
    this.#options.onDeath(this, why);
  }
}
