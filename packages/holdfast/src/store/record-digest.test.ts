import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RecordDigests } from "./record-digest.ts";
import type { SealedRecord } from "./record-digest.ts";
import { DIGEST_BYTES, sealKey } from "./seal.ts";

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
  new RecordDigests(key).write(value, target, 0);
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

  test("is the keyed hash of the columns as they are laid out, however long they are", () => {
    const digests = new RecordDigests(KEY);
    const base = { pos: 1, run: 2, seq: 3, kind: 4, attempt: 5, atMs: 1_795_891_400_000 };
    const target = Buffer.alloc(DIGEST_BYTES);
    // The short one after the long one: nothing of what was hashed before may be left.
    for (const data of ["é".repeat(100_000), "é", null, "\u{1f600}".repeat(30_000), ""]) {
      const value = { ...base, name: "näme", head: null, data };
      digests.write(value, target, 0);
      expect(target).toEqual(expectedOf(value));
    }
  });
});

function expectedOf(value: SealedRecord): Buffer {
  const texts = [value.name, value.head, value.data];
  const lengths = texts.map((text) => (text === null ? -1 : Buffer.byteLength(text)));
  const { pos, run, seq, kind, attempt, atMs } = value;
  const numbers = new DataView(new ArrayBuffer(9 * 8));
  for (const [at, number] of [pos, run, seq, kind, attempt, atMs, ...lengths].entries()) {
    numbers.setFloat64(at * 8, number, true);
  }
  const hash = createHash("sha256").update(KEY).update(numbers);
  for (const text of texts) hash.update(text ?? "");
  return hash.digest().subarray(0, DIGEST_BYTES);
}
