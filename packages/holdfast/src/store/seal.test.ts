import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  DIGEST_BYTES,
  flushSeal,
  genesis,
  postedDigest,
  sealKey,
  takenDigest,
  writeRecordDigest,
} from "./seal.ts";
import type { SealedRecord } from "./seal.ts";

const KEY = sealKey(new Uint8Array(32).fill(7));

const record: fc.Arbitrary<SealedRecord> = fc.record({
  pos: fc.nat(),
  run: fc.nat(),
  seq: fc.nat(),
  kind: fc.nat({ max: 26 }),
  attempt: fc.nat(),
  // Digits and the separator are the texts that could be taken for one another.
  name: fc.string({ unit: fc.constantFrom("1", "|", "a", "é") }),
  atMs: fc.nat(),
  head: fc.option(fc.string({ unit: fc.constantFrom("1", "|", "{", "}") })),
  data: fc.option(fc.string({ unit: fc.constantFrom("1", "|", "{", "}") })),
});

function digest(key: string, value: SealedRecord): string {
  const target = Buffer.alloc(DIGEST_BYTES);
  writeRecordDigest(key, value, target, 0);
  return target.toString("hex");
}

describe("the digest of a record", () => {
  test("is another for every other record", () => {
    fc.assert(
      fc.property(record, record, (left, right) => {
        const isSame = JSON.stringify(left) === JSON.stringify(right);
        expect(digest(KEY, left) === digest(KEY, right)).toBe(isSame);
      }),
      { numRuns: 2000 },
    );
  });

  test("changes with each column alone", () => {
    const one = {
      pos: 1,
      run: 1,
      seq: 1,
      kind: 1,
      attempt: 1,
      name: "1",
      atMs: 1,
      head: "1",
      data: "1",
    };
    const digests = Object.entries(one).map(([name, value]) => {
      return digest(KEY, { ...one, [name]: typeof value === "number" ? 2 : "2" });
    });
    expect(new Set([digest(KEY, one), ...digests]).size).toBe(10);
  });

  test("tells an absent text from an empty one, and where one text ends", () => {
    const base = { pos: 1, run: 1, seq: 1, kind: 1, attempt: 0, name: "", atMs: 1 };
    const digests = [
      digest(KEY, { ...base, head: null, data: null }),
      digest(KEY, { ...base, head: "", data: null }),
      digest(KEY, { ...base, head: null, data: "" }),
      digest(KEY, { ...base, head: "ab", data: "c" }),
      digest(KEY, { ...base, head: "a", data: "bc" }),
      digest(KEY, { ...base, name: "a", head: "b", data: "c" }),
      digest(KEY, { ...base, head: "abc", data: null }),
    ];
    expect(new Set(digests).size).toBe(digests.length);
  });

  test("cannot be made without the key", () => {
    const value = {
      pos: 1,
      run: 1,
      seq: 1,
      kind: 1,
      attempt: 0,
      name: "",
      atMs: 1,
      head: null,
      data: "7",
    };
    expect(digest(sealKey(new Uint8Array(32).fill(8)), value)).not.toBe(digest(KEY, value));
  });
});

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
