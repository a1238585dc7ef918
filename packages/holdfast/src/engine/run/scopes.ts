/** The scopes of one run that have been undone: what was done there is not undone again, nor resumed. */
import { isWithin } from "../../core/step-path.ts";

export class Scopes {
  readonly #undone: string[] = [];

  undone(scope: string): void {
    this.#undone.push(scope);
  }

  /** True for a step of a scope that was undone. */
  haveUndone(path: string): boolean {
    return this.#undone.some((scope) => isWithin(path, scope));
  }
}
