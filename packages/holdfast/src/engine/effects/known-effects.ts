/**
 * The effects of this app by name: those that it lists, and those that its code has asked for. A run
 * whose code does not fit its journal is undone by them.
 */
import { HoldfastError } from "../../core/error.ts";
import type { AnyEffect } from "../../workflow/effect.ts";

export class KnownEffects {
  readonly #byName = new Map<string, AnyEffect>();

  /** @throws {HoldfastError} HF1002 if two have the same name. */
  constructor(listed: readonly AnyEffect[]) {
    for (const effect of listed) {
      const known = this.#byName.get(effect.name);
      if (known !== undefined && known !== effect) {
        throw new HoldfastError(
          "HF1002",
          `Two effects have the name "${effect.name}".`,
          "Give each effect a name of its own: what a run did is undone by it.",
        );
      }
      this.#byName.set(effect.name, effect);
    }
  }

  get(name: string): AnyEffect | null {
    return this.#byName.get(name) ?? null;
  }

  /** Code has asked for it. To be called once it is declared: the number of names is bounded there. */
  note(effect: AnyEffect): void {
    this.#byName.set(effect.name, effect);
  }
}
