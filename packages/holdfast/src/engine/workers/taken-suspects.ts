/**
 * Runs that were at work when the worker that had them crashed: one of them may have brought it down.
 *
 * What speaks against each is written in its own journal before it is brought back, so that whoever
 * takes it over next knows (core/suspicion.ts). Those against whom something spoke before come back in
 * groups, one group at a time, and only while nobody else here is suspected.
 */
import type { RecoveryGroup } from "../../core/recovery-groups.ts";
import {
  regrouped,
  standingOf,
  type LastOwner,
  type Suspect,
  type SuspectedHead,
} from "../../core/suspicion.ts";
import { isActive } from "../../core/run-state.ts";
import type { StoredRun } from "../../store/rows.ts";
import type { Engine } from "../engine.ts";
import { Quiet } from "../run/quiet.ts";
import type { DepartureWatch } from "../run/departures.ts";
import type { LiveRun } from "../run/live-run.ts";

interface OpenGroup {
  readonly waiting: Set<number>;
  readonly passed: () => void;
}

/** What has come with a take-over and is not brought back with the rest. */
export class CameApart {
  readonly #lastOwners: ReadonlyMap<number, LastOwner>;
  readonly #tried: Suspect[] = [];
  readonly #untried: Suspect[] = [];

  constructor(lastOwners: ReadonlyMap<number, LastOwner>) {
    this.#lastOwners = lastOwners;
  }

  get count(): number {
    return this.#tried.length + this.#untried.length;
  }

  /** What a run has against it; one that has to wait for its turn is kept in mind. */
  standing({ row, shard, records }: StoredRun): "clear" | "new" | "passed" | "apart" {
    const last = shard === undefined ? null : (this.#lastOwners.get(shard) ?? null);
    const standing = standingOf(records, last);
    switch (standing.kind) {
      case "tried":
        this.#tried.push({ run: row.run, suspicion: standing.suspicion });
        return "apart";
      case "untried":
        this.#untried.push({ run: row.run, suspicion: standing.suspicion });
        return "apart";
      case "clear":
      case "new":
      case "passed":
        return standing.kind;
    }
  }

  groups(crashesMax: number): ReturnType<typeof regrouped> {
    return regrouped({ tried: this.#tried, untried: this.#untried }, crashesMax);
  }
}

export class TakenSuspects {
  readonly #engine: Engine;
  /** Group of each suspect that has not come through yet. */
  readonly #open = new Map<number, OpenGroup>();
  readonly #timers = new Set<() => void>();
  #nextGroup = 1;
  readonly #quiet = new Quiet();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    return this.#open.size + this.#timers.size + this.#quiet.count;
  }

  close(): void {
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
    this.#open.clear();
    this.#quiet.tell();
  }

  /** Resolves when nobody here is suspected. */
  async quiet(): Promise<void> {
    while (this.#open.size > 0) await this.#quiet.wait();
  }

  /** See `RunHost.suspects`. */
  async tryAlone(run: LiveRun, crashes: number): Promise<void> {
    const { run: number } = run.row;
    if (this.#open.has(number)) return;
    while (this.#open.size > 0) await this.#quiet.wait();
    if (run.isGone || this.#engine.draining) return;
    run.append("suspected", "", this.#startedHead(1, crashes));
    this.#await([number]);
  }

  #startedHead(size: number, crashes: number): SuspectedHead {
    const group = this.#nextGroup;
    this.#nextGroup += 1;
    return { event: "started", by: this.#engine.store.incarnation, group, size, crashes };
  }

  /**
   * Puts on record that these runs are brought back as one group.
   *
   * @param watch - begun before they were read.
   * @returns the runs as they are on record then, durable after `committer.durable()`.
   */
  mark(
    stored: readonly StoredRun[],
    crashes: RecoveryGroup["crashes"],
    watch: DepartureWatch,
  ): readonly StoredRun[] {
    const here = stored.filter(({ shard }) => this.#engine.places.owns(shard));
    if (here.length === 0) return [];
    const head = this.#startedHead(here.length, crashes);
    const marked = here.map((one) => this.#write(one, head, watch));
    this.#await(here.map(({ row }) => row.run));
    return marked;
  }

  /** Nothing speaks against this run any more. */
  clear(stored: StoredRun, watch: DepartureWatch): StoredRun {
    if (!this.#engine.places.owns(stored.shard)) return stored;
    return this.#write(stored, { event: "passed" }, watch);
  }

  /** A run has come through what it was doing. */
  progressed(run: number): void {
    if (!this.#open.has(run)) return;
    const live = this.#engine.live.get(run);
    if (live !== undefined && !live.isGone)
      live.append("suspected", "", { event: "passed" } satisfies SuspectedHead);
    this.#forget(run);
  }

  /** A run has just left memory. Where it stands still, its `state` says that it has come through. */
  left({ row: { run }, state, nextSeq: seq }: LiveRun): void {
    if (!this.#open.has(run)) return;
    if (isActive(state)) {
      const head: SuspectedHead = { event: "passed" };
      const kind = "suspected";
      this.#engine.committer.add({ run, seq, kind, attempt: 0, name: "", head, data: null });
    }
    this.#forget(run);
  }

  #forget(run: number): void {
    const open = this.#open.get(run);
    this.#open.delete(run);
    open?.waiting.delete(run);
    if (open?.waiting.size === 0) open.passed();
    if (this.#open.size === 0) this.#quiet.tell();
  }

  #write(stored: StoredRun, head: SuspectedHead, watch: DepartureWatch): StoredRun {
    const { committer, live } = this.#engine;
    const { run } = stored.row;
    const here = live.get(run);
    if (here !== undefined) {
      if (!here.isGone) here.append("suspected", "", head);
      return stored;
    }
    // Somebody had something for it meanwhile: what was read is old, and it is read again.
    if (watch.hasLeft(run)) return stored;
    const seq = (stored.records.at(-1)?.seq ?? 0) + 1;
    const kind = "suspected";
    const record = committer.add({ run, seq, kind, attempt: 0, name: "", head, data: null });
    watch.wrote(run);
    return { ...stored, records: [...stored.records, record] };
  }

  /** Long work proves its innocence by time: whoever brings a process down does it soon. */
  #await(runs: readonly number[]): void {
    const cancelTimer = this.#engine.clock.after(this.#engine.limits.suspectMs, () => {
      this.#timers.delete(cancelTimer);
      for (const run of runs) this.progressed(run);
    });
    this.#timers.add(cancelTimer);
    const passed = () => {
      cancelTimer();
      this.#timers.delete(cancelTimer);
    };
    const open: OpenGroup = { waiting: new Set(runs), passed };
    for (const run of runs) this.#open.set(run, open);
  }
}
