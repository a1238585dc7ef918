import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { durationMs, durationText } from "./duration.ts";
import { HoldfastError } from "./error.ts";

describe("durationMs", () => {
  test.each([
    ["250ms", 250],
    ["0s", 0],
    ["1.5s", 1_500],
    ["10m", 600_000],
    ["24h", 86_400_000],
    ["30d", 2_592_000_000],
    ["0.001s", 1],
    ["1.1s", 1_100],
    ["3650d", 315_360_000_000],
  ])("reads %s as %i ms", (text, ms) => {
    expect(durationMs(text, "timeout")).toBe(ms);
  });

  test.each([
    "",
    "5",
    "s",
    "5 s",
    "-5s",
    "5S",
    "5sec",
    "1e3s",
    "0.5ms",
    "NaNs",
    "3651d",
    "１s",
    " 5s",
    "5s\n",
  ])("refuses %j and says what it expected and got", (text) => {
    expect(() => durationMs(text, "timeout of effect pay")).toThrowError(
      expect.objectContaining({
        code: "HF1001",
        message: expect.stringMatching(
          /^timeout of effect pay is not a duration: expected .+, got .+\.$/,
        ),
      }),
    );
  });

  test("quotes the text that it refuses, cut at 40 characters", () => {
    expect(() => durationMs("5 s", "x")).toThrowError(/got "5 s"\.$/);
    expect(() => durationMs("5".repeat(41), "x")).toThrowError(/got "5{40}\.\.\."\.$/);
  });

  test("refuses what plain JavaScript passes in spite of the type", () => {
    const passed: unknown = 30;
    expect(() => durationMs(passed as string, "timeout")).toThrowError(/expected .+, got 30\.$/);
  });

  test("gives whole milliseconds or an error, for any text", () => {
    const texts = fc.property(
      fc.oneof(fc.string(), fc.stringMatching(/^\d{1,6}(ms|s|d)$/)),
      (text) => {
        try {
          return Number.isSafeInteger(durationMs(text, "x"));
        } catch (error) {
          return error instanceof HoldfastError && error.code === "HF1001";
        }
      },
    );
    expect(fc.check(texts).counterexample).toBeNull();
  });
});

test.each([
  [0, "0 ms"],
  [999, "999 ms"],
  [1_400, "1.4 s"],
  [60_000, "60 s"],
  [9_949, "9.9 s"],
  [9_950, "10 s"],
  [99_499, "99 s"],
  [99_500, "1.7 m"],
  [99.5 * 60_000, "1.7 h"],
  [2_760_000, "46 m"],
  [3 * 3_600_000, "3 h"],
  [86_400_000, "24 h"],
  [36 * 3_600_000, "36 h"],
  [72 * 3_600_000, "3 d"],
  [12 * 86_400_000, "12 d"],
])("durationText(%i) is %j", (ms, text) => {
  expect(durationText(ms)).toBe(text);
});
