/**
 * While runs that were at work at a crash are brought back, whoever has something for one of them waits
 * until it has come. Reached before, its code would run before it is on record that it is being tried,
 * and a process that it ends would speak against nobody.
 */
export class ComingBack {
  /** Waves that are being brought back now. */
  #waves = 0;
  readonly #waiting = new Map<number, (() => void)[]>();

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    return this.#waiting.size;
  }

  begin(): void {
    this.#waves += 1;
  }

  end(): void {
    this.#waves = Math.max(0, this.#waves - 1);
    if (this.#waves === 0) this.#letAllGo();
  }

  /** It is at work again, or has been put away. */
  came(run: number): void {
    for (const go of this.#waiting.get(run) ?? []) go();
    this.#waiting.delete(run);
  }

  /** Null if none is being brought back; else resolves when this run has come, or all have. */
  turnOf(run: number): Promise<void> | null {
    if (this.#waves === 0) return null;
    return new Promise((resolve) => {
      this.#waiting.set(run, [...(this.#waiting.get(run) ?? []), resolve]);
    });
  }

  /** The engine ends: nobody waits any more. */
  close(): void {
    this.#waves = 0;
    this.#letAllGo();
  }

  #letAllGo(): void {
    for (const run of this.#waiting.keys()) this.came(run);
  }
}
