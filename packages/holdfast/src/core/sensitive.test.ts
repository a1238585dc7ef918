import { describe, expect, test } from "vitest";
import { checkSensitive, masked, sensitiveTexts } from "./sensitive.ts";

const order = {
  card: { number: "4111", cvc: 123 },
  lines: [
    { sku: "a", price: 5 },
    { sku: "b", price: 6 },
  ],
  email: "ana@example.org",
  paid: false,
  note: null,
};

describe("masked", () => {
  test("shows the JSON type of what is covered, and the rest as it is", () => {
    expect(masked(order, ["/card", "/email", "/paid", "/note"])).toEqual({
      ...order,
      card: "[masked object]",
      email: "[masked string]",
      paid: "[masked boolean]",
      note: "[masked null]",
    });
  });

  test("covers a part of an object, and every element where the pointer says so", () => {
    expect(masked(order, ["/card/number", "/lines/*/price", "/lines/1/sku"])).toEqual({
      ...order,
      card: { number: "[masked string]", cvc: 123 },
      lines: [
        { sku: "a", price: "[masked number]" },
        { sku: "[masked string]", price: "[masked number]" },
      ],
    });
  });

  test("covers every member of an object by *, and the whole by an empty pointer", () => {
    expect(masked({ a: { x: 1 }, b: { x: [2] } }, ["/*/x"])).toEqual({
      a: { x: "[masked number]" },
      b: { x: "[masked array]" },
    });
    expect(masked([1], [""])).toBe("[masked array]");
  });

  test("reads the escapes of names", () => {
    expect(masked({ "a/b": 1, "c~d": 2 }, ["/a~1b", "/c~0d"])).toEqual({
      "a/b": "[masked number]",
      "c~d": "[masked number]",
    });
  });

  test("covers more and not less where the value has another shape", () => {
    expect(masked(order, ["/lines/price"])).toMatchObject({ lines: "[masked array]" });
    expect(masked(order, ["/email/address"])).toMatchObject({ email: "[masked string]" });
    expect(masked(order, ["/nothing/here"])).toEqual(order);
  });

  test("keeps a member that is named __proto__", () => {
    const value: unknown = JSON.parse('{"__proto__":{"a":1},"b":2}');
    expect(JSON.stringify(masked(value, ["/b"]))).toBe(
      '{"__proto__":{"a":1},"b":"[masked number]"}',
    );
  });
});

test("sensitive texts are the texts and numbers under the pointers", () => {
  expect(sensitiveTexts(order, ["/card", "/lines/*/price", "/paid"])).toEqual([
    "4111",
    "123",
    "5",
    "6",
  ]);
});

describe("checkSensitive", () => {
  test.each([
    ["iban", "a list of at most 100 JSON pointers, got string"],
    [["iban"], 'begins with "/"'],
    [["/a~2"], '"~" is written "~0"'],
    [[7], "which is text"],
    [[`/${"x".repeat(500)}`], "at most 500"],
    [Array.from({ length: 101 }, () => "/a"), "at most 100"],
  ])("refuses %j", (pointers, says) => {
    const check = () => {
      checkSensitive('effect "pay"', pointers);
    };
    expect(check).toThrow(expect.objectContaining({ code: "HF1001" }));
    expect(check).toThrow(says);
  });

  test("takes pointers, none, and nothing", () => {
    for (const pointers of [["", "/a", "/a/*/b~1c"], [], undefined]) {
      expect(() => {
        checkSensitive("x", pointers);
      }).not.toThrow();
    }
  });
});
