import { createHmac } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { digestsWith } from "./digest.ts";

test("gives the HMAC-SHA-256 of RFC 4231, test case 2", () => {
  const digests = digestsWith(Buffer.from("Jefe"));
  expect(digests.hex("what do ya want for nothing?")).toBe(
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  );
});

test("is the HMAC of Node.js for any key and text", () => {
  const key = fc.uint8Array({ minLength: 0, maxLength: 64 });
  const text = fc.string({ unit: "binary", maxLength: 5_000, size: "max" });
  fc.assert(
    fc.property(key, text, (secret, value) => {
      const expected = createHmac("sha256", secret).update(value).digest("hex");
      const digests = digestsWith(secret);
      expect(digests.hex(value)).toBe(expected);
      expect(Buffer.from(digests.bytes(value)).toString("hex")).toBe(expected);
    }),
  );
});

test("leaves nothing of one text in the digest of the next", () => {
  const digests = digestsWith(Buffer.alloc(32, 7));
  const before = digests.hex("short");
  digests.hex("a much longer text than the one before and after it");
  expect(digests.hex("short")).toBe(before);
});
