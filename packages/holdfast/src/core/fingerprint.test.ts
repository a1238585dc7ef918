import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { fingerprintsOf, issueTitle, messageTemplate, type Symptoms } from "./fingerprint.ts";

const hash = (text: string) => createHash("sha256").update(text).digest("hex");
const symptoms: Symptoms = {
  class: "data",
  reasonCode: "ERP:NO_TAX_ID",
  integration: "erp",
  message: 'supplier "ACME-7" has no tax id (order 4711)',
  workflow: "place-order",
  step: "order/create-invoice#line-2",
};

describe("messageTemplate", () => {
  test.each([
    ['supplier "ACME-7" has no tax id', "supplier <value> has no tax id"],
    ["order 4711: 12,345.60 EUR is over -3.5e4", "order <number>: <number> EUR is over <number>"],
    ["run 0b7f2c9a-11d2-4e5f-9c3b-2f6a7d8e9f00 ended", "run <uuid> ended"],
    ["due 2026-11-23T17:20:01.123Z or 23.11.2026 at 17:20", "due <date> or <date> at <date>"],
    ["on 1.2.26, 01/02/2026, 9:05 and 2026-01-02 03:04", "on <date>, <date>, <date> and <date>"],
    ["00000000-0000-4000-8000-00000000000a", "<uuid>"],
    ["1f03ab9 and 0x0f, 0cafe1, cafe and deadbeef", "<id> and <id>, <id>, cafe and deadbeef"],
    ["a@b.c", "<address>"],
    ["INV-7 of cus_9sk21 was 9f2c11e1", "<id> of <id> was <id>"],
    ["mail to ana.b+x@example.org bounced", "mail to <address> bounced"],
    ["field 'amount' and `x y`", "field <value> and <value>"],
    ["the customer's card is not the customer's", "the customer's card is not the customer's"],
    ["  two\n lines  ", "two lines"],
    ["connect ECONNREFUSED 127.0.0.1:4400", "connect ECONNREFUSED <number>"],
  ])("of %j is %j", (message, template) => {
    expect(messageTemplate(message)).toBe(template);
  });

  test("is the same once it has been taken", () => {
    const template = messageTemplate(symptoms.message);
    expect(messageTemplate(template)).toBe(template);
  });

  test("takes bounded time on a hostile message", () => {
    const hostile = `${"a-".repeat(100_000)}@${"1.".repeat(100_000)}`;
    expect(messageTemplate(hostile).length).toBeLessThanOrEqual(500);
  });
});

const of = (over: Partial<Symptoms> = {}) => fingerprintsOf({ ...symptoms, ...over }, hash);

describe("fingerprintsOf", () => {
  test("carries level and version of the algorithm", () => {
    expect(of().cause).toMatch(/^f1\.1\.[0-9a-f]{24}$/);
    expect(of().place).toMatch(/^f2\.1\.[0-9a-f]{24}$/);
  });

  test("is the same for other orders, values and lines of one cause", () => {
    const other = of({
      message: 'supplier "Beta" has no tax id (order 8)',
      step: "order/create-invoice#line-9",
    });
    expect(other).toEqual(of());
  });

  test.each([
    [{ class: "policy" }],
    [{ reasonCode: "ERP:NO_BANK" }],
    [{ integration: "crm" }],
    [{ integration: null }],
    [{ message: "supplier is blocked" }],
  ] as const)("has another cause for %j", (over) => {
    expect(of(over).cause).not.toBe(of().cause);
    expect(of(over).place).not.toBe(of().place);
  });

  test.each([[{ workflow: "refund" }], [{ step: "order/post-invoice" }]] as const)(
    "has the same cause at another place for %j",
    (over) => {
      expect(of(over).cause).toBe(of().cause);
      expect(of(over).place).not.toBe(of().place);
    },
  );
});

test("the title names step, integration, reason and template in one line", () => {
  expect(issueTitle(symptoms)).toBe(
    "order/create-invoice (erp): ERP:NO_TAX_ID supplier <value> has no tax id (order <number>)",
  );
  expect(
    issueTitle({ ...symptoms, integration: null, message: "x ".repeat(99) }).length,
  ).toBeLessThan(130);
});
