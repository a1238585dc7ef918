import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalText, inputDigest, operationKey, runKeyHash } from "./operation-key.ts";

const hmac = (text: string) =>
  createHmac("sha256", "secret of the store").update(text).digest("hex");
const identity = {
  namespace: "main",
  workflow: "place-order",
  run: 1_234_567,
  step: "charge-card#line-2",
  generation: 1,
};

describe("operationKey", () => {
  test("has the form hf1_ and 52 characters that survive reading aloud", () => {
    expect(operationKey(identity, hmac)).toMatch(/^hf1_[0-9a-hjkmnp-tv-z]{52}$/);
  });

  test("is frozen: a key that was sent must be found again by every later release", () => {
    expect(operationKey(identity, hmac)).toBe(
      "hf1_j63d35a18e2j4v0ykzyvhr0wbwpn2g3v91ddnk074m412tv9jcrg",
    );
  });

  test("depends on every part of the identity and on the store's key", () => {
    const others = [
      { ...identity, namespace: "acme" },
      { ...identity, workflow: "refund" },
      { ...identity, run: 1_234_568 },
      { ...identity, step: "charge-card#line-3" },
      { ...identity, generation: 2 },
    ].map((other) => operationKey(other, hmac));
    const otherStore = operationKey(identity, (text) =>
      createHmac("sha256", "x").update(text).digest("hex"),
    );
    expect(new Set([operationKey(identity, hmac), otherStore, ...others]).size).toBe(7);
  });

  test("refuses a hash that is not lower-case hex", () => {
    expect(() => operationKey(identity, () => "AB")).toThrow(RangeError);
    expect(() => operationKey(identity, () => "")).toThrow(RangeError);
  });
});

test("no two lists of parts have the same text", () => {
  const part = fc.string({ unit: fc.constantFrom("a", " ", "1", ":", "2") });
  const parts = fc.array(part, { maxLength: 4 });
  fc.assert(
    fc.property(parts, parts, (a, b) => {
      const same = JSON.stringify(a) === JSON.stringify(b);
      expect(canonicalText("p", a) === canonicalText("p", b)).toBe(same);
    }),
    { numRuns: 2_000 },
  );
  expect(canonicalText("p", ["a", "bc"])).toBe("holdfast/1 p 1:a 2:bc");
});

test("a run's key hash is of its namespace, workflow and key, and frozen like its operations'", () => {
  const hash = runKeyHash("main", "place-order", "A-1", hmac);
  expect(hash).toBe(hmac("holdfast/1 run-key 4:main 11:place-order 3:A-1"));
  const others = [
    runKeyHash("acme", "place-order", "A-1", hmac),
    runKeyHash("main", "refund", "A-1", hmac),
    runKeyHash("main", "place-order", "A-2", hmac),
  ];
  expect(new Set([hash, ...others]).size).toBe(4);
});

test("digests of different purposes never meet, even over the same text", () => {
  expect(runKeyHash("a", "b", "c", hmac)).not.toBe(inputDigest(["a", "b", "c"], hmac));
});

test("an input's digest does not depend on the order of its properties", () => {
  expect(inputDigest({ b: 1, a: [2] }, hmac)).toBe(inputDigest({ a: [2], b: 1 }, hmac));
  expect(inputDigest({ a: [2], b: 1 }, hmac)).not.toBe(inputDigest({ a: ["2"], b: 1 }, hmac));
});
