/**
 * A worker among others: takes its share of the shards and brings their runs back, gives up what is
 * too much once it stands still, and keeps what belongs to no run while it is the oldest.
 */
import type { IncarnationHead } from "../../core/journal.ts";
import { shardPlan } from "../../core/shard-plan.ts";
import { KEEPER_SHARD, type SharedShards, type Surroundings } from "../../store/shards.ts";
import type { Engine } from "../engine.ts";
import type { Gates } from "../gates/gates.ts";
import type { InboxDoor } from "../commands/inbox-door.ts";
import type { LiveRun } from "../run/live-run.ts";
import type { RunEnds } from "../run/run-ends.ts";
import type { StartUp } from "../start-up.ts";
import type { Starts } from "../starts/starts.ts";
import type { DurableTimers } from "../run/timers.ts";

/** Parts of the engine that take in what comes. */
export interface MembershipParts {
  readonly startUp: StartUp;
  readonly timers: DurableTimers;
  readonly gates: Gates;
  readonly starts: Starts;
  readonly ends: RunEnds;
  readonly inbox: InboxDoor;
}

/** How often shards that are being given up are looked at, milliseconds. */
const LEAVING_LOOK_MS = 25;

/** Looks, about a second apart, after which a shard is given up although it has calls outside. */
const BUSY_LOOKS_MAX = 10;

/** Looks in a row that find nothing of a shard outside: what came back last is on record by then. */
const QUIET_LOOKS = 2;

/** As it is named to who reads the log. */
const BEAT = "the beat of this worker, which starts no call and loses its runs to others meanwhile";

export class Membership {
  readonly #engine: Engine;
  readonly #shared: SharedShards;
  readonly #parts: MembershipParts;
  /** Of each shard that is being given up: looks in a row that found it at rest. */
  readonly #quiet = new Map<number, number>();
  /** Looks in a row at which more was to be given than stood still. */
  #busyLooks = 0;
  #latest: Surroundings | null = null;
  #working: Promise<void> | null = null;
  #cancelLook: (() => void) | null = null;
  #closed = false;
  #onFirst: () => void = () => undefined;

  constructor(engine: Engine, shared: SharedShards, parts: MembershipParts) {
    this.#engine = engine;
    this.#shared = shared;
    this.#parts = parts;
  }

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    return this.#quiet.size;
  }

  /** Resolves when the first look has been acted on. */
  async start(): Promise<void> {
    const first = new Promise<void>((resolve) => {
      this.#onFirst = resolve;
    });
    this.#shared.onSilence((message, delayMs) => {
      this.#engine.emit({ type: "store.retry", what: BEAT, message, delayMs });
    });
    this.#shared.onLook((seen) => {
      this.#latest = seen;
      this.#engine.background(this.#parts.gates.beat());
      this.#work();
    });
    await first;
  }

  /** Nothing is taken or given any more: what is owned is free when the store is closed. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelLook?.();
    this.#onFirst();
    await this.#working;
  }

  /** One look after the other; of several that came meanwhile the newest counts. */
  #work(): void {
    if (this.#working !== null || this.#closed) return;
    const work = this.#act().finally(() => {
      this.#working = null;
      this.#onFirst();
      if (this.#latest !== null) this.#work();
    });
    this.#working = work;
    this.#engine.background(work);
  }

  async #act(): Promise<void> {
    const seen = this.#latest;
    this.#latest = null;
    if (seen === null) return;
    const { places, store, limits } = this.#engine;
    if (seen.hasCommands) this.#parts.inbox.lookSoon();
    // What was seen may be older than what has been done since.
    const free = seen.free.filter((shard) => !places.leaving.has(shard) && !places.here.has(shard));
    const outside = this.#shardsOutside();
    const here = [...places.here];
    const { take, give } = shardPlan({
      self: store.incarnation,
      workers: seen.workers.map(({ incarnation }) => incarnation),
      // What stands still comes last, and so goes first.
      owned: [
        ...here.filter((shard) => outside.has(shard)),
        ...here.filter((shard) => !outside.has(shard)),
      ],
      free,
    });
    const given = this.#patientlyGiven(give, outside);
    if (given.length > 0) this.#leave(given.slice(0, limits.shardsLeavingMax));
    if (take.length > 0) await this.#patiently(() => this.#take(take));
    if (places.isKeeper && seen.hasDeadChains) await this.#patiently(() => this.#closeChains());
  }

  /**
   * Those that stand still at once. A shard that is being given up takes nothing new until its calls
   * have come back, so one that has calls outside is only given up if it never stands still.
   */
  #patientlyGiven(give: readonly number[], outside: ReadonlySet<number>): readonly number[] {
    const still = give.filter((shard) => !outside.has(shard));
    this.#busyLooks = still.length === give.length ? 0 : this.#busyLooks + 1;
    return this.#busyLooks > BUSY_LOOKS_MAX ? give : still;
  }

  /** Shards with calls that have left and not come back. */
  #shardsOutside(): Set<number> {
    const outside = new Set<number>();
    for (const run of this.#engine.live.values()) {
      if (run.shard !== undefined && isOutside(run)) outside.add(run.shard);
    }
    return outside;
  }

  #patiently<T>(read: () => Promise<T>): Promise<T | null> {
    return this.#engine.reads.patiently("the shards of this worker", read);
  }

  async #take(shards: readonly number[]): Promise<void> {
    const { startUp, timers, gates, starts, inbox } = this.#parts;
    const { places, early, commands } = this.#engine;
    const taken = await this.#shared.take(shards);
    if (taken.shards.length === 0) {
      this.#shared.lookSoon();
      return;
    }
    starts.raise(taken.lastRun);
    await startUp.lanesCameIn(taken);
    const isKeeperNow = taken.shards.includes(KEEPER_SHARD);
    if (isKeeperNow) await this.#patiently(() => this.#becomeKeeper());
    places.came(taken.shards);
    this.#engine.emit({ type: "shards.taken", shards: taken.shards });
    await inbox.takeStops(taken.shards);
    await this.#patiently(() => timers.cameIn(taken.shards));
    this.#engine.exceptions.due.cameIn();
    inbox.lookSoon();
    // Others may look meanwhile: there is no end to what may have to be brought back.
    this.#engine.background(startUp.cameIn(taken));
    await this.#patiently(() => gates.cameIn());
    if (!isKeeperNow) return;
    early.start();
    commands.receiving.start();
  }

  async #becomeKeeper(): Promise<void> {
    this.#engine.journal.raise(await this.#shared.lastSystemSeq());
    await this.#engine.early.load();
    await this.#engine.commands.receiving.load();
    await this.#engine.commands.events.waitForOffers();
  }

  async #closeChains(): Promise<void> {
    const { store, journal, committer } = this.#engine;
    const closes = await this.#shared.deadChains();
    if (closes.length === 0) return;
    const head: IncarnationHead = { incarnation: store.incarnation, closes };
    journal.append("incarnation", head);
    await committer.durable();
  }

  #leave(shards: readonly number[]): void {
    this.#engine.places.leave(shards);
    for (const shard of shards) this.#quiet.set(shard, 0);
    this.#lookLater();
  }

  #lookLater(): void {
    if (this.#closed || this.#cancelLook !== null) return;
    this.#cancelLook = this.#engine.clock.after(LEAVING_LOOK_MS, () => {
      this.#cancelLook = null;
      this.#engine.background(this.#lookAtLeaving());
    });
  }

  /** Calls that have left end by themselves: each has a deadline. Nothing else is waited for. */
  async #lookAtLeaving(): Promise<void> {
    const outside = this.#shardsOutside();
    const still: number[] = [];
    for (const [shard, looks] of this.#quiet) {
      const quiet = outside.has(shard) ? 0 : looks + 1;
      this.#quiet.set(shard, quiet);
      if (quiet >= QUIET_LOOKS) still.push(shard);
    }
    if (still.length > 0) await this.#giveUp(still);
    if (this.#quiet.size > 0) this.#lookLater();
  }

  /** What is in memory of these runs is left to whoever takes them. */
  #forgetRuns(shards: ReadonlySet<number>): void {
    const { live, departures, wakes } = this.#engine;
    for (const [number, run] of live) {
      if (run.shard === undefined || !shards.has(run.shard)) continue;
      // Before it is let go: that it has come through is the last that is written of it here.
      this.#engine.suspects.progressed(number);
      run.abandon();
      live.delete(number);
      departures.note(number);
      this.#parts.gates.forget(number);
    }
    wakes.pump();
  }

  async #giveUp(shards: readonly number[]): Promise<void> {
    for (const shard of shards) this.#quiet.delete(shard);
    const { lanes, committer, places } = this.#engine;
    this.#forgetRuns(new Set(shards));
    lanes.forget((namespace, lane) =>
      shards.includes(this.#shared.ofStart({ namespace, lane, keyHash: "" })),
    );
    await committer.durable();
    const released = await this.#patiently(async () => {
      await this.#shared.release(shards);
      return true;
    });
    if (released === null) return;
    places.left(shards);
    this.#engine.emit({ type: "shards.given", shards });
    this.#parts.ends.lookAgain();
  }
}

/** Whether a call of it has left and not come back. */
function isOutside(run: LiveRun): boolean {
  return [...run.open].some((slot) => slot.verb.isOutside?.() === true);
}
