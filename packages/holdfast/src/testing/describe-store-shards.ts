/** Conformance: which part of a store an engine writes, and reads of a part. */
import assert from "node:assert/strict";
import type { Store } from "../store/store.ts";
import type { StoreTests } from "./describe-store.ts";
import { SAMPLE_START_MS, SampleJournal, startedHead, stateHead } from "./sample-journal.ts";

/** All shards of a store that has them; one that has none takes no notice. */
const EVERY_SHARD: readonly number[] = Array.from({ length: 256 }, (_, shard) => shard);

export const shardTests: StoreTests = {
  "belongs to the engine that has it for itself, as a whole": async ({ store }) => {
    assert.deepEqual(store.shards, { isWhole: true });
  },

  "answers of all shards as it does without them": async ({ store, openReader }) => {
    const sample = new SampleJournal();
    for (const run of [1, 2, 3]) {
      sample.add(run, "started", startedHead(run, { lane: `lane ${String(run % 2)}` }));
    }
    const parked = { dependency: "erp", wakeAtMs: SAMPLE_START_MS + 5 };
    sample.add(2, "state", stateHead("running", "parked", parked));
    await sample.flushTo(store);
    const command = { topic: "cancel", atMs: SAMPLE_START_MS, by: "anna", data: "{}" } as const;
    const reader = await openReader();
    await reader.post({ ...command, id: "about-1", run: 1 });
    await reader.post({ ...command, id: "about-none" });
    const [some, all] = await Promise.all([asked(store, EVERY_SHARD), asked(store)]);
    assert.deepEqual(some, all);
    assert.deepEqual(some.commands.toSorted(), ["about-1", "about-none"]);
    assert.deepEqual(some.atWork, [1, 3]);
  },
};

async function asked(store: Store, shards?: readonly number[]) {
  const page = { afterRun: 0, limit: 10 };
  return {
    atWork: (await store.page(["running"], page, shards)).map(({ row }) => row.run),
    due: await store.due(0, SAMPLE_START_MS + 10, 10, shards),
    parked: await store.parked("erp", page, shards),
    lanes: await store.openLanes(page, shards),
    commands: (await store.inbox(10, shards)).map(({ id }) => id),
  };
}
