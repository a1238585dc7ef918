/**
 * A world to test the engine in: the real SQLite store in a folder of its own, time that moves only
 * when told, seeded chance, and lives of the engine that end cleanly or by a crash.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatRunId } from "../core/run-number.ts";
import type { Neighbours } from "./neighbours.ts";
import type { ExceptionPolicy } from "../core/exception-policy.ts";
import type { AppRetention } from "../core/retention.ts";
import type { EffectRow, ExceptionRow, ReviewRow, RunRow } from "../store/rows.ts";
import type { JournalRecord } from "../core/journal.ts";
import type { Store, StoreReader } from "../store/store.ts";
import { openSqliteReader, openSqliteStore, type SqliteStore } from "../store-sqlite/index.ts";
import { seededRandom } from "../testing/seeded-random.ts";
import type { AnyEffect } from "../workflow/effect.ts";
import type { AnyWorkflow } from "../workflow/workflow.ts";
import { Counterpart, type Memory } from "./counterpart.test-support.ts";
import { Engine } from "./engine.ts";
import type { EngineEvent } from "./events.ts";
import type { EngineLimits } from "./limits.ts";
import { ManualClock } from "../testing/bed/manual-clock.ts";
import { WatchedStore, type FlushFate, type FlushSeen } from "../testing/bed/watched-store.ts";

const DAY_MS = 86_400_000;

/** Turns of the event loop without any activity after which nothing more is expected. */
const QUIET_TURNS = 40;
const TURNS_MAX = 1_000_000;
/** Timers that one wait may fire before it is given up. */
const TIMERS_MAX = 20_000;

export interface LifeOptions {
  readonly limits?: Partial<EngineLimits>;
  readonly version?: string;
  readonly earlierVersions?: readonly string[];
  readonly effects?: readonly AnyEffect[];
  readonly retention?: AppRetention;
  readonly exceptions?: ExceptionPolicy;
  readonly fateOf?: (flush: FlushSeen) => FlushFate;
  /** The store as the engine shall see it. */
  readonly onStore?: (store: Store) => Store;
  readonly failsRead?: WatchedStore["failsRead"];
  readonly alter?: WatchedStore["alter"];
  /** Other cells. */
  readonly neighbours?: Neighbours;
}

export interface Life {
  readonly engine: Engine;
  readonly watched: WatchedStore;
  readonly events: EngineEvent[];
}

export class TestWorld {
  readonly clock = new ManualClock();
  readonly path: string;
  readonly #folder: string;
  readonly #seed: number;
  readonly #counterparts: Counterpart[] = [];
  #lifeNumber = 0;
  #reader: StoreReader | null = null;
  #life: (Life & { readonly store: SqliteStore; readonly number: number }) | null = null;
  /** Resolves when a flush's fate has ended the life. */
  #died: (() => void) | null = null;

  constructor(seed = 1) {
    this.#seed = seed;
    this.#folder = mkdtempSync(join(tmpdir(), "holdfast-engine-"));
    this.path = join(this.#folder, "store.db");
  }

  counterpart(name: string, memory: Memory = "none"): Counterpart {
    const counterpart = new Counterpart(name, memory, this.clock);
    this.#counterparts.push(counterpart);
    return counterpart;
  }

  get life(): Life {
    if (this.#life === null) throw new Error("no engine lives in this world now");
    return this.#life;
  }

  get engine(): Engine {
    return this.life.engine;
  }

  /** Opens the store and starts an engine on it; resolves when recovery is over and all is quiet. */
  async begin(workflows: readonly AnyWorkflow[], options: LifeOptions = {}): Promise<Engine> {
    const engine = await this.beginOnly(workflows, options);
    await this.settle();
    return engine;
  }

  /** Like `begin`, but does not wait for anything after `start`. */
  async beginOnly(workflows: readonly AnyWorkflow[], options: LifeOptions = {}): Promise<Engine> {
    if (this.#life !== null) throw new Error("an engine lives already");
    this.#lifeNumber += 1;
    const number = this.#lifeNumber;
    const bytes = seededRandom(this.#seed, `bytes ${String(number)}`);
    const store = await openSqliteStore({
      path: this.path,
      thread: "inline",
      nowMs: () => this.clock.nowMs(),
      randomBytes: (count) => Uint8Array.from({ length: count }, () => bytes.integer(256)),
      // Upkeep writes its anchor on a timer of the system; tests of the engine need none of it.
      anchorEveryMs: 3_600_000,
    });
    const watched = new WatchedStore(store, options.fateOf ?? (() => "applied"), () => {
      this.clock.endLife(number);
      this.#died?.();
    });
    watched.failsRead = options.failsRead ?? watched.failsRead;
    watched.alter = options.alter ?? watched.alter;
    const engine = new Engine({
      store: options.onStore?.(watched.store) ?? watched.store,
      clock: this.clock.ofLife(number),
      random: seededRandom(this.#seed, `engine ${String(number)}`),
      workflows,
      ...(options.effects === undefined ? {} : { effects: options.effects }),
      ...(options.retention === undefined ? {} : { retention: options.retention }),
      version: options.version ?? "1",
      ...(options.earlierVersions === undefined
        ? {}
        : { earlierVersions: options.earlierVersions }),
      ...(options.neighbours === undefined ? {} : { neighbours: options.neighbours }),
      ...(options.exceptions === undefined ? {} : { exceptions: options.exceptions }),
      // Polls of an inbox that nobody uses would fill every long wait with timers.
      limits: { inboxIdleMs: 30 * DAY_MS, inboxBusyMs: 30 * DAY_MS, ...options.limits },
    });
    const events: EngineEvent[] = [];
    engine.on((event) => {
      events.push(event);
    });
    this.#life = { engine, watched, events, store, number };
    await this.#orDeath(engine.start());
    return engine;
  }

  async #orDeath(work: Promise<unknown>): Promise<void> {
    await Promise.race([
      work,
      new Promise<void>((resolve) => {
        this.#died = resolve;
        if (this.#life?.watched.isDead === true) resolve();
      }),
    ]);
  }

  /** The process is gone from one moment to the next: no call answers, no timer fires. */
  async crash(): Promise<void> {
    const life = this.#life;
    if (life === null) throw new Error("no engine lives");
    life.watched.isDead = true;
    this.clock.endLife(life.number);
    await life.store.abandon();
    this.#life = null;
  }

  async close(): Promise<void> {
    const life = this.#life;
    if (life === null) return;
    await this.#withTimers(life.engine.close());
    this.clock.endLife(life.number);
    this.#life = null;
  }

  /** Ends everything and removes the folder. */
  async remove(): Promise<void> {
    if (this.#life !== null) await this.crash();
    await this.#reader?.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #activity(): number {
    let requests = 0;
    for (const c of this.#counterparts) requests += c.requests.length + c.lookups.length;
    const life = this.#life;
    return (
      this.clock.askedCount +
      requests +
      (life === null ? 0 : life.watched.activity + life.events.length)
    );
  }

  /** Lets everything happen that needs no time to pass. */
  async settle(): Promise<void> {
    let quiet = 0;
    let last = this.#activity;
    for (let turn = 0; turn < TURNS_MAX; turn += 1) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (this.#activity === last) quiet += 1;
      else quiet = 0;
      last = this.#activity;
      if (quiet >= QUIET_TURNS) return;
    }
    throw new Error("it does not come to rest");
  }

  /** Lets time pass, timer by timer. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.clock.nowMs() + byMs;
    await this.settle();
    for (let fired = 0; this.clock.fireNext(untilMs); fired += 1) {
      if (fired >= TIMERS_MAX) throw new Error(`more than ${String(TIMERS_MAX)} timers`);
      await this.settle();
    }
    this.clock.setMs(untilMs);
    await this.settle();
  }

  /** Lets time pass until something is so; fails if it does not become so within `withinMs`. */
  async until(
    what: string,
    isSo: () => boolean | Promise<boolean>,
    withinMs = 30 * DAY_MS,
  ): Promise<void> {
    const untilMs = this.clock.nowMs() + withinMs;
    await this.settle();
    for (let fired = 0; fired < TIMERS_MAX; fired += 1) {
      if (await isSo()) return;
      if (!this.clock.fireNext(untilMs)) break;
      await this.settle();
    }
    if (!(await isSo())) throw new Error(`it never came to this: ${what}`);
  }

  async #withTimers(work: Promise<unknown>): Promise<void> {
    const progress = { isOver: false };
    const over = work.finally(() => {
      progress.isOver = true;
    });
    for (let fired = 0; fired < TIMERS_MAX; fired += 1) {
      await this.settle();
      if (progress.isOver || !this.clock.fireNext()) break;
    }
    await over;
  }

  async start(
    workflow: AnyWorkflow,
    input: unknown,
    options: { readonly by?: string } = {},
  ): Promise<number> {
    const { run } = await this.engine.startRun(workflow, input, options);
    return run;
  }

  async #reading(): Promise<StoreReader> {
    this.#reader ??= await openSqliteReader({ path: this.path });
    return this.#reader;
  }

  /** The run as the store has it, all records written. */
  async row(run: number): Promise<RunRow> {
    await this.settle();
    const row = await (await this.#reading()).run(run);
    if (row === null) throw new Error(`no run ${formatRunId(run)}`);
    return row;
  }

  async stateOf(run: number): Promise<string> {
    return (await this.row(run)).state;
  }

  async untilState(run: number, ...states: readonly string[]): Promise<void> {
    let last = "";
    try {
      await this.until(`state ${states.join(" or ")}`, async () => {
        const row = await this.row(run);
        last = `${row.state}: ${row.reason}`;
        return states.includes(row.state);
      });
    } catch (error) {
      throw new Error(`${String(error)}; it is ${last}`, { cause: error });
    }
  }

  /** The result of a run that has completed. */
  async resultOf(run: number): Promise<unknown> {
    await this.untilState(run, "completed", "stopped", "cancelled");
    const end = await this.engine.end(run);
    if (end.state !== "completed") throw new Error(`it was ${end.state}: ${end.reason}`);
    return JSON.parse(end.data ?? "null") as unknown;
  }

  async records(run: number): Promise<readonly JournalRecord[]> {
    await this.settle();
    return (await this.#reading()).records(run, 0, 100_000);
  }

  async exceptions(run?: number): Promise<readonly ExceptionRow[]> {
    await this.settle();
    const reader = await this.#reading();
    return reader.exceptions({
      afterRun: -1,
      limit: 10_000,
      all: true,
      ...(run === undefined ? {} : { run }),
    });
  }

  async effects(run: number): Promise<readonly EffectRow[]> {
    await this.settle();
    return (await this.#reading()).effects({ afterRun: 0, limit: 10_000, run });
  }

  async reviews(run: number): Promise<readonly ReviewRow[]> {
    await this.settle();
    return (await this.#reading()).reviews({ afterRun: 0, limit: 10_000, run, all: true });
  }

  async earlyAnswers() {
    await this.settle();
    return (await this.#reading()).earlyAnswers(10_000);
  }

  async received() {
    await this.settle();
    return (await this.#reading()).received({ after: null, limit: 10_000 });
  }

  async counters(prefix: string) {
    await this.settle();
    return (await this.#reading()).counters(prefix);
  }

  async dependencies() {
    await this.settle();
    return (await this.#reading()).dependencies();
  }

  async allRuns(): Promise<readonly RunRow[]> {
    return (await this.#reading()).runs({ afterRun: 0, limit: 10_000 });
  }
}
