/** Every code has a page, every page a code, and every code that is raised is on the list and used. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ERROR_CODES, type ErrorCode } from "../core/error.ts";

const sourceFolder = new URL("../", import.meta.url);
const pages = readFileSync(
  new URL("../../../../docs/reference/errors.md", import.meta.url),
  "utf8",
);
// A record's own keys are its codes.
const codes = Object.keys(ERROR_CODES) as ErrorCode[];

/** Sections by their headings, which make the anchors: `## HF1001` is #hf1001. */
const sections = new Map(
  pages
    .split(/^## /m)
    .slice(1)
    .map((text) => [text.slice(0, text.indexOf("\n")), text] as const),
);

/** All codes written as text in our source, but not where the list itself is. */
function codesInSource(): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const file of readdirSync(sourceFolder, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts") || /\.test(?:-d|-support)?\.ts$/.test(file)) continue;
    if (file === "core/error.ts") continue;
    const text = readFileSync(new URL(file, sourceFolder), "utf8");
    for (const [, code = ""] of text.matchAll(/"(HF\d{4})"/g)) {
      found.set(code, [...(found.get(code) ?? []), file]);
    }
  }
  return found;
}

describe("the pages of the error codes", () => {
  test("are those of the codes, in their order", () => {
    expect([...sections.keys()]).toEqual(codes);
  });

  test.each(codes)("%s says what it means, shows an example, and says what to do", (code) => {
    const section = sections.get(code) ?? "";
    expect(section).toContain(`\n**${ERROR_CODES[code]}**\n`);
    expect(section).toMatch(/\n```\n(?:HF\d{4} {2}|EXCEPTION |exc_)[^]+?\n```\n/);
    for (const [, shown] of section.matchAll(/^(HF\d{4}) {2}/gm)) expect(shown).toBe(code);
    expect(section).toMatch(/\n\nWhat to do: \S/);
  });

  test("name no code that there is not", () => {
    const named = [...pages.matchAll(/HF\d{4}/g)].map(([code]) => code);
    expect(named.filter((code) => !codes.some((known) => known === code))).toEqual([]);
  });
});

describe("the codes in our source", () => {
  const used = codesInSource();

  test("are all on the list", () => {
    expect([...used.keys()].filter((code) => !codes.some((known) => known === code))).toEqual([]);
  });

  test("leave none of the list unused", () => {
    expect(used.size).toBeGreaterThan(20);
    expect(codes.filter((code) => !used.has(code))).toEqual([]);
  });
});
