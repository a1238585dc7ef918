/** How lists tell of exceptions whose time stands still while somebody outside has the move. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { exceptionsText } from "./cli/show-lists.ts";
import { selectExceptions } from "./operate/exception-acts.ts";
import { listExceptions } from "./operate/list-work.ts";
import { listIssues } from "./operate/list-issues.ts";
import { openSqliteReader } from "./store-sqlite/index.ts";
import { makeFolder, openInline } from "./store-sqlite/test-store.test-support.ts";
import type { StoreReader } from "./store/store.ts";
import {
  exceptionRecord,
  openedHead,
  SAMPLE_START_MS,
  SampleJournal,
  startedHead,
} from "./testing/sample-journal.ts";

const HOUR_MS = 3_600_000;
const NOW_MS = SAMPLE_START_MS + 10 * HOUR_MS;

const folder = makeFolder();
let reader: StoreReader;

/** Due at these hours after the beginning; all but the last stand still since then. */
const DUE_HOURS = { "stands still": 5, "late before": -2, runs: 8 };

beforeAll(async () => {
  const path = `${folder.path}/store.db`;
  const store = await openInline(path);
  const sample = new SampleJournal();
  sample.continueIn(store);
  for (const [index, [name, hours]] of Object.entries(DUE_HOURS).entries()) {
    const run = index + 1;
    sample.add(run, "started", startedHead(run, { key: name }));
    const record = exceptionRecord(name);
    const dueAtMs = SAMPLE_START_MS + hours * HOUR_MS;
    const opened = sample.add(run, "opened", openedHead({ dueAtMs, record }), { name: "post" });
    if (name === "runs") continue;
    const act = { kind: "waits", for: "vendor", spentMs: 0 } as const;
    sample.add(run, "handled", { opened, act, by: "ana", reason: "their move" });
  }
  await sample.flushTo(store);
  await store.close();
  reader = await openSqliteReader({ path });
});
afterAll(async () => {
  await reader.close();
  folder.remove();
});

test("its due time is not told as overdue, unless it was when its time came to a stand", async () => {
  const page = await listExceptions(reader, { limit: 10 }, NOW_MS);
  const screen = { width: null, hasColor: false };
  const text = exceptionsText(page, { screen, nowMs: NOW_MS });
  const due = (key: string) => text.split("\n").find((line) => line.includes(`  ${key}  `));
  expect(due("stands still")).toMatch(/ {2}stands still$/u);
  expect(due("late before")).toMatch(/ {2}stands still, overdue 2 h$/u);
  expect(due("runs")).toMatch(/, overdue 2 h$/u);
  expect(page.exceptions.map(({ stoppedAt }) => stoppedAt === null)).toEqual([false, false, true]);
});

test("what is overdue is chosen alike", async () => {
  const { rows } = await selectExceptions(reader, { dueBeforeMs: NOW_MS });
  expect(rows.map(({ run }) => run)).toEqual([2, 3]);
});

test("a group is due when the first is whose time runs", async () => {
  const { issues } = await listIssues(reader, { level: "place", limit: 10 }, NOW_MS);
  expect(issues).toHaveLength(3);
  const due = issues.flatMap(({ dueAt }) => (dueAt === null ? [] : [Date.parse(dueAt)]));
  expect(due).toEqual([SAMPLE_START_MS + 8 * HOUR_MS]);
});
