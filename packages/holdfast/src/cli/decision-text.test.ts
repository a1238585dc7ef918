import { describe, expect, test } from "vitest";
import { decisionOf, jsonValueOf } from "./decision-text.ts";

describe("a decision as it is typed", () => {
  test.each([
    [['{"approve":true,"note":"a=b"}'], { approve: true, note: "a=b" }],
    [["true"], true],
    [['"yes"'], "yes"],
    [
      ["approve=true", "cents=120", "note=as agreed"],
      { approve: true, cents: 120, note: "as agreed" },
    ],
    [['note="120"'], { note: "120" }],
    [["note="], { note: "" }],
    [["a=b=c"], { a: "b=c" }],
  ])("%j is %j", (words, decision) => {
    expect(decisionOf(words)).toEqual(decision);
  });

  test("keeps a property named __proto__ as a property", () => {
    const decision = decisionOf(['__proto__={"approve":true}', "note=x"]);
    expect(JSON.stringify(decision)).toBe('{"__proto__":{"approve":true},"note":"x"}');
  });

  test.each([[[]], [["yes"]], [["=true"]], [["approve=true", "yes"]]])("refuses %j", (words) => {
    expect(() => decisionOf(words)).toThrow(
      /^A decision is one JSON value or key=value pairs, got /,
    );
  });
});

test("a number that JSON would round is refused, and is kept as text in quotes", () => {
  const account = "12345678901234567890";
  expect(() => decisionOf([`account=${account}`])).toThrow(
    /^The value of "account" cannot be kept/,
  );
  expect(() => jsonValueOf(account, "--value")).toThrow(/^The --value cannot be kept/);
  expect(decisionOf([`account="${account}"`])).toEqual({ account });
});

test("a value must be JSON, and the error says how to write it", () => {
  expect(jsonValueOf("[1]", "--value")).toEqual([1]);
  expect(() => jsonValueOf("yes", "--value")).toThrow('--value must be JSON, got "yes".');
});
