import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { versionOf } from "./code-version.ts";

let root: string;
let build: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "holdfast-version-"));
  build = join(root, "dist");
  mkdirSync(join(build, "steps"), { recursive: true });
  writeFileSync(join(build, "main.js"), "export const a = 1;");
  writeFileSync(join(build, "steps", "tax.js"), "export const rate = 19;");
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

const refused = (says: RegExp) =>
  expect.objectContaining({ code: "HF1110", message: expect.stringMatching(says) as string });

describe("a version that is made of files", () => {
  test("is the same for the same files, however they are named", () => {
    const version = versionOf(build);
    expect(version).toMatch(/^sha256:[0-9a-f]{16}$/);
    expect(versionOf(pathToFileURL(`${build}/`))).toBe(version);
    expect(versionOf([build])).toBe(version);
  });

  test("is another one when a file that others call has changed, was renamed, added or taken away", () => {
    const seen = new Set([versionOf(build)]);
    writeFileSync(join(build, "steps", "tax.js"), "export const rate = 20;");
    seen.add(versionOf(build));
    writeFileSync(join(build, "steps", "vat.js"), "");
    seen.add(versionOf(build));
    rmSync(join(build, "main.js"));
    writeFileSync(join(build, "main2.js"), "export const a = 1;");
    seen.add(versionOf(build));
    expect(seen.size).toBe(4);
  });

  test("does not take what one file ends with for what the next begins with", () => {
    const [one, other] = [join(root, "one"), join(root, "other")];
    for (const folder of [one, other]) mkdirSync(folder);
    writeFileSync(join(one, "a"), "xb");
    writeFileSync(join(other, "a"), "x");
    writeFileSync(join(other, "b"), "");
    expect(versionOf(one)).not.toBe(versionOf(other));
  });

  test("covers a lock file that is named beside the build", () => {
    const lock = join(root, "package-lock.json");
    writeFileSync(lock, "1");
    const before = versionOf([build, lock]);
    writeFileSync(lock, "2");
    expect(versionOf([build, lock])).not.toBe(before);
  });

  test("is refused for what would be another version with the same code", () => {
    expect(() => versionOf(join(root, "gone"))).toThrow(refused(/not there/));
    mkdirSync(join(root, "empty"));
    expect(() => versionOf(join(root, "empty"))).toThrow(refused(/holds no file/));
    mkdirSync(join(build, "node_modules"));
    expect(() => versionOf(build)).toThrow(refused(/machine to machine/));
    rmSync(join(build, "node_modules"), { recursive: true });
    symlinkSync(join(build, "main.js"), join(build, "link.js"));
    expect(() => versionOf(build)).toThrow(refused(/neither a file nor a folder/));
    rmSync(join(build, "link.js"));
    writeFileSync(join(build, "holdfast.db"), Buffer.from("SQLite format 3\0 and more"));
    expect(() => versionOf(build)).toThrow(refused(/database/));
  });
});
