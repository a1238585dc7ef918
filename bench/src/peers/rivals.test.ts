import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { folderOf, PRODUCTS } from "./rivals.ts";

interface Lock {
  readonly packages: Record<string, { readonly resolved?: string; readonly dependencies?: object }>;
}

const RIVALS = PRODUCTS.map(({ install }) => install).filter((install) => install !== null);

test("every rival is locked to the versions that were compared, from any registry", () => {
  expect(RIVALS.length).toBeGreaterThan(0);
  for (const install of RIVALS) {
    const folder = folderOf(install);
    const asked = read(folder, "package.json") as { readonly dependencies: Record<string, string> };
    const { packages } = read(folder, "package-lock.json") as Lock;
    for (const version of Object.values(asked.dependencies)) expect(version).toMatch(/^\d/u);
    expect(packages[""]?.dependencies).toEqual(asked.dependencies);
    const elsewhere = Object.values(packages).filter(({ resolved }) => resolved !== undefined);
    expect(elsewhere).toEqual([]);
  }
});

test("no rival is a dependency of ours", () => {
  const lock = read(fileURLToPath(new URL("../../..", import.meta.url)), "package-lock.json");
  for (const { package: name } of RIVALS) {
    expect((lock as Lock).packages).not.toHaveProperty([`node_modules/${name}`]);
  }
});

test("every product has its adapter", () => {
  for (const { adapter } of PRODUCTS) expect(existsSync(fileURLToPath(adapter))).toBe(true);
});

function read(folder: string, name: string): unknown {
  return JSON.parse(readFileSync(join(folder, name), "utf8"));
}
