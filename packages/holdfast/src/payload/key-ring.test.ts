import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makeKeyRing, readKeyRing, rotateKeyRing } from "./key-ring.ts";
import { keyOf } from "./test-payloads.test-support.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-ring-"));
  file = join(folder, "ring.keys");
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const refused = expect.objectContaining({ code: "HF5020" });

describe("a key ring", () => {
  test("keeps the keys that it had when it gets another one, for its owner's eyes alone", () => {
    makeKeyRing(file, keyOf(1));
    expect(rotateKeyRing(file, keyOf(2))).toBe("k2");
    expect(rotateKeyRing(file, keyOf(3))).toBe("k3");
    const ring = readKeyRing(file);
    expect(ring.current).toBe("k3");
    expect([ring.key("k1"), ring.key("k2"), ring.key("k3"), ring.key("k4")]).toEqual([
      keyOf(1),
      keyOf(2),
      keyOf(3),
      null,
    ]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test("is never overwritten by a new one", () => {
    makeKeyRing(file, keyOf(1));
    expect(() => makeKeyRing(file, keyOf(2))).toThrow(refused);
    expect(readKeyRing(file).key("k1")).toEqual(keyOf(1));
  });

  test("tells whether two keys of one id are the same, differently in each store", () => {
    makeKeyRing(file, keyOf(1));
    const ring = readKeyRing(file);
    expect(ring.checkOf("k1", "a")).toMatch(/^[0-9a-f]{16}$/);
    expect(ring.checkOf("k1", "a")).not.toBe(ring.checkOf("k1", "b"));
    expect(ring.checkOf("k2", "a")).toBeNull();
  });

  test.each([
    ["no JSON", "k1 = "],
    ["no object", "[]"],
    ["no keys", '{"current":"k1"}'],
    ["a short key", '{"current":"k1","keys":{"k1":"c2hvcnQ="}}'],
    ["an id that cannot be shown", `{"current":"k 1","keys":{"k 1":"${"A".repeat(43)}="}}`],
    ["a current key that is not there", `{"current":"k2","keys":{"k1":"${"A".repeat(43)}="}}`],
    [
      "more keys than a ring may have",
      JSON.stringify({
        current: "k0",
        keys: Object.fromEntries(
          Array.from({ length: 1_001 }, (_, i) => [`k${String(i)}`, `${"A".repeat(43)}=`]),
        ),
      }),
    ],
  ])("is refused with %s, and not quoted", (_what, text) => {
    writeFileSync(file, text);
    expect(() => readKeyRing(file)).toThrow(refused);
    expect(() => rotateKeyRing(file, keyOf(2))).toThrow(refused);
    expect(readFileSync(file, "utf8")).toBe(text);
  });

  test("is refused where it is missing", () => {
    expect(() => readKeyRing(file)).toThrow(refused);
  });
});

test("a ring finds a key that was added since it was read, and keeps those that it had", () => {
  makeKeyRing(file, keyOf(1));
  const ring = readKeyRing(file);
  expect(ring.key("k2")).toBe(null);
  rotateKeyRing(file, keyOf(2));
  expect([ring.current, ring.key("k2")]).toEqual(["k1", keyOf(2)]);
  expect(ring.checkOf("k2", "store_1")).toBe(readKeyRing(file).checkOf("k2", "store_1"));
  rmSync(file);
  expect([ring.key("k1"), ring.key("k2"), ring.key("k3")]).toEqual([keyOf(1), keyOf(2), null]);
  makeKeyRing(file, keyOf(9));
  expect([ring.key("k3"), ring.key("k1")]).toEqual([null, keyOf(1)]);
});
