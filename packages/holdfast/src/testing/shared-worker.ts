/** A worker of a shared store, as tests of any driver have it: its looks, its shards, its journal. */
import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { HoldfastError } from "../core/error.ts";
import type { SharedShards, Surroundings, Taken } from "../store/shards.ts";
import type { Store } from "../store/store.ts";
import { SampleJournal, startedHead } from "./sample-journal.ts";

/** Looks until a worker has to see what is so; the second finds what the first has set to dead. */
const LOOKS_MAX = 20;

export class SharedWorker {
  readonly store: Store;
  readonly shards: SharedShards;
  /** Its own, so that its chain begins as an engine's does. */
  readonly sample = new SampleJournal();
  #listener: (seen: Surroundings) => void = () => undefined;
  #looks = false;

  constructor(store: Store) {
    assert.ok(!store.shards.isWhole, "a worker that joins has to share the store");
    this.store = store;
    this.shards = store.shards;
  }

  /** Looks anew until this is so. */
  async sees(what: string, isSo: (seen: Surroundings) => boolean): Promise<void> {
    for (let looks = 0; looks < LOOKS_MAX; looks += 1) if (isSo(await this.#look())) return;
    assert.fail(`after ${String(LOOKS_MAX)} looks it does not see ${what}`);
  }

  /** Looks until these are free, and takes them; nobody else may want them. */
  async take(...shards: readonly number[]): Promise<Taken> {
    await this.seesFree(shards);
    const taken = await this.shards.take(shards);
    assert.deepEqual(inOrder(taken.shards), inOrder(shards));
    return taken;
  }

  seesFree(shards: readonly number[]): Promise<void> {
    return this.sees(`that shards ${shards.join(", ")} are free`, ({ free }) =>
      shards.every((shard) => free.includes(shard)),
    );
  }

  /** Begins a run, and writes it. */
  start(run: number): Promise<void> {
    this.sample.add(run, "started", startedHead(run));
    return this.sample.flushTo(this.store);
  }

  /** Writes a step of each of these runs, in one flush. */
  write(...runs: readonly number[]): Promise<void> {
    for (const run of runs) this.sample.add(run, "result", null, { name: "step" });
    return this.sample.flushTo(this.store);
  }

  /** Numbers of the records that the store has of a run. */
  async seqsOf(run: number): Promise<readonly number[]> {
    const [stored] = await this.store.load([run]);
    return stored?.records.map(({ seq }) => seq) ?? [];
  }

  #look(): Promise<Surroundings> {
    return new Promise((resolve) => {
      this.#listener = resolve;
      if (this.#looks) {
        this.shards.lookSoon();
        return;
      }
      this.#looks = true;
      this.shards.onLook((seen) => {
        this.#listener(seen);
      });
    });
  }
}

/** More flushes than it takes to take a shard, and those that are still tried once that is done. */
const FLUSHES_MAX = 2_000;
const FLUSHES_AFTER = 5;

/** A worker that writes one record after the other, two flushes under way at a time, until it is refused. */
export class BusyWriter {
  readonly #worker: SharedWorker;
  readonly #run: number;
  readonly #first: Promise<boolean>;
  readonly #ended: Promise<void>;
  #left = FLUSHES_MAX;
  #acknowledged = 0;
  #refusal: unknown = null;

  constructor(worker: SharedWorker, run: number) {
    this.#worker = worker;
    this.#run = run;
    this.#first = this.#flush();
    this.#ended = this.#goOn();
  }

  /** Resolves when its first flush is done and the next ones are under way. */
  async atWork(): Promise<void> {
    await this.#first;
    await turn();
  }

  /** Lets it try a few more. Answers how many were acknowledged. */
  async end(): Promise<number> {
    this.#left = Math.min(this.#left, FLUSHES_AFTER);
    await this.#ended;
    if (this.#refusal !== null && !isReplaced(this.#refusal)) throw this.#refusal;
    return this.#acknowledged;
  }

  async #goOn(): Promise<void> {
    let before = this.#first;
    for (; this.#left > 0; this.#left -= 1) {
      const next = this.#flush();
      const isDone = await before;
      before = next;
      if (!isDone) break;
    }
    await before;
  }

  async #flush(): Promise<boolean> {
    try {
      await this.#worker.write(this.#run);
      this.#acknowledged += 1;
      return true;
    } catch (error) {
      this.#refusal ??= error;
      return false;
    }
  }
}

export interface PlacedRun {
  readonly run: number;
  readonly shard: number;
}

/** More runs than are needed to find some in shards that differ. */
const RUNS_MAX = 1_000;

/** Runs of which no two begin in one shard, and none in the keeper's. */
export function runsApart(shards: SharedShards, count: number): readonly PlacedRun[] {
  const found = new Map<number, PlacedRun>();
  for (let run = 1; run <= RUNS_MAX && found.size < count; run += 1) {
    const shard = shards.ofStart(startedHead(run));
    if (shard !== 0 && !found.has(shard)) found.set(shard, { run, shard });
  }
  assert.equal(found.size, count, "runs with different keys begin in too few shards");
  return [...found.values()];
}

/** How the fence refuses: HF5012, whatever is written. */
export function isReplaced(error: unknown): boolean {
  return error instanceof HoldfastError && error.code === "HF5012";
}

export function inOrder(numbers: Iterable<number>): number[] {
  return [...numbers].toSorted((left, right) => left - right);
}
