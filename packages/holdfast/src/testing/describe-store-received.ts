/** Conformance: messages from outside, their receipts, and those that are held. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import type { OrderPlace } from "../core/received.ts";
import type { ReceivedRow } from "../store/rows.ts";
import type { Store } from "../store/store.ts";
import type { StoreTests } from "./describe-store.ts";
import {
  SAMPLE_START_MS,
  SYSTEM_RUN,
  SampleJournal,
  heldHead,
  receivedHead,
  startRuns,
} from "./sample-journal.ts";

export const receivedTests: StoreTests = {
  "knows a message by its name, after a crash and from another process": async (subject) => {
    const sample = await startRuns(subject.store, [1]);
    sample.add(SYSTEM_RUN, "received", receivedHead("a"));
    const twice = receivedHead("b", { state: "joined", duplicateOf: 1 });
    sample.add(SYSTEM_RUN, "received", twice);
    await sample.flushTo(subject.store);
    const again = await subject.crash();
    const rows = await again.received(["a", "nobody", "b"].map(nameOf));
    assert.deepEqual(rows.map(told), [["a", "started", 1, null], null, ["b", "joined", 1, 1]]);
    assert.deepEqual(await again.received([]), []);
    assert.equal(await again.receivedCount(), 2);
    const reader = await subject.openReader();
    const query = { after: null, limit: 10 };
    const listed = async (more: object) =>
      (await reader.received({ ...query, ...more })).map(({ id }) => id);
    assert.deepEqual(await listed({}), ["b", "a"]);
    assert.deepEqual(await listed({ limit: 1 }), ["b"]);
    const [last] = await reader.received({ ...query, limit: 1 });
    assert.deepEqual(await listed({ after: last }), ["a"]);
    assert.deepEqual(await listed({ state: "started" }), ["a"]);
    assert.deepEqual(await listed({ workflow: "other" }), []);
    assert.deepEqual(await subject.damage(), []);
  },

  "keeps the first receipt of a name, except of what was held or is with a person": async ({
    store,
    damage,
  }) => {
    const sample = await startRuns(store, [1, 2]);
    sample.add(SYSTEM_RUN, "received", heldHead("a"), { data: '{"order":1}' });
    sample.add(SYSTEM_RUN, "received", heldHead("b"), { data: "2" });
    await sample.flushTo(store);
    const [held] = await store.received([nameOf("a")]);
    assert.deepEqual(
      [held?.data, JSON.parse(held?.held ?? "null")],
      ['{"order":1}', heldHead("a").held],
    );
    assert.deepEqual((await store.heldMessages("", 10)).map(({ id }) => id).toSorted(), ["a", "b"]);
    const [first] = await store.heldMessages("", 1);
    const rest = await store.heldMessages(first?.name ?? "", 10);
    assert.equal(rest.length, 1);
    sample.add(SYSTEM_RUN, "received", receivedHead("a"));
    sample.add(SYSTEM_RUN, "received", receivedHead("a", { run: 2 }));
    await sample.flushTo(store);
    const [started] = await store.received([nameOf("a")]);
    assert.deepEqual(
      [told(started), started?.data, started?.held],
      [["a", "started", 1, null], null, null],
    );
    assert.deepEqual(
      (await store.heldMessages("", 10)).map(({ id }) => id),
      ["b"],
    );
    sample.add(SYSTEM_RUN, "received", receivedHead("c", { state: "review", run: null }));
    sample.add(SYSTEM_RUN, "received", receivedHead("c", { run: 2 }));
    sample.add(SYSTEM_RUN, "received", receivedHead("c", { run: 1 }));
    await sample.flushTo(store);
    const [begun] = await store.received([nameOf("c")]);
    assert.deepEqual(told(begun), ["c", "started", 2, null]);
    assert.deepEqual(await damage(), []);
  },

  "knows the newest number under the name of an order": async ({ store, damage }) => {
    const sample = await startRuns(store, [1]);
    sample.add(SYSTEM_RUN, "received", receivedHead("a", place(1)));
    sample.add(
      SYSTEM_RUN,
      "received",
      receivedHead("b", { ...place(2), state: "rejected", run: null }),
    );
    sample.add(
      SYSTEM_RUN,
      "received",
      receivedHead("c", { ...place(1), state: "superseded", run: null }),
    );
    sample.add(SYSTEM_RUN, "received", heldHead("d", place(4)), { data: "4" });
    sample.add(SYSTEM_RUN, "received", receivedHead("e", place(9, "other")));
    await sample.flushTo(store);
    const newest = ["k", "other", "nobody"].map((key) => store.newestInOrder(nameOf(key)));
    assert.deepEqual(await Promise.all(newest), [2, 9, null]);
    assert.deepEqual(await damage(), []);
  },

  "forgets two messages whose time is over with each that it takes, the oldest first": async ({
    store,
    damage,
  }) => {
    const sample = new SampleJournal();
    const add = (id: string, afterMs: number | null) =>
      sample.add(
        SYSTEM_RUN,
        "received",
        receivedHead(id, { untilMs: afterMs === null ? null : SAMPLE_START_MS + afterMs }),
      );
    for (const [index, id] of ["a", "b", "c", "d"].entries()) add(id, 14 - index);
    add("always", null);
    await sample.flushTo(store);
    // Time passes: one millisecond for each record.
    for (let group = 1; group <= 20; group += 1)
      sample.add(SYSTEM_RUN, "group", { group, event: "passed", runs: [], crashes: 0 });
    add("e", 1_000);
    await sample.flushTo(store);
    assert.deepEqual(await known(store, "a", "b", "c", "d", "e"), ["a", "b", "e"]);
    // Its time was over, so it is a new message.
    sample.add(SYSTEM_RUN, "received", receivedHead("b", { digest: "e".repeat(32) }));
    await sample.flushTo(store);
    assert.deepEqual(await known(store, "a", "b", "e", "always"), ["b", "e", "always"]);
    const [again] = await store.received([nameOf("b")]);
    assert.equal(again?.digest, "e".repeat(32));
    assert.deepEqual(await damage(), []);
  },
};

function nameOf(id: string): string {
  return hash("sha256", id);
}

function told(row: ReceivedRow | null | undefined) {
  return row === null || row === undefined ? null : [row.id, row.state, row.run, row.duplicateOf];
}

async function known(store: Store, ...ids: readonly string[]): Promise<readonly string[]> {
  return (await store.received(ids.map(nameOf))).flatMap((row) => row?.id ?? []);
}

function place(number: number, key = "k"): { readonly order: OrderPlace } {
  return { order: { key, name: nameOf(key), number } };
}
