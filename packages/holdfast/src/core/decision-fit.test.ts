import { describe, expect, test } from "vitest";
import { decisionFields, missingFields } from "./decision-fields.ts";
import { decisionMisfit } from "./decision-fit.ts";

const FIELDS = decisionFields({
  type: "object",
  properties: {
    ok: { type: "boolean" },
    tier: { enum: ["a|b", "c(d)"] },
    cents: { type: "integer", minimum: 1 },
    note: { anyOf: [{ type: "string", maxLength: 80 }, { type: "null" }] },
    other: {},
  },
  required: ["ok"],
});

describe("a decision", () => {
  test.each([
    [{ ok: "yes" }, '"ok" is not true|false'],
    [{ note: "x" }, '"ok" is missing, expected true|false'],
    [{ ok: true, tier: "a" }, '"tier" is not "a|b"|"c(d)"'],
    [{ ok: true, cents: 1.5 }, '"cents" is not WHOLE-NUMBER(>=1)'],
    [{ ok: true, note: 7 }, '"note" is not TEXT(at most 80 characters)|null'],
    [[], "expected an object"],
    [true, "expected an object"],
  ])("%j does not fit: %s", (decision, misfit) => {
    expect(decisionMisfit(decision, FIELDS)).toBe(misfit);
  });

  test.each([
    [{ ok: true }],
    [{ ok: false, tier: "a|b", cents: 3, note: null, other: [1] }],
    [{ ok: true, tier: "c(d)", note: "fine" }],
  ])("%j may fit", (decision) => {
    expect(decisionMisfit(decision, FIELDS)).toBeNull();
  });

  test("that is one value is held against its kind", () => {
    const fields = decisionFields({ type: "boolean" });
    expect(decisionMisfit("yes", fields)).toBe("expected true|false");
    expect(decisionMisfit(false, fields)).toBeNull();
  });

  test("fits where its review does not say what it takes, or not all of it", () => {
    expect(decisionMisfit({ a: 1 }, null)).toBeNull();
    const fields = missingFields([{ at: "/ok", message: "expected a boolean" }]);
    for (const decision of [{ ok: 1 }, {}, "yes"])
      expect(decisionMisfit(decision, fields)).toBeNull();
  });

  test("fits where only some alternatives are told", () => {
    const fields = decisionFields({ enum: Array.from({ length: 20 }, (_, n) => n) });
    expect(decisionMisfit(19, fields)).toBeNull();
    expect(
      decisionMisfit(
        { a: 1 },
        decisionFields({ anyOf: [{ type: "object", properties: { a: {} } }, { type: "null" }] }),
      ),
    ).toBeNull();
  });
});
