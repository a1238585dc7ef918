/** Those who are told of what the engine does. */
import { thrownText } from "./exceptions/thrown-text.ts";
import type { EngineEvent, EngineListener } from "./events.ts";

export class Listeners {
  readonly #all = new Set<EngineListener>();

  /** The answer takes the listener away again. */
  add(listener: EngineListener): () => void {
    this.#all.add(listener);
    return () => {
      this.#all.delete(listener);
    };
  }

  tell(event: EngineEvent): void {
    for (const listener of this.#all) {
      try {
        listener(event);
      } catch (error) {
        // Whoever only listens must not stop what is told of.
        process.emitWarning(
          `a listener threw at ${event.type}: ${thrownText(error).message}`,
          "HoldfastWarning",
        );
      }
    }
  }
}
