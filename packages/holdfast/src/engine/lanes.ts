/**
 * Lanes: runs of one lane are done one at a time, in the order in which they were accepted.
 * Holds open runs of lanes only; a lane without open runs costs nothing.
 */
import type { HeldLane, JournalRecord, StartedHead } from "../core/journal.ts";
import { headOf } from "./recovery.ts";

export class Lanes {
  readonly #queues = new Map<string, number[]>();

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    let count = this.#queues.size;
    for (const queue of this.#queues.values()) count += queue.length;
    return count;
  }

  /** Puts a run at the end of its lane. The answer is the run before it, or null if it may go. */
  enter(namespace: string, lane: string, run: number): number | null {
    const id = `${namespace}\u0000${lane}`;
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
    const index = queue.indexOf(run);
    if (index >= 0) queue.splice(index, 1);
    if (queue.length === 0) {
      this.#queues.delete(id);
      return null;
    }
    return index === 0 ? (queue[0] ?? null) : null;
  }

  /** True if no other run of its lane is before it. */
  mayGo(namespace: string, lane: string, run: number): boolean {
    return this.#queues.get(`${namespace}\u0000${lane}`)?.[0] === run;
  }
}

/** What a run with this `started` record holds: its own lane, and those of who waits for it. */
export function heldLanesOf(
  { run, lane }: { readonly run: number; readonly lane: string | null },
  started: JournalRecord | undefined,
): readonly HeldLane[] {
  const above = started === undefined ? null : headOf<StartedHead>(started).parent;
  return [...(above?.lanes ?? []), ...(lane === null ? [] : [{ run, lane }])];
}
