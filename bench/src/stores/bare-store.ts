import type { Store } from "holdfast/testing";
import type { BareSettings } from "./bare-thread.ts";
import { threadStore } from "./thread-store.ts";

/** The embedded store's journal alone, to see what its seals and projections cost. */
export function bareStore(settings: BareSettings): Promise<Store> {
  return threadStore(new URL("./bare-thread.ts", import.meta.url), settings);
}
