import { afterEach, beforeEach, expect, test } from "vitest";
import { NO_OVERLAY, overlayAfter, type IssueAct } from "../core/issue-overlay.ts";
import type { StoreReader } from "../store/store.ts";
import { openSqliteReader } from "../store-sqlite/index.ts";
import { makeFolder, openInline } from "../store-sqlite/test-store.test-support.ts";
import {
  closedHead,
  exceptionRecord,
  openedHead,
  SampleJournal,
  startedHead,
  SYSTEM_RUN,
} from "../testing/sample-journal.ts";
import type { Patience } from "./command.ts";
import { decideIssue } from "./exception-acts.ts";
import { listIssues } from "./list-issues.ts";

const whole = exceptionRecord();
const { fingerprints } = whole;
/** The same cause at the same place, about no field. */
const noField = { ...whole, fingerprints: { ...fingerprints, data: null } };
const split: IssueAct = { kind: "split", by: "data" };
const doing = { by: "ana", reason: "so" };
const patience: Patience = { waitMs: 0, nowMs: () => 0, pause: async () => undefined };

let folder: ReturnType<typeof makeFolder>;
let reader: StoreReader;
beforeEach(() => {
  folder = makeFolder();
});
afterEach(async () => {
  await reader.close();
  folder.remove();
});

/** A store in which each of these exceptions was opened in a run of its own. */
async function storeWith(
  records: readonly (typeof whole)[],
  { isSplit = false, closed = 0 } = {},
): Promise<void> {
  const path = `${folder.path}/store.db`;
  const store = await openInline(path);
  const sample = new SampleJournal();
  sample.continueIn(store);
  for (const [index, record] of records.entries()) {
    const run = index + 1;
    sample.add(run, "started", startedHead(run));
    const opened = sample.add(
      run,
      "opened",
      openedHead({ record, amount: "1.50", currency: "EUR" }),
      { name: "invoice" },
    );
    if (index < closed) {
      const groups = Object.values(record.fingerprints).filter((one) => typeof one === "string");
      sample.add(run, "closed", closedHead(opened, { groups }), { name: "invoice" });
    }
  }
  if (isSplit) {
    const overlay = overlayAfter(NO_OVERLAY, split, { ...doing, atMs: 1, command: null });
    sample.add(SYSTEM_RUN, "grouped", { fingerprint: fingerprints.place, act: split, overlay });
  }
  await sample.flushTo(store);
  await store.close();
  reader = await openSqliteReader({ path });
}

const listed = async (all = false) => {
  const { issues } = await listIssues(reader, { level: "place", limit: 10, all }, 0);
  return issues.map(({ id, openCount, totalCount }) => [id, openCount, totalCount]);
};

test("what a group that is split has in no finer group stays in the list", async () => {
  await storeWith([whole, whole, noField], { isSplit: true });
  expect(await listed()).toEqual([
    [fingerprints.data, 2, 2],
    [fingerprints.place, 1, 1],
  ]);
});

test("a group that was split by what it does not have is listed as it is", async () => {
  await storeWith([noField, noField], { isSplit: true });
  expect(await listed()).toEqual([[fingerprints.place, 2, 2]]);
});

test("a group that is split is not listed beside its parts where these have all of it", async () => {
  await storeWith([whole, whole], { isSplit: true, closed: 1 });
  expect(await listed(true)).toEqual([[fingerprints.data, 1, 2]]);
});

test("the rest of a group that is split comes to what is in none of its parts", async () => {
  await storeWith([noField, whole, noField], { isSplit: true, closed: 1 });
  const { issues } = await listIssues(reader, { level: "place", limit: 10 }, 0);
  expect(issues).toMatchObject([
    { id: fingerprints.data, value: ["1.50 EUR"] },
    { openCount: 1, totalCount: 2, value: ["1.50 EUR"] },
  ]);
});

test("a group is not split by data where none of its exceptions is about a field", async () => {
  await storeWith([noField]);
  await expect(decideIssue(reader, fingerprints.place, split, doing, patience)).rejects.toThrow(
    expect.objectContaining({
      code: "HF6003",
      message: expect.stringContaining("nothing finer to be split by"),
      remedy: expect.stringContaining(`holdfast split ${fingerprints.place} code`),
    }),
  );
  expect(await reader.inbox(10)).toEqual([]);
});

test("a group is split by data where one of its exceptions is about a field", async () => {
  await storeWith([noField, whole]);
  await decideIssue(reader, fingerprints.place, split, doing, patience);
  expect(await reader.inbox(10)).toMatchObject([{ topic: "group" }]);
});
