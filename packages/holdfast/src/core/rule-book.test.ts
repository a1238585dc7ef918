import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RULE_CLASSES, type ClassificationRule } from "./classification-rule.ts";
import { EFFECT_PROOFS, FAILURE_CLASSES, type Failure } from "./failure.ts";
import {
  isOpenToRules,
  ruleBook,
  rulingText,
  withoutRules,
  withRules,
  type RuleSubject,
} from "./rule-book.ts";
import { parseRule } from "./rule-text.ts";

const subject: RuleSubject = {
  namespace: "main",
  workflow: "order",
  effect: "pay",
  integration: "bank",
  attempt: 1,
};

function failed(over: Partial<Failure> = {}): Failure {
  return {
    effect: "maybe",
    class: "transient",
    scope: "item",
    origin: "remote",
    reasonCode: "HTTP:STATUS_503",
    message: "POST /pay: answered 503",
    evidence: {
      phase: "answered",
      status: 503,
      code: "CUT_OFF",
      message: "after 15:00",
      path: "/pay/7",
      headers: { server: "bank/7" },
    },
    rule: { source: "table", id: "http-status/503", version: 1 },
    ...over,
  };
}

function rule(
  when: object,
  decide: object = { class: "policy" },
  over: Partial<ClassificationRule> = {},
): ClassificationRule {
  return {
    ...parseRule({ id: "cut", when, decide }),
    version: 1,
    state: "active",
    assertion: null,
    author: "ana",
    reason: "so",
    addedAtMs: 1,
    approvedBy: "bob",
    changed: { by: "bob", reason: "so", atMs: 1 },
    change: 1,
    command: null,
    ...over,
  };
}

describe("a rule", () => {
  test.each([
    [{ integration: ["bank"] }, true],
    [{ integration: ["erp", "ba*"] }, true],
    [{ integration: ["erp"] }, false],
    [{ protocol: ["http"] }, true],
    [{ protocol: ["postgres"] }, false],
    [{ namespace: ["main"] }, true],
    [{ namespace: ["shop"] }, false],
    [{ workflow: ["order"], effect: ["pay"] }, true],
    [{ workflow: ["order"], effect: ["refund"] }, false],
    [{ status: [[500, 599]] }, true],
    [{ status: [500] }, false],
    [{ code: ["CUT_*"] }, true],
    [{ code: ["CUT"] }, false],
    [{ reason: ["HTTP:*"] }, true],
    [{ reason: ["ERP:*"] }, false],
    [{ path: ["/pay/*"] }, true],
    [{ path: ["/pay"] }, false],
    [{ header: { server: "^bank/\\d$" } }, true],
    [{ header: { server: "^erp" } }, false],
    [{ header: { via: "." } }, false],
    [{ body: "15:\\d\\d$" }, true],
    [{ body: "16:00" }, false],
    [{ attemptFrom: 1 }, true],
    [{ attemptFrom: 2 }, false],
    [{ unclassified: true }, false],
  ])("with %j fits: %s", (when, expected) => {
    const ruled = withRules(failed(), subject, ruleBook([rule(when)]));
    expect(ruled.ruled !== undefined).toBe(expected);
  });

  test("says what it is, keeps what it was, and names itself", () => {
    const decide = {
      class: "misconfigured",
      reasonCode: "BANK:KEY",
      owner: "ops",
      attemptsMax: 1,
      waitMs: 5,
    };
    expect(withRules(failed(), subject, ruleBook([rule({ code: ["*"] }, decide)]))).toMatchObject({
      class: "misconfigured",
      effect: "maybe",
      scope: "dependency",
      reasonCode: "BANK:KEY",
      rule: { source: "operator-rule", id: "cut", version: 1 },
      ruled: {
        before: { class: "transient", reasonCode: "HTTP:STATUS_503", scope: "item" },
        owner: "ops",
        attemptsMax: 1,
        waitMs: 5,
      },
    });
  });

  test("in shadow notes what it would say, and changes nothing else", () => {
    const book = ruleBook([rule({ code: ["*"] }, { class: "data" }, { state: "shadow" })]);
    const { shadowed, ...rest } = withRules(failed(), subject, book);
    expect(rest).toEqual(failed());
    expect(shadowed).toEqual([{ id: "cut", version: 1, class: "data", effect: "maybe" }]);
  });

  test.each(["draft", "retired"] as const)("that is %s says nothing", (state) => {
    const book = ruleBook([rule({ code: ["*"] }, { class: "data" }, { state })]);
    expect(withRules(failed(), subject, book)).toEqual(failed());
  });

  test("with an assertion is shown with who vouches for it", () => {
    const assertion = { text: "checked first", by: "ana" };
    const never = rule({ code: ["*"] }, { class: "data", effect: "never" }, { assertion });
    const ruled = withRules(failed(), subject, ruleBook([never]));
    expect(ruled.effect).toBe("never");
    expect(rulingText(ruled)).toMatch(/asserted by ana, approved by bob: checked first/u);
  });
});

const failures = fc
  .record({
    class: fc.constantFrom(...FAILURE_CLASSES),
    effect: fc.constantFrom(...EFFECT_PROOFS),
    status: fc.constantFrom(422, 503),
    code: fc.constantFrom("CUT_OFF", "NO_FUNDS"),
    isUnclassified: fc.boolean(),
  })
  .map(({ status, code, isUnclassified, ...rest }) =>
    failed({
      ...rest,
      evidence: { status, code, message: "after 15:00" },
      ...(isUnclassified ? { unclassified: true } : {}),
    }),
  );
const rules = fc
  .array(
    fc.record({
      when: fc.constantFrom(
        { status: [422] },
        { code: ["CUT_*"] },
        { body: "15" },
        { unclassified: true },
        { attemptFrom: 2 },
      ),
      decide: fc.record(
        {
          class: fc.constantFrom(...RULE_CLASSES),
          effect: fc.constantFrom("never" as const, "maybe" as const),
        },
        { requiredKeys: ["class"] },
      ),
      state: fc.constantFrom("active" as const, "shadow" as const),
      isAsserted: fc.boolean(),
      order: fc.integer({ min: 1, max: 3 }),
    }),
    { maxLength: 5 },
  )
  .map((list) =>
    list.map(({ when, decide, state, isAsserted, order }, index) =>
      rule(when, decide, {
        id: `r-${String(index)}`,
        state,
        order,
        assertion: isAsserted ? { text: "sure", by: "ana" } : null,
      }),
    ),
  );
const attempts = fc.integer({ min: 1, max: 3 });

describe("whatever rules there are", () => {
  test("caution is never lowered without an assertion, nor what is seen taken away", () => {
    fc.assert(
      fc.property(failures, rules, attempts, (base, given, attempt) => {
        const after = withRules(base, { ...subject, attempt }, ruleBook(given));
        const isLowered = base.effect === "maybe" && after.effect === "never";
        const assertion = { text: "sure", by: "ana", approvedBy: "bob" };
        expect(after.ruled?.assertion).toEqual(isLowered ? assertion : undefined);
        const allowed = base.effect === "never" || isLowered ? ["never", "maybe"] : [base.effect];
        expect(allowed).toContain(after.effect);
        expect(isOpenToRules(base) ? after : base).toEqual(after);
      }),
    );
  });

  test("what is on record tells what it was, and what other rules would make of it", () => {
    fc.assert(
      fc.property(failures, rules, rules, attempts, (base, old, next, attempt) => {
        const of = { ...subject, attempt };
        // As the journal keeps it.
        const recorded = JSON.parse(JSON.stringify(withRules(base, of, ruleBook(old)))) as Failure;
        expect(withoutRules(recorded)).toEqual(base);
        const tried = withRules(withoutRules(recorded), of, ruleBook(next));
        expect(tried).toEqual(withRules(base, of, ruleBook(next)));
      }),
    );
  });

  test("the lowest order decides, and of two alike the first id", () => {
    fc.assert(
      fc.property(failures, rules, attempts, (base, given, attempt) => {
        const of = { ...subject, attempt };
        const after = withRules(base, of, ruleBook(given));
        const alone = given
          .filter(({ state }) => state === "active")
          .toSorted((a, b) => a.order - b.order || (a.id < b.id ? -1 : 1))
          .find((one) => withRules(base, of, ruleBook([one])).ruled !== undefined);
        expect(after.ruled === undefined ? undefined : after.rule.id).toBe(alone?.id);
      }),
    );
  });
});
