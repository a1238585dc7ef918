/** Conformance: the ids of events, and the exceptions that stand beside a run. */
import assert from "node:assert/strict";
import type { AcceptedEvent } from "../core/journal.ts";
import type { Store } from "../store/store.ts";
import type { StoreTests } from "./describe-store.ts";
import {
  SAMPLE_START_MS,
  SYSTEM_RUN,
  SampleJournal,
  acceptedEvent,
  closedHead,
  openedHead,
  startRuns,
} from "./sample-journal.ts";

export const eventTests: StoreTests = {
  "knows the id of an event from the record that accepted it": async ({ store, crash, damage }) => {
    const sample = await startRuns(store, [1]);
    const early = acceptedEvent("early", { key: "other" });
    const kept = sample.add(SYSTEM_RUN, "kept", early);
    sample.add(1, "awaited", { event: "paid", key: "k", dueAtMs: null }, { name: "paid" });
    const awaited = acceptedEvent("awaited");
    sample.add(1, "event", { end: "value", accepted: awaited }, { name: "paid" });
    await sample.flushTo(store);
    const again = await crash();
    const asked = ["awaited", "nobody", "early"].map((id) => ({
      namespace: "main",
      event: "paid",
      id,
    }));
    const elsewhere = [
      { namespace: "north", event: "paid", id: "early" },
      { namespace: "main", event: "shipped", id: "early" },
    ];
    assert.deepEqual(await again.acceptedEvents([...asked, ...elsewhere]), [
      { ...awaited, run: 1, kept: null },
      null,
      { ...early, run: null, kept },
      null,
      null,
    ]);
    assert.deepEqual(await again.acceptedEvents([]), []);
    assert.deepEqual(await damage(), []);
  },

  "knows which run has taken an early event, or has it as an exception": async ({ store }) => {
    const sample = await startRuns(store, [1, 2]);
    const kept = ["a", "b"].map((id) => sample.add(SYSTEM_RUN, "kept", acceptedEvent(id)));
    sample.add(1, "event", { end: "value", kept: kept[0] ?? 0 }, { name: "paid" });
    const beside = { subject: "misfit", kept: kept[1] ?? 0 };
    sample.add(2, "opened", openedHead({ beside }));
    await sample.flushTo(store);
    assert.deepEqual(await runsOf(store, "a", "b"), [1, 2]);
    assert.deepEqual(
      await store.keptEvents({ namespace: "main", event: "paid", key: "k" }, 10),
      [],
    );
  },

  "takes an id anew in the place of the older one, whose event leaves it alone": async (
    subject,
  ) => {
    const sample = await startRuns(subject.store, [1]);
    const kept = sample.add(SYSTEM_RUN, "kept", acceptedEvent("a"));
    const again = acceptedEvent("a", { digest: "c".repeat(64) });
    const second = sample.add(SYSTEM_RUN, "kept", again);
    sample.add(1, "event", { end: "value", kept }, { name: "paid" });
    await sample.flushTo(subject.store);
    assert.deepEqual(await subject.store.acceptedEvents([again]), [
      { ...again, run: null, kept: second },
    ]);
    assert.deepEqual(await subject.damage(), []);
  },

  "forgets two ids whose time is over with each that it accepts, the oldest first": async ({
    store,
    damage,
  }) => {
    const sample = new SampleJournal();
    const add = (id: string, untilMs: number) =>
      sample.add(SYSTEM_RUN, "kept", acceptedEvent(id, { untilMs }));
    for (const [index, id] of ["a", "b", "c", "d"].entries()) add(id, soon(10 - index));
    await sample.flushTo(store);
    assert.deepEqual(await known(store, "a", "b", "c", "d"), ["a", "b", "c", "d"]);
    assert.equal(await store.acceptedCount(soon(8)), 2);
    assert.equal(await store.acceptedCount(soon(10)), 0);
    // Time passes: one millisecond for each record.
    for (let group = 1; group <= 10; group += 1)
      sample.add(SYSTEM_RUN, "group", { group, event: "passed", runs: [], crashes: 0 });
    add("e", soon(1_000));
    await sample.flushTo(store);
    assert.deepEqual(await known(store, "a", "b", "c", "d", "e"), ["a", "b", "e"]);
    add("f", soon(1_000));
    await sample.flushTo(store);
    assert.deepEqual(await known(store, "a", "b", "e", "f"), ["e", "f"]);
    assert.deepEqual(await damage(), []);
  },

  "counts the open exceptions beside a run, and knows what each was about": async ({ store }) => {
    const sample = await startRuns(store, [1, 2]);
    const opened = ["one", "two"].map((subject) =>
      sample.add(1, "opened", openedHead({ beside: { subject } })),
    );
    sample.add(1, "opened", openedHead(), { name: "invoice" });
    sample.add(SYSTEM_RUN, "opened", openedHead({ beside: { subject: "one" }, workflow: "" }));
    await sample.flushTo(store);
    const one = { openCount: 2, seq: opened[0] ?? 0 };
    assert.deepEqual(await store.besideExceptions(1, "one"), one);
    assert.deepEqual(await store.besideExceptions(1, "three"), { ...one, seq: null });
    assert.deepEqual(await store.besideExceptions(2, "one"), { openCount: 0, seq: null });
    const closed = closedHead(opened[0] ?? 0, { resolution: "dealt-with", beside: true });
    sample.add(1, "closed", closed);
    await sample.flushTo(store);
    assert.deepEqual(await store.besideExceptions(1, "one"), { ...one, openCount: 1 });
    const row = await store.exception(1, opened[0] ?? 0);
    assert.deepEqual([row?.subject, row?.resolution], ["one", "dealt-with"]);
    assert.equal((await store.exception(SYSTEM_RUN, 1))?.run, SYSTEM_RUN);
    assert.equal(await store.exception(1, 99), null);
  },

  "lists the exceptions of the store itself before those of runs": async ({
    store,
    openReader,
  }) => {
    const sample = await startRuns(store, [1]);
    sample.add(1, "opened", openedHead());
    sample.add(SYSTEM_RUN, "opened", openedHead({ beside: { subject: "one" }, workflow: "" }));
    await sample.flushTo(store);
    const reader = await openReader();
    const page = { afterRun: -1, limit: 10 };
    assert.deepEqual(
      (await reader.exceptions(page)).map(({ run, subject }) => [run, subject]),
      [
        [SYSTEM_RUN, "one"],
        [1, null],
      ],
    );
    const rest = await reader.exceptions({ ...page, afterRun: SYSTEM_RUN });
    assert.deepEqual(
      rest.map(({ run }) => run),
      [1],
    );
  },
};

function soon(ms: number): number {
  return SAMPLE_START_MS + ms;
}

async function runsOf(store: Store, ...ids: readonly string[]) {
  return (await store.acceptedEvents(ids.map(idOf))).map((row) => row?.run);
}

async function known(store: Store, ...ids: readonly string[]) {
  return (await store.acceptedEvents(ids.map(idOf))).flatMap((row) => row?.id ?? []);
}

function idOf(id: string): Pick<AcceptedEvent, "namespace" | "event" | "id"> {
  return { namespace: "main", event: "paid", id };
}
