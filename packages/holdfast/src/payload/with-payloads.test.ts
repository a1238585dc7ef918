import { existsSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openSqliteReader, type SqliteStore } from "../store-sqlite/index.ts";
import { makeFolder, NOW_MS, openInline } from "../store-sqlite/test-store.test-support.ts";
import type { Store } from "../store/store.ts";
import { SampleJournal, startedHead } from "../testing/sample-journal.ts";
import { DirectoryPlace } from "./directory-place.ts";
import { PayloadFiles } from "./payload-files.ts";
import { sweepFiles } from "./sweep.ts";
import { withPayloads } from "./with-payloads.ts";

let folder: ReturnType<typeof makeFolder>;
let path: string;
let directory: string;
let inner: SqliteStore;
beforeEach(async () => {
  folder = makeFolder();
  path = join(folder.path, "store.db");
  directory = join(folder.path, "payloads");
  inner = await openInline(path);
});
afterEach(async () => {
  await inner.abandon();
  folder.remove();
});

const LONG = JSON.stringify("x".repeat(100_000));

function sampleWith(...payloads: readonly string[]): SampleJournal {
  const sample = new SampleJournal();
  for (const [index, data] of payloads.entries())
    sample.add(index + 1, "started", startedHead(index + 1, { key: String(index) }), { data });
  return sample;
}

function filesOf(): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => name.length > 2)
    .toSorted();
}

test("is the store itself where neither is asked for", async () => {
  expect(await withPayloads(inner, {})).toBe(inner);
});

test("a limit that would put every payload into a file is refused", async () => {
  const refused = withPayloads(inner, { directory, inlineBytesMax: 10 });
  await expect(refused).rejects.toMatchObject({ code: "HF1001" });
});

test("a file is there, whole, before the flush that refers to it is handed on", async () => {
  const seen: number[] = [];
  const watched: Store = {
    ...inner,
    flush: (batch) => {
      seen.push(filesOf().length);
      expect(batch.records.data.join("")).not.toContain("xxx");
      return inner.flush(batch);
    },
  };
  const store = await withPayloads(watched, { directory });
  const sample = sampleWith(LONG, '"short"', LONG);
  sample.continueIn(store);
  await sample.flushTo(store);
  expect(seen).toEqual([2]);
  const loaded = await store.load([1, 2, 3]);
  expect(loaded.map(({ records }) => records[0]?.data)).toEqual([LONG, '"short"', LONG]);
});

test("nothing is flushed after a flush whose file could not be written", async () => {
  const store = await withPayloads(inner, { directory });
  rmSync(directory, { recursive: true });
  writeFileSync(directory, "no directory");
  const sample = sampleWith(LONG);
  sample.continueIn(store);
  const later = sampleWith('"short"');
  const flushes = [sample.flushTo(store), later.flushTo(store)];
  expect((await Promise.allSettled(flushes)).map(({ status }) => status)).toEqual([
    "rejected",
    "rejected",
  ]);
  expect(await inner.load([1])).toEqual([]);
});

test("a sweep looks at a bounded number of files and says where to go on", async () => {
  const store = await withPayloads(inner, { directory });
  const sample = sampleWith(LONG, LONG, LONG);
  sample.continueIn(store);
  await sample.flushTo(store);
  const kept = filesOf();
  expect(kept).toHaveLength(3);
  const orphans = await leftByCrash(inner.secret, [7, 8, 9]);
  for (const name of [...kept, ...orphans])
    utimesSync(join(directory, name), NOW_MS / 1000, NOW_MS / 1000);
  const reader = await openSqliteReader({ path });
  const nowMs = NOW_MS + 3_600_001;
  let after: string | null = "";
  const looked: number[] = [];
  while (after !== null) {
    const swept: Awaited<ReturnType<typeof sweepFiles>> = await sweepFiles(directory, reader, {
      secret: inner.secret,
      nowMs,
      after,
      filesMax: 2,
    });
    looked.push(swept.looked);
    after = swept.next;
  }
  await reader.close();
  expect(looked).toEqual([2, 2, 2]);
  expect(filesOf()).toEqual(kept);
  expect(orphans.some((name) => existsSync(join(directory, name)))).toBe(false);
});

/** Files of records that were never flushed. */
async function leftByCrash(secret: Uint8Array, seqs: readonly number[]): Promise<string[]> {
  const files = new PayloadFiles(new DirectoryPlace(directory), secret);
  const made = seqs.map((seq) => files.toFile("left by a crash", { run: 1, seq }).file);
  await files.write(made);
  return made.map(({ name }) => name);
}

test("a sweep leaves the files of another store, and what is not what was written", async () => {
  await withPayloads(inner, { directory });
  const [own = "", changed = ""] = await leftByCrash(inner.secret, [1, 2]);
  const [foreign = ""] = await leftByCrash(new Uint8Array(32).fill(9), [1]);
  writeFileSync(join(directory, changed), "other bytes");
  for (const name of [own, changed, foreign])
    utimesSync(join(directory, name), NOW_MS / 1000, NOW_MS / 1000);
  const reader = await openSqliteReader({ path });
  const options = { secret: inner.secret, nowMs: NOW_MS + 3_600_001, after: "" };
  const swept = await sweepFiles(directory, reader, options);
  await reader.close();
  expect(swept).toEqual({ looked: 3, removed: 1, foreign: 2, next: null });
  expect(filesOf()).toEqual([changed, foreign].toSorted());
});
