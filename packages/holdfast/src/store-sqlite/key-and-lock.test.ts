import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openSqliteReader } from "./index.ts";
import { isLocked } from "./lock.ts";
import { runSql } from "./tampering.test-support.ts";
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

async function makeStore(): Promise<void> {
  const store = await openInline(path);
  await store.close();
}

/** Opens the store in another process, which then waits to be killed. */
async function openElsewhere(): Promise<ChildProcess> {
  const script = `
    import { openSqliteStore } from ${JSON.stringify(new URL("./index.ts", import.meta.url).href)};
    await openSqliteStore({ path: ${JSON.stringify(path)}, nowMs: () => 1 });
    process.stdout.write("open");
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  return child;
}

describe("the key file", () => {
  test("holds 32 bytes that only its owner may read", async () => {
    await makeStore();
    expect(statSync(`${path}.key`).mode & 0o777).toBe(0o600);
    expect(readFileSync(`${path}.key`).length).toBe(32);
  });

  test("must be there for a store that exists", async () => {
    await makeStore();
    rmSync(`${path}.key`);
    await expect(openInline(path)).rejects.toMatchObject({ code: "HF5009" });
    expect(existsSync(`${path}.key`)).toBe(false);
  });

  test.each([
    ["another store's", new Uint8Array(32)],
    ["cut short", new Uint8Array(31)],
  ])("must not be %s", async (_, bytes) => {
    await makeStore();
    writeFileSync(`${path}.key`, bytes);
    await expect(openInline(path)).rejects.toMatchObject({ code: "HF5009" });
  });

  test("is used if the process that made it died before it made the store", async () => {
    const key = new Uint8Array(32).fill(3);
    writeFileSync(`${path}.key`, key);
    // SQLite makes the file when it first looks into it.
    writeFileSync(path, "");
    const store = await openInline(path);
    expect([...store.secret]).toEqual([...key]);
    await store.close();
  });
});

describe("a place that was named by a slip", () => {
  test("a folder is refused, and nothing is made beside it", async () => {
    mkdirSync(path);
    await expect(openInline(path)).rejects.toMatchObject({
      code: "HF5002",
      message: expect.stringContaining("it is a folder") as string,
    });
    expect(readdirSync(folder.path)).toEqual(["store.db"]);
  });

  test("a text is refused, and nothing is made beside it", async () => {
    writeFileSync(path, "root:x:0:0\n".repeat(100));
    await expect(openInline(path)).rejects.toMatchObject({ code: "HF5002" });
    expect(readdirSync(folder.path)).toEqual(["store.db"]);
  });
});

describe("the file", () => {
  test("of somebody else is refused and left as it is", async () => {
    runSql(
      path,
      "create table customers (id integer primary key); insert into customers values (1)",
    );
    const before = readFileSync(path);
    await expect(openInline(path)).rejects.toMatchObject({ code: "HF5002" });
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(readdirSync(folder.path)).toEqual(["store.db"]);
    await expect(openSqliteReader({ path })).rejects.toMatchObject({ code: "HF5002" });
  });

  test("that is no database is refused", async () => {
    writeFileSync(path, "this is a letter to my bank".repeat(1000));
    await expect(openInline(path)).rejects.toMatchObject({ code: "HF5002" });
  });

  test("of a newer Holdfast is refused by engine and reader", async () => {
    await makeStore();
    runSql(path, "pragma user_version = 99");
    await expect(openInline(path)).rejects.toMatchObject({ code: "HF5010" });
    await expect(openSqliteReader({ path })).rejects.toMatchObject({ code: "HF5010" });
  });

  test("is made with its folder, but not by a reader", async () => {
    const deep = join(folder.path, "a", "b", "store.db");
    await expect(openSqliteReader({ path: deep })).rejects.toMatchObject({ code: "HF5002" });
    const store = await openInline(deep);
    await store.close();
    expect(existsSync(deep)).toBe(true);
  });

  test("in memory needs no other file and holds a store of its own", async () => {
    const [one, other] = [await openInline(":memory:"), await openInline(":memory:")];
    expect(one.storeId).not.toBe(other.storeId);
    await one.close();
    await other.close();
  });

  test("that a process left half made is made whole", async () => {
    await makeStore();
    runSql(path, "delete from meta");
    rmSync(`${path}.anchor`);
    const store = await openInline(path);
    await store.close();
    const reader = await openSqliteReader({ path });
    expect(reader.storeId).toBe(store.storeId);
    await reader.close();
  });
});

describe("the lock", () => {
  test("keeps a second process out until the first has died, however it dies", async () => {
    const child = await openElsewhere();
    expect(isLocked(path)).toBe(true);
    await expect(openInline(path)).rejects.toMatchObject({ code: "HF5004" });
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(isLocked(path)).toBe(false);
    const store = await openInline(path);
    expect(isLocked(path)).toBe(true);
    await store.close();
  });

  test("is not taken by a look at it, even while engines come and go", async () => {
    await makeStore();
    const reader = await openSqliteReader({ path });
    for (let round = 0; round < 10; round += 1) {
      const store = await openInline(path);
      expect(await reader.engineRuns()).toBe(true);
      await store.close();
      expect(await reader.engineRuns()).toBe(false);
    }
    await reader.close();
  });
});
