import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { everyKind } from "../testing/sample-every-kind.ts";
import { SYSTEM_RUN, SampleJournal, startedHead } from "../testing/sample-journal.ts";
import { seededRandom } from "../testing/seeded-random.ts";
import { openSqliteReader, verifyStore } from "./index.ts";
import { PROJECTIONS } from "./rebuild.ts";
import { copyStore, dump, flipByte, runSql } from "./tampering.test-support.ts";
import { NOW_MS, makeFolder, openInline } from "./test-store.test-support.ts";

let folder: ReturnType<typeof makeFolder>;
/** A closed store with every kind of record, and commands taken and waiting. Never changed. */
let original: string;
/** A copy of it, made anew for each harm. */
let path: string;

beforeAll(async () => {
  folder = makeFolder();
  original = join(folder.path, "original.db");
  path = join(folder.path, "store.db");
  const store = await openInline(original);
  const reader = await openSqliteReader({ path: original });
  const command = { topic: "send", atMs: NOW_MS, by: "anna", data: '{"a":1}' } as const;
  await reader.post({ ...command, id: "taken" });
  await reader.post({ ...command, id: "waiting" });
  await reader.close();
  const sample = everyKind(store);
  await store.flush(sample.batch([{ id: "taken", answer: '{"ok":true}' }], 20));
  await sample.flushTo(store);
  await store.close();
  const second = await openInline(original);
  const more = new SampleJournal();
  more.add(40, "started", startedHead(40));
  await more.flushTo(second);
  await second.close();
});

afterAll(() => {
  folder.remove();
});

async function damageAfter(sql: string): Promise<readonly string[]> {
  copyStore(original, path);
  runSql(path, sql);
  return (await verifyStore({ path })).damage.map(({ what }) => what);
}

describe("verifyStore", () => {
  test("finds nothing in a store that nobody harmed, and counts it", async () => {
    const report = await verifyStore({ path: original });
    expect(report).toMatchObject({ isSound: true, flushes: 5, damage: [], remedy: null });
    expect(report.records).toBeGreaterThan(40);
  });

  test("leaves tables of the user's alone, with their indexes, views and triggers", async () => {
    const damage = await damageAfter(`create table orders (id integer primary key, name text);
      create index orders_name on orders (name);
      create view names as select name from orders;
      create trigger orders_named after insert on orders begin select 1; end`);
    expect(damage).toEqual([]);
  });

  test("names the first bad record and the way on", async () => {
    copyStore(original, path);
    runSql(path, "update journal set data = '{}' where run = 13 and seq = 2");
    runSql(path, "update journal set data = '{}' where run = 11 and seq = 2");
    const report = await verifyStore({ path });
    expect(report.isSound).toBe(false);
    expect(report.damage[0]).toMatchObject({ run: 11, seq: 2 });
    expect(report.damage[0]?.what).toMatch(/^record \d+ \(run 11, seq 2\) was changed$/u);
    expect(report.remedy).toContain("Restore the newest backup");
  });

  test("names a record that SQLite itself cannot read", async () => {
    copyStore(original, path);
    // The page of the journal's last records becomes one of no known type.
    const offset = readFileSync(path).lastIndexOf('{"invoice":"INV-12"}');
    flipByte(path, Math.floor(offset / 4096) * 4096, 0xff);
    const report = await verifyStore({ path });
    expect(report.damage[0]?.what).toMatch(/^record \d+ cannot be read: /u);
  });

  test.each([
    [
      "a record moved",
      "update journal set pos = pos + 1000 where run = 40",
      /record \d+ is missing/u,
    ],
    ["the last flushes cut", "delete from flush where id > 3", /belongs to no flush/u],
    [
      "a taken command changed",
      "update inbox set sent_by = 'eve' where id = 'taken'",
      /command taken/u,
    ],
    [
      "a waiting command changed",
      "update inbox set data = '{}' where id = 'waiting'",
      /command waiting/u,
    ],
    [
      "a taken command dropped",
      "delete from inbox where id = 'taken'",
      /took 1 commands, the inbox shows 0/u,
    ],
    [
      "an index more",
      "create index extra on run (reason)",
      /has index extra on run, which is not ours/u,
    ],
    [
      "a trigger on a table of ours",
      "create trigger extra after insert on journal begin select 1; end",
      /has trigger extra on journal, which is not ours/u,
    ],
    ["an index less", "drop index run_state", /the schema of index run_state was changed/u],
    ["the first row", "update meta set created_at_ms = 0", /who this store is/u],
  ])("notices %s", async (_, sql, message) => {
    expect((await damageAfter(sql)).join("\n")).toMatch(message);
  });

  test.each([
    [
      "run",
      "update run set reason = 'all is well' where run = 12",
      /^run\.reason of row 12 is "all is well"/u,
    ],
    ["run", "delete from run where run = 40", /^run lacks the row 40/u],
    [
      "run",
      "update run set input_digest = x'00' where run = 12",
      /^run\.input_digest of row 12 is 00/u,
    ],
    [
      "effect",
      "update effect set proof = 'never' where proof = 'maybe'",
      /^effect\.proof of row \d+ is "never"/u,
    ],
    ["exception", "update exception set owner = 'nobody'", /^exception\.owner/u],
    ["issue", "update issue set total_count = 9", /^issue\.total_count/u],
    ["review", "delete from review where run = 13", /^review lacks the row/u],
    ["counter", "update counter set value = value + 1", /^counter\.value/u],
    ["counter", "insert into counter values ('zzz', 1)", /^counter has a row too many: "zzz"/u],
    ["dependency", "update dependency set state = 'closed'", /^dependency\.state/u],
    ["declaration", "update declaration set sensitive = '[]'", /^declaration\.sensitive/u],
    ["declaration", "delete from declaration", /^declaration lacks the row "review"/u],
    ["kept_event", "delete from kept_event", /^kept_event lacks the row 7/u],
    [
      "awaiting",
      "insert into awaiting values (1, 'a', 'b', 11, 1, 'c', null)",
      /^awaiting has a row too many/u,
    ],
    ["pending", "insert into pending values ('a', 'b', 11, 1, 0)", /^pending has a row too many/u],
    ["recovery_group", "update recovery_group set crashes = 5", /^recovery_group\.crashes/u],
    [
      "incarnation",
      "update incarnation set first_flush = first_flush + 1 where first_flush > 1",
      /incarnation\.first_flush|its chain was forked/u,
    ],
  ])("compares %s with the journal: %s", async (table, sql, message) => {
    expect(Object.keys(PROJECTIONS)).toContain(table);
    expect((await damageAfter(sql)).join("\n")).toMatch(message);
  });

  test("without its key can say nothing, and says so", async () => {
    copyStore(original, path);
    rmSync(`${path}.key`);
    await expect(verifyStore({ path })).rejects.toMatchObject({ code: "HF5009" });
    writeFileSync(`${path}.key`, new Uint8Array(32));
    await expect(verifyStore({ path })).rejects.toMatchObject({ code: "HF5009" });
  });

  test("says that without an anchor a cut cannot be seen", async () => {
    copyStore(original, path);
    rmSync(`${path}.anchor`);
    const report = await verifyStore({ path });
    expect(report.isSound).toBe(true);
    expect(report.harmless.join("\n")).toContain("no anchor");
  });

  test("checks a store while its engine runs, and leaves no copy behind", async () => {
    copyStore(original, path);
    const store = await openInline(path);
    const sample = new SampleJournal();
    sample.add(50, "started", startedHead(50));
    await sample.flushTo(store);
    const report = await verifyStore({ path });
    expect(report).toMatchObject({ isSound: true, flushes: 6 });
    expect(filesOf(path).filter((file) => file.includes(".verify"))).toEqual([]);
    await store.close();
  });

  test("leaves the folder of a closed store as it found it", async () => {
    const closed = join(folder.path, "closed.db");
    copyStore(original, closed);
    const before = filesOf(closed);
    await verifyStore({ path: closed });
    expect(filesOf(closed)).toEqual(before);
  });

  test("leaves what a crash has left as it found it, and reads its log too", async () => {
    copyStore(original, path);
    const store = await openInline(path);
    const sample = new SampleJournal();
    sample.add(50, "started", startedHead(50));
    await sample.flushTo(store);
    // The files of a process that has died: its log is still there, and nobody holds the lock.
    const dead = join(folder.path, "dead.db");
    copyStore(path, dead);
    writeFileSync(`${dead}-wal`, readFileSync(`${path}-wal`));
    await store.close();
    const before = filesOf(dead);
    expect(before).toContain("dead.db-wal");
    expect(await verifyStore({ path: dead })).toMatchObject({ isSound: true, flushes: 6 });
    expect(filesOf(dead)).toEqual(before);
  });
});

/** Names of the store's files. */
function filesOf(store: string): readonly string[] {
  return readdirSync(folder.path)
    .filter((name) => name.startsWith(basename(store)))
    .toSorted();
}

/** Whether a flipped byte is reported, or else every read returns what it did. */
async function isNoticedOrHarmless(offset: number, mask: number, clean: string): Promise<boolean> {
  copyStore(original, path);
  flipByte(path, offset, mask);
  const report = await verifyStore({ path });
  return !report.isSound || dump(path) === clean;
}

/** Where a text is stored, and not left over from before its page was divided. */
function liveOffset(text: string): number {
  const bytes = readFileSync(original);
  const clean = dump(original);
  for (let at = bytes.indexOf(text); at !== -1; at = bytes.indexOf(text, at + 1)) {
    copyStore(original, path);
    flipByte(path, at, 1);
    if (dump(path) !== clean) return at;
  }
  throw new Error(`${text} is nowhere in the store`);
}

describe("a flipped byte in the closed database", () => {
  test("anywhere is reported, or no read returns anything else", { timeout: 60_000 }, async () => {
    const random = seededRandom(20_261_123);
    const clean = dump(original);
    const size = readFileSync(original).length;
    for (let sample = 0; sample < 400; sample += 1) {
      // One in each stretch, so that every page has its share.
      const offset = Math.floor(((sample + random.next()) * size) / 400);
      const mask = 1 + random.integer(255);
      expect(await isNoticedOrHarmless(offset, mask, clean), `byte ${offset} ^ ${mask}`).toBe(true);
    }
  });

  test("of a record is always reported, by the record's name", { timeout: 60_000 }, async () => {
    for (const [run, text] of [
      [11, '{"paid":true}'],
      [12, "seen in the ERP"],
      [SYSTEM_RUN, '"command":"send paid"'],
    ] as const) {
      const offset = liveOffset(text);
      for (let at = offset; at < offset + text.length; at += 1) {
        copyStore(original, path);
        flipByte(path, at, 1 << (at % 8));
        const report = await verifyStore({ path });
        expect(report.damage[0], `${text} at ${at - offset}`).toMatchObject({ run });
      }
    }
  });
});
