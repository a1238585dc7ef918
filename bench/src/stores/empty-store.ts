/** The reading half of a store that keeps nothing to be read: what the raw limits need. */
import { randomBytes } from "node:crypto";
import type { Store } from "holdfast/testing";

/** Everything but `flush` and `close`. Every question is answered with "nothing there". */
export function emptyStore(): Omit<Store, "flush" | "close"> {
  return {
    shards: { isWhole: true },
    storeId: "store_bench",
    secret: Uint8Array.from(randomBytes(32)),
    incarnation: 1,
    predecessors: [],
    lastRun: 0,
    lastSystemSeq: 0,
    find: async (keys) => keys.map(() => null),
    load: async () => [],
    page: async () => [],
    due: async () => [],
    parkedCount: async () => 0,
    parked: async () => [],
    lane: async () => [],
    openLanes: async () => [],
    acceptedEvents: async (ids) => ids.map(() => null),
    acceptedCount: async () => 0,
    received: async (names) => names.map(() => null),
    receivedCount: async () => 0,
    newestInOrder: async () => null,
    heldMessages: async () => [],
    keptCount: async () => 0,
    exception: async () => null,
    besideExceptions: async () => ({ openCount: 0, seq: null }),
    keptEvents: async () => [],
    awaiting: async () => [],
    pendingByRef: async () => null,
    declarations: async () => [],
    endedByRef: async () => false,
    earlyAnswers: async () => [],
    dependencies: async () => [],
    openGroups: async () => [],
    inbox: async () => [],
    onPosted: () => () => false,
    changed: async () => false,
    removal: {
      recordSums: async () => [],
      storeRecords: async () => [],
      childrenOf: async () => [],
      callsOf: async () => [],
      archivedRuns: async () => [],
    },
    onFatal: () => undefined,
  };
}
