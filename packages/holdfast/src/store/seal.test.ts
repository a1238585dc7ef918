import { describe, expect, test } from "vitest";
import { DIGEST_BYTES, flushSeal, genesis, postedDigest, sealKey, takenDigest } from "./seal.ts";

const KEY = sealKey(new Uint8Array(32).fill(7));

describe("the seal of a flush", () => {
  const flush = {
    incarnation: 5,
    number: 2,
    firstPos: 10,
    lastPos: 12,
    taken: 0,
    atMs: 100,
    closed: false,
  };
  const previous = genesis(KEY, "store", 5);
  const digests = Buffer.alloc(3 * DIGEST_BYTES, 1);

  test("changes with each of its parts", () => {
    const changed = [
      flushSeal(KEY, previous, flush, digests),
      flushSeal(KEY, genesis(KEY, "store", 6), flush, digests),
      flushSeal(KEY, previous, flush, Buffer.alloc(3 * DIGEST_BYTES, 2)),
      flushSeal("other", previous, flush, digests),
      ...Object.keys(flush).map((name) => {
        const value = name === "closed" ? true : 77;
        return flushSeal(KEY, previous, { ...flush, [name]: value }, digests);
      }),
    ].map((seal) => seal.toString("hex"));
    expect(new Set(changed).size).toBe(changed.length);
  });

  test("begins at another place for every store and opening", () => {
    const first = [genesis(KEY, "a", 1), genesis(KEY, "a", 2), genesis(KEY, "b", 1)];
    expect(new Set(first.map((seal) => seal.toString("hex"))).size).toBe(3);
  });
});

describe("the digest of a command", () => {
  const command = { id: "1", topic: "send", atMs: 1, by: "a", data: "{}" };

  test("changes with each column, and again when it is taken", () => {
    const digests = [
      postedDigest(command),
      ...Object.keys(command).map((name) => {
        return postedDigest({ ...command, [name]: name === "atMs" ? 2 : "other" });
      }),
      takenDigest(KEY, command, 1, "yes"),
      takenDigest(KEY, command, 2, "yes"),
      takenDigest(KEY, command, 1, "no"),
    ].map((bytes) => bytes.toString("hex"));
    expect(new Set(digests).size).toBe(digests.length);
  });
});
