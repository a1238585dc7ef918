/**
 * Brings sleeping runs back: a bounded queue, loaded in batches, as many as there is room for.
 * A run is journalled as running again before anything of it is done, so that a crash knows it.
 */
import { isActive, isFinal } from "../../core/run-state.ts";
import type { StoredRun } from "../../store/rows.ts";
import type { Engine } from "../engine.ts";
import { supersededAtTurn } from "../starts/superseding.ts";
import { ComingBack } from "./coming-back.ts";
import type { LiveRun } from "./live-run.ts";
import { hasBegun } from "./recovery.ts";

export class Wakes {
  readonly #engine: Engine;
  readonly comingBack = new ComingBack();
  #queue: number[] = [];
  #queued = new Set<number>();
  #loading = false;
  /** Runs loaded at a time. Smaller after a failure: one that cannot be loaded is found that way. */
  #batchMax: number;
  /** Loads that have failed since one succeeded. */
  #failures = 0;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#batchMax = engine.limits.wakeBatchMax;
  }

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    return this.#queue.length + this.#queued.size + this.comingBack.keptCount;
  }

  add(runs: readonly number[]): void {
    for (const run of runs) {
      if (this.#queued.has(run)) continue;
      this.#queued.add(run);
      this.#queue.push(run);
    }
    this.pump();
  }

  /** Loads the next batch if there is room. */
  pump(): void {
    const { live, limits, draining } = this.#engine;
    if (this.#loading || this.#queue.length === 0 || draining) return;
    const room = limits.liveRunsMax - live.size;
    if (room <= 0) return;
    this.#loading = true;
    const batch = this.#queue.splice(0, Math.min(room, this.#batchMax));
    for (const run of batch) this.#queued.delete(run);
    void this.#wake(batch).then(() => {
      this.#loading = false;
      this.pump();
    });
  }

  async #wake(batch: readonly number[]): Promise<void> {
    const { committer, store, live, departures } = this.#engine;
    const asleep = batch.filter((run) => !live.has(run));
    if (asleep.length === 0) return;
    const watch = departures.watch();
    try {
      // Their last records may still be in the buffer.
      await committer.durable();
      const stored = await store.load(asleep);
      const old: number[] = [];
      for (const one of stored) {
        if (live.has(one.row.run)) continue;
        if (watch.hasLeft(one.row.run)) old.push(one.row.run);
        else if (!this.#waitsToComeBack(one.row)) this.revive(one, "it is due");
      }
      this.add(old);
      this.#failures = 0;
      this.#batchMax = Math.min(2 * this.#batchMax, this.#engine.limits.wakeBatchMax);
    } catch (error) {
      await this.#putBack(batch, error);
    } finally {
      watch.end();
    }
  }

  /** True if it was at work at a crash, and is not back yet: it is looked at again when it is. */
  #waitsToComeBack({ run, state }: StoredRun["row"]): boolean {
    const turn = isActive(state) ? this.comingBack.turnOf(run) : null;
    if (turn === null) return false;
    this.#engine.background(turn.then(() => this.add([run])));
    return true;
  }

  /** They are loaded again, in two parts; one that fails alone comes after all others. */
  async #putBack(batch: readonly number[], error: unknown): Promise<void> {
    const fresh = batch.filter((run) => !this.#queued.has(run));
    for (const run of fresh) this.#queued.add(run);
    if (batch.length === 1) this.#queue.push(...fresh);
    else this.#queue.unshift(...fresh);
    this.#batchMax = Math.max(1, Math.ceil(batch.length / 2));
    this.#failures += 1;
    await this.#engine.reads.pause("runs that are due", error, this.#failures);
  }

  /** Puts a stored run to work unless it has ended, or waits for its lane. */
  revive(stored: StoredRun, reason: string): LiveRun | null {
    // Another worker's by now: that one brings it back.
    if (isFinal(stored.row.state) || !this.#engine.places.owns(stored.shard)) return null;
    if (this.#waitsForLane(stored)) {
      this.#lookBeforeTurn(stored);
      return null;
    }
    if (supersededAtTurn(this.#engine, stored)) return null;
    const run = this.#engine.resume(stored);
    if (run === null || run.mode === "gone") return run;
    // A run from the front of its lane has done nothing yet: its turn is on record first.
    if (run.state === "waiting" && !hasBegun(stored.records)) run.changeState("running", reason);
    return run;
  }

  /** A run whose turn has not come may be late or be taken back: without its code running. */
  #lookBeforeTurn(stored: StoredRun): void {
    const { deadlineAtMs, state } = stored.row;
    const isLate = deadlineAtMs !== null && deadlineAtMs <= this.#engine.clock.nowMs();
    // At work before its turn: it was being taken back when the process died.
    if (isLate || isActive(state)) this.#engine.lend(stored)?.recheck();
  }

  #waitsForLane({ row }: StoredRun): boolean {
    const { lanes } = this.#engine;
    return row.lane !== null && !lanes.mayGo(row.namespace, row.lane, row.run);
  }

  /**
   * The run in memory, loaded if need be; null if it is not known here, has ended, or waits for its
   * lane (`beforeTurn`: lent then, without its code running).
   */
  async reach(run: number, beforeTurn = false): Promise<LiveRun | null> {
    const { committer, store, live, departures } = this.#engine;
    let hasWaited = false;
    // Once more only if the run came and went while it was being read, or had to be waited for.
    for (;;) {
      const here = live.get(run);
      if (here !== undefined) return here;
      const watch = departures.watch();
      try {
        await committer.durable();
        const [stored] = await store.load([run]);
        if (live.has(run) || watch.hasLeft(run)) continue;
        const isAtWork = stored !== undefined && isActive(stored.row.state);
        const turn = isAtWork && !hasWaited ? this.comingBack.turnOf(run) : null;
        if (turn !== null) {
          hasWaited = true;
          await turn;
          continue;
        }
        return stored === undefined ? null : this.#reached(stored, beforeTurn);
      } finally {
        watch.end();
      }
    }
  }

  #reached(stored: StoredRun, beforeTurn: boolean): LiveRun | null {
    if (isFinal(stored.row.state) || !this.#engine.places.owns(stored.shard)) return null;
    if (beforeTurn && this.#waitsForLane(stored)) return this.#engine.lend(stored);
    return this.revive(stored, "somebody has something for it");
  }
}
