/** The raw limit of the engine's own code: a store that is done at once and keeps nothing. */
import type { Store } from "holdfast/testing";
import { emptyStore } from "./empty-store.ts";

export function nullStore(): Store {
  return { ...emptyStore(), flush: async () => undefined, close: async () => undefined };
}
