/** The published package has the documents that an operator needs, and every link in them leads somewhere. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "holdfast-pack-"));

beforeAll(() => {
  execFileSync(process.execPath, [join(root, "scripts/pack-docs.mjs"), folder]);
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function read(path: string): string {
  return readFileSync(path, "utf8");
}

test("has what error messages and the command line name", () => {
  for (const page of ["errors", "cli", "api", "terms", "classification", "vectors"]) {
    expect(existsSync(join(folder, "docs/reference", `${page}.md`))).toBe(true);
  }
});

test("has no link that leads nowhere", () => {
  const pages = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".md"))
    .map((file) => join(folder, file));
  expect(pages.length).toBeGreaterThan(10);
  const broken = pages.flatMap((page) =>
    [
      ...read(page)
        .replaceAll(/```[^]*?```/g, "")
        .matchAll(/\]\(([^)#\s:]+)(?:#[^)]*)?\)/g),
    ]
      .map(([, target = ""]) => join(dirname(page), target))
      .filter((target) => !existsSync(target)),
  );
  expect(broken).toEqual([]);
});

test("lists the documents among its files, and puts them there before it is packed", () => {
  const manifest = JSON.parse(read(join(root, "packages/holdfast/package.json"))) as {
    readonly files: readonly string[];
    readonly scripts: Readonly<Record<string, string>>;
  };
  expect(manifest.files).toEqual(expect.arrayContaining(["docs", "README.md", "CHANGELOG.md"]));
  expect(manifest.scripts["prepack"]).toBe("node ../../scripts/pack-docs.mjs");
});
