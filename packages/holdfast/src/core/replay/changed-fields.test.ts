import { expect, test } from "vitest";
import { areChangedFields, ChangedFields } from "./changed-fields.ts";

const noted = (
  at: string,
  inputs: readonly unknown[],
  sensitive: readonly string[] | null = [],
) => {
  const fields = new ChangedFields([{ at, value: "new" }]);
  for (const input of inputs)
    fields.note("order", input === undefined ? null : JSON.stringify(input), sensitive);
  const [field] = fields.fields;
  return field;
};

test("says what stood at a field, the most frequent first, and of how many items", () => {
  const inputs = [{ a: 1 }, { a: 2 }, { a: 2 }, {}, undefined];
  expect(noted("/a", inputs)).toEqual({
    of: "order",
    at: "/a",
    from: [
      ["2", 2],
      ["1", 1],
      ["nothing", 1],
      ["cannot be read here", 1],
    ],
    others: 0,
  });
});

test("names five values, and counts the items with others", () => {
  const inputs = Array.from({ length: 8 }, (_, a) => ({ a }));
  expect(noted("/a", inputs)?.from).toHaveLength(5);
  expect(noted("/a", inputs)?.others).toBe(3);
});

test("shows nothing of what is sensitive, above it or below it, or of what nobody has declared", () => {
  const input = { a: { iban: "DE1", city: "Ulm" } };
  for (const [at, sensitive] of [
    ["/a/iban", ["/a/iban"]],
    ["/a/iban", ["/a"]],
    ["/a/iban", ["/*/iban"]],
    ["/a", ["/a/iban"]],
    ["/a/iban", null],
  ] as const) {
    expect(JSON.stringify(noted(at, [input], sensitive))).not.toContain("DE1");
  }
  expect(noted("/a/city", [input], ["/a/iban"])?.from).toEqual([['"Ulm"', 1]]);
});

test("cuts a long value, and says how long it is", () => {
  const [text = "", count] = noted("/a", [{ a: "x".repeat(1_000) }])?.from[0] ?? [];
  expect(text).toMatch(/^"x{199}… \(1002 characters in all\)$/u);
  expect(count).toBe(1);
});

test("knows a list of fields from what is none", () => {
  const field = noted("/a", [{ a: 1 }]);
  expect(areChangedFields([field])).toBe(true);
  expect(areChangedFields([])).toBe(true);
  for (const wrong of [null, {}, [null], [{ ...field, from: "x" }], [{ ...field, of: 1 }]])
    expect(areChangedFields(wrong)).toBe(false);
  expect(areChangedFields(Array.from({ length: 101 }, () => field))).toBe(false);
});
