import { describe, expect, test } from "vitest";
import { isAtLeast, sumOf } from "./amount.ts";
import { parseRouting, routeOf, type RoutingMatch, type RoutingSubject } from "./routing.ts";

const subject: RoutingSubject = {
  namespace: "main",
  workflow: "order",
  effect: "create-invoice",
  class: "data",
  reasonCode: "ERP:NO_TAX_ID",
  amount: "1000.00",
  currency: "EUR",
};

describe("a routing rule", () => {
  test.each([
    [{}, true],
    [{ workflow: "order", class: "data" }, true],
    [{ workflow: "refund" }, false],
    [{ namespace: "shop" }, false],
    [{ effect: "create-invoice" }, true],
    [{ effect: "post" }, false],
    [{ class: "policy" }, false],
    [{ reason: "ERP:NO_TAX_ID" }, true],
    [{ reason: "ERP:*" }, true],
    [{ reason: "ERP:" }, false],
    [{ currency: "EUR", amountAtLeast: "1000" }, true],
    [{ currency: "EUR", amountAtLeast: "1000.01" }, false],
    [{ currency: "SEK", amountAtLeast: "1" }, false],
  ] as const)("with %j fits: %s", (match: RoutingMatch, expected) => {
    const rules = [{ name: "r", match, owner: "x" }];
    expect(routeOf({ rules }, subject) !== null).toBe(expected);
  });

  test("counts before those behind it", () => {
    const rules = ["one", "two"].map((name) => ({ name, match: {}, owner: name }));
    expect(routeOf({ rules }, subject)?.owner).toBe("one");
  });

  test.each([
    ["text", /a list/u],
    [[{ name: "a", owner: "b" }], /\/0\/match/u],
    [[{ name: "a", match: {}, owner: "" }], /\/0\/owner/u],
    [[{ name: "a", match: { team: "x" }, owner: "b" }], /\/0\/match\/team/u],
    [[{ name: "a", match: { class: "dat" }, owner: "b" }], /\/0\/match\/class/u],
    [[{ name: "a", match: { amountAtLeast: "1" }, owner: "b" }], /\/0\/match\/currency/u],
    [[{ name: "a", match: { currency: "EUR", amountAtLeast: "much" }, owner: "b" }], /amount/u],
    [["a", "a"].map((name) => ({ name, match: {}, owner: "b" })), /\/1\/name/u],
  ])("that is none is refused with its place: %#", (value, place) => {
    expect(() => parseRouting(value)).toThrow(place);
  });
});

test("amounts are compared and added as decimals", () => {
  expect(isAtLeast("0.30", "0.3")).toBe(true);
  expect(isAtLeast("-1", "0")).toBe(false);
  expect(isAtLeast("9007199254740993", "9007199254740992.5")).toBe(true);
  expect(isAtLeast("x", "0")).toBe(false);
  expect(sumOf(["0.1", "0.2", "oops"])).toBe("0.3");
  expect(sumOf(["-5", "0.05"])).toBe("-4.95");
  expect(sumOf([])).toBe("0");
});
