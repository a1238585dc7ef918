import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseJson } from "../core/json-text.ts";
import { fitted, jsonText, visible, visibleLines, widthOf } from "./safe-text.ts";

/** Anything a terminal might act on or hide, and a few plain characters between. */
const nastyText = fc.string({
  unit: fc.oneof(
    fc.constantFrom("\n", "\t", "\u0000", "\u001b", "\u009b", "\u202e", "\u200b", "\ud800", "é"),
    fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
  ),
});

describe("foreign text on a terminal", () => {
  test("holds nothing that moves the cursor, turns the line or cannot be seen", () => {
    fc.assert(
      fc.property(nastyText, (text) => {
        expect(visible(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
        expect(visible(visible(text))).toBe(visible(text));
      }),
    );
  });

  test.each([
    ["plain text, é and 日本", "plain text, é and 日本"],
    ["two\nlines\tand\r", "two\\nlines\\tand\\r"],
    ["\u001b[31mred\u001b[0m", "\\u{1b}[31mred\\u{1b}[0m"],
    ["\u009b2J", "\\u{9b}2J"],
    ["abc\u202edef", "abc\\u{202e}def"],
    ["O-1\u200b", "O-1\\u{200b}"],
    ["\ud83d", "\\u{d83d}"],
  ])("shows %j as %j", (text, shown) => {
    expect(visible(text)).toBe(shown);
  });

  test("keeps the line feeds of our own sentences", () => {
    expect(visibleLines("first\nsecond\u001b[2J")).toBe("first\nsecond\\u{1b}[2J");
  });

  test("prints JSON that parses to the same value and holds no control character", () => {
    fc.assert(
      fc.property(fc.dictionary(nastyText, nastyText), (value) => {
        const text = jsonText(value);
        expect(parseJson(text)).toEqual(value);
        expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      }),
    );
  });
});

describe("the width of text", () => {
  test.each([
    ["", 0],
    ["abc", 3],
    ["日本", 4],
    ["e\u0301", 1],
    ["🚀", 2],
    ["ｶﾅ", 2],
  ])("of %j is %i columns", (text, width) => {
    expect(widthOf(text)).toBe(width);
  });

  test("is never more than what was asked for", () => {
    fc.assert(
      fc.property(nastyText, fc.integer({ min: 1, max: 40 }), (text, widthMax) => {
        const shown = visible(text);
        const result = fitted(shown, widthMax);
        expect(widthOf(result)).toBeLessThanOrEqual(widthMax);
        const isWhole = widthOf(shown) <= widthMax;
        expect(isWhole ? result === shown : result.endsWith("…")).toBe(true);
      }),
    );
  });
});
