/** Steps that are parked at one gate and whose runs are in memory: the store need not know of them. */

interface ParkedStep {
  /** Whether it may be the one call that is tried. */
  readonly mayTry: boolean;
  readonly callback: () => void;
}

export class ParkedSteps {
  /** By run and step: several steps of one run may be parked here. */
  readonly #runs = new Map<number, Map<string, ParkedStep>>();

  /** Runs that have such steps. */
  get size(): number {
    return this.#runs.size;
  }

  add(run: number, path: string, step: ParkedStep): void {
    const steps = this.#runs.get(run);
    if (steps === undefined) this.#runs.set(run, new Map([[path, step]]));
    else steps.set(path, step);
  }

  /** The run has left memory: the store knows that it is parked. */
  forget(run: number): void {
    this.#runs.delete(run);
  }

  /** Lets steps try again, oldest run first. False if there were none. */
  call(count: number, which: "all" | "those that may be tried"): boolean {
    const called: ParkedStep[] = [];
    for (const [run, steps] of this.#runs) {
      if (called.length >= count) break;
      for (const [path, step] of steps) {
        if (called.length >= count) break;
        if (which !== "all" && !step.mayTry) continue;
        steps.delete(path);
        called.push(step);
      }
      if (steps.size === 0) this.#runs.delete(run);
    }
    // Afterwards: who may not pass after all is parked anew.
    for (const { callback } of called) callback();
    return called.length > 0;
  }
}
