/** Who waits until nobody is suspected; told all at once. */
export class Quiet {
  #waiting: (() => void)[] = [];

  get count(): number {
    return this.#waiting.length;
  }

  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  tell(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
