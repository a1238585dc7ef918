/**
 * Suspects in a store that one engine has for itself: the groups in which runs are brought back, in the
 * store's own journal. A group stays on record until each of its runs has come through, or is in a newer
 * one. Where workers share the store, see workers/taken-suspects.ts.
 */
import type { GroupHead } from "../../core/journal.ts";
import type { RecoveryGroup } from "../../core/recovery-groups.ts";
import type { Engine } from "../engine.ts";
import type { LiveRun } from "./live-run.ts";
import { Quiet } from "./quiet.ts";
import type { KnownGroup } from "./suspect-groups.ts";

interface OpenGroup {
  readonly group: RecoveryGroup;
  readonly waiting: Set<number>;
  readonly passed: () => void;
}

export class OwnSuspects {
  readonly #engine: Engine;
  /** Group of each suspect that has not come through yet. */
  readonly #open = new Map<number, OpenGroup>();
  /** That none of them is left. */
  readonly #quiet = new Quiet();
  #nextGroup = 1;
  /** Ends of the time in which groups are suspects. */
  readonly #timers = new Set<() => void>();
  /** Groups of earlier crashes: of each, the runs that are not in a newer group yet. */
  readonly #left = new Map<number, Set<number>>();
  readonly #leftIn = new Map<number, number>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    const groups = this.#open.size + this.#timers.size + this.#left.size + this.#leftIn.size;
    return groups + this.#quiet.count;
  }

  /** The engine is closing: nobody comes through any more. */
  close(): void {
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
    this.#open.clear();
    this.#quiet.tell();
  }

  /** New groups are numbered above these, which are on record. */
  numberAbove(known: readonly KnownGroup[]): void {
    for (const { group } of known) this.#nextGroup = Math.max(this.#nextGroup, group + 1);
  }

  /** Groups that still say something: each stays until its runs are in newer ones. */
  keep(groups: readonly KnownGroup[]): void {
    for (const { group, runs } of groups) {
      this.#left.set(group, new Set(runs));
      for (const run of runs) this.#leftIn.set(run, group);
    }
  }

  /** Puts on record that these runs are being brought back. Resolves when all have come through. */
  mark(runs: readonly number[], crashes: number): Promise<void> {
    const id = this.#nextGroup;
    this.#nextGroup += 1;
    const head: GroupHead = { group: id, event: "started", runs, crashes };
    this.#engine.journal.append("group", head);
    // In the same flush: a run is in one group at a time, or in the older one still.
    this.supersede(runs);
    return new Promise((resolve) => {
      const waiting = new Set(runs);
      // Long work proves its innocence by time: whoever brings a process down does it soon.
      const cancelTimer = this.#engine.clock.after(this.#engine.limits.suspectMs, () => {
        this.#timers.delete(cancelTimer);
        for (const run of runs) this.progressed(run);
      });
      this.#timers.add(cancelTimer);
      const passed = () => {
        cancelTimer();
        this.#timers.delete(cancelTimer);
        this.pass(id);
        resolve();
      };
      const open: OpenGroup = { group: { runs, crashes }, waiting, passed };
      for (const run of runs) this.#open.set(run, open);
    });
  }

  /** Once nobody is suspected; a run that is suspected already is on record. */
  async tryAlone(run: LiveRun, crashes: number): Promise<void> {
    const { run: number } = run.row;
    if (this.#open.has(number)) return;
    while (this.#open.size > 0) await this.#quiet.wait();
    if (run.isGone || this.#engine.draining) return;
    void this.mark([number], crashes);
  }

  pass(group: number): void {
    const head: GroupHead = { group, event: "passed", runs: [], crashes: 0 };
    this.#engine.journal.append("group", head);
  }

  /** These runs need their older groups no longer. */
  supersede(runs: readonly number[]): void {
    for (const run of runs) {
      const group = this.#leftIn.get(run);
      if (group === undefined) continue;
      this.#leftIn.delete(run);
      const left = this.#left.get(group);
      left?.delete(run);
      if (left?.size !== 0) continue;
      this.#left.delete(group);
      this.pass(group);
    }
  }

  /** A run has come through what it was doing when the process died. */
  progressed(run: number): void {
    const open = this.#open.get(run);
    if (open === undefined) return;
    this.#open.delete(run);
    open.waiting.delete(run);
    if (open.waiting.size === 0) open.passed();
    if (this.#open.size === 0) this.#quiet.tell();
  }
}
