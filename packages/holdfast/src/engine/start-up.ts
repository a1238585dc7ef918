/**
 * What happens when the engine starts: its chain of seals is opened, lanes are known again, and the
 * runs that were at work come back.
 *
 * After a crash those runs are suspects: one of them may have brought the process down. They come
 * back in groups whose start is on record. A group that is on record when the next crash comes is
 * halved, and groups that have crashed before go one at a time, so that only a run that crashes
 * alone is ever counted (settled point 24).
 */
import { crashesAtFirst, groupsAfterCrash, type RecoveryGroup } from "../core/recovery-groups.ts";
import type { IncarnationHead, HeldLane } from "../core/journal.ts";
import { REPLAY_WORKFLOW } from "../core/replay/replay-plan.ts";
import type { RunState } from "../core/run-state.ts";
import type { StoredRun } from "../store/rows.ts";
import type { Taken } from "../store/shards.ts";
import type { DepartureWatch } from "./run/departures.ts";
import type { Engine } from "./engine.ts";
import type { LiveRun } from "./run/live-run.ts";
import { heldAboveOf } from "./starts/lanes.ts";
import { putAway } from "./run/put-away.ts";
import { standingGroups, type KnownGroup } from "./run/suspect-groups.ts";
import { hasBegun } from "./run/recovery.ts";
import { OwnSuspects } from "./run/own-suspects.ts";
import { withStored } from "./journal/stored-runs.ts";
import { isLatestWins } from "../workflow/lane.ts";
import { leaveQuarantined } from "./starts/leaving-lanes.ts";
import { Elsewhere } from "./workers/places.ts";
import { CameApart, TakenSuspects } from "./workers/taken-suspects.ts";

const ACTIVE: readonly RunState[] = ["running", "cancelling", "compensating"];

/** The first page is small and the next ones are larger: the first runs are at work sooner. */
const FIRST_PAGE_RUNS = 128;

/** Runs as they were read. `watch` knows which of them have gone on by themselves since. */
interface ReadPage {
  readonly page: readonly StoredRun[];
  readonly limit: number;
  readonly watch: DepartureWatch;
}

/** Which of the runs that were at work are brought back page by page, and how. */
interface Bringing {
  /** Those of a page that come back with it, as they are on record then. */
  readonly select: (read: ReadPage) => readonly StoredRun[];
  readonly shards?: readonly number[];
}

export class StartUp {
  readonly #engine: Engine;
  /** Where the store is this engine's own. */
  readonly #own: OwnSuspects;
  /** The first run of each lane. */
  readonly #laneHeads: number[] = [];
  #recovered: Promise<void> = Promise.resolve();
  /** Where workers share the store. */
  readonly #taken: TakenSuspects;
  /** The turn of the last group that came with a take-over. */
  #lastTurn: Promise<void> = Promise.resolve();

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#own = new OwnSuspects(engine);
    this.#taken = new TakenSuspects(engine);
  }

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    return this.#laneHeads.length + this.#own.keptCount + this.#taken.keptCount;
  }

  get recovered(): Promise<void> {
    return this.#recovered;
  }

  /** Before anything else is written: who opened the store, and which chains it closes. */
  async prepare(): Promise<void> {
    const { store, journal } = this.#engine;
    const head: IncarnationHead = {
      incarnation: store.incarnation,
      closes: store.predecessors.map((p) => ({ ...p })),
    };
    journal.append("incarnation", head);
    // Before anything is due: what was at work then is reached by nobody else from here on.
    if (store.shards.isWhole && this.#hasCrashed) this.#crashed();
    // Of a shared store, lanes are known when their shards have come.
    if (store.shards.isWhole) await this.#knowLanes();
  }

  async #knowLanes(shards?: readonly number[]): Promise<void> {
    const { store, lanes, limits } = this.#engine;
    let afterRun = 0;
    for (;;) {
      const page = await store.openLanes({ afterRun, limit: limits.recoveryPageMax }, shards);
      const called = page.filter((row) => row.parentRun !== null).map((row) => row.run);
      const held = await this.#heldBy(called);
      for (const { namespace, lane, run, workflow } of page) {
        // Read again after a failure: it is in its lane already.
        if (shards !== undefined && lanes.has(namespace, lane, run)) continue;
        const known = this.#engine.workflow(workflow);
        const replaces = known !== null && isLatestWins(known) ? workflow : null;
        const laned = { held: held.get(run) ?? [], replaces };
        if (lanes.enter(namespace, lane, run, laned) === null) this.#laneHeads.push(run);
      }
      afterRun = page.at(-1)?.run ?? afterRun;
      if (page.length >= limits.recoveryPageMax) continue;
      this.#engine.laneAlarms.look();
      return;
    }
  }

  /** Of each called run, the lanes that are held by those that wait for it. */
  async #heldBy(called: readonly number[]): Promise<Map<number, readonly HeldLane[]>> {
    if (called.length === 0) return new Map();
    const stored = await this.#engine.store.load(called);
    return new Map(stored.map(({ row, records }) => [row.run, heldAboveOf(records[0])]));
  }

  /** The engine is closing: nobody comes through any more. */
  close(): void {
    this.#engine.wakes.comingBack.close();
    this.#own.close();
    this.#taken.close();
  }

  get #hasCrashed(): boolean {
    return this.#engine.store.predecessors.some(({ clean }) => !clean);
  }

  /** Starts bringing runs back; `recovered` resolves when all of them are at work again. */
  async recover(): Promise<void> {
    const { store } = this.#engine;
    const crashed = this.#hasCrashed;
    const known = await store.openGroups();
    this.#own.numberAbove(known);
    // Their engine has ended in order with them at work: they have not brought it down.
    if (!crashed) for (const { group } of known) this.#own.pass(group);
    const recovered = this.#recover(crashed, crashed ? known : []);
    this.#recovered = crashed ? this.#endsWave(recovered) : recovered;
    this.#engine.background(this.#recovered);
  }

  /** Lanes of shards that have come, before anything of them is done. */
  async lanesCameIn({ shards, lastOwners }: Taken): Promise<void> {
    if (hasCrashed(lastOwners)) this.#crashed();
    await this.#patiently(() => this.#knowLanes(shards));
  }

  /**
   * Brings back the runs of shards that have come. Those that a worker has crashed with before wait
   * for their turn, one group after the other.
   */
  async cameIn(taken: Taken): Promise<void> {
    const bringing = this.#bringTaken(taken);
    await (hasCrashed(taken.lastOwners) ? this.#endsWave(bringing) : bringing);
  }

  /** What was at work here has crashed. */
  #crashed(): void {
    this.#engine.caution.begin();
    this.#engine.wakes.comingBack.begin();
  }

  async #endsWave(bringing: Promise<void>): Promise<void> {
    try {
      await bringing;
    } finally {
      this.#engine.wakes.comingBack.end();
    }
  }

  async #bringTaken({ shards, lastOwners }: Taken): Promise<void> {
    const came = new CameApart(lastOwners);
    const count = await this.#recoverPages({
      select: (read) => this.#selectTaken(read, came),
      shards,
    });
    await this.#handTurnsOn();
    const { groups, quarantined } = came.groups(this.#engine.limits.crashesMax);
    for (const run of quarantined) await this.#quarantine(run);
    const turn = this.#afterTurn(this.#lastTurn, groups);
    this.#lastTurn = turn;
    await turn;
    const runs = count + came.count;
    this.#engine.emit({ type: "recovery.done", runs, suspects: came.count });
  }

  #selectTaken({ page, watch }: ReadPage, came: CameApart): readonly StoredRun[] {
    const normal: StoredRun[] = [];
    const fresh: StoredRun[] = [];
    for (const stored of page) {
      const standing = isSuspect(stored) ? came.standing(stored) : "clear";
      if (standing === "new") fresh.push(stored);
      else if (standing === "passed") normal.push(this.#taken.clear(stored, watch));
      else if (standing === "clear") normal.push(stored);
    }
    const { groupRunsMax } = this.#engine.limits;
    for (let i = 0; i < fresh.length; i += groupRunsMax)
      normal.push(...this.#taken.mark(fresh.slice(i, i + groupRunsMax), 0, watch));
    return normal;
  }

  async #afterTurn(before: Promise<void>, groups: readonly RecoveryGroup[]): Promise<void> {
    await before;
    for (const group of groups) await this.#recoverTaken(group);
  }

  async #recoverTaken(group: RecoveryGroup): Promise<void> {
    await this.#taken.quiet();
    if (this.#engine.draining) return;
    const { committer } = this.#engine;
    const { watch, here } = await this.#readGroup(group);
    const marked = this.#taken.mark(here, group.crashes, watch);
    await committer.durable();
    for (const stored of marked) this.#revive(stored, watch);
    watch.end();
    await this.#taken.quiet();
  }

  async #recover(crashed: boolean, known: readonly KnownGroup[]): Promise<void> {
    const { tried, untried, superseded } = standingGroups(known);
    for (const group of superseded) this.#own.pass(group);
    this.#own.keep([...tried, ...untried]);
    const split = groupsAfterCrash(tried, this.#engine.limits.crashesMax);
    const groups = [...split.groups, ...untried];
    const apart = new Set([...groups.flatMap((g) => g.runs), ...split.quarantined]);
    let seenCount = apart.size;
    const count = await this.#recoverPages({
      select: ({ page, limit }) => {
        const normal = page.filter((stored) => !apart.has(stored.row.run));
        seenCount += page.length;
        if (crashed) this.#markAll(normal, { runs: seenCount, isLast: page.length < limit });
        return normal;
      },
    });
    await this.#handTurnsOn();
    for (const run of split.quarantined) {
      await this.#quarantine(run);
      this.#own.supersede([run]);
    }
    // One at a time: the next only after the one before has come through.
    for (const group of groups) await this.#recoverApart(group);
    this.#engine.emit({ type: "recovery.done", runs: count + apart.size, suspects: apart.size });
  }

  #markAll(normal: readonly StoredRun[], seen: Parameters<typeof crashesAtFirst>[0]): void {
    const { groupRunsMax } = this.#engine.limits;
    const crashes = crashesAtFirst(seen);
    const suspects = normal.filter(isSuspect).map((stored) => stored.row.run);
    for (let i = 0; i < suspects.length; i += groupRunsMax) {
      // Nobody waits for it here: the next page may come while this one is at work.
      void this.#own.mark(suspects.slice(i, i + groupRunsMax), crashes);
    }
  }

  /** Runs that were at work and are not known suspects, page by page, as there is room. */
  async #recoverPages({ select, shards }: Bringing): Promise<number> {
    const { committer } = this.#engine;
    let count = 0;
    let reading = this.#readPage(0, Math.min(FIRST_PAGE_RUNS, this.#pageMax), shards);
    for (;;) {
      const read = await reading;
      const { page, limit, watch } = read;
      await this.#room();
      if (this.#engine.draining) {
        watch.end();
        return count;
      }
      const normal = select(read);
      const last = page.length < limit ? null : (page.at(-1)?.row.run ?? null);
      // The store reads the next page while this one is brought back.
      if (last !== null) reading = this.#readPage(last, Math.min(4 * limit, this.#pageMax), shards);
      await committer.durable();
      for (const stored of normal) if (this.#revive(stored, watch)) count += 1;
      watch.end();
      if (last === null) return count;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  async #readPage(
    afterRun: number,
    limit: number,
    shards: readonly number[] | undefined,
  ): Promise<ReadPage> {
    const { store, committer, departures } = this.#engine;
    const watch = departures.watch();
    const page = await this.#patiently(async () => {
      // New runs and commands are at work already: what is read must hold what they have written.
      await committer.durable();
      return store.page(ACTIVE, { afterRun, limit }, shards);
    });
    return { page: page ?? [], limit, watch };
  }

  /** The run before it may have ended just before the last engine did: then it is its turn. */
  async #handTurnsOn(): Promise<void> {
    const { store, wakes } = this.#engine;
    const all = this.#laneHeads.splice(0);
    for (let i = 0; i < all.length; i += this.#pageMax) {
      if (this.#engine.draining) return;
      const heads = all.slice(i, i + this.#pageMax);
      const stored = (await this.#patiently(() => store.load(heads))) ?? [];
      wakes.add(stored.filter(isBeforeItsTurn).map((one) => one.row.run));
    }
  }

  async #recoverApart(group: RecoveryGroup): Promise<void> {
    const { watch, here, isRead } = await this.#readGroup(group);
    // What has gone on or ended meanwhile is no suspect any more.
    const gone = new Set(isRead ? group.runs : []);
    for (const one of here) gone.delete(one.row.run);
    this.#own.supersede([...gone]);
    if (here.length === 0) {
      watch.end();
      return;
    }
    const open = this.#own.mark(
      here.map((one) => one.row.run),
      group.crashes,
    );
    await this.#engine.committer.durable();
    for (const one of here) this.#revive(one, watch);
    watch.end();
    await open;
  }

  /** Those of a group that are at work still. Not read: the engine ends. */
  async #readGroup({ runs }: RecoveryGroup) {
    const { store, committer, departures } = this.#engine;
    const watch = departures.watch();
    const stored = await this.#patiently(async () => {
      await committer.durable();
      return store.load(runs);
    });
    const here = (stored ?? []).filter((one) => ACTIVE.includes(one.row.state));
    return { watch, here, isRead: stored !== null };
  }

  #revive(stored: StoredRun, watch: DepartureWatch): boolean {
    const isBack = this.#brought(stored, watch);
    this.#engine.wakes.comingBack.came(stored.row.run);
    return isBack;
  }

  #brought(stored: StoredRun, watch: DepartureWatch): boolean {
    const { row } = stored;
    if (this.#engine.live.has(row.run)) return false;
    // What was read is old, and nobody has it in hand: it is read again.
    if (watch.wasWritten(row.run)) this.#engine.wakes.add([row.run]);
    // Somebody had something for it meanwhile, and it has gone on by itself.
    const run = watch.hasLeft(row.run) ? null : this.#engine.wakes.revive(stored, "recovered");
    if (run === null) {
      this.progressed(row.run);
      return false;
    }
    this.#engine.emit({
      type: "run.started",
      run: row.run,
      workflow: row.workflow,
      key: row.key,
      recovered: true,
    });
    return true;
  }

  /** See `RunHost.suspects`. */
  async tryAlone(run: LiveRun, crashes: number): Promise<void> {
    const suspects = this.#engine.routes === null ? this.#own : this.#taken;
    await suspects.tryAlone(run, crashes);
  }

  /** A run has left memory: it has come through. */
  left(run: LiveRun): void {
    this.#taken.left(run);
    this.progressed(run.row.run);
  }

  /** A run has come through what it was doing when the process died. */
  progressed(run: number): void {
    this.#taken.progressed(run);
    this.#own.progressed(run);
  }

  async #quarantine(run: number): Promise<void> {
    const { committer, store } = this.#engine;
    await this.#patiently(() =>
      unlessElsewhere(async () => {
        // In memory: somebody (a cancel) has it in hand, and it is not brought back by us.
        await withStored(this.#engine, run, (stored) => {
          putAway(this.#engine, stored);
        });
        await committer.durable();
        const [stored] = await store.load([run]);
        if (stored !== undefined) await leaveQuarantined(this.#engine, stored);
      }),
    );
    this.#engine.wakes.comingBack.came(run);
  }

  #patiently<T>(read: () => Promise<T>): Promise<T | null> {
    return this.#engine.reads.patiently("runs to be brought back", read);
  }

  /** Runs read at a time. Half of what fits into memory at most, or there would never be room. */
  get #pageMax(): number {
    const { liveRunsMax, recoveryPageMax } = this.#engine.limits;
    return Math.max(1, Math.min(recoveryPageMax, Math.floor(liveRunsMax / 2)));
  }

  /** Resolves when there is room for another page of runs. */
  async #room(): Promise<void> {
    const { live, limits } = this.#engine;
    while (live.size > limits.liveRunsMax - this.#pageMax && !this.#engine.draining) {
      await new Promise<void>((resolve) => {
        this.#engine.clock.after(5, resolve);
      });
    }
  }
}

function hasCrashed(lastOwners: Taken["lastOwners"]): boolean {
  return [...lastOwners.values()].some(({ clean }) => !clean);
}

/** In a lane, and nothing of it has begun. */
function isBeforeItsTurn({ row, records }: StoredRun): boolean {
  return row.state === "waiting" && !hasBegun(records);
}

/** Another worker's by now: that one goes by what is on record. */
async function unlessElsewhere(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Elsewhere)) throw error;
  }
}

/**
 * A replay plan is none. It is at work for as long as its items are, so it is there at each crash that
 * they cause, and alone with the last of them: counted, the innocent plan is put away and its items
 * stay. What else was in hand cannot tell the two apart: an item may bring the process down before the
 * flush that says it runs, and is on record as waiting then. A plan runs no code but the engine's, which
 * reaches items by commands that are theirs; a defect of it that ends processes is stopped by hand.
 */
function isSuspect({ row }: StoredRun): boolean {
  return row.workflow !== REPLAY_WORKFLOW;
}
