import type { Store } from "holdfast/testing";
import { threadStore } from "./thread-store.ts";

/** The raw durable limit: the same records appended to a file, one fdatasync per flush. */
export function logStore(path: string): Promise<Store> {
  return threadStore(new URL("./log-thread.ts", import.meta.url), path);
}
