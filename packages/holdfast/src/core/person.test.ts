import { expect, test } from "vitest";
import { isSamePerson } from "./person.ts";

test.each([
  ["ana", "Ana"],
  ["ana", " ana "],
  ["\u00e9ve", "e\u0301ve"],
])("%j and %j are one person", (left, right) => {
  expect(isSamePerson(left, right)).toBe(true);
});

test("other names are other people", () => {
  expect(isSamePerson("ana", "anna")).toBe(false);
});
