import { expect, test } from "vitest";
import { differenceText } from "./json-difference.ts";

test.each([
  [{ a: 1 }, { a: 1 }, null],
  [{ a: 1, b: 2 }, { b: 2, a: 1 }, null],
  [{ a: 1 }, { a: 2 }, "at /a"],
  [{ a: 1 }, {}, "at /a"],
  [{}, { a: null }, "at /a"],
  [{ "a/b": { "c~": [1, 2] } }, { "a/b": { "c~": [1, 3, 4] } }, "at /a~1b/c~0/1, /a~1b/c~0/2"],
  [{ a: [1] }, { a: { 0: 1 } }, "at /a"],
  ["x", "y", "at the whole value"],
  [[1, 2, 3, 4, 5, 6], [], "at /0, /1, /2, /3, /4 and more"],
] as const)("%o and %o differ %s", (a, b, text) => {
  expect(differenceText(a, b)).toBe(text);
});

test("names nothing below what is sensitive, and no value", () => {
  const a = { people: { anna: 1 }, lines: [{ price: 1 }], note: "x" };
  const b = { people: { bert: 1 }, lines: [{ price: 2 }], note: "secret" };
  expect(differenceText(a, b, ["/people", "/lines/*/price"])).toBe(
    "at /people, /lines/0/price, /note",
  );
  expect(differenceText(a, b, [""])).toBe("at the whole value");
  expect(differenceText(a, b, ["/lines/price"])).toContain("/lines, ");
  expect(differenceText({ p: { a: 1, b: 2 } }, { p: { b: 2, a: 1 } }, ["/p"])).toBeNull();
});

test("says no more of a name than is bounded", () => {
  expect(differenceText({ ["x".repeat(1_000)]: 1 }, {})?.length).toBeLessThan(120);
});
