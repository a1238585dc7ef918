import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  fieldPathOf,
  fingerprintsOf,
  framesOf,
  groupsOf,
  issueTitle,
  levelOf,
  messageTemplate,
  type Symptoms,
} from "./fingerprint.ts";

const hash = (text: string) => createHash("sha256").update(text).digest("hex");
const symptoms: Symptoms = {
  class: "data",
  reasonCode: "ERP:NO_TAX_ID",
  integration: "erp",
  message: 'supplier "ACME-7" has no tax id (order 4711)',
  workflow: "place-order",
  step: "order/create-invoice#line-2",
  frames: [],
  codeVersion: "v44",
  fieldPath: null,
  rule: "erp@3",
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

describe("code and data", () => {
  const frames = ["mapLines src/map-lines.ts", "run src/order.ts"];

  test("code is another one in another version or from other frames, at the same place", () => {
    const one = of({ frames });
    for (const other of [of({ frames, codeVersion: "v45" }), of({ frames: frames.slice(1) })]) {
      expect(other.place).toBe(one.place);
      expect(other.code).not.toBe(one.code);
    }
    expect(one.code).toMatch(/^f3\.1\./u);
    expect(of({ frames: [...frames, "a a.ts", "b b.ts"] }).code).toBe(
      of({ frames: [...frames, "a a.ts", "c c.ts"] }).code,
    );
  });

  test("data is by field and rule, whatever element of a list it was", () => {
    expect(of().data).toBeNull();
    const one = of({ fieldPath: "/lines/0/taxCode" });
    expect(one.data).toMatch(/^f4\.1\./u);
    expect(of({ fieldPath: "/lines/7/taxCode" }).data).toBe(one.data);
    expect(of({ fieldPath: "/lines/0/price" }).data).not.toBe(one.data);
    expect(of({ fieldPath: "/lines/0/taxCode", rule: "erp@4" }).data).not.toBe(one.data);
    expect(groupsOf(one).map(({ level }) => level)).toEqual(["cause", "place", "code", "data"]);
    expect(groupsOf(of()).map(({ level }) => level)).toEqual(["cause", "place", "code"]);
    expect(groupsOf(one).map(({ fingerprint }) => levelOf(fingerprint))).toEqual(
      groupsOf(one).map(({ level }) => level),
    );
    expect(levelOf("f5.1.ab")).toBeNull();
  });

  test("the field is the first pointer that a message of ours names", () => {
    expect(
      fieldPathOf('The answer of "x" is not valid: expected string at /lines/0/tax; more.'),
    ).toBe("/lines/0/tax");
    expect(fieldPathOf("expected text at /by.")).toBe("/by");
    expect(fieldPathOf("refused at the gate /x")).toBeNull();
  });

  test("frames are functions with their files, without lines, packages and this machine", () => {
    const stack = [
      "TypeError: x is not a function",
      "    at mapLines (/srv/app/src/map-lines.ts:31:7)",
      "    at async run (file:///srv/app/src/order.ts:4:2)",
      "    at z (/srv/app/node_modules/zod/index.js:1:1)",
      "    at /srv/app/src/main.ts:9:1",
      "    at fourth (/srv/app/src/four.ts:9:1)",
    ].join("\n");
    expect(framesOf(stack)).toEqual([
      "mapLines src/map-lines.ts",
      "run src/order.ts",
      "(anonymous) src/main.ts",
    ]);
  });
});

test("the title names step, integration, reason and template in one line", () => {
  expect(issueTitle(symptoms)).toBe(
    "order/create-invoice (erp): ERP:NO_TAX_ID supplier <value> has no tax id (order <number>)",
  );
  expect(
    issueTitle({ ...symptoms, integration: null, message: "x ".repeat(99) }).length,
  ).toBeLessThan(130);
});
