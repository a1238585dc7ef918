import { describe, expect, test } from "vitest";
import type { Failure } from "./failure.ts";
import { earned, fullBudget, isTimeout, paid, retryCost } from "./retry-budget.ts";

function failed(over: Partial<Failure> = {}): Failure {
  return {
    effect: "maybe",
    class: "transient",
    scope: "item",
    origin: "network",
    reasonCode: "NODE:ECONNRESET",
    message: "it broke off",
    evidence: {},
    rule: { source: "table", id: "node/ECONNRESET", version: 1 },
    ...over,
  };
}

describe("the retry budget", () => {
  test("lets a hundred retries through at once, and then one a second", () => {
    let budget = fullBudget(0);
    for (let n = 0; n < 100; n += 1) budget = paid(budget, 1, 0) ?? budget;
    expect(budget.tokens).toBe(0);
    expect(paid(budget, 1, 999)).toBeNull();
    expect(paid(budget, 1, 1_000)?.tokens).toBe(0);
  });

  test("grows by a tenth of a retry with each first attempt, up to a hundred", () => {
    expect(earned({ tokens: 0, atMs: 0 }, 0.1, 0).tokens).toBe(0.1);
    expect(earned({ tokens: 99.95, atMs: 0 }, 0.1, 0).tokens).toBe(100);
  });

  test("gets nothing from a clock that went back", () => {
    expect(earned({ tokens: 5, atMs: 10_000 }, 0, 0)).toEqual({ tokens: 5, atMs: 0 });
  });
});

test.each([
  ["nothing before it has failed", null, 0],
  ["one after a failure of the call", failed(), 1],
  ["one after a lost race", failed({ class: "contention" }), 1],
  ["two after no answer in time", failed({ reasonCode: "CALL:DEADLINE_PASSED" }), 2],
  ["two after a gateway's timeout", failed({ evidence: { status: 504 } }), 2],
  ["nothing where we were told when to come", failed({ class: "throttled" }), 0],
  ["nothing where nobody was there", failed({ class: "unavailable" }), 0],
  ["nothing where our own engine went away", failed({ class: "interrupted" }), 0],
])("a retry costs %s", (_what, last, cost) => {
  expect(retryCost(last)).toBe(cost);
});

test.each(["UND_ERR_HEADERS_TIMEOUT", "ETIMEDOUT", "DEADLINE_EXCEEDED"])(
  "%s is a timeout",
  (code) => {
    expect(isTimeout(failed({ evidence: { code } }))).toBe(true);
    expect(isTimeout(failed({ evidence: { code: "ECONNRESET" } }))).toBe(false);
  },
);
