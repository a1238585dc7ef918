/** Who waits for the end of a run in this process. Costs nothing for runs that nobody waits for. */
import type { HeldLane } from "../../core/journal.ts";
import { isFinal, type FinalRunState } from "../../core/run-state.ts";
import type { StoredRun } from "../../store/rows.ts";
import { headOf } from "./recovery.ts";

export interface RunEnd {
  readonly state: FinalRunState;
  readonly reason: string;
  /** JSON of the result; null unless it completed. */
  readonly data: string | null;
}

interface EndWaiter {
  readonly resolve: (end: RunEnd) => void;
  readonly reject: (error: unknown) => void;
}

export class EndWaiters {
  readonly #waiters = new Map<number, EndWaiter[]>();

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    return this.#waiters.size;
  }

  wait(run: number): Promise<RunEnd> {
    return new Promise((resolve, reject) => {
      const list = this.#waiters.get(run);
      if (list === undefined) this.#waiters.set(run, [{ resolve, reject }]);
      else list.push({ resolve, reject });
    });
  }

  get runs(): Iterable<number> {
    return this.#waiters.keys();
  }

  has(run: number): boolean {
    return this.#waiters.has(run);
  }

  ended(run: number, end: RunEnd): void {
    const list = this.#waiters.get(run);
    if (list === undefined) return;
    this.#waiters.delete(run);
    for (const { resolve } of list) resolve(end);
  }

  /** Nobody will ever hear of its end. */
  failed(run: number, error: unknown): void {
    const list = this.#waiters.get(run) ?? [];
    this.#waiters.delete(run);
    for (const { reject } of list) reject(error);
  }
}

export interface ChildWaiter {
  readonly run: number;
  readonly step: string;
  /** Lanes that are held while it waits; absent if it only asks how far the child has been taken back. */
  readonly held?: readonly HeldLane[];
}

/**
 * Which steps wait for which child. Most children know their parent by their own row; this is for
 * those that somebody else has started, and is gone with the process: a parent looks again by itself.
 */
export class ChildWaiters {
  readonly #waiters = new Map<number, ChildWaiter[]>();

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    return this.#waiters.size;
  }

  get runs(): Iterable<number> {
    return this.#waiters.keys();
  }

  wait(child: number, waiter: ChildWaiter): void {
    const list = this.#waiters.get(child) ?? [];
    const known = list.some((one) => one.run === waiter.run && one.step === waiter.step);
    if (!known) this.#waiters.set(child, [...list, waiter]);
  }

  ended(child: number): readonly ChildWaiter[] {
    const list = this.#waiters.get(child) ?? [];
    this.#waiters.delete(child);
    return list;
  }
}

/** How a stored run ended, or null. */
export function endOf(stored: StoredRun): RunEnd | null {
  if (!isFinal(stored.row.state)) return null;
  const finished = stored.records.findLast((record) => record.kind === "finished");
  if (finished === undefined) return null;
  const head = headOf<{ state: FinalRunState; reason: string }>(finished);
  return { state: head.state, reason: head.reason, data: finished.data };
}
