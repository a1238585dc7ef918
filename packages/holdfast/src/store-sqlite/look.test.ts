/** Each check of `holdfast doctor` for a store in a file, on real files: well, and not. */
import {
  chmodSync,
  copyFileSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Finding } from "../core/doctor/finding.ts";
import { everyKind } from "../testing/sample-every-kind.ts";
import type { SampleJournal } from "../testing/sample-journal.ts";
import { backupStore } from "./index.ts";
import { lookAtSqlite } from "./look.ts";
import { runSql } from "./tampering.test-support.ts";
import { makeFolder, openInline } from "./test-store.test-support.ts";

let folder: ReturnType<typeof makeFolder>;
let path: string;

beforeEach(() => {
  folder = makeFolder();
  path = join(folder.path, "store.db");
});
afterEach(() => folder.remove());

async function makeStore(): Promise<SampleJournal> {
  const store = await openInline(path);
  const sample = everyKind(store);
  await sample.flushTo(store);
  await store.close();
  return sample;
}

function look(at = path) {
  const found = new Map<string, Finding>();
  const isThere = lookAtSqlite({ path: at }, (finding) => found.set(finding.check, finding));
  return { found, isThere };
}

describe("a store at which all is well", () => {
  test("has nothing to be mended while an engine runs, and its files stay as they are", async () => {
    const store = await openInline(path);
    await everyKind(store).flushTo(store);
    const before = filesIn(folder.path);
    const { found, isThere } = look();
    expect([...found.values()].filter(({ level }) => level !== "ok")).toEqual([]);
    expect(isThere).toBe(true);
    expect([...found.keys()]).toEqual([
      "local-disk",
      "disk-space",
      "store",
      "journal-mode",
      "log-size",
      "key",
      "key-mode",
      "anchor",
      "engine",
    ]);
    expect(filesIn(folder.path)).toEqual(before);
    // And it is the engine's as before.
    expect(look().found.get("engine")?.level).toBe("ok");
    await store.close();
  });

  test("and no engine: it says so, and the database, its key and its anchor stay as they are", async () => {
    await makeStore();
    const before = filesIn(folder.path);
    expect(look().found.get("engine")).toMatchObject({
      level: "warn",
      what: expect.stringContaining("no engine runs"),
    });
    expect(filesIn(folder.path)).toMatchObject(before);
  });
});

/** By name; the shared memory of SQLite is no content. */
function filesIn(of: string): Record<string, string> {
  const names = readdirSync(of).filter((name) => !name.endsWith("-shm"));
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(of, name), "base64")]));
}

describe("the file", () => {
  test("that is not there, in a folder that is or is not", () => {
    for (const at of [path, join(folder.path, "nowhere", "store.db")]) {
      const { found, isThere } = look(at);
      expect(isThere).toBe(false);
      expect(found.get("store")).toMatchObject({ level: "fail", code: "HF5002" });
    }
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test("that is gone while its key and its anchor are there", async () => {
    await makeStore();
    rmSync(path);
    expect(look().found.get("store")).toMatchObject({ level: "fail", code: "HF5007" });
  });

  test("that is another program's, damaged, newer or older than this build", async () => {
    const other = join(folder.path, "other.db");
    const database = new DatabaseSync(other);
    database.exec("create table t (a)");
    database.close();
    expect(look(other).found.get("store")).toMatchObject({ level: "fail", code: "HF5002" });
    await makeStore();
    runSql(path, "pragma user_version = 1");
    expect(look().found.get("store")).toMatchObject({ level: "warn" });
    runSql(path, "pragma user_version = 99");
    expect(look().found.get("store")).toMatchObject({ level: "fail", code: "HF5010" });
    writeFileSync(path, "not a database, and long enough to be read as the head of one");
    expect(look().found.get("store")).toMatchObject({ level: "fail", code: "HF5006" });
  });

  test("whose log another program has left in another mode, or made long", async () => {
    await makeStore();
    runSql(path, "pragma journal_mode = delete");
    expect(look().found.get("journal-mode")).toMatchObject({
      level: "warn",
      what: expect.stringContaining("is delete"),
    });
    runSql(path, "pragma journal_mode = wal");
    writeFileSync(`${path}-wal`, "");
    // A hole: no byte of it is on the disk.
    truncateSync(`${path}-wal`, 65 * 1024 * 1024);
    expect(look().found.get("log-size")).toMatchObject({ level: "warn" });
  });
});

describe("what lies beside it", () => {
  test("the key: missing, of another store, and for others to read", async () => {
    await makeStore();
    const key = readFileSync(`${path}.key`);
    chmodSync(`${path}.key`, 0o644);
    expect(look().found.get("key-mode")).toMatchObject({
      level: "warn",
      fix: `chmod 600 ${path}.key`,
    });
    writeFileSync(`${path}.key`, Buffer.alloc(key.length, 1));
    expect(look().found.get("key")).toMatchObject({ level: "fail", code: "HF5009" });
    rmSync(`${path}.key`);
    expect(look().found.get("key")).toMatchObject({ level: "fail", code: "HF5009" });
  });

  test("the anchor: missing, damaged, newer than the store, and of a backup", async () => {
    const sample = await makeStore();
    const old = readFileSync(path);
    const store = await openInline(path);
    sample.continueIn(store);
    await sample.flushTo(store);
    await store.close();
    const anchor = readFileSync(`${path}.anchor`);
    rmSync(`${path}.anchor`);
    expect(look().found.get("anchor")).toMatchObject({
      level: "warn",
      what: expect.stringContaining("is missing"),
    });
    writeFileSync(`${path}.anchor`, "{}");
    expect(look().found.get("anchor")).toMatchObject({ level: "fail", code: "HF5006" });
    writeFileSync(`${path}.anchor`, anchor);
    for (const end of ["-wal", "-shm"]) rmSync(`${path}${end}`, { force: true });
    writeFileSync(path, old);
    expect(look().found.get("anchor")).toMatchObject({ level: "fail", code: "HF5007" });
    const copy = join(folder.path, "copy.db");
    writeFileSync(`${path}.anchor`, anchor);
    await backupStore({ path, to: copy });
    expect(look(copy).found.get("anchor")).toMatchObject({ level: "fail", code: "HF5007" });
    // Its anchor left behind: the store itself says that it is a copy.
    copyFileSync(`${path}.anchor`, `${copy}.anchor`);
    expect(look(copy).found.get("key")).toMatchObject({ level: "fail", code: "HF5007" });
  });
});
