/** Who waits for the end of a run in this process. Costs nothing for runs that nobody waits for. */
import type { FinalRunState } from "../core/run-state.ts";

export interface RunEnd {
  readonly state: FinalRunState;
  readonly reason: string;
  /** JSON of the result; null unless it completed. */
  readonly data: string | null;
}

export class EndWaiters {
  readonly #waiters = new Map<number, ((end: RunEnd) => void)[]>();

  wait(run: number): Promise<RunEnd> {
    return new Promise((resolve) => {
      const list = this.#waiters.get(run);
      if (list === undefined) this.#waiters.set(run, [resolve]);
      else list.push(resolve);
    });
  }

  has(run: number): boolean {
    return this.#waiters.has(run);
  }

  ended(run: number, end: RunEnd): void {
    const list = this.#waiters.get(run);
    if (list === undefined) return;
    this.#waiters.delete(run);
    for (const resolve of list) resolve(end);
  }
}
