/** How runs end, and who hears of it: callers of this process, and the runs that wait for them. */
import { HoldfastError } from "../../core/error.ts";
import { formatRunId } from "../../core/run-number.ts";
import { isFinal } from "../../core/run-state.ts";
import { hasLeft } from "../../store/has-left.ts";
import type { RunRow, StoredRun } from "../../store/rows.ts";
import type { Engine } from "../engine.ts";
import { CellAway, type Neighbours } from "../neighbours.ts";
import { refuseCircle } from "../starts/call-circle.ts";
import { refuseDeadlock } from "../starts/lane-deadlock.ts";
import { RemoteEnds } from "../workers/remote-ends.ts";
import { ChildWaiters, EndWaiters, endOf, type ChildWaiter, type RunEnd } from "./waiters.ts";

export class RunEnds {
  readonly #engine: Engine;
  readonly #waiters = new EndWaiters();
  readonly #parents = new ChildWaiters();

  readonly #remote: RemoteEnds | null;
  #lastLook: Promise<unknown> = Promise.resolve();

  constructor(engine: Engine) {
    this.#engine = engine;
    const { shared } = engine.places;
    this.#remote =
      shared === null ? null : new RemoteEnds(engine, shared, (run) => this.#endedElsewhere(run));
  }

  close(): void {
    this.#remote?.close();
  }

  /** Runs have gone to other workers: their ends will be told there. */
  lookAgain(): void {
    for (const run of [...this.#waiters.runs, ...this.#parents.runs]) this.#remote?.watch(run);
  }

  async #endedElsewhere(run: number): Promise<void> {
    const end = await this.endOf(run, null);
    if (end === null) return;
    this.#waiters.ended(run, end);
    for (const parent of this.#parents.ended(run)) this.#tellParent(parent, run, end);
  }

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    return this.#waiters.keptCount + this.#parents.keptCount + (this.#remote?.keptCount ?? 0);
  }

  /** Nobody hears of the end before it is durable. */
  async tell(row: RunRow, end: RunEnd): Promise<void> {
    const { run, workflow, key } = row;
    await this.#engine.committer.durable();
    const { state, reason } = end;
    this.#engine.emit({ type: "run.finished", run, workflow, key, state, reason });
    this.#waiters.ended(run, end);
    for (const parent of this.#parents.ended(run)) this.#tellParent(parent, run, end);
    if (row.parentRun === null || row.parentStep === null) return;
    this.#tellParent({ run: row.parentRun, step: row.parentStep }, run, end);
  }

  #tellParent(parent: ChildWaiter, child: number, end: RunEnd): void {
    this.#engine.background(
      this.#inCellOf(parent.run, ({ commands }) => {
        commands.childEnded(parent, child, end);
      }),
    );
  }

  /** A child needs a person: its parent, which waits for it, is to say so. */
  childStands(parent: number, step: string, child: number): void {
    this.#engine.background(
      this.#inCellOf(parent, ({ commands }) => {
        commands.childStands(parent, step, child);
      }),
    );
  }

  async #inCellOf(run: number, act: (engine: Engine) => void): Promise<void> {
    const { neighbours, live } = this.#engine;
    if (neighbours === null || live.has(run)) {
      act(this.#engine);
      return;
    }
    try {
      act((await neighbours.engineOf(run)) ?? this.#engine);
    } catch (error) {
      // A parent whose cell is away looks after its child by itself.
      if (!(error instanceof CellAway)) throw error;
    }
  }

  /**
   * How a run has ended; null if it has not, and then `waiter` hears of it when it does.
   *
   * @throws {HoldfastError} HF1204 if the run waits for `waiter`; nobody waits then.
   *   HF6006 if it has left the store.
   */
  async endOf(run: number, waiter: ChildWaiter | null): Promise<RunEnd | null> {
    return await this.#endOf(run, waiter, waiter?.held === undefined);
  }

  /** @param mayWait - whether that was looked at which a run that has joined another waits for. */
  async #endOf(run: number, waiter: ChildWaiter | null, mayWait: boolean): Promise<RunEnd | null> {
    const { live, reads, places } = this.#engine;
    const here = live.get(run);
    if (here !== undefined) {
      if (!mayWait && joins(here.row, waiter)) return await this.#endOfJoined(here.row, waiter);
      this.#listen(here.row, waiter);
      return null;
    }
    const stored = await reads.patiently("how a run has ended", () => this.#stored(run));
    if (stored === null) {
      await this.#refuseArchived(run);
      return null;
    }
    const end = endOf(stored);
    if (end === null) {
      if (!mayWait && joins(stored.row, waiter)) return await this.#endOfJoined(stored.row, waiter);
      // Its owner tells the parent that has called it; should it die before, it is seen here.
      const isElsewhere = !places.owns(stored.shard);
      this.#listen(stored.row, waiter, isElsewhere);
      if (isElsewhere) this.#remote?.watch(run);
    }
    return end;
  }

  /** One after the other: of two that call each other at the same time one is refused, and not both. */
  async #endOfJoined({ run, workflow }: RunRow, waiter: ChildWaiter): Promise<RunEnd | null> {
    const { committer, limits, reads } = this.#engine;
    const call = { caller: waiter.run, workflow, joined: run };
    const looked = this.#lastLook.then(() =>
      reads.surely("what a called run waits for", async () => {
        await committer.durable();
        return await refusalOf(refuseCircle(this.#engine, call, limits.laneWalkMax));
      }),
    );
    this.#lastLook = looked.catch(() => undefined);
    const refusal = await looked;
    if (refusal !== null) throw refusal;
    return await this.#endOf(run, waiter, true);
  }

  /** How a run ends: at once if it has ended, else when it does. */
  async wait(run: number): Promise<RunEnd> {
    const waiting = this.#waiters.wait(run);
    try {
      const ended = await this.endOf(run, null);
      if (ended !== null) this.#waiters.ended(run, ended);
    } catch (error) {
      this.#waiters.failed(run, error);
    }
    return waiting;
  }

  /** @throws {HoldfastError} HF6006 if the run has left the store. */
  async #refuseArchived(run: number): Promise<void> {
    const { removal } = this.#engine.store;
    const look = () => removal.archivedRuns([run]);
    const gone = await this.#engine.reads.patiently("whether a run has left the store", look);
    const row = gone?.[0];
    if (row !== undefined) throw hasLeft(row);
    if (this.#engine.neighbours === null) return;
    const { cells } = this.#engine.store;
    const ask = async () => ({ store: await cells.carriedRun(run) });
    const carried = await this.#engine.reads.patiently("whether a run was in another cell", ask);
    const store = carried?.store ?? null;
    if (store !== null) throw wasElsewhere(run, this.#engine.neighbours, store);
  }

  async #stored(run: number): Promise<StoredRun | null> {
    const { committer, store } = this.#engine;
    await committer.durable();
    const [stored] = await store.load([run]);
    // Its result cannot be read now: who waits for it goes on waiting, and asks again.
    if (stored?.unreadable !== undefined && isFinal(stored.row.state)) throw stored.unreadable;
    return stored ?? null;
  }

  /** A child tells the parent that started it; who else waits for it has to be remembered. */
  #listen(child: RunRow, waiter: ChildWaiter | null, isElsewhere = false): void {
    if (waiter === null) return;
    if (!isElsewhere && !joins(child, waiter)) return;
    this.#joinLane(child, waiter);
    this.#parents.wait(child.run, waiter);
  }

  /** Whoever has not started the child is not in its record, and waits for its lane all the same. */
  #joinLane(child: RunRow, { run, held = [] }: ChildWaiter): void {
    const { namespace, lane, workflow } = child;
    if (lane === null) return;
    const { lanes, limits } = this.#engine;
    refuseDeadlock(lanes, { workflow, namespace, lane, caller: run, held }, limits.laneWalkMax);
    lanes.waitedFor(namespace, lane, child.run, held);
  }
}

function wasElsewhere(run: number, { former }: Neighbours, store: string): HoldfastError {
  const name = former.find(({ storeId }) => storeId === store)?.name ?? store;
  return new HoldfastError(
    "HF6006",
    `Run ${formatRunId(run)} was in cell ${name}, which has been removed; its key is guarded still.`,
    `Look at it in the store of that cell: holdfast show ${formatRunId(run)} --store ADDRESS`,
  );
}

/** True if somebody else has started the run, which is there already. */
function joins(child: RunRow, waiter: ChildWaiter | null): waiter is ChildWaiter {
  return waiter !== null && (child.parentRun !== waiter.run || child.parentStep !== waiter.step);
}

/** What is refused is an answer, and not a read that has failed. */
async function refusalOf(look: Promise<void>): Promise<HoldfastError | null> {
  try {
    await look;
    return null;
  } catch (error) {
    if (error instanceof HoldfastError && error.code === "HF1204") return error;
    throw error;
  }
}
