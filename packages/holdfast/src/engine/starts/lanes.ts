/**
 * Lanes: runs of one lane are done one at a time, in the order in which they were accepted.
 * Holds open runs of lanes only; a lane without open runs costs nothing.
 */
import type { HeldLane, JournalRecord, StartedHead } from "../../core/journal.ts";
import type { RunRow } from "../../store/rows.ts";
import { headOf } from "../run/recovery.ts";

/** What a lane has to know of a run, besides its number. */
export interface Laned {
  /** Lanes of those that wait for the run. */
  readonly held?: readonly HeldLane[];
  /** Name of its workflow, if a newer run of that takes its place while it waits; null: none does. */
  readonly replaces?: string | null;
}

/** A lane in which runs wait. */
export interface WaitingLane {
  readonly id: string;
  readonly namespace: string;
  readonly lane: string;
  /** Runs that have not ended, the first included. */
  readonly depth: number;
  /** The run whose turn it is. */
  readonly head: number;
  /** The run behind it, which waits for longest. */
  readonly next: number;
}

function waitingLane(id: string, queue: readonly number[]): WaitingLane | null {
  const [head, next] = queue;
  if (head === undefined || next === undefined) return null;
  const [namespace = "", lane = ""] = id.split("\u0000");
  return { id, namespace, lane, depth: queue.length, head, next };
}

export class Lanes {
  readonly #queues = new Map<string, number[]>();
  /** By lane: its open runs that somebody waits for, with the lanes that are held meanwhile. */
  readonly #called = new Map<string, Map<number, readonly HeldLane[]>>();

  /** Runs that newer ones of their workflow take the place of while they wait: the name of that. */
  readonly #replaceable = new Map<number, string>();

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    let count = this.#queues.size + this.#called.size + this.#replaceable.size;
    for (const queue of this.#queues.values()) count += queue.length;
    for (const called of this.#called.values()) count += called.size;
    return count;
  }

  /**
   * Puts a run at the end of its lane. The answer is the run before it, or null if it may go.
   */
  enter(
    namespace: string,
    lane: string,
    run: number,
    { held = [], replaces = null }: Laned = {},
  ): number | null {
    const id = `${namespace}\u0000${lane}`;
    this.#waitedFor(id, run, held);
    if (replaces !== null) this.#replaceable.set(run, replaces);
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
    this.#replaceable.delete(run);
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
      for (const run of this.#queues.get(id) ?? []) this.#replaceable.delete(run);
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

  /** Runs that wait before this one, and whose place it takes. */
  olderThan(namespace: string, lane: string, run: number): readonly number[] {
    const name = this.#replaceable.get(run);
    const queue = this.#queues.get(`${namespace}\u0000${lane}`) ?? [];
    if (name === undefined) return [];
    // The first has its turn.
    return queue.slice(1).filter((one) => one < run && this.#replaceable.get(one) === name);
  }

  /** The newest run behind this one that takes its place; null if there is none. */
  newestAfter(namespace: string, lane: string, run: number): number | null {
    const name = this.#replaceable.get(run);
    const queue = this.#queues.get(`${namespace}\u0000${lane}`) ?? [];
    if (name === undefined) return null;
    return queue.findLast((one) => one > run && this.#replaceable.get(one) === name) ?? null;
  }

  /** The lane, if runs wait in it. */
  waitingIn(namespace: string, lane: string): WaitingLane | null {
    const id = `${namespace}\u0000${lane}`;
    return waitingLane(id, this.#queues.get(id) ?? []);
  }

  /** All lanes in which runs wait. */
  *waiting(): Iterable<WaitingLane> {
    for (const [id, queue] of this.#queues) {
      const lane = waitingLane(id, queue);
      if (lane !== null) yield lane;
    }
  }

  /** True if no other run of its lane is before it. */
  mayGo(namespace: string, lane: string, run: number): boolean {
    return this.firstOf(namespace, lane) === run;
  }

  /**
   * Who holds these lanes waits for this open run, too. Nothing is kept of a run that is in no lane here:
   * nobody would say that it has left it, as that of another worker's run.
   */
  waitedFor(namespace: string, lane: string, run: number, held: readonly HeldLane[]): void {
    if (this.has(namespace, lane, run)) this.#waitedFor(`${namespace}\u0000${lane}`, run, held);
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
