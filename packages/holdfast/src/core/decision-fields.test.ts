import { describe, expect, test } from "vitest";
import { decisionFields, decisionWords, missingFields, unknownFields } from "./decision-fields.ts";

const words = (schema: unknown) => decisionWords(decisionFields(schema));

describe("decisionFields", () => {
  test("tells each field of an object, and which may be left out", () => {
    const schema = {
      type: "object",
      properties: {
        approve: { type: "boolean" },
        note: { type: "string", minLength: 1 },
        cents: { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
        level: { enum: ["low", "high"] },
      },
      required: ["approve", "note", "cents"],
    };
    expect(words(schema)).toBe(
      'approve=true|false note=TEXT(1+ characters) cents=WHOLE-NUMBER(>=0) [level="low"|"high"]',
    );
  });

  test("tells a decision that is one value, and alternatives", () => {
    expect(words({ type: "boolean" })).toBe("true|false");
    expect(words({ anyOf: [{ type: "string" }, { type: "null" }] })).toBe("TEXT|null");
    expect(
      words({ oneOf: [{ type: "object", properties: { ok: { const: true } } }, { const: "no" }] }),
    ).toBe('{"ok":true}|"no"');
  });

  test("says DECISION where nothing is known", () => {
    expect(words(null)).toBe("DECISION");
    expect(words("string")).toBe("DECISION");
  });

  test("is bounded", () => {
    const properties = Object.fromEntries(
      Array.from({ length: 60 }, (_, index) => [`f${String(index)}`, {}]),
    );
    const fields = decisionFields({ type: "object", properties });
    expect(fields).toHaveLength(51);
    expect(fields?.at(-1)?.expects).toBe("10 more fields");
  });
});

test("missingFields tells what an empty object misses", () => {
  const problems = [
    { at: "/ok", message: "Expected boolean" },
    { at: "/deep/er", message: "x" },
    { at: "", message: "y" },
  ];
  expect(decisionWords(missingFields(problems))).toBe(
    "ok=Expected boolean [...=perhaps more fields]",
  );
  expect(missingFields([])).toBeNull();
});

test("an object without fields is typed as JSON, not as nothing", () => {
  expect(words({ type: "object", properties: {} })).toBe("'{}'");
});

describe("unknownFields", () => {
  const properties = { approve: { type: "boolean" }, note: { type: "string" } };
  const fields = decisionFields({ type: "object", properties });

  test("names what the review does not have", () => {
    expect(unknownFields({ aprove: true, note: "x" }, fields)).toEqual(["aprove"]);
    expect(unknownFields({ approve: true }, fields)).toEqual([]);
    expect(unknownFields(true, fields)).toEqual([]);
  });

  test("names none where the review has not said all that it takes", () => {
    const open = decisionFields({ type: "object", properties, additionalProperties: {} });
    expect(decisionWords(open)).toContain("[...=any other field]");
    const missing = missingFields([{ at: "/ok", message: "Expected boolean" }]);
    for (const some of [open, missing, decisionFields({ type: "boolean" }), null])
      expect(unknownFields({ other: 1 }, some)).toEqual([]);
  });
});
