/** Conformance: what the engine and other processes read. */
import assert from "node:assert/strict";
import type { HandlingAct } from "../core/exception-handling.ts";
import { EFFECT_STAYS } from "../core/failure.ts";
import { groupsOf } from "../core/fingerprint.ts";
import type { InboxRow } from "../store/rows.ts";
import type { StoreTests } from "./describe-store.ts";
import {
  SAMPLE_START_MS,
  SampleJournal,
  closedHead,
  exceptionRecord,
  finishedHead,
  intentHead,
  openedHead,
  outcomeHead,
  sampleKeyHash,
  startRuns,
  startedHead,
  stateHead,
} from "./sample-journal.ts";

const TOPICS = ["start", "cancel"] as const;

export const readingTests: StoreTests = {
  "finds runs by their key, in the order asked": async ({ store }) => {
    await startRuns(store, [1, 2, 3]);
    const found = await store.find([3, 9, 1].map((run) => keyOf(run)));
    assert.deepEqual(
      found.map((entry) => entry && [entry.run, entry.generation, entry.row?.key]),
      [[3, 1, "order-3"], null, [1, 1, "order-1"]],
    );
    assert.deepEqual(
      found.map((entry) => entry?.inputDigest),
      ["a".repeat(32), undefined, "a".repeat(32)],
    );
    assert.deepEqual(await store.find([]), []);
  },

  "finds a key's newest generation": async ({ store }) => {
    const sample = await startRuns(store, [1]);
    sample.add(1, "finished", finishedHead());
    const inputDigest = "c".repeat(32);
    const again = { key: "order-1", keyHash: sampleKeyHash(1), generation: 2, inputDigest };
    sample.add(2, "started", startedHead(2, again));
    await sample.flushTo(store);
    const [found] = await store.find([keyOf(1)]);
    assert.deepEqual([found?.run, found?.generation, found?.inputDigest], [2, 2, inputDigest]);
  },

  "loads runs in the order asked and leaves out unknown ones": async ({ store }) => {
    const runs = Array.from({ length: 50 }, (_, index) => index + 1);
    const sample = await startRuns(store, runs);
    for (const run of runs) sample.add(run, "result", null, { name: "a", data: String(run) });
    await sample.flushTo(store);
    const asked = [...runs.toReversed(), 999];
    const stored = await store.load(asked);
    assert.deepEqual(
      stored.map(({ row }) => row.run),
      runs.toReversed(),
    );
    for (const { row, records } of stored) assert.deepEqual(records, sample.of(row.run));
    assert.deepEqual(await store.load([]), []);
  },

  "pages through the runs of some states by number": async ({ store }) => {
    const sample = await startRuns(store, [1, 2, 3, 4, 5, 6, 7, 8]);
    for (const run of [2, 6]) sample.add(run, "state", stateHead("running", "cancelling"));
    for (const run of [3, 7]) sample.add(run, "finished", finishedHead());
    await sample.flushTo(store);
    const seen: number[] = [];
    let afterRun = 0;
    for (;;) {
      const page = await store.page(["running", "cancelling"], { afterRun, limit: 2 });
      if (page.length === 0) break;
      assert.ok(page.length <= 2);
      for (const { row, records } of page) assert.deepEqual(records, sample.of(row.run));
      seen.push(...page.map(({ row }) => row.run));
      afterRun = seen.at(-1) ?? 0;
    }
    assert.deepEqual(seen, [1, 2, 4, 5, 6, 8]);
    assert.deepEqual(await store.page([], { afterRun: 0, limit: 10 }), []);
  },

  "lists runs by what is asked for, in pages": async ({ store, openReader }) => {
    const sample = new SampleJournal();
    sample.add(1, "started", startedHead(1, { owner: "finance" }));
    sample.add(2, "started", startedHead(2, { owner: "sales", workflow: "offer" }));
    sample.add(3, "started", startedHead(3, { owner: "finance", namespace: "north" }));
    sample.add(4, "started", startedHead(4, { key: "order-1", generation: 2 }));
    sample.add(2, "finished", finishedHead({ workflow: "offer" }));
    await sample.flushTo(store);
    const reader = await openReader();
    const page = { afterRun: 0, limit: 10 };
    const numbers = async (query: object) =>
      (await reader.runs({ ...page, ...query })).map(({ run }) => run);
    assert.deepEqual(await numbers({}), [1, 2, 3, 4]);
    assert.deepEqual(await numbers({ limit: 2 }), [1, 2]);
    assert.deepEqual(await numbers({ afterRun: 2 }), [3, 4]);
    assert.deepEqual(await numbers({ owner: "finance" }), [1, 3, 4]);
    assert.deepEqual(await numbers({ namespace: "north" }), [3]);
    assert.deepEqual(await numbers({ workflow: "offer" }), [2]);
    assert.deepEqual(await numbers({ states: ["completed", "stopped"] }), [2]);
    assert.deepEqual(await numbers({ key: "order-1" }), [1, 4]);
    const named = await reader.runsByKey("order-1", 10);
    assert.deepEqual(
      named.map(({ run }) => run),
      [4, 1],
    );
    assert.equal((await reader.run(2))?.state, "completed");
    assert.equal(await reader.run(99), null);
    assert.deepEqual(await reader.records(2, 1, 10), sample.of(2).slice(1));
  },

  "does not cut the rows of a run in two pages": async ({ store, openReader }) => {
    const sample = await startRuns(store, [1, 2, 3]);
    for (const run of [1, 2, 3]) {
      for (let number = 0; number < 3; number += 1) {
        const operation = sample.nextSeq(run);
        sample.add(run, "intent", intentHead(operation), { name: `charge-${String(number)}` });
      }
    }
    await sample.flushTo(store);
    const reader = await openReader();
    const first = await reader.effects({ afterRun: 0, limit: 4 });
    assert.deepEqual(
      first.map(({ run }) => run),
      [1, 1, 1, 2, 2, 2],
    );
    const second = await reader.effects({ afterRun: 2, limit: 4 });
    assert.deepEqual(
      second.map(({ run }) => run),
      [3, 3, 3],
    );
  },

  "filters effects and exceptions": async ({ store, openReader }) => {
    const sample = await startRuns(store, [1, 2]);
    const operation = sample.add(1, "intent", intentHead(2), { name: "charge", attempt: 1 });
    sample.add(1, "outcome", outcomeHead(operation, { end: "value" }), { name: "charge" });
    sample.add(2, "intent", intentHead(2, { effect: "refund" }), { name: "refund", attempt: 1 });
    sample.add(2, "opened", openedHead({ owner: "sales", class: "policy", family: "policy" }));
    await sample.flushTo(store);
    const reader = await openReader();
    const page = { afterRun: 0, limit: 10 };
    const effects = async (query: object) =>
      (await reader.effects({ ...page, ...query })).map(({ run }) => run);
    assert.deepEqual(await effects({ open: true }), [2]);
    assert.deepEqual(await effects({ proof: "surely" }), [1]);
    assert.deepEqual(await effects({ effect: "refund" }), [2]);
    assert.deepEqual(await effects({ run: 1 }), [1]);
    const exceptions = async (query: object) =>
      (await reader.exceptions({ ...page, ...query })).map(({ run }) => run);
    assert.deepEqual(await exceptions({ owner: "sales" }), [2]);
    assert.deepEqual(await exceptions({ owner: "finance" }), []);
    assert.deepEqual(await exceptions({ class: "policy" }), [2]);
    assert.deepEqual(await exceptions({ run: 1 }), []);
  },

  "finds exceptions by who has them, their tags, their times and their groups": async (subject) => {
    const { store, openReader } = subject;
    const sample = await startRuns(store, [1, 2, 3, 4]);
    const opened = (run: number, over: Parameters<typeof openedHead>[0] = {}) => {
      const seq = sample.add(run, "opened", openedHead(over), { name: "charge" });
      return (act: HandlingAct) =>
        sample.add(run, "handled", { opened: seq, act, by: "ana", reason: "" }, { name: "charge" });
    };
    const ofAna = opened(1);
    ofAna({ kind: "assigned", to: "ana" });
    ofAna({ kind: "tagged", tag: "month-end" });
    ofAna({ kind: "watched", who: "bo" });
    ofAna({ kind: "watched", who: "cyd" });
    ofAna({ kind: "unwatched", who: "cyd" });
    ofAna({ kind: "duplicate", of: "exc_other" });
    const other = opened(2);
    other({ kind: "tagged", tag: "month" });
    other({ kind: "snoozed", until: { kind: "count", count: 1 } });
    const dueAtMs = SAMPLE_START_MS + 1_000;
    opened(3, { dueAtMs, record: exceptionRecord("other") });
    opened(4, { dueAtMs })({ kind: "waits", for: "vendor", spentMs: 0 });
    await sample.flushTo(store);
    const reader = await openReader();
    const found = async (query: object) =>
      (await reader.exceptions({ afterRun: 0, limit: 10, ...query })).map(({ run }) => run);
    assert.deepEqual(await found({ assignee: "ana" }), [1]);
    assert.deepEqual(await found({ assignee: null }), [2, 3, 4]);
    assert.deepEqual(await found({ assignee: "ana", run: 2 }), []);
    assert.deepEqual(await found({ tag: "month-end" }), [1]);
    assert.deepEqual(await found({ tag: "month" }), [2]);
    assert.deepEqual(await found({ watcher: "bo" }), [1]);
    assert.deepEqual(await found({ watcher: "cyd" }), []);
    assert.deepEqual(await found({ duplicateOf: "exc_other" }), [1]);
    assert.deepEqual(await found({ isSnoozed: true }), [2]);
    // The time of one that waits for somebody outside stands still.
    assert.deepEqual(await found({ dueBeforeMs: dueAtMs + 1 }), [3]);
    assert.deepEqual(await found({ dueBeforeMs: dueAtMs }), []);
    const groups = groupsOf(exceptionRecord("other").fingerprints);
    for (const { level, fingerprint } of groups) {
      assert.deepEqual(await found({ groups: [{ level, fingerprint }] }), [3], level);
    }
    const [both] = groupsOf(exceptionRecord().fingerprints);
    assert.ok(both !== undefined);
    assert.deepEqual(await found({ groups: [both, ...groups], owner: "finance" }), [1, 2, 3, 4]);
    assert.deepEqual(await found({ groups: [] }), []);
  },

  "finds what concerns undoings": async ({ store, openReader }) => {
    const sample = await startRuns(store, [1, 2, 3, 4, 5, 6]);
    sample.add(1, "finished", finishedHead({ state: "cancelled", compensated: "partially" }));
    sample.add(2, "state", stateHead("running", "compensating"));
    sample.add(3, "opened", openedHead(), { name: "undo/charge" });
    const stays = sample.add(4, "opened", openedHead({ reasonCode: EFFECT_STAYS }));
    sample.add(4, "closed", closedHead(stays));
    sample.add(5, "opened", openedHead(), { name: "undo" });
    sample.add(6, "finished", finishedHead());
    // A second one of a run that is undone already is no second run.
    sample.add(1, "opened", openedHead(), { name: "undo/charge" });
    sample.add(3, "opened", openedHead(), { name: "undo/ship" });
    await sample.flushTo(store);
    const reader = await openReader();
    const page = { afterRun: 0, limit: 10, isOfUndoing: true };
    const runs = async (query: object) =>
      (await reader.runs({ ...page, ...query })).map(({ run }) => run);
    assert.deepEqual(await runs({}), [1, 2, 3, 4]);
    assert.deepEqual(await runs({ limit: 2 }), [1, 2]);
    assert.deepEqual(await runs({ afterRun: 2 }), [3, 4]);
    assert.deepEqual(await runs({ states: ["cancelled"] }), [1]);
    assert.deepEqual(await runs({ key: "order-3" }), [3]);
    assert.deepEqual(await runs({ owner: "nobody" }), []);
    const found = async (query: object) =>
      (await reader.exceptions({ ...page, ...query })).map(({ run, step }) => [run, step]);
    const failed = [
      [1, "undo/charge"],
      [3, "undo/charge"],
      [3, "undo/ship"],
    ];
    assert.deepEqual(await found({}), failed);
    assert.equal((await found({ all: true })).length, 4);
    assert.deepEqual(await found({ run: 1 }), [[1, "undo/charge"]]);
  },

  "hands each command on once, in order of arrival, and keeps the answer": async (subject) => {
    const { store, openReader, reopen, damage } = subject;
    const reader = await openReader();
    const [first, second] = TOPICS.map((topic, index) => command(String(index), topic));
    assert.ok(first !== undefined && second !== undefined);
    await reader.post(second);
    await reader.post(first);
    await reader.post({ ...second, data: '{"other":true}' });
    assert.deepEqual(
      (await store.inbox(10)).map(({ id, data, answer }) => [id, data, answer]),
      [
        [second.id, second.data, null],
        [first.id, first.data, null],
      ],
    );
    assert.equal((await store.inbox(1)).length, 1);
    // What was changed after it was posted says so; a driver's own tests change it.
    assert.ok((await store.inbox(10)).every(({ isAsPosted }) => isAsPosted));
    assert.deepEqual(await reader.inbox(10), [
      { ...second, answer: null },
      { ...first, answer: null },
    ]);
    assert.equal((await reader.inbox(1)).length, 1);
    assert.equal(await reader.answer(second.id), null);
    const sample = new SampleJournal();
    sample.add(1, "started", startedHead(1));
    await sample.flushTo(store, [{ id: second.id, answer: '{"ok":true}' }]);
    assert.equal(await reader.answer(second.id), '{"ok":true}');
    assert.equal(await reader.answer("nobody"), null);
    assert.deepEqual(
      (await reader.inbox(10)).map(({ id }) => id),
      [first.id],
    );
    await reader.post(second);
    const again = await reopen();
    assert.deepEqual(
      (await again.inbox(10)).map(({ id }) => id),
      [first.id],
    );
    assert.deepEqual(await damage(), []);
  },

  "refuses to take a command twice": async ({ store, openReader, crash }) => {
    const reader = await openReader();
    await reader.post(command("a", "send"));
    const sample = new SampleJournal();
    await sample.flushTo(store, [{ id: "a", answer: "1" }]);
    sample.add(1, "started", startedHead(1));
    await assert.rejects(sample.flushTo(store, [{ id: "a", answer: "2" }]), { code: "HF5008" });
    const again = await crash();
    assert.deepEqual(await again.load([1]), []);
    assert.equal(await reader.answer("a"), "1");
  },

  "notices that another process has written": async ({ store, openReader }) => {
    const reader = await openReader();
    await store.changed();
    assert.equal(await store.changed(), false);
    const sample = new SampleJournal();
    sample.add(1, "started", startedHead(1));
    await sample.flushTo(store);
    assert.equal(await store.changed(), false);
    await reader.post(command("a", "cancel"));
    assert.equal(await store.changed(), true);
    assert.equal(await store.changed(), false);
  },
};

function keyOf(run: number) {
  const key = `order-${String(run)}`;
  return { namespace: "main", workflow: "order", key, keyHash: sampleKeyHash(run) };
}

function command(id: string, topic: InboxRow["topic"]) {
  return { id, topic, atMs: SAMPLE_START_MS, by: "anna", data: `{"id":${JSON.stringify(id)}}` };
}
