/** Conformance: what is there after a close and after a crash, and who may open it. */
import assert from "node:assert/strict";
import type { StoreTests, StoreUnderTest } from "./describe-store.ts";
import { everyKind } from "./sample-every-kind.ts";
import { SYSTEM_RUN, SampleJournal, startedHead } from "./sample-journal.ts";

export const openingTests: StoreTests = {
  "has a name and a key that stay": async ({ store, reopen, openReader }) => {
    await everyKind(store).flushTo(store);
    const again = await reopen();
    assert.equal(again.storeId, store.storeId);
    assert.deepEqual([...again.secret], [...store.secret]);
    assert.equal(again.secret.length, 32);
    assert.notEqual(again.incarnation, store.incarnation);
    assert.equal((await openReader()).storeId, store.storeId);
  },

  "keeps what was acknowledged through a crash": async ({ store, crash, damage }) => {
    const sample = everyKind(store);
    while (sample.records.length > 0) {
      const batch = sample.batch([], 5);
      if (batch.records.run.length === 0) break;
      await store.flush(batch);
    }
    const again = await crash();
    const stored = await again.load([11, 12, 13]);
    assert.deepEqual(
      stored.flatMap(({ records }) => records),
      [11, 12, 13].flatMap((run) => sample.of(run)),
    );
    assert.deepEqual(await damage(), []);
  },

  "knows where numbering goes on": async ({ store, crash }) => {
    assert.equal(store.lastRun, 0);
    assert.equal(store.lastSystemSeq, 0);
    const sample = everyKind(store);
    await sample.flushTo(store);
    const again = await crash();
    assert.equal(again.lastRun, 13);
    assert.equal(again.lastSystemSeq, sample.of(SYSTEM_RUN).length);
  },

  "names the chain that ended before, and whether it was closed": async (subject) => {
    const { store, reopen, crash } = subject;
    assert.deepEqual(store.predecessors, []);
    const sample = new SampleJournal();
    sample.add(1, "started", startedHead(1));
    await sample.flushTo(store);
    const second = await reopen();
    const [closed] = second.predecessors;
    assert.equal(second.predecessors.length, 1);
    assert.equal(closed?.incarnation, store.incarnation);
    assert.equal(closed.clean, true);
    sample.continueIn(second);
    await sample.flushTo(second);
    const third = await crash();
    const [crashed] = third.predecessors;
    assert.deepEqual(
      third.predecessors.map(({ incarnation, flush, clean }) => ({ incarnation, flush, clean })),
      [{ incarnation: second.incarnation, flush: 1, clean: false }],
    );
    assert.match(crashed?.seal ?? "", /^[0-9a-f]{64}$/u);
  },

  "names every chain that no later one has closed": async ({ store, crash, damage }) => {
    let current = store;
    const sample = new SampleJournal();
    const incarnations: number[] = [];
    for (const run of [1, 2, 3]) {
      sample.add(run, "started", startedHead(run));
      await current.flush({ ...sample.batch(), number: 1 });
      incarnations.push(current.incarnation);
      current = await crash();
    }
    assert.deepEqual(
      current.predecessors.map(({ incarnation }) => incarnation),
      incarnations.toSorted((left, right) => left - right),
    );
    sample.continueIn(current);
    await sample.flushTo(current);
    const last = await crash();
    assert.deepEqual(
      last.predecessors.map(({ incarnation }) => incarnation),
      [current.incarnation],
    );
    assert.deepEqual(await damage(), []);
  },

  "lets one engine in at a time": async ({ store, openSecond, reopen }) => {
    await assert.rejects(openSecond(), { code: "HF5004" });
    await everyKind(store).flushTo(store);
    await reopen();
    await assert.rejects(openSecond(), { code: "HF5004" });
  },

  "tells other processes who is at work, and when it was last written": async (subject) => {
    const reader = await subject.openReader();
    const before = await reader.pulse();
    assert.equal(before.length, 1);
    assert.equal(before[0]?.engineCount, 1);
    assert.equal(before[0]?.flushAtMs, null);
    const sample = everyKind(subject.store);
    await sample.flushTo(subject.store);
    const [first] = await reader.pulse();
    sample.add(40, "started", startedHead(40));
    await sample.flushTo(subject.store);
    const newest = sample.records.at(-1)?.atMs;
    const [written] = await reader.pulse();
    assert.equal(written?.flushAtMs, newest);
    assert.notEqual(first?.flushAtMs, newest);
    await subject.store.close();
    const [closed] = await reader.pulse();
    assert.equal(closed?.engineCount, 0);
    assert.notEqual(closed?.flushAtMs, null);
    await subject.reopen();
    assert.equal((await reader.pulse())[0]?.engineCount, 1);
  },

  "tells other processes whether an engine runs": async (subject) => {
    const reader = await subject.openReader();
    assert.equal(await reader.engineRuns(), true);
    await subject.store.close();
    assert.equal(await reader.engineRuns(), false);
    await subject.reopen();
    assert.equal(await reader.engineRuns(), true);
  },

  "goes on after crashes anywhere between flushes": async (subject) => {
    await crashBetweenFlushes(subject, 5);
    assert.deepEqual(await subject.damage(), []);
  },
};

/** Flushes one sample in small pieces, with a crash or a close after each. */
async function crashBetweenFlushes(subject: StoreUnderTest, limit: number): Promise<void> {
  const sample = everyKind(subject.store);
  const total = sample.records.length;
  let current = subject.store;
  for (let flushed = 0; flushed < total; flushed += limit) {
    await current.flush({ ...sample.batch([], limit), number: 1 });
    current = flushed % 2 === 0 ? await subject.crash() : await subject.reopen();
  }
  const stored = await current.load([11, 12, 13]);
  assert.deepEqual(
    stored.map(({ row, records }) => [row.state, records.length]),
    [11, 12, 13].map((run) => [
      { 11: "completed", 12: "parked", 13: "cancelled" }[run],
      sample.of(run).length,
    ]),
  );
}
