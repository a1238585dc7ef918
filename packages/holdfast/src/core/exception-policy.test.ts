import { describe, expect, test } from "vitest";
import { BusinessCalendar } from "./business-calendar.ts";
import { ageBucket } from "./exception-record.ts";
import {
  DEFAULT_POLICY,
  dueOf,
  ownerOf,
  severityBy,
  timesLeft,
  timesOf,
  type DueRule,
  type ExceptionPolicy,
} from "./exception-policy.ts";

const HOUR_MS = 3_600_000;
const subject = {
  class: "data",
  scope: "item",
  isUndoing: false,
  described: { amount: "1200.00", currency: "EUR" },
  severity: "normal",
  owner: "ar",
} as const;

const rule = (over: Partial<DueRule>): DueRule => ({
  name: "r",
  class: null,
  severity: null,
  atLeast: null,
  withinMs: HOUR_MS,
  calendar: null,
  ...over,
});

const policy: ExceptionPolicy = {
  ...DEFAULT_POLICY,
  teams: new Map([["ar", { lead: "ar-lead", manager: "cfo" }]]),
  large: [{ amount: "1000", currency: "EUR" }],
  due: [
    rule({ name: "large", atLeast: { amount: "5000", currency: "EUR" }, withinMs: 1 }),
    rule({ name: "data", class: "data", withinMs: 4 * HOUR_MS }),
    rule({ name: "rest", withinMs: 8 * HOUR_MS }),
  ],
};

describe("due times", () => {
  test("are those of the first rule that fits", () => {
    expect(dueOf(policy, subject, 0)).toMatchObject({ policy: "data", dueAtMs: 4 * HOUR_MS });
    const large = { ...subject, described: { amount: "5000.00", currency: "EUR" } };
    expect(dueOf(policy, large, 0).policy).toBe("large");
    const other = { ...large, described: { amount: "5000.00", currency: "SEK" } };
    expect(dueOf(policy, other, 0).policy).toBe("data");
  });

  test("warn at three quarters, and go up to the lead and then the manager", () => {
    expect(dueOf(policy, subject, 0).crossings).toEqual([
      { kind: "warning", atMs: 3 * HOUR_MS, to: "ar" },
      { kind: "overdue", atMs: 4 * HOUR_MS, to: "ar" },
      { kind: "escalation", atMs: 8 * HOUR_MS, to: "ar-lead" },
      { kind: "escalation", atMs: 12 * HOUR_MS, to: "cfo" },
    ]);
  });

  test("run by the calendar of their rule", () => {
    const calendar = new BusinessCalendar("office", {
      zone: "UTC",
      hours: { thu: "08:00-10:00", fri: "08:00-10:00" },
    });
    const slow = { ...policy, due: [rule({ withinMs: 3 * HOUR_MS, calendar })] };
    // 1970-01-01 was a Thursday.
    expect(dueOf(slow, subject, 0).dueAtMs).toBe((24 + 9) * HOUR_MS);
  });

  test("go on where they stood still, without what has passed", () => {
    const { dueAtMs, crossings } = timesOf(policy, {
      fromMs: 100 * HOUR_MS,
      spentMs: 3.5 * HOUR_MS,
      withinMs: 4 * HOUR_MS,
      calendar: null,
      owner: "ar",
    });
    expect(dueAtMs).toBe(100.5 * HOUR_MS);
    const left = timesLeft(crossings, [{ kind: "warning", atMs: 3 * HOUR_MS, to: "ar" }]);
    expect(left.map(({ kind, to }) => [kind, to])).toEqual([
      ["overdue", "ar"],
      ["escalation", "ar-lead"],
      ["escalation", "cfo"],
    ]);
    const once = [{ kind: "escalation", atMs: 1, to: "ar-lead" } as const];
    expect(timesLeft(crossings, once).map(({ to }) => to)).toEqual(["ar", "ar", "cfo"]);
  });
});

describe("the owner", () => {
  const claims = { byClass: null, declared: "ar", fallback: "sales" };
  const routed = {
    namespace: "main",
    workflow: "order",
    effect: "charge",
    class: "data",
    reasonCode: "ERP:NO_TAX",
    amount: null,
    currency: null,
  } as const;
  const routing = {
    version: 3,
    rules: [{ name: "tax", match: { reason: "ERP:*" }, owner: "tax" }],
    by: "ana",
    reason: "r",
    atMs: 0,
  };

  test("is the rule's before that of the class, and that before the declared one", () => {
    expect(ownerOf(DEFAULT_POLICY, routing, claims, routed)).toEqual({
      owner: "tax",
      rule: "routing@3/tax",
      isFallback: false,
      declared: "ar",
    });
    const byClass = { ...claims, byClass: "stewards" };
    expect(ownerOf(DEFAULT_POLICY, null, byClass, routed)).toMatchObject({ rule: "code/data" });
    expect(ownerOf(DEFAULT_POLICY, null, claims, routed)).toMatchObject({ owner: "ar" });
  });

  test("is the workflow's where the named one is no team, and that is said", () => {
    const known = { ...policy, teams: new Map([["sales", { lead: null, manager: null }]]) };
    const fallback = ownerOf(known, null, claims, routed);
    expect(fallback).toMatchObject({ owner: "sales", isFallback: true });
    expect(fallback.rule).toContain("ar");
  });
});

const of = (over: object) => severityBy(policy, { ...subject, ...over });

test("what should have been undone is worst, and much money is worse than little", () => {
  expect(of({ isUndoing: true })).toBe("critical");
  expect(of({ class: "ambiguous" })).toBe("critical");
  expect(of({ class: "ambiguous", described: {} })).toBe("high");
  expect(of({})).toBe("high");
  expect(of({ described: {} })).toBe("normal");
  expect(of({ described: {}, scope: "dependency" })).toBe("high");
  expect(of({ described: {}, class: "cancelled" })).toBe("low");
});

test.each([
  [0, "0-4 h"],
  [4 * HOUR_MS - 1, "0-4 h"],
  [4 * HOUR_MS, "4-24 h"],
  [24 * HOUR_MS, "1-3 d"],
  [3 * 24 * HOUR_MS, "3-7 d"],
  [7 * 24 * HOUR_MS, "7-30 d"],
  [30 * 24 * HOUR_MS, "over 30 d"],
] as const)("an age of %d ms is in the bucket %s", (ageMs, bucket) => {
  expect(ageBucket(ageMs)).toBe(bucket);
});
