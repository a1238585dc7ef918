import type { RecordColumns } from "./store.ts";

/** Columns of a flush that writes nothing but its own end. A new one each time: they may be filled. */
export function noRecords(): RecordColumns {
  return { run: [], seq: [], kind: [], attempt: [], name: [], atMs: [], head: [], data: [] };
}
