import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { linearPattern } from "./linear-pattern.ts";

/** Pieces that this and the runtime's own expressions read alike. */
const pieces = fc.array(
  fc.constantFrom(
    "a",
    "b",
    ".",
    "a*",
    "b+",
    "c?",
    "[ab]",
    "[^a-b]",
    "(?:ab|c)",
    "(a|b|)*",
    "(a*)*",
    "\\d",
    "\\w+",
    "\\.",
    "b{2}",
    "a{1,3}",
    "c{2,}",
    "^",
    "$",
    "\\b",
    "-",
    "1",
    "|",
  ),
  { minLength: 1, maxLength: 8 },
);

describe("patterns of rules", () => {
  test("fit where the runtime's own expressions fit", () => {
    const text = fc.string({
      unit: fc.constantFrom("a", "b", "c", "1", ".", "-", " "),
      maxLength: 12,
    });
    fc.assert(
      fc.property(pieces, text, (parts, said) => {
        const source = parts.join("");
        const expected = new RegExp(source, "u").test(said);
        expect(linearPattern(source).matches(said)).toBe(expected);
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    ["(a+)+$", "a".repeat(400) + "!"],
    ["(a|aa)*b", "a".repeat(500)],
    [".*.*.*.*.*.*.*.*x", "y".repeat(500)],
    ["(\\w+\\s?)*z", "word ".repeat(100)],
  ])("answer for %s where others would go back for years", (source, said) => {
    expect(linearPattern(source).matches(said)).toBe(false);
  });

  test.each([
    ["(a)\\1", /references back/u],
    ["(?=a)b", /looking around/u],
    ["(?<n>a)", /looking around/u],
    ["a**", /count of a count/u],
    ["(a", /without its/u],
    ["[a", /without its/u],
    ["a)", /without its/u],
    ["*a", /by itself/u],
    ["a{900}", /count outside/u],
    ["(((a{50}){50}){50}){50}", /too large/u],
    ["x".repeat(201), /1 to 200 characters/u],
    ["\\p", /escape/u],
    ["", /1 to 200 characters/u],
  ])("are refused with the reason: %s", (source, reason) => {
    expect(() => linearPattern(source)).toThrow(reason);
  });

  test("take letters of either case if they begin with (?i)", () => {
    expect(linearPattern("(?i)Limit [A-C]x").matches("the LIMIT bX")).toBe(true);
    expect(linearPattern("Limit").matches("LIMIT")).toBe(false);
  });

  test("look at the first 500 characters only", () => {
    expect(linearPattern("b").matches(`${"a".repeat(499)}b`)).toBe(true);
    expect(linearPattern("b").matches(`${"a".repeat(500)}b`)).toBe(false);
  });
});
