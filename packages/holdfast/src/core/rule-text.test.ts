import { describe, expect, test } from "vitest";
import { parseRules } from "./rule-text.ts";

const decide = { class: "data" };

describe("a classification rule as it is written", () => {
  test("is read with its order, alone or in a list", () => {
    const when = {
      status: [422, [500, 599]],
      code: ["23*"],
      header: { server: "^erp" },
      body: "a+",
    };
    const rule = { id: "erp-tax", when, decide };
    expect(parseRules(rule)).toEqual([{ ...rule, order: 100 }]);
    expect(parseRules([rule, { ...rule, id: "other", order: 1 }])).toMatchObject([
      { order: 100 },
      { id: "other", order: 1 },
    ]);
  });

  test.each([
    [{ id: "A", when: { code: ["X"] }, decide }, /lower-case letters.* at \/id/u],
    [{ id: "a", when: {}, decide }, /at least one condition.* at \/when/u],
    [{ id: "a", when: { codes: ["X"] }, decide }, /at \/when\/codes.*Did you mean "code"/u],
    [{ id: "a", when: { code: [] }, decide }, /a list of 1 to 50 at \/when\/code/u],
    [{ id: "a", when: { protocol: ["htp"] }, decide }, /at \/when\/protocol.*Did you mean "http"/u],
    [{ id: "a", when: { status: [[599, 500]] }, decide }, /whole number of 599/u],
    [{ id: "a", when: { header: { cookie: "x" } }, decide }, /at \/when\/header\/cookie/u],
    [{ id: "a", when: { body: "(a)\\1" }, decide }, /without going back.*references back/u],
    [{ id: "a", when: { body: "(?=a)" }, decide }, /without going back.*looking around/u],
    [{ id: "a", when: { code: ["X"] }, decide: { class: "dta" } }, /Did you mean "data"/u],
    [{ id: "a", when: { code: ["X"] }, decide: { class: "interrupted" } }, /at \/decide\/class/u],
    [
      { id: "a", when: { code: ["X"] }, decide: { ...decide, effect: "surely" } },
      /at \/decide\/effect/u,
    ],
    [
      { id: "a", when: { code: ["X"] }, decide: { ...decide, reasonCode: "tax" } },
      /DOMAIN:REASON/u,
    ],
    [{ id: "a", when: { code: ["X"] }, decide: { ...decide, attemptsMax: 0 } }, /1 to 1000/u],
    [{ id: "a", when: { code: ["X"] }, decide: { ...decide, retry: true } }, /at \/decide\/retry/u],
    [[], /1 to 100 rules/u],
    ["rule", /an object at the top, got "rule"/u],
  ])("is refused with the place: %j", (value, why) => {
    expect(() => parseRules(value)).toThrow(why);
  });

  test("is refused in a list that names it twice", () => {
    const rule = { id: "a", when: { code: ["X"] }, decide };
    expect(() => parseRules([rule, rule])).toThrow(/each id once/u);
  });
});
