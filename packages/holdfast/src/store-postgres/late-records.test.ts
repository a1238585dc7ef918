import { afterEach, beforeEach, expect, test } from "vitest";
import {
  SampleJournal,
  acceptedEvent,
  askedHead,
  closedHead,
  finishedHead,
  intentHead,
  openedHead,
  outcomeHead,
  startedHead,
} from "../testing/sample-journal.ts";
import { type PostgresStore, openPostgresReader, verifyPostgresStore } from "./index.ts";
import { KEY, type TestDatabase, makeDatabase, openStore } from "./test-store.test-support.ts";

let database: TestDatabase;
let store: PostgresStore;
let sample: SampleJournal;

beforeEach(async () => {
  database = await makeDatabase();
  store = await openStore(database.url);
  sample = new SampleJournal();
});

afterEach(async () => {
  await store.abandon();
  await database.drop();
});

/** The next engine, which has no row at hand. */
async function reopened(): Promise<void> {
  await store.close();
  store = await openStore(database.url);
  sample.continueIn(store);
}

async function expectSound(): Promise<void> {
  const { damage } = await verifyPostgresStore({ url: database.url, key: KEY });
  expect(damage).toEqual([]);
}

test("what is learnt of rows that are over, and not at hand any more, is written to them", async () => {
  sample.add(1, "started", startedHead(1));
  const operation = sample.add(1, "intent", intentHead(2), { name: "charge", attempt: 1 });
  sample.add(1, "outcome", outcomeHead(operation, { end: "value", ref: "pay-1" }));
  const opened = sample.add(1, "opened", openedHead());
  const asked = sample.add(1, "asked", askedHead(), { name: "approve" });
  sample.add(1, "answered", { asked, end: "value", by: "bert" }, { name: "approve" });
  sample.add(1, "finished", finishedHead());
  await sample.flushTo(store);
  await reopened();
  const settled = { operation, effect: "charge-card", proof: "never", happened: false } as const;
  sample.add(1, "settled", { ...settled, by: "anna", reason: "not there" }, { name: "charge" });
  sample.add(1, "closed", closedHead(opened));
  sample.add(1, "escalated", { asked, to: "head" }, { name: "approve" });
  await sample.flushTo(store);
  const reader = await openPostgresReader({ url: database.url });
  const page = { afterRun: 0, limit: 10 };
  expect(await reader.effects(page)).toMatchObject([
    { proof: "never", settledBy: "anna", ref: "pay-1" },
  ]);
  expect(await reader.exceptions({ ...page, all: true })).toMatchObject([
    { resolution: "resumed" },
  ]);
  expect(await reader.reviews({ ...page, all: true })).toMatchObject([{ escalatedTo: "head" }]);
  expect(await reader.issues("place", 10)).toMatchObject([{ openCount: 0, totalCount: 1 }]);
  await reader.close();
  await expectSound();
});

test("a run that another engine has left ends with all that it waited for", async () => {
  sample.add(1, "started", startedHead(1));
  sample.add(1, "asked", askedHead(), { name: "approve" });
  sample.add(1, "awaited", { event: "paid", key: "k", dueAtMs: null }, { name: "paid" });
  const operation = sample.add(1, "intent", intentHead(4), { name: "charge", attempt: 1 });
  const pending = { operation, integration: "payments", ref: "pay-1" };
  sample.add(1, "pending", { ...pending, dueAtMs: 1 }, { name: "charge" });
  await sample.flushTo(store);
  await reopened();
  sample.add(1, "pending", { ...pending, dueAtMs: 2 }, { name: "charge" });
  await sample.flushTo(store);
  expect(await store.pendingByRef("payments", "pay-1")).toEqual({ run: 1, operation });
  await reopened();
  sample.add(1, "finished", finishedHead({ state: "cancelled" }));
  await sample.flushTo(store);
  expect(await store.pendingByRef("payments", "pay-1")).toBe(null);
  expect(await store.awaiting({ namespace: "main", event: "paid", key: "k" }, 10)).toEqual([]);
  await expectSound();
});

test("a record of a run that was never started is refused, and nothing of its flush is written", async () => {
  sample.add(1, "started", startedHead(1));
  sample.add(7, "result", null, { name: "step" });
  await expect(sample.flushTo(store)).rejects.toMatchObject({
    code: "HF5008",
    message: expect.stringContaining("run 7 cannot be written: it was never started") as string,
  });
  await store.abandon();
  await expectSound();
});

test("texts of any length that others choose are found again", async () => {
  const long = Array.from({ length: 5000 }, (_, index) =>
    String.fromCodePoint(0x4e00 + ((index * 7919) % 20_000)),
  ).join("");
  sample.add(1, "started", startedHead(1, { key: long, lane: `${long}a` }));
  sample.add(2, "started", startedHead(2, { key: `${long}b`, lane: `${long}b` }));
  sample.add(1, "awaited", { event: "paid", key: long, dueAtMs: null }, { name: "paid" });
  sample.add(0, "kept", { ...acceptedEvent("x"), key: long });
  const operation = sample.nextSeq(1);
  sample.add(1, "intent", intentHead(operation, { integration: "erp" }), { name: "charge" });
  sample.add(1, "pending", { operation, integration: "erp", ref: long, dueAtMs: 1 });
  await sample.flushTo(store);
  const reader = await openPostgresReader({ url: database.url });
  expect((await reader.runsByKey(long, 10)).map(({ run }) => run)).toEqual([1]);
  expect((await store.lane("main", `${long}b`, 10)).map(({ run }) => run)).toEqual([2]);
  expect(await store.awaiting({ namespace: "main", event: "paid", key: long }, 10)).toEqual([1]);
  expect((await store.keptEvents({ namespace: "main", event: "paid", key: long }, 10)).length).toBe(
    1,
  );
  expect(await store.pendingByRef("erp", long)).toEqual({ run: 1, operation });
  sample.add(1, "outcome", outcomeHead(operation, { end: "value" }), { name: "charge" });
  await sample.flushTo(store);
  expect(await store.endedByRef("erp", long)).toBe(true);
  expect(await store.endedByRef("crm", long)).toBe(false);
  await reader.close();
});
