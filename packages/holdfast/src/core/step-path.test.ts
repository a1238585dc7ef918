import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stepNameOf, stepPath, type StepName } from "./step-path.ts";

const text = fc.string({
  unit: fc.constantFrom("a", "/", "#", "%", "2", "F", "é"),
  minLength: 1,
  maxLength: 6,
});
const name: fc.Arbitrary<StepName> = fc.oneof(
  text.map((own) => ({ name: own })),
  fc.tuple(text, text).map(([own, as]) => ({ name: own, as })),
);

describe("stepPath", () => {
  test("has the form that is stored and shown", () => {
    expect(stepPath([], "charge-card")).toBe("charge-card");
    expect(stepPath([], "charge-card", "line-2")).toBe("charge-card#line-2");
    expect(stepPath([{ name: "order" }, { name: "lines", as: "7" }], "charge")).toBe(
      "order/lines#7/charge",
    );
    expect(stepPath([], "a/b#c%d")).toBe("a%2Fb%23c%25d");
  });

  test("is different for different scopes, names and as", () => {
    const step = fc.tuple(fc.array(name, { maxLength: 3 }), name);
    fc.assert(
      fc.property(step, step, ([scopesA, a], [scopesB, b]) => {
        const same = JSON.stringify([scopesA, a]) === JSON.stringify([scopesB, b]);
        expect(stepPath(scopesA, a.name, a.as) === stepPath(scopesB, b.name, b.as)).toBe(same);
      }),
      { numRuns: 2_000 },
    );
  });

  test("gives the author's name back", () => {
    fc.assert(
      fc.property(fc.array(name, { maxLength: 3 }), name, (scopes, own) => {
        expect(stepNameOf(stepPath(scopes, own.name, own.as))).toEqual(own);
      }),
    );
  });

  test.each(["", "x".repeat(201), "a\nb", "a\u0000", "\u009f", "\ud800", "\u2028"])(
    "refuses the name %j",
    (bad) => {
      const refused = expect.objectContaining({ code: "HF1001" });
      expect(() => stepPath([], bad)).toThrowError(refused);
      expect(() => stepPath([], "ok", bad)).toThrowError(refused);
      expect(() => stepPath([{ name: bad }], "ok")).toThrowError(refused);
    },
  );

  test("refuses more than 32 scopes inside each other", () => {
    const scopes = Array.from({ length: 33 }, () => ({ name: "s" }));
    expect(() => stepPath(scopes, "x")).toThrowError(expect.objectContaining({ code: "HF1001" }));
    expect(stepPath(scopes.slice(1), "x").split("/")).toHaveLength(33);
  });

  test("allows 200 characters of any script", () => {
    expect(stepPath([], "請".repeat(200))).toHaveLength(200);
  });

  test("says what it expected and got", () => {
    expect(() => stepPath([], "")).toThrowError(/expected 1 to 200 characters, got "" \(0 char/);
    expect(() => stepPath([], "pay", "a\tb")).toThrowError(
      'The name of "as" of step pay is not valid: expected text without control characters, got "a\\tb" (3 characters).',
    );
    const number: unknown = 7;
    expect(() => stepPath([], number as string)).toThrowError(/got number\.$/);
  });
});
