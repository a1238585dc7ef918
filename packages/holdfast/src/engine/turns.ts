/** Work under one name comes one after the other: each has to see what the one before it has left. */
export class Turns {
  /** The last of those under a name that are not through. */
  readonly #last = new Map<string, Promise<unknown>>();

  get count(): number {
    return this.#last.size;
  }

  has(name: string): boolean {
    return this.#last.has(name);
  }

  async in<T>(name: string, act: () => Promise<T>): Promise<T> {
    const before = this.#last.get(name);
    const turn = before === undefined ? act() : before.then(act, act);
    this.#last.set(name, turn);
    try {
      return await turn;
    } finally {
      if (this.#last.get(name) === turn) this.#last.delete(name);
    }
  }
}
