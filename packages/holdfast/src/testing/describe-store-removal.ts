/** Conformance: runs leave with everything of them, and nothing leaves in any other way. */
import assert from "node:assert/strict";
import type { ArchivedHead } from "../core/archived.ts";
import { leavingOf, addedSums } from "../store/leaving.ts";
import type { Store } from "../store/store.ts";
import type { StoreTests } from "./describe-store.ts";
import { everyKind } from "./sample-every-kind.ts";
import {
  SAMPLE_START_MS,
  SampleJournal,
  SYSTEM_RUN,
  finishedHead,
  startedHead,
} from "./sample-journal.ts";

/** The record by which runs leave, as an engine writes it. */
export async function archivedHead(
  store: Store,
  runs: readonly number[],
  over: Partial<ArchivedHead> = {},
): Promise<ArchivedHead> {
  const { removal } = store;
  const digests = new Map((await removal.recordSums(runs)).map((sum) => [sum.run, sum.digest]));
  const stored = await store.load(runs);
  const sums = [];
  const archived = [];
  for (const { row, records, shard } of stored) {
    sums.push((await leavingOf(row, records, async () => [])).sums);
    const { keyHash, generation, inputDigest } = startedHead(row.run);
    const digest = digests.get(row.run) ?? "";
    archived.push({
      run: row.run,
      records: records.length,
      digest,
      keyHash,
      generation,
      inputDigest,
      ...(shard === undefined ? {} : { shard }),
    });
  }
  const archive = { archive: "arc_1", file: "old.ndjson", by: "ana", keysUntilMs: null };
  return { ...archive, runs: archived, ...addedSums(sums), ...over };
}

function addEnded(sample: SampleJournal, run: number): void {
  sample.add(run, "started", startedHead(run));
  sample.add(run, "result", null, { name: "price", data: '{"total":1000}' });
  sample.add(run, "finished", finishedHead(), { data: '{"done":true}' });
}

/** Long after every id of an event of the samples is forgotten. */
const LATER_MS = SAMPLE_START_MS + 400 * 86_400_000;

export const removalTests: StoreTests = {
  "lets runs go with everything that is looked up of them": async (subject) => {
    const { store, openReader, damage } = subject;
    const sample = everyKind(store);
    await sample.flushTo(store);
    const reader = await openReader();
    const counters = await reader.counters("");
    sample.add(SYSTEM_RUN, "archived", await archivedHead(store, [11]));
    const batch = sample.batch();
    await store.flush({ ...batch, records: { ...batch.records, atMs: [LATER_MS] } });
    assert.deepEqual(await store.load([11]), []);
    assert.deepEqual(await reader.records(11, 0, 100), []);
    const page = { afterRun: 0, limit: 100, all: true };
    const rows = [
      ...(await reader.runs(page)),
      ...(await reader.effects(page)),
      ...(await reader.exceptions(page)),
      ...(await reader.reviews(page)),
    ];
    assert.deepEqual([...new Set(rows.map(({ run }) => run))], [10, 12, 13]);
    assert.deepEqual(await reader.counters(""), counters);
    assert.deepEqual(await damage(), []);
  },

  "guards the key of a run that has left, over a start": async (subject) => {
    const { store, reopen, damage } = subject;
    const sample = new SampleJournal();
    addEnded(sample, 21);
    await sample.flushTo(store);
    sample.add(SYSTEM_RUN, "archived", await archivedHead(store, [21]));
    await sample.flushTo(store);
    const { keyHash, generation, inputDigest } = startedHead(21);
    const key = { namespace: "main", workflow: "order", key: "order-21", keyHash };
    const gone = { run: 21, generation, inputDigest, row: null };
    assert.deepEqual(await store.find([key]), [gone]);
    const again = await reopen();
    assert.deepEqual(await again.find([key]), [gone]);
    assert.equal(again.lastRun, 21);
    assert.deepEqual(await damage(), []);
  },

  "forgets a key once its time is over and other runs leave": async ({ store, damage }) => {
    const sample = new SampleJournal();
    addEnded(sample, 21);
    addEnded(sample, 22);
    await sample.flushTo(store);
    const keysUntilMs = SAMPLE_START_MS + 1_000;
    sample.add(SYSTEM_RUN, "archived", await archivedHead(store, [21], { keysUntilMs }));
    await sample.flushTo(store);
    const { keyHash } = startedHead(21);
    const key = { namespace: "main", workflow: "order", key: "order-21", keyHash };
    assert.equal((await store.find([key]))[0]?.run, 21);
    sample.add(SYSTEM_RUN, "archived", await archivedHead(store, [22]));
    const batch = sample.batch();
    await store.flush({ ...batch, records: { ...batch.records, atMs: [LATER_MS] } });
    assert.deepEqual(await store.find([key]), [null]);
    assert.deepEqual(await damage(), []);
  },

  "says where a run is that has left": async ({ store, openReader }) => {
    const sample = new SampleJournal();
    addEnded(sample, 21);
    await sample.flushTo(store);
    const atMs = SAMPLE_START_MS + sample.records.length;
    sample.add(SYSTEM_RUN, "archived", await archivedHead(store, [21]));
    await sample.flushTo(store);
    const row = { run: 21, atMs, archive: "arc_1", file: "old.ndjson", by: "ana" };
    assert.deepEqual(await store.removal.archivedRuns([20, 21]), [row]);
    const reader = await openReader();
    assert.deepEqual(await reader.archivedRun(21), row);
    assert.equal(await reader.archivedRun(20), null);
  },

  "names the children of runs, who has called them, and the store's own records": async ({
    store,
  }) => {
    const sample = new SampleJournal();
    sample.add(21, "started", startedHead(21));
    sample.add(22, "started", startedHead(22, { parent: { run: 21, step: "ship" } }));
    sample.add(SYSTEM_RUN, "group", { group: 1, event: "started", runs: [21], crashes: 0 });
    await sample.flushTo(store);
    const { removal } = store;
    assert.deepEqual(await removal.childrenOf([20, 21, 22]), [{ run: 22, parentRun: 21 }]);
    sample.add(23, "started", startedHead(23));
    for (const [run, child] of [
      [21, 22],
      [23, 22],
    ] as const)
      sample.add(run, "called", { workflow: "shipment", child }, { name: "ship" });
    await sample.flushTo(store);
    assert.deepEqual(await removal.callsOf([21, 22]), [
      { called: 22, caller: 21 },
      { called: 22, caller: 23 },
    ]);
    assert.deepEqual(await removal.storeRecords([1, 2]), sample.of(SYSTEM_RUN));
    assert.deepEqual(await removal.recordSums([20]), []);
  },
};
