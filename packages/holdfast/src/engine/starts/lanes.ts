/**
 * Lanes: runs of one lane are done one at a time, in the order in which they were accepted.
 * Holds open runs of lanes only; a lane without open runs costs nothing.
 */
import type { HeldLane, JournalRecord, StartedHead } from "../../core/journal.ts";
import type { RunRow } from "../../store/rows.ts";
import { headOf } from "../run/recovery.ts";

export class Lanes {
  readonly #queues = new Map<string, number[]>();
  /** By lane: its open runs that somebody waits for, with the lanes that are held meanwhile. */
  readonly #called = new Map<string, Map<number, readonly HeldLane[]>>();

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    let count = this.#queues.size + this.#called.size;
    for (const queue of this.#queues.values()) count += queue.length;
    for (const called of this.#called.values()) count += called.size;
    return count;
  }

  /**
   * Puts a run at the end of its lane. The answer is the run before it, or null if it may go.
   *
   * @param held - lanes of those that wait for the run.
   */
  enter(
    namespace: string,
    lane: string,
    run: number,
    held: readonly HeldLane[] = [],
  ): number | null {
    const id = `${namespace}\u0000${lane}`;
    this.#waitedFor(id, run, held);
    const queue = this.#queues.get(id);
    if (queue === undefined) {
      this.#queues.set(id, [run]);
      return null;
    }
    const before = queue.at(-1) ?? null;
    queue.push(run);
    return before;
  }

  /** Takes an ended run out. The answer is the run whose turn it is now, or null. */
  leave(namespace: string, lane: string, run: number): number | null {
    const id = `${namespace}\u0000${lane}`;
    const queue = this.#queues.get(id);
    if (queue === undefined) return null;
    const called = this.#called.get(id);
    if (called?.delete(run) === true && called.size === 0) this.#called.delete(id);
    const index = queue.indexOf(run);
    if (index >= 0) queue.splice(index, 1);
    if (queue.length === 0) {
      this.#queues.delete(id);
      return null;
    }
    return index === 0 ? (queue[0] ?? null) : null;
  }

  has(namespace: string, lane: string, run: number): boolean {
    return this.#queues.get(`${namespace}\u0000${lane}`)?.includes(run) === true;
  }

  /** Lanes that have gone to another worker. */
  forget(isGone: (namespace: string, lane: string) => boolean): void {
    for (const id of this.#queues.keys()) {
      const [namespace = "", lane = ""] = id.split("\u0000");
      if (!isGone(namespace, lane)) continue;
      this.#queues.delete(id);
      this.#called.delete(id);
    }
  }

  /** The run whose turn it is; null if the lane is empty. */
  firstOf(namespace: string, lane: string): number | null {
    return this.#queues.get(`${namespace}\u0000${lane}`)?.[0] ?? null;
  }

  /** True if it is in a lane, and nobody of that is before it. */
  hasTurn({ namespace, lane, run }: Pick<RunRow, "namespace" | "lane" | "run">): boolean {
    return lane !== null && this.mayGo(namespace, lane, run);
  }

  /** The run behind the first one; null if there is none. */
  secondOf(namespace: string, lane: string): number | null {
    return this.#queues.get(`${namespace}\u0000${lane}`)?.[1] ?? null;
  }

  /** True if no other run of its lane is before it. */
  mayGo(namespace: string, lane: string, run: number): boolean {
    return this.firstOf(namespace, lane) === run;
  }

  /** Who holds these lanes waits for this open run, too. */
  waitedFor(namespace: string, lane: string, run: number, held: readonly HeldLane[]): void {
    this.#waitedFor(`${namespace}\u0000${lane}`, run, held);
  }

  /** Runs of a lane that somebody waits for, each with the lanes that are held meanwhile. */
  called(namespace: string, lane: string): Iterable<readonly [number, readonly HeldLane[]]> {
    return this.#called.get(`${namespace}\u0000${lane}`) ?? [];
  }

  #waitedFor(id: string, run: number, held: readonly HeldLane[]): void {
    if (held.length === 0) return;
    const called = this.#called.get(id) ?? new Map<number, readonly HeldLane[]>();
    const known = called.get(run) ?? [];
    const added = held.filter((one) => known.every((other) => other.run !== one.run));
    called.set(run, [...known, ...added]);
    this.#called.set(id, called);
  }
}

/** What a run with this `started` record holds: its own lane, and those of who waits for it. */
export function heldLanesOf(
  { run, lane }: { readonly run: number; readonly lane: string | null },
  started: JournalRecord | undefined,
): readonly HeldLane[] {
  return [...heldAboveOf(started), ...(lane === null ? [] : [{ run, lane }])];
}

/** What those hold who wait for a run with this `started` record. */
export function heldAboveOf(started: JournalRecord | undefined): readonly HeldLane[] {
  return started === undefined ? [] : (headOf<StartedHead>(started).parent?.lanes ?? []);
}
