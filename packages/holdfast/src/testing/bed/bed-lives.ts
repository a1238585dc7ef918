/**
 * The engine of a test bed over its lives: the real one, on a database in memory that outlives its
 * crashes, under a clock that moves only when the test moves it.
 */
import { Engine } from "../../engine/engine.ts";
import type { EngineOptions } from "../../engine/engine-options.ts";
import { Deferred } from "../../engine/run/deferred.ts";
import { LocalStep } from "../../engine/steps/local-step.ts";
import type { LiveRun } from "../../engine/run/live-run.ts";
import type { StoredRun } from "../../store/rows.ts";
import { openSqliteStore, type SqliteStore } from "../../store-sqlite/index.ts";
import { SqliteMemory, type RunStands } from "../../store-sqlite/memory.ts";
import { seededRandom } from "../seeded-random.ts";
import { FakeWorld } from "./fake-world.ts";
import { ManualClock } from "./manual-clock.ts";
import { WatchedStore, type FlushFate, type FlushSeen } from "./watched-store.ts";

const DAY_MS = 86_400_000;
const ALONE = { inboxIdleMs: 30 * DAY_MS, inboxBusyMs: 30 * DAY_MS, timersAheadMs: 60 * DAY_MS };
/** Turns of the event loop without any activity after which nothing more is expected. */
const QUIET_TURNS = 12;
const TURNS_MAX = 1_000_000;
/** Timers that may fire in one minute of virtual time before the wait is given up. */
const TIMERS_MAX = 20_000;
const MINUTE_MS = 60_000;
/** A test may let the process die whenever it is asked something. */
const ASKED_MAX = 100;
/** How long the own code of a step may take, milliseconds of the real clock. */
const STEP_MS_MAX = 10_000;
/** Between two looks whether such a step has come back, milliseconds of the real clock. */
const STEP_LOOK_MS = 1;

export type BedEngineOptions = Omit<EngineOptions, "store" | "clock" | "random" | "outside">;

interface Life {
  readonly engine: Engine;
  readonly watched: WatchedStore;
  readonly store: SqliteStore;
  readonly number: number;
  readonly death: Deferred<void>;
  eventCount: number;
}

export class BedLives {
  readonly clock = new ManualClock();
  readonly world: FakeWorld;
  /** What becomes of each flush; a death of the process ends this life, and the next one begins. */
  fateOf: (flush: FlushSeen) => FlushFate = () => "applied";
  /** Flushes of all lives. */
  flushCount = 0;
  /** Runs in the order in which they were started. */
  readonly runs: number[] = [];
  readonly #memory = new SqliteMemory();
  readonly #options: BedEngineOptions;
  readonly #seed: number;
  #life: Life | null = null;
  #beginning: Promise<Life> | null = null;
  #lifeCount = 0;
  #isClosed = false;

  constructor(options: BedEngineOptions, seed: number) {
    this.#options = options;
    this.#seed = seed;
    this.world = new FakeWorld(this.clock, seed);
  }

  /** How often the process has died, or was killed. */
  get crashCount(): number {
    return Math.max(0, this.#lifeCount - 1);
  }

  /** The engine that lives; a new one where none does. */
  async engine(): Promise<Engine> {
    if (this.#isClosed) throw new Error("the test bed was closed");
    if (this.#life?.watched.isDead === true) await this.#bury();
    if (this.#life !== null) return this.#life.engine;
    // One at a time: whoever asks meanwhile waits for the same.
    this.#beginning ??= this.#begin().finally(() => {
      this.#beginning = null;
    });
    return (await this.#beginning).engine;
  }

  /** The process is gone from one moment to the next, and another one starts. */
  async crash(): Promise<void> {
    await this.engine();
    await this.#bury();
    await this.settle();
  }

  async close(): Promise<void> {
    await this.#bury();
    this.#isClosed = true;
    this.#memory.close();
  }

  /** Lets everything happen that needs no time to pass, over crashes. */
  async settle(): Promise<void> {
    for (;;) {
      await this.engine();
      await this.#quiet();
      if (this.world.problem !== null) throw this.world.problem;
      if (this.#life?.watched.isDead !== true) return;
    }
  }

  /** Lets time pass, timer by timer. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.clock.nowMs() + byMs;
    await this.passUntil(untilMs, () => false);
    this.clock.setMs(untilMs);
    await this.settle();
  }

  /**
   * Lets time pass until then, or until it is so.
   *
   * @throws {Error} if it would fire more timers than that in all, or too many in one minute.
   */
  async passUntil(
    untilMs: number,
    isSo: () => boolean | Promise<boolean>,
    timersMax = Number.POSITIVE_INFINITY,
  ): Promise<void> {
    await this.settle();
    let minuteMs = this.clock.nowMs();
    let inMinute = 0;
    for (let fired = 0; fired < timersMax && inMinute < TIMERS_MAX; fired += 1) {
      if ((await isSo()) || !this.clock.fireNext(untilMs)) return;
      await this.settle();
      inMinute += 1;
      if (this.clock.nowMs() - minuteMs < MINUTE_MS) continue;
      minuteMs = this.clock.nowMs();
      inMinute = 0;
    }
    throw new Error(
      `It does not come to rest: ${String(Math.min(timersMax, TIMERS_MAX))} timers have fired, and more are to come. Does the workflow wait in a loop that never ends?`,
    );
  }

  /**
   * What an engine says to this; asked anew of the next one where it dies before it has answered.
   *
   * @throws {Error} if it answers only when time passes, or dies each time.
   */
  async ask<T>(question: (engine: Engine) => Promise<T>): Promise<T> {
    for (let tries = 0; tries < ASKED_MAX; tries += 1) {
      const engine = await this.engine();
      const told: {
        answer: { readonly value: T } | null;
        failure: { readonly error: unknown } | null;
      } = { answer: null, failure: null };
      question(engine).then(
        (value) => (told.answer = { value }),
        (error: unknown) => (told.failure = { error }),
      );
      await this.settle();
      if (told.answer !== null) return told.answer.value;
      if (told.failure !== null) throw told.failure.error;
      if (this.#life?.engine === engine)
        throw new Error(
          "This is answered only when a call that is under way has come back: let time pass.",
        );
    }
    throw new Error(`The process died ${String(ASKED_MAX)} times before it had answered.`);
  }

  /** Where every run stands, as far as it is on disk. */
  stands(): readonly RunStands[] {
    return this.#memory.stands();
  }

  async stored(runs: readonly number[]): Promise<readonly StoredRun[]> {
    for (let tries = 0; tries < ASKED_MAX; tries += 1) {
      const { store, committer } = await this.engine();
      const death = this.#life?.death.promise.then(() => null);
      const read = committer.durable().then(() => store.load(runs));
      const found = await Promise.race([read, death]);
      if (found !== null && found !== undefined) return found;
    }
    throw new Error(`The process died ${String(ASKED_MAX)} times before it had answered.`);
  }

  async #begin(): Promise<Life> {
    this.#lifeCount += 1;
    const number = this.#lifeCount;
    const bytes = seededRandom(this.#seed, `bytes ${String(number)}`);
    const store = await openSqliteStore({
      path: ":memory:",
      memory: this.#memory,
      nowMs: () => this.clock.nowMs(),
      randomBytes: (count) => Uint8Array.from({ length: count }, () => bytes.integer(256)),
    });
    const death = new Deferred<void>();
    const watched = new WatchedStore(
      store,
      (flush) => this.#fateOf(flush),
      () => {
        this.clock.endLife(number);
        death.resolve();
      },
    );
    const { limits, ...options } = this.#options;
    const engine = new Engine({
      ...options,
      store: watched.store,
      clock: this.clock.ofLife(number),
      random: seededRandom(this.#seed, `engine ${String(number)}`),
      outside: this.world,
      // No other process writes to this store: looking for that would fill long waits with timers.
      limits: { ...ALONE, ...limits },
    });
    const life: Life = { engine, watched, store, number, death, eventCount: 0 };
    engine.on(() => {
      life.eventCount += 1;
    });
    // Only now: whoever asks for the engine before waits until it has started.
    await this.#orDeath(life, engine.start());
    this.#life = life;
    return life;
  }

  /** A process that dies while it starts never says that it has. */
  async #orDeath({ death }: Life, starting: Promise<void>): Promise<void> {
    starting.catch(() => undefined);
    await Promise.race([starting, death.promise]);
  }

  #fateOf(flush: FlushSeen): FlushFate {
    this.flushCount += 1;
    const fate = this.fateOf(flush);
    if (fate !== "refused" && fate !== "diesBefore") {
      flush.kinds.forEach((kind, index) => {
        if (kind === "started") this.runs.push(flush.runs[index] ?? 0);
      });
    }
    return fate;
  }

  async #bury(): Promise<void> {
    const life = this.#life;
    if (life === null) return;
    life.watched.isDead = true;
    this.clock.endLife(life.number);
    this.#life = null;
    await life.store.abandon();
  }

  get #activity(): number {
    const life = this.#life;
    const ofLife = life === null ? 0 : life.watched.activity + life.eventCount;
    return this.clock.askedCount + this.world.activity + ofLife;
  }

  async #quiet(): Promise<void> {
    let quiet = 0;
    let last = this.#activity;
    let waitedMs = 0;
    for (let turn = 0; turn < TURNS_MAX; turn += 1) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      quiet = this.#activity === last ? quiet + 1 : 0;
      last = this.#activity;
      if (quiet < QUIET_TURNS) continue;
      const step = this.#stepAtWork();
      if (step === null) return;
      if (waitedMs >= STEP_MS_MAX) throw stillAtWork(step);
      waitedMs += STEP_LOOK_MS;
      await new Promise<void>((resolve) => setTimeout(resolve, STEP_LOOK_MS));
    }
    throw new Error("it does not come to rest");
  }

  /** A step whose own code has not come back: it is real, and so is the time that it takes. */
  #stepAtWork(): string | null {
    const life = this.#life;
    if (life === null || life.watched.isDead) return null;
    for (const run of life.engine.live.values()) {
      const step = stepAtWork(run);
      if (step !== null) return step;
    }
    return null;
  }
}

function stepAtWork(run: LiveRun): string | null {
  for (const { ended, wait, verb, path } of run.open) {
    if (!ended && wait === null && verb instanceof LocalStep) return path;
  }
  return null;
}

function stillAtWork(step: string): Error {
  return new Error(
    `Step "${step}" has not come back within ${String(STEP_MS_MAX / 1000)} s. The code of a step ` +
      `runs for real in a test bed: give it something that answers, or make it an effect.`,
  );
}
