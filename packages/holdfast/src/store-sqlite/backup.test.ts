import { existsSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { everyKind } from "../testing/sample-every-kind.ts";
import { SampleJournal, acceptedEvent, startedHead } from "../testing/sample-journal.ts";
import {
  acceptStore,
  backupStore,
  openSqliteReader,
  openSqliteStore,
  verifyStore,
} from "./index.ts";
import { runSql } from "./tampering.test-support.ts";
import { NOW_MS, makeFolder, openInline } from "./test-store.test-support.ts";

let folder: ReturnType<typeof makeFolder>;
let path: string;
let to: string;

beforeEach(() => {
  folder = makeFolder();
  path = join(folder.path, "store.db");
  to = join(folder.path, "backup.db");
});

afterEach(() => {
  folder.remove();
});

async function accept() {
  return await acceptStore({ path: to, reason: "disk lost", by: "anna", nowMs: () => NOW_MS });
}

describe("backupStore", () => {
  test("copies a store whose engine goes on writing, and the copy is sound", async () => {
    const store = await openSqliteStore({ path, nowMs: () => NOW_MS });
    const sample = everyKind(store);
    await sample.flushTo(store);
    const stop = new AbortController();
    const writing = (async () => {
      for (let run = 100; !stop.signal.aborted && run < 10_000; run += 1) {
        sample.add(run, "started", startedHead(run));
        await sample.flushTo(store);
      }
    })();
    const backup = await backupStore({ path, to });
    stop.abort();
    await writing;
    await store.close();
    expect(backup.storeId).toBe(store.storeId);
    expect(backup.flushId).toBeGreaterThanOrEqual(1);
    const report = await verifyStore({ path: to });
    expect(report).toMatchObject({
      isSound: true,
      flushes: backup.flushId,
      records: backup.position,
    });
    expect(report.harmless).toEqual([expect.stringMatching(/^it is a backup/u)]);
    expect(statSync(`${to}.key`).mode & 0o777).toBe(0o600);
  });

  test("does not start before somebody has accepted it, and then goes on", async () => {
    const store = await openInline(path);
    const sample = everyKind(store);
    await sample.flushTo(store);
    await store.close();
    await backupStore({ path, to });
    await expect(openInline(to)).rejects.toMatchObject({
      code: "HF5007",
      message: expect.stringMatching(/is a backup/u) as unknown,
    });
    const accepted = await acceptStore({
      path: to,
      reason: "disk lost",
      by: "anna",
      nowMs: () => NOW_MS,
    });
    expect(accepted.openRuns).toEqual([10, 12]);
    const records = sample.of(12).concat(sample.of(10), sample.of(11), sample.of(13));
    expect(accepted.window.untilMs).toBe(NOW_MS);
    expect(records.map(({ atMs }) => atMs)).toContain(accepted.window.fromMs);
    const restored = await openInline(to);
    expect(restored.storeId).toBe(store.storeId);
    expect((await restored.load([11]))[0]?.records).toEqual(sample.of(11));
    await restored.close();
    expect((await verifyStore({ path: to })).damage).toEqual([]);
  });

  test("does not start without its anchor either, and nothing was written to it", async () => {
    const store = await openInline(path);
    await everyKind(store).flushTo(store);
    await store.close();
    await backupStore({ path, to });
    rmSync(`${to}.anchor`);
    const before = readFileSync(to);
    await expect(openInline(to)).rejects.toMatchObject({
      code: "HF5007",
      message: expect.stringMatching(/is a backup/u) as unknown,
    });
    expect(readFileSync(to).equals(before)).toBe(true);
    await accept();
    await (await openInline(to)).close();
    const report = await verifyStore({ path: to });
    expect(report).toMatchObject({ isSound: true });
    expect(report.harmless.join()).not.toMatch(/backup|anchor/u);
  });

  test("is a backup until all of its acceptance is on record", async () => {
    const store = await openInline(path);
    await everyKind(store).flushTo(store);
    await store.close();
    await backupStore({ path, to });
    rmSync(`${to}.anchor`);
    // The disk is full for the acceptance: it ends before its record.
    runSql(
      to,
      "create trigger full before insert on journal when new.run = 0 begin select raise(abort, 'full'); end",
    );
    await expect(accept()).rejects.toMatchObject({ code: "HF5008" });
    runSql(to, "drop trigger full");
    await expect(openInline(to)).rejects.toMatchObject({ code: "HF5007" });
  });

  test("whose mark was taken off by hand is damaged", async () => {
    const store = await openInline(path);
    await everyKind(store).flushTo(store);
    await store.close();
    await backupStore({ path, to });
    rmSync(`${to}.anchor`);
    runSql(to, "update meta set digest = zeroblob(16)");
    await expect(openInline(to)).rejects.toMatchObject({ code: "HF5006" });
  });

  test("of a backup is one", async () => {
    const store = await openInline(path);
    await everyKind(store).flushTo(store);
    await store.close();
    await backupStore({ path, to });
    const again = join(folder.path, "again.db");
    await backupStore({ path: to, to: again });
    rmSync(`${again}.anchor`);
    await expect(openInline(again)).rejects.toMatchObject({ code: "HF5007" });
  });

  test("leaves deleted payloads behind", async () => {
    const store = await openInline(path);
    const sample = new SampleJournal();
    sample.add(1, "started", startedHead(1));
    const seq = sample.add(0, "kept", acceptedEvent("1"), {
      data: JSON.stringify("a".repeat(50_000)),
    });
    await sample.flushTo(store);
    sample.add(1, "event", { end: "value", kept: seq }, { name: "wait" });
    await sample.flushTo(store);
    await store.close();
    await backupStore({ path, to });
    expect(statSync(to).size).toBeLessThan(statSync(path).size);
  });

  test.each(["", ".key", ".anchor"])("overwrites nothing: backup.db%s", async (suffix) => {
    const store = await openInline(path);
    await store.close();
    writeFileSync(to + suffix, "mine");
    await expect(backupStore({ path, to })).rejects.toMatchObject({ code: "HF5002" });
    expect(statSync(to + suffix).size).toBe(4);
  });

  test("into a folder that is not there names that folder, and not the store", async () => {
    const store = await openInline(path);
    await store.close();
    const missing = `${path}.missing`;
    await expect(backupStore({ path, to: `${missing}/copy.db` })).rejects.toMatchObject({
      code: "HF5002",
      message: `the folder ${missing}, into which the backup should be written, does not exist`,
    });
  });

  test("makes no copy of a store that is not there or cannot be read", async () => {
    await expect(backupStore({ path, to })).rejects.toMatchObject({ code: "HF5009" });
    const store = await openInline(path);
    await everyKind(store).flushTo(store);
    await store.close();
    truncateSync(path, statSync(path).size / 2);
    await expect(backupStore({ path, to })).rejects.toMatchObject({ code: "HF5006" });
    expect(existsSync(to)).toBe(false);
  });

  test("can be read like any store", async () => {
    const store = await openInline(path);
    await everyKind(store).flushTo(store);
    await backupStore({ path, to });
    const reader = await openSqliteReader({ path: to });
    expect((await reader.runs({ afterRun: 0, limit: 10 })).length).toBe(4);
    expect(await reader.engineRuns()).toBe(false);
    await reader.close();
    await store.close();
  });
});
