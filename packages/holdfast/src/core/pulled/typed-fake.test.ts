import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { fakeBoolean, fakeNumber, fakeText } from "./typed-fake.ts";

const hmacOf = (key: string) => (text: string) =>
  createHmac("sha256", key).update(text).digest("hex");
const hmac = hmacOf("one");

const kept = (of: string) => of.replaceAll(/[\p{L}\p{M}\p{N}]/gu, "");

describe("a fake", () => {
  test.each([
    ["a mail address", "ada.lovelace@bank.example.org", z.email()],
    ["a short mail address", "a@b.co", z.email()],
    ["a UUID", "0d3ad6f1-3c3b-4c4e-9a55-2f0a7a3f61aa", z.uuid({ version: "v4" })],
    ["a UUID of another version", "0190163D-8694-739B-AEA5-966C26F8AD91", z.uuid()],
    ["an address", "https://shop.example/orders/77?token=abc", z.url()],
    ["a date", "2024-02-29", z.iso.date()],
    ["a time", "2026-11-30T12:05:10.123Z", z.iso.datetime()],
    ["a telephone number", "+49 170 1234567", z.string().regex(/^\+\d\d \d{3} \d{7}$/)],
    ["hex", "9f86d081884c7d65", z.string().regex(/^[0-9a-f]{16}$/)],
    ["a number as text", "120.50", z.string().regex(/^[1-9]\d\d\.\d\d$/)],
    ["a name", "Żółć von Müller", z.string().regex(/^[A-Z][a-z]{3} [a-z]{3} [A-Z][a-z]{5}$/)],
  ])("of %s is another one, which its schema takes", (_what, text, schema) => {
    const fake = fakeText(text, hmac);
    expect(fake).not.toBe(text);
    expect(schema.safeParse(fake)).toMatchObject({ success: true });
    expect(fakeText(text, hmac)).toBe(fake);
    expect(fakeText(text, hmacOf("another"))).not.toBe(fake);
  });

  test("of a mail address leads to nobody", () => {
    expect(fakeText("ada@bank.org", hmac)).toMatch(/^[a-z]{6}@example\.com$/);
  });

  test("of an account number has the country and true check digits", () => {
    // From the register of ISO 13616.
    const fake = fakeText("DE89370400440532013000", hmac);
    expect(fake).toMatch(/^DE\d{20}$/);
    const digits = Array.from(`${fake.slice(4)}${fake.slice(0, 4)}`).map((one) =>
      Number.parseInt(one, 36),
    );
    expect(BigInt(digits.join("")) % 97n).toBe(1n);
    // Without true check digits it is any text.
    expect(fakeText("DE00370400440532013000", hmac)).not.toMatch(/^DE/);
  });

  test("of a card number passes the check of card numbers", () => {
    const fake = fakeText("4111111111111111", hmac);
    let sum = 0;
    Array.from(fake)
      .toReversed()
      .forEach((one, at) => {
        const twice = Number(one) * (1 + (at % 2));
        sum += Math.floor(twice / 10) + (twice % 10);
      });
    expect([fake.length, sum % 10]).toEqual([16, 0]);
    expect(fake.slice(0, 4)).not.toBe("4111");
  });

  test("of dates keeps which is earlier, and the day of the week", () => {
    const [first, second] = ["2026-01-01", "2026-01-31"].map((day) => fakeText(day, hmac));
    expect(Date.parse(second ?? "") - Date.parse(first ?? "")).toBe(30 * 86_400_000);
    expect(new Date(first ?? "").getUTCDay()).toBe(new Date("2026-01-01").getUTCDay());
    // No day of any calendar: any text.
    expect(fakeText("2026-13-45", hmac)).toMatch(/^\d{4}-\d\d-\d\d$/);
  });

  test("of any text has its length, and of its characters those that are no letters or digits", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 40 }), (text) => {
        fc.pre(!/@|:\/\//u.test(text));
        const fake = fakeText(text, hmac);
        expect(fake).toHaveLength(text.length);
        expect(kept(fake)).toBe(kept(text));
      }),
    );
  });

  test("of a number has its sign, its length and its kind; 0 stays", () => {
    fc.assert(
      fc.property(fc.integer({ min: -1_000_000, max: 1_000_000 }), (value) => {
        const fake = fakeNumber(value, hmac);
        expect([Number.isInteger(fake), Math.sign(fake)]).toEqual([true, Math.sign(value)]);
        expect(String(fake)).toHaveLength(String(value).length);
      }),
    );
    expect(fakeNumber(12.5, hmac)).toBeGreaterThan(9);
    expect(Number.isFinite(fakeNumber(1.5e300, hmac))).toBe(true);
    expect(fakeNumber(0.05, hmac)).toBeGreaterThan(0);
  });

  test("of a boolean follows from the key", () => {
    const keys = Array.from({ length: 20 }, (_, at) => hmacOf(String(at)));
    expect(new Set(keys.map((one) => fakeBoolean(true, one))).size).toBe(2);
  });
});
