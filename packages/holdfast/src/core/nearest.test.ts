import { expect, test } from "vitest";
import { didYouMean, nearestName } from "./nearest.ts";

const KNOWN = ["attempts", "within", "first", "keyWindow"];

test.each([
  ["attempt", "attempts"],
  ["retires", null],
  ["wihtin", "within"],
  ["keywindow", "keyWindow"],
  ["KeyWidnow", "keyWindow"],
  ["frist", "first"],
  ["x", null],
  ["", null],
  ["a".repeat(1_000), null],
] as const)("of %s is %s", (name, nearest) => {
  expect(nearestName(name, KNOWN)).toBe(nearest);
});

test("is asked for in words, or not at all", () => {
  expect(didYouMean("wihtin", KNOWN)).toBe('Did you mean "within"? ');
  expect(didYouMean("colour", KNOWN)).toBe("");
});
