import { describe, expect, test } from "vitest";
import { maskedText } from "./mask-text.ts";

describe("maskedText", () => {
  test("covers every occurrence, in whatever form", () => {
    const said = 'no account DE89 3704: {"iban":"DE89 3704"} at /accounts/DE89%203704';
    expect(maskedText(said, ["DE89 3704"])).toBe(
      'no account [masked]: {"iban":"[masked]"} at /accounts/[masked]',
    );
  });

  test("covers a text that JSON escapes", () => {
    expect(maskedText(String.raw`got "a\"b\n"`, ['a"b\n'])).toBe(String.raw`got "[masked]\n"`);
  });

  test("finds a short one as a word of its own only", () => {
    expect(maskedText("code 12 in 3120 ms, 12.", ["12"])).toBe(
      "code [masked] in 3120 ms, [masked].",
    );
  });

  test("covers what a message has cut off", () => {
    const long = "The quick brown fox jumps over the lazy dog, again and again.";
    expect(maskedText(`refused: ${long.slice(0, 45)}`, [long])).toBe("refused: [masked]");
    expect(maskedText(`refused: ${long.slice(0, 9)}`, [long])).toBe("refused: [masked]");
  });

  test("covers overlapping ones once, and leaves other sentences alone", () => {
    expect(maskedText("abcdef", ["abcd", "cdef"])).toBe("[masked]");
    expect(maskedText("all is well", ["abcd", " ", ""])).toBe("all is well");
  });
});
