/** Conformance: finding runs by what they wait for. */
import assert from "node:assert/strict";
import type { Store } from "../store/store.ts";
import type { StoreTests } from "./describe-store.ts";
import {
  SAMPLE_START_MS,
  SYSTEM_RUN,
  SampleJournal,
  acceptedEvent,
  finishedHead,
  intentHead,
  outcomeHead,
  startRuns,
  startedHead,
  stateHead,
} from "./sample-journal.ts";

export const waitingTests: StoreTests = {
  "lists sleeping runs that are due, soonest first": async ({ store, crash }) => {
    const sample = await startRuns(store, [1, 2, 3, 4]);
    for (const [run, delayMs] of [
      [1, 30],
      [2, 10],
      [3, 20],
      [4, 10],
    ] as const) {
      const wakeAtMs = SAMPLE_START_MS + delayMs;
      sample.add(run, "state", stateHead("running", "waiting", { wakeAtMs }));
    }
    await sample.flushTo(store);
    assert.deepEqual(await due(store, 0, 20, 10), [
      [2, 10],
      [4, 10],
      [3, 20],
    ]);
    assert.deepEqual(await due(store, 0, 30, 2), [
      [2, 10],
      [4, 10],
    ]);
    assert.deepEqual(await due(store, 10, 30, 10), [
      [3, 20],
      [1, 30],
    ]);
    assert.deepEqual(await due(store, 0, 9, 10), []);
    sample.add(2, "state", stateHead("waiting", "running"));
    sample.add(4, "finished", finishedHead({ from: "waiting", state: "stopped" }));
    await sample.flushTo(store);
    const again = await crash();
    assert.deepEqual(await due(again, 0, 100, 10), [
      [3, 20],
      [1, 30],
    ]);
  },

  "lists a run before its turn in a lane as due at its deadline, and no other run for that":
    async ({ store }) => {
      const sample = new SampleJournal();
      const deadlineAtMs = SAMPLE_START_MS + 20;
      sample.add(1, "started", startedHead(1, { lane: "a", deadlineAtMs }));
      sample.add(2, "started", startedHead(2, { lane: "a", deadlineAtMs, state: "waiting" }));
      sample.add(3, "started", startedHead(3, { lane: "a", state: "waiting" }));
      await sample.flushTo(store);
      assert.deepEqual(await due(store, 0, 100, 10), [[2, 20]]);
      sample.add(2, "state", stateHead("waiting", "exception"));
      await sample.flushTo(store);
      assert.deepEqual(await due(store, 0, 100, 10), []);
    },

  "lists the runs that are parked for one integration": async ({ store }) => {
    const sample = await startRuns(store, [1, 2, 3, 4]);
    for (const run of [4, 1, 2]) {
      sample.add(run, "state", stateHead("running", "parked", { dependency: "erp" }));
    }
    sample.add(3, "state", stateHead("running", "parked", { dependency: "crm" }));
    sample.add(2, "state", stateHead("parked", "running"));
    await sample.flushTo(store);
    assert.deepEqual(await store.parked("erp", { afterRun: 0, limit: 10 }), [1, 4]);
    assert.deepEqual(await store.parked("erp", { afterRun: 1, limit: 10 }), [4]);
    assert.deepEqual(await store.parked("erp", { afterRun: 0, limit: 1 }), [1]);
    assert.deepEqual(await store.parked("nobody", { afterRun: 0, limit: 10 }), []);
    assert.equal(await store.parkedCount("erp"), 2);
    assert.equal(await store.parkedCount("nobody"), 0);
  },

  "lists the open runs of a lane in order": async ({ store }) => {
    const sample = new SampleJournal();
    for (const [run, lane] of [
      [1, "a"],
      [2, "b"],
      [3, "a"],
      [4, null],
      [5, "a"],
    ] as const) {
      const state = run === 3 || run === 5 ? "waiting" : "running";
      const parent = run === 5 ? { run: 2, step: "call" } : null;
      sample.add(run, "started", startedHead(run, { lane, state, parent }));
    }
    sample.add(6, "started", startedHead(6, { lane: "a", namespace: "north" }));
    await sample.flushTo(store);
    const lane = async () => (await store.lane("main", "a", 10)).map(({ run }) => run);
    assert.deepEqual(await lane(), [1, 3, 5]);
    sample.add(1, "finished", finishedHead({ lane: "a" }));
    await sample.flushTo(store);
    assert.deepEqual(await lane(), [3, 5]);
    const { workflow } = startedHead(1);
    assert.deepEqual(await store.openLanes({ afterRun: 0, limit: 3 }), [
      { run: 2, namespace: "main", lane: "b", parentRun: null, workflow },
      { run: 3, namespace: "main", lane: "a", parentRun: null, workflow },
      { run: 5, namespace: "main", lane: "a", parentRun: 2, workflow },
    ]);
    assert.deepEqual(await store.openLanes({ afterRun: 5, limit: 3 }), [
      { run: 6, namespace: "north", lane: "a", parentRun: null, workflow },
    ]);
  },

  "lists lanes, the deepest first, without runs that have left theirs": async ({
    store,
    openReader,
    crash,
  }) => {
    const sample = new SampleJournal();
    for (const [run, lane] of [
      [1, "a"],
      [2, "b"],
      [3, "b"],
      [4, "b"],
      [5, null],
      [6, "c"],
    ] as const)
      sample.add(run, "started", startedHead(run, { lane }));
    sample.add(7, "started", startedHead(7, { lane: "a", namespace: "north" }));
    sample.add(6, "finished", finishedHead({ lane: "c" }));
    await sample.flushTo(store);
    const reader = await openReader();
    const a = { namespace: "main", lane: "a", depth: 1, run: 1 };
    const north = { namespace: "north", lane: "a", depth: 1, run: 7 };
    const b = { namespace: "main", lane: "b" };
    assert.deepEqual(await reader.lanes({ limit: 10 }), [{ ...b, depth: 3, run: 2 }, a, north]);
    assert.deepEqual(await reader.lanes({ limit: 1 }), [{ ...b, depth: 3, run: 2 }]);
    assert.deepEqual(await reader.lanes({ limit: 10, lane: "a" }), [a, north]);
    const gap = { lane: "b", cause: "operator", by: "ana", reason: "slow" } as const;
    sample.add(2, "lane", { event: "left", ...gap, next: 3 });
    sample.add(3, "lane", { event: "gap", ...gap, run: 2 });
    await sample.flushTo(store);
    assert.deepEqual(await reader.lanes({ limit: 1 }), [{ ...b, depth: 2, run: 3 }]);
    assert.equal((await reader.run(2))?.lane, null);
    assert.equal((await reader.run(3))?.lane, "b");
    const again = await crash();
    assert.deepEqual(
      (await again.lane("main", "b", 10)).map(({ run }) => run),
      [3, 4],
    );
    assert.ok((await again.openLanes({ afterRun: 0, limit: 10 })).every(({ run }) => run !== 2));
  },

  "keeps events and waits apart by namespace": async ({ store }) => {
    const sample = await startRuns(store, [1]);
    sample.add(2, "started", startedHead(2, { namespace: "north" }));
    for (const run of [1, 2])
      sample.add(run, "awaited", { event: "paid", key: "k", dueAtMs: null }, { name: "paid" });
    for (const [id, namespace] of [
      ["x", "main"],
      ["y", "north"],
    ] as const)
      sample.add(SYSTEM_RUN, "kept", acceptedEvent(id, { namespace }), { data: "1" });
    await sample.flushTo(store);
    for (const [namespace, run, id] of [
      ["main", 1, "x"],
      ["north", 2, "y"],
    ] as const) {
      const of = { namespace, event: "paid", key: "k" };
      assert.deepEqual(await store.awaiting(of, 10), [run]);
      assert.deepEqual(
        (await store.keptEvents(of, 10)).map((row) => row.id),
        [id],
      );
    }
  },

  "keeps events until they are taken": async ({ store, crash }) => {
    const sample = await startRuns(store, [1]);
    const kept = ["x", "y", "z"].map((id) =>
      sample.add(SYSTEM_RUN, "kept", acceptedEvent(id), { data: `"${id}"` }),
    );
    sample.add(SYSTEM_RUN, "kept", acceptedEvent("w", { key: "other" }));
    await sample.flushTo(store);
    assert.equal(await store.keptCount(), 4);
    assert.deepEqual(await ids(store, 2), [
      ["x", kept[0], '"x"'],
      ["y", kept[1], '"y"'],
    ]);
    sample.add(1, "awaited", { event: "paid", key: "k", dueAtMs: null }, { name: "paid" });
    sample.add(1, "event", { end: "value", kept: kept[0] ?? 0 }, { name: "paid", data: '"x"' });
    await sample.flushTo(store);
    const again = await crash();
    assert.equal(await again.keptCount(), 3);
    assert.deepEqual(
      (await ids(again, 10)).map(([id]) => id),
      ["y", "z"],
    );
  },

  "lists who waits for an event, oldest first, until it has come": async ({ store }) => {
    const sample = await startRuns(store, [1, 2, 3]);
    for (const run of [3, 1, 2]) {
      sample.add(run, "awaited", { event: "paid", key: "k", dueAtMs: null }, { name: "wait" });
    }
    sample.add(1, "awaited", { event: "shipped", key: "k", dueAtMs: null }, { name: "other" });
    await sample.flushTo(store);
    assert.deepEqual(
      await store.awaiting({ namespace: "main", event: "paid", key: "k" }, 10),
      [3, 1, 2],
    );
    assert.deepEqual(await store.awaiting({ namespace: "main", event: "paid", key: "k" }, 1), [3]);
    sample.add(1, "event", { end: "failed", timedOut: true }, { name: "wait" });
    sample.add(3, "finished", finishedHead({ state: "cancelled" }));
    await sample.flushTo(store);
    assert.deepEqual(await store.awaiting({ namespace: "main", event: "paid", key: "k" }, 10), [2]);
    assert.deepEqual(
      await store.awaiting({ namespace: "main", event: "shipped", key: "k" }, 10),
      [1],
    );
    assert.deepEqual(
      await store.awaiting({ namespace: "main", event: "paid", key: "nobody" }, 10),
      [],
    );
  },

  "finds the operation that waits for a late answer": async ({ store }) => {
    const sample = await startRuns(store, [1, 2]);
    for (const run of [1, 2]) {
      const operation = sample.add(run, "intent", intentHead(2), { name: "charge", attempt: 1 });
      const ref = `pay-${String(run)}`;
      const dueAtMs = SAMPLE_START_MS + 1000;
      sample.add(run, "pending", { operation, integration: "payments", ref, dueAtMs });
    }
    await sample.flushTo(store);
    assert.deepEqual(await store.pendingByRef("payments", "pay-1"), { run: 1, operation: 2 });
    assert.equal(await store.pendingByRef("payments", "pay-9"), null);
    assert.equal(await store.pendingByRef("erp", "pay-1"), null);
    sample.add(1, "outcome", outcomeHead(2, { end: "value" }), { name: "charge" });
    sample.add(2, "finished", finishedHead({ state: "stopped" }));
    await sample.flushTo(store);
    assert.equal(await store.pendingByRef("payments", "pay-1"), null);
    assert.equal(await store.pendingByRef("payments", "pay-2"), null);
  },

  "knows by its reference that an operation has ended, and shows it while it waits": async ({
    store,
    openReader,
    crash,
  }) => {
    const sample = await startRuns(store, [1]);
    const operation = sample.add(1, "intent", intentHead(2), { name: "charge", attempt: 1 });
    const dueAtMs = SAMPLE_START_MS + 1000;
    const pending = { operation, integration: "payments", ref: "pay-1", dueAtMs };
    sample.add(1, "pending", pending, { name: "charge", attempt: 1 });
    await sample.flushTo(store);
    const [row] = await (await openReader()).effects({ afterRun: 0, limit: 10 });
    assert.deepEqual([row?.ref, row?.proof, row?.ended], ["pay-1", "maybe", false]);
    assert.equal(await store.endedByRef("payments", "pay-1"), null);
    const never = outcomeHead(2, { end: "failed", proof: "never" });
    sample.add(1, "outcome", never, { name: "charge", attempt: 1 });
    await sample.flushTo(store);
    const again = await crash();
    assert.deepEqual(await again.endedByRef("payments", "pay-1"), { run: 1, operation });
    assert.equal(await again.endedByRef("erp", "pay-1"), null);
    assert.equal(await again.endedByRef("payments", "pay-2"), null);
  },

  "keeps early answers until they are taken or given up": async ({ store, openReader, crash }) => {
    const sample = new SampleJournal();
    const early = { integration: "payments", owner: "finance", dueAtMs: SAMPLE_START_MS + 9 };
    const keep = (ref: string) =>
      sample.add(
        SYSTEM_RUN,
        "early",
        { ...early, event: "kept", ref, kept: 0 },
        { data: `"${ref}"` },
      );
    const [taken, unasked] = [keep("a"), keep("b"), keep("c")] as const;
    await sample.flushTo(store);
    assert.deepEqual(await refs(store, 2), [
      ["a", "kept", "finance"],
      ["b", "kept", "finance"],
    ]);
    sample.add(SYSTEM_RUN, "early", { ...early, event: "taken", ref: "a", kept: taken });
    const lost = { ...early, event: "unasked", ref: "b", kept: unasked, owner: "ops" } as const;
    sample.add(SYSTEM_RUN, "early", lost);
    await sample.flushTo(store);
    const again = await crash();
    const [row] = await again.earlyAnswers(10);
    assert.deepEqual([row?.ref, row?.dueAtMs, row?.data], ["c", early.dueAtMs, '"c"']);
    assert.deepEqual(await refs(await openReader(), 10), [["c", "kept", "finance"]]);
  },

  "knows how each integration is, and since when": async ({ store, openReader, crash }) => {
    const sample = new SampleJournal();
    const move = (to: "open" | "parked" | "probing" | "closed", reason: string) =>
      sample.add(SYSTEM_RUN, "dependency", { integration: "erp", to, reason, probeAtMs: null });
    move("open", "five failures");
    await sample.flushTo(store);
    const [first] = await store.dependencies();
    assert.deepEqual([first?.state, first?.reason, first?.class], ["open", "five failures", null]);
    move("open", "six failures");
    await sample.flushTo(store);
    const [second] = await store.dependencies();
    assert.deepEqual([second?.reason, second?.sinceMs], ["six failures", first?.sinceMs]);
    move("closed", "it answers");
    await sample.flushTo(store);
    const again = await crash();
    const [third] = await again.dependencies();
    assert.deepEqual([third?.state, third?.sinceMs], ["closed", SAMPLE_START_MS + 2]);
    assert.deepEqual(await (await openReader()).dependencies(), await again.dependencies());
  },

  "keeps every list of pointers that a definition has declared, and its newest answer": async ({
    store,
    openReader,
    crash,
  }) => {
    const sample = new SampleJournal();
    const declare = (name: string, sensitive: readonly string[], expects: string | null) =>
      sample.add(SYSTEM_RUN, "declared", {
        definition: "review",
        name,
        sensitive,
        decision: expects === null ? null : [{ name: "ok", expects, isRequired: true }],
      });
    declare("big", ["/iban"], "TEXT");
    declare("small", [], null);
    declare("big", ["/account/iban"], "TEXT");
    declare("big", ["/iban"], "true|false");
    await sample.flushTo(store);
    const again = await crash();
    const rows = await again.declarations();
    assert.deepEqual(
      new Set(
        rows.map((row) => [row.name, row.sensitive.join(), row.decision?.[0]?.expects].join(" ")),
      ),
      new Set(["big /iban true|false", "big /account/iban TEXT", "small  "]),
    );
    const newest = rows.find(({ sensitive }) => sensitive.includes("/iban"));
    assert.equal(newest?.atMs, SAMPLE_START_MS + 3);
    assert.deepEqual(await (await openReader()).declarations(), rows);
  },

  "knows the recovery groups that did not come through": async ({ store, crash }) => {
    const sample = new SampleJournal();
    const group = (number: number, event: "started" | "passed", crashes: number) =>
      sample.add(SYSTEM_RUN, "group", { group: number, event, runs: [number, 100], crashes });
    group(1, "started", 0);
    group(2, "started", 0);
    group(1, "passed", 0);
    group(2, "started", 1);
    await sample.flushTo(store);
    const again = await crash();
    assert.deepEqual(await again.openGroups(), [{ group: 2, runs: [2, 100], crashes: 1 }]);
  },
};

/** Due runs with their times, both counted from the sample's start. */
async function due(from: Store, afterMs: number, untilMs: number, limit: number) {
  const found = await from.due(SAMPLE_START_MS + afterMs, SAMPLE_START_MS + untilMs, limit);
  return found.map(({ run, wakeAtMs }) => [run, wakeAtMs - SAMPLE_START_MS]);
}

async function ids(from: Store, limit: number) {
  const found = await from.keptEvents({ namespace: "main", event: "paid", key: "k" }, limit);
  return found.map(({ id, seq, data }) => [id, seq, data]);
}

async function refs(from: { earlyAnswers: Store["earlyAnswers"] }, limit: number) {
  return (await from.earlyAnswers(limit)).map(({ ref, state, owner }) => [ref, state, owner]);
}
