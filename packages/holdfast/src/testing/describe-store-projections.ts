/** Conformance: the rows that people look at say what the journal says. */
import assert from "node:assert/strict";
import type { StoreReader } from "../store/store.ts";
import type { StoreTests, StoreUnderTest } from "./describe-store.ts";
import { everyKind } from "./sample-every-kind.ts";
import {
  SAMPLE_START_MS,
  SampleJournal,
  askedHead,
  closedHead,
  finishedHead,
  intentHead,
  exceptionRecord,
  openedHead,
  outcomeHead,
  startRuns,
  startedHead,
  stateHead,
} from "./sample-journal.ts";
import { seededRandom } from "./seeded-random.ts";

const PAGE = { afterRun: 0, limit: 100 };

export const projectionTests: StoreTests = {
  "shows a run from its start to its end": async ({ store, openReader }) => {
    const reader = await openReader();
    const sample = new SampleJournal();
    const deadlineAtMs = SAMPLE_START_MS + 1_000_000;
    const described = { amount: "99.90", currency: "EUR", keys: { customer: "7" } };
    const parent = { run: 5, step: "ship" };
    sample.add(6, "started", startedHead(6, { ...described, parent, deadlineAtMs, lane: "7" }));
    await sample.flushTo(store);
    const started = await reader.run(6);
    assert.deepEqual(started, {
      run: 6,
      namespace: "main",
      workflow: "order",
      key: "order-6",
      generation: 1,
      version: "1.0.0",
      codeVersion: "1.0.0",
      owner: "finance",
      lane: "7",
      correlationId: "correlation-6",
      startedBy: "api",
      state: "running",
      reason: "it has just begun",
      wakeAtMs: null,
      dependency: null,
      parentRun: 5,
      parentStep: "ship",
      startedAtMs: SAMPLE_START_MS,
      updatedAtMs: SAMPLE_START_MS,
      endedAtMs: null,
      deadlineAtMs,
      compensated: "no",
      amount: "99.90",
      currency: "EUR",
      keys: '{"customer":"7"}',
    });
    const waits = { reason: "the ERP is down", wakeAtMs: SAMPLE_START_MS + 9, dependency: "erp" };
    sample.add(6, "state", stateHead("running", "parked", waits));
    await sample.flushTo(store);
    const parked = { ...started, ...waits, state: "parked", updatedAtMs: SAMPLE_START_MS + 1 };
    assert.deepEqual(await reader.run(6), parked);
    sample.add(6, "code", { version: "1.1.0", from: "1.0.0" });
    await sample.flushTo(store);
    Object.assign(parked, { codeVersion: "1.1.0" });
    assert.deepEqual(await reader.run(6), { ...parked, updatedAtMs: SAMPLE_START_MS + 2 });
    const counted = [{ codeVersion: "1.1.0", state: "parked", count: 1 }];
    assert.deepEqual(await reader.versionCounts(), counted);
    sample.add(6, "cancel", { by: "anna", reason: "withdrawn" });
    await sample.flushTo(store);
    assert.deepEqual(await reader.run(6), { ...parked, updatedAtMs: SAMPLE_START_MS + 3 });
    assert.equal((await reader.runs({ codeVersion: "1.0.0", ...PAGE })).length, 0);
    assert.equal((await reader.runs({ codeVersion: "1.1.0", ...PAGE })).length, 1);
    const end = { state: "cancelled", reason: "withdrawn", compensated: "fully" } as const;
    sample.add(6, "finished", finishedHead({ ...end, from: "parked", lane: "7" }));
    await sample.flushTo(store);
    assert.deepEqual(await reader.run(6), {
      ...parked,
      ...end,
      wakeAtMs: null,
      dependency: null,
      updatedAtMs: SAMPLE_START_MS + 4,
      endedAtMs: SAMPLE_START_MS + 4,
    });
    assert.deepEqual(await reader.versionCounts(), []);
  },

  "shows an operation from its first intent to its settlement": async (subject) => {
    await effectLedger(subject);
  },

  "tells whose word it is what happened, until a later attempt has proved it": async (subject) => {
    await wordOfOthers(subject);
  },

  "counts the end of a read, which declares no intent, and shows no operation of it": async ({
    store,
    openReader,
  }) => {
    const sample = await startRuns(store, [1]);
    const failed = outcomeHead(0, { effect: "price", proof: "never" });
    sample.add(1, "outcome", failed, { name: "price", attempt: 1 });
    const read = outcomeHead(0, { effect: "price", end: "value" });
    sample.add(1, "outcome", read, { name: "price", attempt: 2 });
    await sample.flushTo(store);
    const reader = await openReader();
    assert.deepEqual(await reader.effects(PAGE), []);
    assert.deepEqual(await counters(reader, "effect-ends/"), { "effect-ends/price/surely": 1 });
    const [stored] = await store.load([1]);
    assert.deepEqual(stored?.records, sample.records);
  },

  "counts runs, attempts, ends and open exceptions": async ({ store, openReader }) => {
    await everyKind(store).flushTo(store);
    const reader = await openReader();
    assert.deepEqual(await counters(reader, "runs/"), {
      "runs/order/cancelled": 1,
      "runs/order/completed": 1,
      "runs/order/parked": 1,
      "runs/order/running": 1,
    });
    assert.deepEqual(await counters(reader, "effect-attempts/"), {
      "effect-attempts/charge-card": 4,
      "effect-attempts/create-invoice": 1,
    });
    assert.deepEqual(await counters(reader, "effect-ends/"), {
      "effect-ends/charge-card/surely": 1,
      // A person has given its result; nothing was done.
      "effect-ends/charge/never": 1,
      "effect-ends/create-invoice/surely": 1,
    });
    assert.deepEqual(await counters(reader, "exceptions/"), { "exceptions/data": 1 });
    assert.deepEqual(await counters(reader, "nothing/"), {});
  },

  "keeps an exception open until somebody closes it": async ({ store, openReader }) => {
    const reader = await openReader();
    const sample = await startRuns(store, [1, 2]);
    const opened = sample.add(1, "opened", openedHead({ amount: "5.00" }), { name: "invoice" });
    sample.add(2, "opened", openedHead(), { name: "invoice" });
    sample.add(2, "finished", finishedHead({ state: "stopped" }));
    await sample.flushTo(store);
    const [row, owned] = await reader.exceptions(PAGE);
    assert.deepEqual(
      [row?.run, row?.seq, row?.step, row?.class, row?.owner, row?.amount, row?.closedAtMs],
      [1, opened, "invoice", "data", "finance", "5.00", null],
    );
    assert.equal(owned?.run, 2, "an exception outlives its run");
    sample.add(1, "closed", closedHead(opened), { name: "invoice" });
    await sample.flushTo(store);
    assert.deepEqual(
      (await reader.exceptions(PAGE)).map(({ run }) => run),
      [2],
    );
    const [closed] = await reader.exceptions({ ...PAGE, all: true, run: 1 });
    assert.deepEqual(
      [closed?.resolution, closed?.closedBy, closed?.closedAtMs],
      ["resumed", "anna", sample.records.at(-1)?.atMs],
    );
  },

  "groups exceptions with one cause": async ({ store, openReader }) => {
    const sample = await startRuns(store, [1, 2, 3]);
    const opened = [1, 2].map((run) =>
      sample.add(run, "opened", openedHead(), { name: "invoice" }),
    );
    sample.add(
      3,
      "opened",
      openedHead({ record: exceptionRecord("other"), titles: ["A", "B", "C", "D"] }),
    );
    sample.add(1, "closed", closedHead(opened[0] ?? 0), { name: "invoice" });
    await sample.flushTo(store);
    const issues = await (await openReader()).issues("place", 10);
    assert.deepEqual(
      issues.map(({ title, openCount, totalCount, firstSeenAtMs, lastSeenAtMs }) => [
        title,
        openCount,
        totalCount,
        firstSeenAtMs - SAMPLE_START_MS,
        lastSeenAtMs - SAMPLE_START_MS,
      ]),
      [
        ["B", 1, 1, 5, 5],
        ["The ERP does not know a tax code (place)", 1, 2, 3, 4],
      ],
    );
  },

  "shows a review until it is answered, or withdrawn with its run": async (subject) => {
    const reader = await subject.openReader();
    const sample = await startRuns(subject.store, [1, 2]);
    const asked = sample.add(1, "asked", askedHead({ notBy: "carl" }), { name: "approve" });
    sample.add(2, "asked", askedHead({ by: "legal" }), { name: "approve" });
    sample.add(1, "escalated", { asked, to: "head" }, { name: "approve" });
    await sample.flushTo(subject.store);
    const open = await reader.reviews(PAGE);
    assert.deepEqual(
      open.map(({ run, by, notBy, state, escalatedTo }) => [run, by, notBy, state, escalatedTo]),
      [
        [1, "credit", "carl", "open", "head"],
        [2, "legal", null, "open", null],
      ],
    );
    assert.equal((await reader.reviews({ ...PAGE, by: "legal" })).length, 1);
    sample.add(1, "answered", { asked, end: "value", by: "bert" }, { name: "approve" });
    sample.add(2, "finished", finishedHead({ state: "cancelled" }));
    await sample.flushTo(subject.store);
    assert.deepEqual(await reader.reviews(PAGE), []);
    const all = await reader.reviews({ ...PAGE, all: true });
    assert.deepEqual(
      all.map(({ state, answeredBy }) => [state, answeredBy]),
      [
        ["answered", "bert"],
        ["withdrawn", null],
      ],
    );
  },

  "is what the journal folds to, whatever the flushes and crashes": async (subject) => {
    await randomWork(subject, 4711);
    assert.deepEqual(await subject.damage(), []);
  },
};

async function effectLedger({ store, openReader }: StoreUnderTest): Promise<void> {
  const reader = await openReader();
  const sample = await startRuns(store, [1]);
  const only = async () => (await reader.effects({ ...PAGE, run: 1 }))[0];
  const described = { amount: "12.00", currency: "EUR" };
  const operation = sample.add(1, "intent", intentHead(2, described), {
    name: "charge",
    attempt: 1,
  });
  await sample.flushTo(store);
  const sent = {
    run: 1,
    operation,
    step: "charge",
    effect: "charge-card",
    integration: "payments",
    contract: "keyed",
    key: "key-2",
    generation: 1,
    digest: "d".repeat(64),
    proof: "maybe",
    ended: false,
    attempts: 1,
    firstSentAtMs: SAMPLE_START_MS + 1,
    lastSentAtMs: SAMPLE_START_MS + 1,
    endedAtMs: null,
    ref: null,
    undoes: null,
    settledBy: null,
    ...described,
  };
  assert.deepEqual(await only(), sent);
  sample.add(1, "outcome", outcomeHead(operation, { proof: "never" }), { name: "charge" });
  await sample.flushTo(store);
  assert.deepEqual(await only(), { ...sent, proof: "never" });
  sample.add(1, "intent", intentHead(operation, described), { name: "charge", attempt: 2 });
  await sample.flushTo(store);
  const again = { ...sent, attempts: 2, lastSentAtMs: SAMPLE_START_MS + 3 };
  assert.deepEqual(await only(), again);
  // The step has given up; what happened over there is still open.
  const gaveUp = outcomeHead(operation, { proof: "maybe", end: "failed", ref: "pay-1" });
  sample.add(1, "outcome", gaveUp, { name: "charge" });
  await sample.flushTo(store);
  assert.deepEqual(await only(), { ...again, ref: "pay-1" });
  const settled = { operation, effect: "charge-card", proof: "surely", happened: true } as const;
  sample.add(1, "settled", { ...settled, by: "anna", reason: "seen" }, { name: "charge" });
  await sample.flushTo(store);
  assert.deepEqual(await only(), {
    ...again,
    ref: "pay-1",
    proof: "surely",
    ended: true,
    endedAtMs: SAMPLE_START_MS + 5,
    settledBy: "anna",
  });
}

/** One operation whose row stays at hand, and one that has ended with somebody's word. */
async function wordOfOthers({ store, openReader }: StoreUnderTest): Promise<void> {
  const reader = await openReader();
  const sample = await startRuns(store, [1]);
  const operation = sample.add(1, "intent", intentHead(2), { name: "charge", attempt: 1 });
  const step = { name: "charge" };
  const settled = { operation, effect: "charge-card", happened: false } as const;
  const learn = async (add: () => void) => {
    add();
    await sample.flushTo(store);
    const [row] = await reader.effects({ ...PAGE, run: 1 });
    return [row?.proof, row?.settledBy];
  };
  const said = { ...settled, proof: "never", by: "anna", reason: "not in the statement" } as const;
  assert.deepEqual(await learn(() => sample.add(1, "settled", said, step)), ["never", "anna"]);
  const again = { ...step, attempt: 2 };
  // That a later attempt did nothing rests on her word of the one before it.
  const nothing = await learn(() => {
    sample.add(1, "intent", intentHead(operation), again);
    sample.add(1, "outcome", outcomeHead(operation, { proof: "never" }), step);
  });
  assert.deepEqual(nothing, ["never", "anna"]);
  const unsaid = await learn(() => {
    sample.add(1, "intent", intentHead(operation), again);
    sample.add(1, "outcome", outcomeHead(operation, { proof: "maybe" }), step);
  });
  assert.deepEqual(unsaid, ["maybe", null]);
  const saidAgain = { ...said, by: "bo" };
  assert.deepEqual(await learn(() => sample.add(1, "settled", saidAgain, step)), ["never", "bo"]);
  const proved = await learn(() => {
    sample.add(1, "intent", intentHead(operation), again);
    sample.add(1, "outcome", outcomeHead(operation, { proof: "surely", end: "value" }), step);
  });
  assert.deepEqual(proved, ["surely", null]);
}

/** Some hundred random moves of some dozen runs, flushed in random pieces, with crashes between. */
async function randomWork(subject: StoreUnderTest, seed: number): Promise<void> {
  const random = seededRandom(seed);
  const sample = new SampleJournal();
  const states = new Map<number, "running" | "waiting" | "parked">();
  let current = subject.store;
  sample.continueIn(current);
  for (let move = 0; move < 400; move += 1) {
    const run = 1 + Math.floor(random.next() * 30);
    if (!sample.records.some((record) => record.run === run)) {
      sample.add(run, "started", startedHead(run, { lane: run % 3 === 0 ? "lane" : null }));
      states.set(run, "running");
      continue;
    }
    const state = states.get(run);
    if (state === undefined) continue;
    const next = randomMove(sample, run, state, random.next());
    if (next === null) states.delete(run);
    else states.set(run, next);
    if (random.next() < 0.2) await sample.flushTo(current);
    if (random.next() < 0.03) {
      await sample.flushTo(current);
      current = random.next() < 0.5 ? await subject.crash() : await subject.reopen();
      sample.continueIn(current);
    }
  }
  await sample.flushTo(current);
}

/** One move of a run. Answers its state after it; null if it has ended. */
function randomMove(
  sample: SampleJournal,
  run: number,
  state: "running" | "waiting" | "parked",
  chance: number,
): "running" | "waiting" | "parked" | null {
  const operation = sample.nextSeq(run);
  if (chance < 0.3) sample.add(run, "result", null, { name: "step", data: "1" });
  else if (chance < 0.5) {
    sample.add(run, "intent", intentHead(operation), { name: "charge", attempt: 1 });
    const end = chance < 0.45 ? { end: "value" as const } : { proof: "maybe" as const };
    sample.add(run, "outcome", outcomeHead(operation, end), { name: "charge", attempt: 1 });
  } else if (chance < 0.6) sample.add(run, "asked", askedHead(), { name: "approve" });
  else if (chance < 0.7) sample.add(run, "opened", openedHead(), { name: "invoice" });
  else if (chance < 0.75) {
    sample.add(run, "awaited", { event: "paid", key: "k", dueAtMs: null }, { name: "paid" });
  } else if (chance < 0.93) {
    const to = state === "running" ? (chance < 0.85 ? "waiting" : "parked") : "running";
    const wakeAtMs = to === "waiting" ? SAMPLE_START_MS + operation : null;
    sample.add(run, "state", stateHead(state, to, { wakeAtMs }));
    return to;
  } else {
    sample.add(run, "finished", finishedHead({ from: state }));
    return null;
  }
  return state;
}

async function counters(reader: StoreReader, prefix: string): Promise<Record<string, number>> {
  const found = await reader.counters(prefix);
  // A counter that has come back to zero need not be there.
  const counted = found.filter(({ value }) => value !== 0);
  return Object.fromEntries(counted.map(({ name, value }) => [name, value]));
}
