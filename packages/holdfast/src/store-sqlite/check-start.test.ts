import {
  copyFileSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { everyKind } from "../testing/sample-every-kind.ts";
import { SampleJournal, startedHead } from "../testing/sample-journal.ts";
import { acceptStore, openSqliteReader } from "./index.ts";
import type { SqliteStoreOptions, StoreNotice } from "./index.ts";
import { copyStore, runSql } from "./tampering.test-support.ts";
import { NOW_MS, makeFolder, openInline } from "./test-store.test-support.ts";

let folder: ReturnType<typeof makeFolder>;
let path: string;

beforeEach(() => {
  folder = makeFolder();
  path = join(folder.path, "store.db");
});

afterEach(() => {
  folder.remove();
});

/** A store with some flushes of two engines, closed. */
async function makeStore(): Promise<void> {
  const first = await openInline(path);
  const sample = everyKind(first);
  await first.flush(sample.batch([], 20));
  await first.flush(sample.batch());
  await first.close();
  const second = await openInline(path);
  sample.continueIn(second);
  for (const run of [21, 22, 23]) {
    sample.add(run, "started", startedHead(run), { data: `{"order":${run}}` });
    await sample.flushTo(second);
  }
  await second.close();
}

/** Adds work after which no anchor was written: the engine dies first. */
async function workWithoutAnchor(): Promise<void> {
  const store = await openInline(path, { anchorEveryMs: 3_600_000 });
  const sample = new SampleJournal();
  for (const run of [31, 32, 33]) {
    sample.add(run, "started", startedHead(run), { data: `{"order":${run}}` });
    await sample.flushTo(store);
  }
  await store.abandon();
}

/** What an engine is told that tries to start; undefined if it can. */
async function startError(): Promise<unknown> {
  return openInline(path).then(
    async (store) => store.abandon(),
    (reason: unknown) => reason,
  );
}

function error(code: string, message: RegExp) {
  return { code, message: expect.stringMatching(message) as unknown };
}

async function opens(over: Partial<SqliteStoreOptions> = {}): Promise<void> {
  const store = await openInline(path, over);
  await store.close();
}

const accept = () => acceptStore({ path, reason: "disk lost", by: "anna", nowMs: () => NOW_MS });

const contentOf = (name: string) => readFileSync(join(folder.path, name), "hex");

describe("start-up", () => {
  test("goes on where a crash left the chain, though the anchor is older", async () => {
    await makeStore();
    await workWithoutAnchor();
    expect(await startError()).toBeUndefined();
  });

  test("refuses a store whose newest flushes were cut off with their records", async () => {
    await makeStore();
    const cut = "(select last_pos from flush order by id desc limit 1 offset 2)";
    runSql(
      path,
      `delete from journal where pos > ${cut};
        delete from run where run > 21;
        delete from flush where id > (select max(id) - 2 from flush)`,
    );
    expect(await startError()).toMatchObject(
      error("HF5007", /ends at flush \d+, its anchor knows \d+/u),
    );
  });

  test("refuses a store whose newest flushes were cut off without their records", async () => {
    await makeStore();
    runSql(path, "delete from flush where id > (select max(id) - 2 from flush)");
    expect(await startError()).toMatchObject(error("HF5006", /its newest flushes were cut off/u));
  });

  test("refuses a truncated file", async () => {
    await makeStore();
    truncateSync(path, statSync(path).size / 2);
    expect(await startError()).toMatchObject(error("HF5006", /damaged/u));
  });

  test("refuses a chain that was forked below the anchor", async () => {
    await makeStore();
    runSql(path, "update flush set seal = randomblob(32) where id = (select max(id) from flush)");
    expect(await startError()).toMatchObject(error("HF5006", /its chain was forked/u));
  });

  test("refuses another history under the same numbers", async () => {
    await makeStore();
    const before = join(folder.path, "before.db");
    copyStore(path, before);
    await workWithoutAnchor();
    await opens();
    const anchor = readFileSync(`${path}.anchor`);
    copyStore(before, path);
    await workWithoutAnchor();
    await opens();
    writeFileSync(`${path}.anchor`, anchor);
    expect(await startError()).toMatchObject(error("HF5006", /its chain was forked/u));
  });

  test.each([
    [
      "a record",
      "update journal set data = '{\"order\":99}' where run = 32",
      /record \d+ \(run 32, seq 1\) was changed/u,
    ],
    [
      "a record's digest",
      "update journal set digest = randomblob(16) where run = 32",
      /run 32, seq 1/u,
    ],
    [
      "the order of two",
      "update journal set pos = 100000 where run = 32",
      /record \d+ is missing/u,
    ],
    [
      "a flush's time",
      "update flush set at_ms = at_ms + 1 where id = (select max(id) from flush)",
      /the seal of flush 3/u,
    ],
    [
      "a flush that is missing",
      "delete from flush where id = (select max(id) - 1 from flush)",
      /flushes are missing before flush 3/u,
    ],
    [
      "a record of no flush",
      "insert into journal select pos + 1, 31, 2, 1, 0, '', 0, null, null, digest from journal order by pos desc limit 1",
      /belongs to no flush/u,
    ],
  ])("refuses damage written since the anchor: %s", async (_, sql, message) => {
    await makeStore();
    await workWithoutAnchor();
    runSql(path, sql);
    expect(await startError()).toMatchObject(error("HF5006", message));
  });

  test("refuses a command that was changed after it was taken", async () => {
    await makeStore();
    const store = await openInline(path, { anchorEveryMs: 3_600_000 });
    const reader = await openSqliteReader({ path });
    await reader.post({ id: "c", topic: "send", atMs: NOW_MS, by: "anna", data: "{}" });
    await reader.close();
    await new SampleJournal().flushTo(store, [{ id: "c", answer: '"yes"' }]);
    await store.abandon();
    runSql(path, "update inbox set answer = '\"no\"'");
    expect(await startError()).toMatchObject(
      error("HF5006", /command c in the inbox was changed/u),
    );
  });

  test("says of a command that it is not what was posted", async () => {
    await makeStore();
    const reader = await openSqliteReader({ path });
    await reader.post({
      id: "c",
      topic: "settle",
      atMs: NOW_MS,
      by: "anna",
      data: '{"happened":false}',
    });
    await reader.close();
    runSql(path, "update inbox set data = '{\"happened\":true}'");
    const store = await openInline(path);
    expect(await store.inbox(10)).toMatchObject([{ id: "c", isAsPosted: false }]);
    await store.close();
  });

  test("refuses a store whose first row was changed", async () => {
    await makeStore();
    runSql(path, "update meta set created_at_ms = created_at_ms + 1");
    expect(await startError()).toMatchObject(error("HF5006", /its first row was changed/u));
  });

  test("without an anchor says so, and checks everything", async () => {
    await makeStore();
    rmSync(`${path}.anchor`);
    const notices: StoreNotice[] = [];
    await opens({ onNotice: (notice) => notices.push(notice) });
    expect(notices).toEqual([{ kind: "anchor-missing", path: `${path}.anchor`, flushes: 7 }]);
    rmSync(`${path}.anchor`);
    runSql(path, "update journal set data = '1' where run = 11 and seq = 2");
    expect(await startError()).toMatchObject(error("HF5006", /run 11, seq 2/u));
  });

  test("refuses an anchor that is damaged or another store's", async () => {
    await makeStore();
    const anchor = readFileSync(`${path}.anchor`, "utf8");
    writeFileSync(`${path}.anchor`, anchor.slice(0, -20));
    expect(await startError()).toMatchObject(error("HF5006", /the anchor file .* is damaged/u));
    writeFileSync(`${path}.anchor`, anchor.replace(/"store_\w+"/u, '"store_other"'));
    expect(await startError()).toMatchObject(error("HF5006", /belongs to another store/u));
    writeFileSync(`${path}.anchor`, anchor.replace(/("position": )\d+/u, "$11"));
    expect(await startError()).toMatchObject(error("HF5006", /is not the one in the anchor/u));
  });

  test("does not make a new store in the place of one that is gone", async () => {
    await makeStore();
    rmSync(path);
    expect(await startError()).toMatchObject(
      error("HF5007", /is gone, its anchor is still there/u),
    );
  });

  const WITHOUT_ANCHOR = [".anchor"];
  test.each([
    ["one without a byte", [], [], ""],
    ["one without a byte, its log beside it", [], ["-wal"], ""],
    ["one without a byte nor anchor, its log beside it", WITHOUT_ANCHOR, ["-wal"], ""],
    ["one that is gone, with a key alone", WITHOUT_ANCHOR, [], null],
    ["one without a table", [], [], "pragma user_version = 0; create table t (c); drop table t"],
  ] as const)("does not make a new store in the place of %s", async (_name, gone, left, made) => {
    await makeStore();
    rmSync(path);
    for (const suffix of gone) rmSync(path + suffix);
    for (const suffix of left) writeFileSync(path + suffix, "frames");
    if (made !== null) writeFileSync(path, "");
    if (made !== null && made !== "") runSql(path, made);
    const before = readdirSync(folder.path).map((name) => [name, contentOf(name)]);
    expect(await startError()).toMatchObject(
      error("HF5007", /is (empty|gone), its (anchor|log|key) is still there/u),
    );
    await expect(accept()).rejects.toMatchObject({ code: expect.stringMatching(/^HF500[27]$/u) });
    const after = readdirSync(folder.path).filter((name) => !name.endsWith(".lock"));
    expect(after.map((name) => [name, contentOf(name)])).toEqual(
      before.filter(([name]) => !name?.endsWith(".lock")),
    );
  });
});

function unwritableJson(): never {
  throw new Error("cannot be written");
}

const laterMs = () => NOW_MS + 3_600_000;

describe("acceptStore", () => {
  test("lets an older copy go on, on record, and lists what may have been done since", async () => {
    const first = await openInline(path);
    const sample = everyKind(first);
    await sample.flushTo(first);
    await first.close();
    const older = join(folder.path, "older.db");
    copyFileSync(path, older);
    await workWithoutAnchor();
    await opens();
    copyFileSync(older, path);
    expect(await startError()).toMatchObject(error("HF5007", /its anchor knows/u));
    const accepted = await acceptStore({
      path,
      reason: "disk lost",
      by: "anna",
      nowMs: () => NOW_MS,
    });
    expect(accepted.operations.map(({ run, effect, proof }) => [run, effect, proof])).toEqual([
      [13, "charge-card", "maybe"],
    ]);
    expect(accepted.openRuns).toEqual([10, 12]);
    const store = await openInline(path);
    expect(store.predecessors.length).toBe(1);
    await store.close();
    const reader = await openSqliteReader({ path });
    const said = (await reader.records(0, 0, 100)).at(-1);
    expect(said?.kind).toBe("applied");
    expect(said?.head).toContain("disk lost");
    // The open run knows that it was restored, and from when.
    const mark = (await reader.records(12, 0, 100)).at(-1);
    expect(mark).toMatchObject({ kind: "restored", name: "", atMs: NOW_MS });
    expect(JSON.parse(mark?.head ?? "")).toMatchObject({ by: "anna", reason: "disk lost" });
    await reader.close();
  });

  test("has accepted nothing before all of it is on record", async () => {
    await makeStore();
    const older = join(folder.path, "older.db");
    copyFileSync(path, older);
    await workWithoutAnchor();
    await opens();
    copyFileSync(older, path);
    const anchor = readFileSync(`${path}.anchor`, "utf8");
    const unwritable = { toString: () => "anna", toJSON: () => unwritableJson() } as never;
    const accepting = acceptStore({ path, reason: "?", by: unwritable, nowMs: laterMs });
    await expect(accepting).rejects.toThrow("cannot be written");
    expect(readFileSync(`${path}.anchor`, "utf8")).toBe(anchor);
    // It has written a flush. The backup is no younger by that: keys are as old as its last work.
    await acceptStore({ path, reason: "disk lost", by: "anna", nowMs: laterMs });
    const reader = await openSqliteReader({ path });
    const [mark, before] = (await reader.records(12, 0, 100)).toReversed();
    await reader.close();
    const { fromMs } = JSON.parse(mark?.head ?? "") as { readonly fromMs: number };
    expect(mark?.kind).toBe("restored");
    expect(fromMs).toBeGreaterThanOrEqual(before?.atMs ?? Number.NaN);
    expect(fromMs).toBeLessThan(laterMs());
  });

  test("does not mend a damaged store", async () => {
    await makeStore();
    const anchor = readFileSync(`${path}.anchor`, "utf8");
    runSql(path, "update journal set data = '1' where run = 11 and seq = 2");
    const accepting = acceptStore({ path, reason: "?", by: "anna", nowMs: () => NOW_MS });
    await expect(accepting).rejects.toMatchObject({ code: "HF5006" });
    expect(readFileSync(`${path}.anchor`, "utf8")).toBe(anchor);
  });

  test("makes no store where there is none", async () => {
    const accepting = acceptStore({ path, reason: "?", by: "anna", nowMs: () => NOW_MS });
    await expect(accepting).rejects.toMatchObject({ code: "HF5002" });
  });
});
