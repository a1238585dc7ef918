import { expect, test } from "vitest";
import { isNobody, isSamePerson } from "./person.ts";

test.each([
  ["ana", "Ana"],
  ["ana", " ana "],
  ["\u00e9ve", "e\u0301ve"],
  ["ana", "an\u200ba"],
  ["ana", "\u2066ana\u2069"],
  ["ana", "ana\u3164"],
  ["ana\u{e0041}", "ana"],
  ["ana lund", "ana \u00a0\tlund"],
])("%j and %j are one person", (left, right) => {
  expect(isSamePerson(left, right)).toBe(true);
});

test("other names are other people", () => {
  expect(isSamePerson("ana", "anna")).toBe(false);
});

test.each(["", "  ", "\u200b", "\u00ad\ufeff", "\u2060 \u3164"])("%j is nobody", (name) => {
  expect(isNobody(name)).toBe(true);
});

test("a name of which something is to be seen is somebody", () => {
  expect(isNobody(" a\u200b")).toBe(false);
});
