import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { installRival, isInstalled } from "./install-rival.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-rival-"));
  const itself = { name: "rival", version: "1.0.0" };
  writeFileSync(join(folder, "package.json"), JSON.stringify(itself));
  writeLock("1.0.0");
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function writeLock(version: string): void {
  const itself = { name: "rival", version };
  const lock = { ...itself, lockfileVersion: 3, requires: true, packages: { "": itself } };
  writeFileSync(join(folder, "package-lock.json"), JSON.stringify(lock));
}

test("installs a rival from its lock, and again only when the lock has changed", () => {
  expect(isInstalled(folder)).toBe(false);
  installRival(folder);
  expect(isInstalled(folder)).toBe(true);
  writeLock("1.0.1");
  expect(isInstalled(folder)).toBe(false);
});

test("says what npm said when it fails", () => {
  writeFileSync(join(folder, "package-lock.json"), "{");
  expect(() => installRival(folder)).toThrow(/npm ci failed in .*npm error/su);
  expect(isInstalled(folder)).toBe(false);
});
