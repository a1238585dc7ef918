/** Conformance: one flush is one transaction, durable, in order. */
import assert from "node:assert/strict";
import { RECORD_KINDS, type RecordKind } from "../core/record-kinds.ts";
import { HoldfastError } from "../core/error.ts";
import type { StoreTests } from "./describe-store.ts";
import { everyKind } from "./sample-every-kind.ts";
import {
  SAMPLE_START_MS,
  SYSTEM_RUN,
  SampleJournal,
  finishedHead,
  startedHead,
} from "./sample-journal.ts";

/** Texts that are easily damaged on their way: NUL, quotes, scripts, emoji, separators, long. */
const TEXTS = [
  "O'Brien; drop table run; --",
  "日本語 العربية \u202Eabc",
  "👩‍👩‍👧 \u{10FFFF} \uFFFD \uFEFF",
  "line\nbreak\r\n\u2028\u2029",
  "x".repeat(70_000),
  "",
];

const TESTED_APART: ReadonlySet<RecordKind> = new Set<RecordKind>([
  "archived",
  "imported",
  "cells",
  "carried",
  "forwarded",
  "placed",
]);

export const flushTests: StoreTests = {
  "reads back every kind of record as it was written": async ({ store, openReader }) => {
    const sample = everyKind(store);
    await sample.flushTo(store);
    const kinds = new Set(sample.records.map((record) => record.kind));
    assert.deepEqual(
      // Those by which runs leave and come, and those of cells, have tests of their own.
      RECORD_KINDS.filter((kind) => !kinds.has(kind) && !TESTED_APART.has(kind)),
      [],
    );
    const stored = await store.load([11, 12, 13]);
    for (const { row, records } of stored) assert.deepEqual(records, sample.of(row.run));
    const reader = await openReader();
    const system = await reader.records(SYSTEM_RUN, 0, 1000);
    assert.deepEqual(system, sample.of(SYSTEM_RUN));
  },

  // Without NUL, which neither PostgreSQL nor SQLite under Node 22 gives back: the engine lets none in.
  "keeps every text as it is, in names, heads and payloads": async ({ store, crash }) => {
    const sample = new SampleJournal();
    for (const [index, text] of TEXTS.entries()) {
      const run = index + 1;
      const data = JSON.stringify({ text });
      sample.add(run, "started", startedHead(run, { key: text, reason: text }), { data });
      sample.add(run, "result", null, { name: text, data });
    }
    await sample.flushTo(store);
    const again = await crash();
    const stored = await again.load(TEXTS.map((_, index) => index + 1));
    assert.deepEqual(
      stored.map(({ row }) => row.key),
      TEXTS,
    );
    assert.deepEqual(
      stored.flatMap(({ records }) => records),
      sample.records,
    );
  },

  "keeps the largest payload that the engine lets in": async ({ store }) => {
    const sample = new SampleJournal();
    const data = JSON.stringify("x".repeat(8 * 1024 * 1024 - 2));
    sample.add(1, "started", startedHead(1), { data });
    await sample.flushTo(store);
    const [stored] = await store.load([1]);
    assert.equal(stored?.records[0]?.data, data);
  },

  "applies flushes in the order of the calls, without waiting between them": async ({ store }) => {
    const sample = new SampleJournal();
    sample.add(1, "started", startedHead(1));
    for (let step = 0; step < 40; step += 1) sample.add(1, "result", null, { data: String(step) });
    const flushed: number[] = [];
    const flushes = Array.from({ length: 41 }, () => sample.batch([], 1)).map(async (batch) => {
      await store.flush(batch);
      flushed.push(batch.number);
    });
    await Promise.all(flushes);
    assert.deepEqual(
      flushed,
      Array.from({ length: 41 }, (_, index) => index + 1),
    );
    const [stored] = await store.load([1]);
    assert.deepEqual(stored?.records, sample.records);
  },

  "refuses a flush out of order and then takes the right one": async ({ store }) => {
    const sample = new SampleJournal();
    sample.add(1, "started", startedHead(1));
    const first = sample.batch();
    sample.add(1, "finished", finishedHead());
    const second = sample.batch();
    await assert.rejects(store.flush(second));
    assert.deepEqual(await store.load([1]), []);
    await store.flush(first);
    await assert.rejects(store.flush(first));
    await store.flush(second);
    const [stored] = await store.load([1]);
    assert.equal(stored?.row.state, "completed");
  },

  "takes a flush without records": async ({ store, damage }) => {
    const sample = new SampleJournal();
    await sample.flushTo(store);
    sample.add(1, "started", startedHead(1));
    await sample.flushTo(store);
    assert.deepEqual(await damage(), []);
  },

  "keeps nothing of a flush that fails, and is dead after it": async ({ store, crash, damage }) => {
    const sample = new SampleJournal();
    sample.add(1, "started", startedHead(1));
    await sample.flushTo(store);
    const told = new Promise<Error>((resolve) => {
      store.onFatal(resolve);
    });
    const bad = new SampleJournal();
    bad.add(2, "started", startedHead(2));
    // The same (run, seq) as a record that is there.
    bad.add(1, "started", startedHead(1));
    await assert.rejects(store.flush({ ...bad.batch(), number: 2 }), isDead);
    assert.ok(isDead(await told));
    const next = { number: 2, atMs: SAMPLE_START_MS, records: sample.batch().records, taken: [] };
    await assert.rejects(store.flush(next), isDead);
    await assert.rejects(store.load([1]), isDead);
    const again = await crash();
    assert.deepEqual(
      (await again.load([1, 2])).map(({ row }) => row.run),
      [1],
    );
    assert.deepEqual(await damage(), []);
  },

  "refuses a second run with a key that is taken": async ({ store, crash }) => {
    const sample = new SampleJournal();
    sample.add(1, "started", startedHead(1));
    await sample.flushTo(store);
    const { key, keyHash } = startedHead(1);
    sample.add(2, "started", startedHead(2, { key, keyHash }));
    await assert.rejects(sample.flushTo(store), isDead);
    const again = await crash();
    assert.deepEqual(await again.load([2]), []);
  },
};

function isDead(error: unknown): boolean {
  return error instanceof HoldfastError && error.code === "HF5008";
}
