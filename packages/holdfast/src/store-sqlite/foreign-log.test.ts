import { copyFileSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { everyKind } from "../testing/sample-every-kind.ts";
import { startedHead } from "../testing/sample-journal.ts";
import { acceptStore, backupStore, verifyStore } from "./index.ts";
import { openReadOnly } from "./reader.ts";
import { NOW_MS, makeFolder, openInline } from "./test-store.test-support.ts";

let folder: ReturnType<typeof makeFolder>;
let path: string;
let backup: string;
beforeEach(() => {
  folder = makeFolder();
  path = join(folder.path, "store.db");
  backup = join(folder.path, "backup.db");
});
afterEach(() => {
  folder.remove();
});

const accepting = () => acceptStore({ path, reason: "disk lost", by: "anna", nowMs: () => NOW_MS });

const RUNS_PER_FLUSH = 50;

/** A backup, and a crash of the original after it that leaves its log beside the database. */
async function crashedOriginal(): Promise<void> {
  let store = await openInline(path);
  const work = everyKind(store);
  await work.flushTo(store);
  let run = 1_000;
  const more = async () => {
    for (const end = run + RUNS_PER_FLUSH; run < end; run += 1)
      work.add(run, "started", startedHead(run));
    await work.flushTo(store);
  };
  await more();
  await backupStore({ path, to: backup });
  await more();
  await store.close();
  store = await openInline(path);
  work.continueIn(store);
  // Somebody reads all the time: the log is not taken away.
  const reader = openReadOnly(path);
  await more();
  await store.abandon();
  reader.close();
}

/** As somebody who forgets what lies beside the database. */
function putBackupBack(): void {
  for (const side of ["", ".key", ".anchor"]) copyFileSync(backup + side, path + side);
}

test("a log that the original has left beside a restored backup is found before it is applied", async () => {
  await crashedOriginal();
  putBackupBack();
  const restored = readFileSync(path);
  const log = readFileSync(`${path}-wal`);
  await expect(accepting()).rejects.toMatchObject({
    code: "HF5007",
    message: expect.stringMatching(/write-ahead log beside .* is not of this database/u) as unknown,
  });
  expect(readFileSync(path).equals(restored)).toBe(true);
  expect(readFileSync(`${path}-wal`).equals(log)).toBe(true);
  // As the message says.
  for (const side of ["-wal", "-shm"]) rmSync(path + side);
  await accepting();
  expect((await verifyStore({ path })).damage).toEqual([]);
});

test.each([
  ["with its anchor", ["", ".key", ".anchor"], "HF5007"],
  ["without its anchor", ["", ".key"], "HF5006"],
] as const)(
  "an engine that is started on a backup that was put back %s puts no log into it that the original has left",
  async (_, sides, code) => {
    await crashedOriginal();
    for (const side of sides) copyFileSync(backup + side, path + side);
    const restored = readFileSync(path);
    const log = readFileSync(`${path}-wal`);
    await expect(openInline(path)).rejects.toMatchObject({ code });
    expect(readFileSync(path).equals(restored)).toBe(true);
    expect(readFileSync(`${path}-wal`).equals(log)).toBe(true);
    await expect(accepting()).rejects.toMatchObject({
      message: expect.stringMatching(/write-ahead log beside .* is not of this/u) as unknown,
    });
  },
);

test("the log of the restored database itself stays with it", async () => {
  await crashedOriginal();
  expect(readFileSync(`${path}-wal`).length).toBeGreaterThan(0);
  const { records } = await verifyStore({ path });
  await accepting();
  const report = await verifyStore({ path });
  expect(report.damage).toEqual([]);
  expect(report.records).toBeGreaterThan(records);
});
