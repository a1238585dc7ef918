import fc from "fast-check";
import { expect, test } from "vitest";
import { base32OfHex, base32OfNumber, numberOfBase32 } from "./base32.ts";

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

test("refuses what is not lower-case hex", () => {
  for (const text of ["0", "AB", "zz", "0g", "0/", "0:", "0`", "  "])
    expect(() => base32OfHex(text)).toThrow(RangeError);
});

test.each([
  ["", ""],
  ["00", "00"],
  ["ff", "zw"],
  ["0001", "000g"],
  // The RFC 4648 vector "foobar", in Crockford's letters.
  ["666f6f626172", "csqpyrk1e8"],
])("bytes %s are %j", (hex, text) => {
  expect(base32OfHex(hex)).toBe(text);
});

test("32 bytes are 52 characters, and no two of them are the same text", () => {
  const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(bytes, bytes, (a, b) => {
      expect(base32OfHex(hexOf(a))).toHaveLength(52);
      expect(base32OfHex(hexOf(a)) === base32OfHex(hexOf(b))).toBe(Buffer.compare(a, b) === 0);
    }),
  );
});

test("bytes agree with arithmetic on big integers", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 5, maxLength: 40 }), (bytes) => {
      const whole = bytes.subarray(0, bytes.length - (bytes.length % 5));
      const number = BigInt(`0x${Buffer.from(whole).toString("hex")}`);
      const back = base32OfHex(hexOf(whole))
        .split("")
        .reduce(
          (sum, char) => sum * 32n + BigInt("0123456789abcdefghjkmnpqrstvwxyz".indexOf(char)),
          0n,
        );
      expect(back).toBe(number);
    }),
  );
});

test("numbers come back, and their texts sort like them", () => {
  const number = fc.maxSafeNat();
  fc.assert(
    fc.property(number, number, (a, b) => {
      expect(numberOfBase32(base32OfNumber(a, 11))).toBe(a);
      expect(base32OfNumber(a, 11) < base32OfNumber(b, 11)).toBe(a < b);
    }),
  );
});

test("reading understands what people confuse, and refuses the rest", () => {
  expect(numberOfBase32("1O")).toBe(32);
  expect(numberOfBase32("iL")).toBe(33);
  expect(numberOfBase32("u")).toBeNull();
  expect(numberOfBase32("-")).toBeNull();
  expect(numberOfBase32("zzzzzzzzzzz")).toBeNull();
});

test("a number is as many characters as were asked for", () => {
  expect([base32OfNumber(0, 3), base32OfNumber(33, 2), base32OfNumber(1, 1)]).toEqual([
    "000",
    "11",
    "1",
  ]);
});

test("what is no number of at least 0 has no text", () => {
  for (const none of [-1, 0.5, Number.NaN, 2 ** 53])
    expect(() => base32OfNumber(none, 11)).toThrow(RangeError);
});
