import { existsSync, readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { holderIn, isLocked, lockPath, takeLock } from "./lock.ts";
import { makeFolder } from "./test-store.test-support.ts";

let folder: ReturnType<typeof makeFolder>;
let path: string;

beforeEach(() => {
  folder = makeFolder();
  path = join(folder.path, "store.db");
});

afterEach(() => {
  folder.remove();
});

/** Of the test's folder, in this process. */
function openFiles(): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const file = readlinkSync(`/proc/self/fd/${fd}`);
      return file.includes(basename(folder.path)) ? [file] : [];
    } catch {
      // That of the look itself.
      return [];
    }
  });
}

describe("the lock of a store", () => {
  test("is refused to a second one until the first has let it go, and the refusal says whose it is", () => {
    const lock = takeLock(path);
    const named = ` \\(process ${String(process.pid)}\\)`;
    expect(() => takeLock(path)).toThrow(
      expect.objectContaining({
        code: "HF5004",
        cause: expect.objectContaining({ errstr: "database is locked" }) as Error,
        // A container may hide who it is.
        message: expect.stringMatching(
          new RegExp(`^another engine holds the store .*store\\.db(?:${named})?$`, "u"),
        ) as string,
      }),
    );
    lock.close();
    takeLock(path).close();
  });

  test("is seen by a look at it, which does not take it", () => {
    const lock = takeLock(path);
    expect(isLocked(path)).toBe(true);
    lock.close();
    expect(isLocked(path)).toBe(false);
    takeLock(path).close();
  });

  test("is nobody's where no engine was ever started, and a look at it makes no file", () => {
    expect(isLocked(path)).toBe(false);
    expect(existsSync(lockPath(path))).toBe(false);
  });

  test.runIf(process.platform === "linux")(
    "leaves no file open, whether it was taken, refused or looked at",
    () => {
      const lock = takeLock(path);
      expect(openFiles().map((file) => basename(file))).toContain("store.db.lock");
      expect(() => takeLock(path)).toThrow("another engine");
      expect(isLocked(path)).toBe(true);
      lock.close();
      expect(isLocked(path)).toBe(false);
      expect(openFiles()).toEqual([]);
    },
  );

  test("that cannot be read is told of as that, and not as another engine's", () => {
    writeFileSync(lockPath(path), "this is a letter to my bank".repeat(1000));
    const noDatabase = expect.objectContaining({ message: "file is not a database" }) as Error;
    expect(() => takeLock(path)).toThrow(noDatabase);
    expect(() => isLocked(path)).toThrow(noDatabase);
  });
});

const listed = (...lines: readonly string[]) => `${lines.join("\n")}\n`;

describe("Linux lists locks", () => {
  test.each([
    ["a disk of old", { dev: 0x08_02, ino: 1048 }, "08:02:1048"],
    ["a volume with a high minor number", { dev: 0x12_3f_d4_56, ino: 7 }, "fd4:12356:7"],
    ["a disk without a device", { dev: 0x2f, ino: 99 }, "00:2f:99"],
  ])("by %s", (_, file, place) => {
    const locks = listed(
      "1: POSIX  ADVISORY  READ  11 00:01:5 0 EOF",
      `2: POSIX  ADVISORY  READ  12 ${place} 128 128`,
      `3: POSIX  ADVISORY  WRITE 4711 ${place} 0 EOF`,
    );
    expect(holderIn(locks, file)).toBe(" (process 4711)");
  });

  test("of which those of other files and of processes elsewhere say nothing", () => {
    const locks = listed(
      "1: POSIX  ADVISORY  WRITE 11 08:02:10480 0 EOF",
      "2: POSIX  ADVISORY  WRITE 12 08:03:1048 0 EOF",
      "3: POSIX  ADVISORY  WRITE 0 08:02:1048 0 EOF",
    );
    expect(holderIn(locks, { dev: 0x08_02, ino: 1048 })).toBe("");
    expect(holderIn("", { dev: 0x08_02, ino: 1048 })).toBe("");
  });
});
