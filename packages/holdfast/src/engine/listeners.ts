/** Those who are told of what the engine does. */
import { isThenable } from "./thenable.ts";
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
    for (const listener of this.#all) tellOne(listener, event);
  }
}

/** Whoever only listens must not stop what is told of, nor the others: it gets a warning. */
export function tellOne(listener: EngineListener, event: EngineEvent): void {
  const warn = (error: unknown) => {
    process.emitWarning(
      `a listener threw at ${event.type}: ${thrownText(error).message}`,
      "HoldfastWarning",
    );
  };
  try {
    // An async function is one that answers nothing, to the compiler.
    const said: unknown = listener(event);
    // Else its rejection would be nobody's, and would end the process.
    if (isThenable(said)) void Promise.resolve(said).catch(warn);
  } catch (error) {
    warn(error);
  }
}
