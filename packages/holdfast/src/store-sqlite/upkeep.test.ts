import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { SampleJournal, startRuns, startedHead } from "../testing/sample-journal.ts";
import { readAnchor } from "../store/anchor.ts";
import { openSqliteReader } from "./index.ts";
import type { StoreNotice } from "./index.ts";
import { openDatabase } from "./runtime.ts";
import { makeFolder, openInline } from "./test-store.test-support.ts";

let folder: ReturnType<typeof makeFolder>;
let path: string;

beforeEach(() => {
  folder = makeFolder();
  path = join(folder.path, "store.db");
});

afterEach(() => {
  folder.remove();
});

const anchored = () => readAnchor(path)?.flushId;

/** About a megabyte. */
async function writeMuch(store: Awaited<ReturnType<typeof openInline>>, number: number) {
  const sample = new SampleJournal();
  for (let run = number * 100; run < number * 100 + 20; run += 1) {
    sample.add(run, "started", startedHead(run), { data: `"${"x".repeat(60_000)}"` });
  }
  await store.flush({ ...sample.batch(), number });
}

describe("the anchor", () => {
  test("is written when a store is opened and when it is closed", async () => {
    const store = await openInline(path, { anchorEveryMs: 3_600_000 });
    expect(readAnchor(path)).toMatchObject({ flushId: 0, position: 0, heads: [] });
    await startRuns(store, [1, 2]);
    expect(anchored()).toBe(0);
    await store.close();
    expect(readAnchor(path)).toMatchObject({
      storeId: store.storeId,
      flushId: 2,
      position: 2,
      heads: [{ incarnation: store.incarnation, flush: 2 }],
      isBackup: false,
    });
  });

  test("follows the flushes in time", async () => {
    const store = await openInline(path, { anchorEveryMs: 5 });
    const sample = await startRuns(store, [1]);
    await vi.waitFor(() => expect(anchored()).toBe(1));
    sample.add(2, "started", startedHead(2));
    await sample.flushTo(store);
    await vi.waitFor(() => expect(anchored()).toBe(2));
    await store.abandon();
  });

  test("follows the flushes in number of records", async () => {
    const store = await openInline(path, { anchorEveryMs: 3_600_000, anchorEveryRecords: 3 });
    await startRuns(store, [1, 2]);
    const sample = new SampleJournal();
    sample.add(3, "started", startedHead(3));
    await store.flush({ ...sample.batch(), number: 2 });
    await vi.waitFor(() => expect(anchored()).toBe(2));
    await store.abandon();
  });

  test("names the chains that are not closed yet, until they are", async () => {
    const first = await openInline(path);
    const sample = await startRuns(first, [1]);
    await first.abandon();
    const second = await openInline(path);
    expect(readAnchor(path)?.heads).toMatchObject([{ incarnation: first.incarnation, flush: 1 }]);
    sample.continueIn(second);
    await sample.flushTo(second);
    await second.close();
    expect(readAnchor(path)?.heads).toMatchObject([{ incarnation: second.incarnation, flush: 2 }]);
  });
});

describe("the write-ahead log", () => {
  test("is checkpointed when the engine is idle", async () => {
    const store = await openInline(path, { anchorEveryMs: 5 });
    const before = statSync(path).size;
    await writeMuch(store, 1);
    await vi.waitFor(() => expect(statSync(path).size).toBeGreaterThan(before + 1_000_000));
    await store.close();
    expect(existsSync(`${path}-wal`)).toBe(false);
  });

  test("raises an alarm, once, when a reader keeps it from being used again", async () => {
    const notices: StoreNotice[] = [];
    const onNotice = (notice: StoreNotice) => {
      if (notice.kind !== "new") notices.push(notice);
    };
    const store = await openInline(path, { anchorEveryMs: 5, onNotice });
    await writeMuch(store, 1);
    const old = openDatabase(path, { readOnly: true });
    old.exec("begin");
    old.prepare("select count(*) from run").get();
    for (let number = 2; number < 70; number += 1) await writeMuch(store, number);
    await vi.waitFor(() => expect(notices.length).toBe(1));
    expect(notices[0]).toMatchObject({ kind: "log-large", path: `${path}-wal` });
    old.close();
    await store.close();
  });
});

test("a reader does not change the database", async () => {
  const store = await openInline(path);
  await startRuns(store, [1]);
  await store.close();
  const before = readFileSync(path);
  const reader = await openSqliteReader({ path });
  await reader.runs({ afterRun: 0, limit: 10 });
  await reader.close();
  expect(readFileSync(path).equals(before)).toBe(true);
});
