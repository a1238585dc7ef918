import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RecordDigests } from "../store/record-digest.ts";
import { sealKey } from "../store/seal.ts";
import { everyKind } from "../testing/sample-every-kind.ts";
import { SampleJournal, startedHead, toColumns } from "../testing/sample-journal.ts";
import { AheadDigester } from "./digests-ahead.ts";
import { openSqliteStore } from "./open.ts";
import { digestsOf } from "./record-columns.ts";
import { verifyStore } from "./verify.ts";

const NOW_MS = 1_767_600_000_000;
const SECRET = new Uint8Array(32).fill(3);

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "digests-ahead-"));
  path = join(folder, "store.db");
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function someRecords(run: number) {
  return toColumns([
    { ...startedRecord(run), seq: 1 },
    { ...startedRecord(run), seq: 2, kind: "result", name: "é", head: null, data: "{}" },
  ]);
}

function startedRecord(run: number) {
  const head = JSON.stringify(startedHead(run));
  return {
    run,
    seq: 1,
    kind: "started",
    attempt: 0,
    name: "",
    atMs: NOW_MS,
    head,
    data: null,
  } as const;
}

test("made ahead they are those that the writer would make, from flush to flush", () => {
  const digester = new AheadDigester(SECRET, 41);
  const plain = new RecordDigests(sealKey(SECRET));
  const [first, second] = [someRecords(1), someRecords(2)];
  expect(digester.of(first)).toEqual({ firstPos: 42, digests: digestsOf(plain, first, 42) });
  expect(digester.of(second)).toEqual({ firstPos: 44, digests: digestsOf(plain, second, 44) });
});

test("are left to the writer, which refuses it, where a column is shorter than another", () => {
  const digester = new AheadDigester(SECRET, 0);
  expect(digester.of({ ...someRecords(1), data: [] })).toBeNull();
  expect(digester.of(someRecords(1))).toMatchObject({ firstPos: 1 });
});

test("a flush that is refused before it is written leaves those after it sound", async () => {
  const open = () => openSqliteStore({ path, nowMs: () => NOW_MS, thread: "worker" });
  const store = await open();
  const sample = everyKind(store);
  const batch = sample.batch();
  await expect(store.flush({ ...batch, number: 7 })).rejects.toThrow(/comes next, not 7/u);
  await store.flush(batch);
  await store.close();
  expect(await verifyStore({ path })).toMatchObject({ isSound: true, damage: [] });
  const again = await open();
  expect(await again.load([11])).toHaveLength(1);
  await again.close();
});

test("count on from the newest record of a store that is opened again", async () => {
  const sample = new SampleJournal();
  for (const run of [1, 2]) {
    const store = await openSqliteStore({ path, nowMs: () => NOW_MS, thread: "worker" });
    sample.continueIn(store);
    sample.add(run, "started", startedHead(run));
    await sample.flushTo(store);
    await store.close();
  }
  expect(await verifyStore({ path })).toMatchObject({ isSound: true, damage: [] });
});
