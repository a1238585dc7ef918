import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HoldfastError } from "../core/error.ts";
import { KeyRing } from "./key-ring.ts";
import { isSealed, markSealed, Sealer } from "./sealing.ts";
import { keyOf } from "./test-payloads.test-support.ts";

const ring = new KeyRing("k1", new Map([["k1", keyOf(1)]]));
const sealer = new Sealer(ring, "store_a");
const payload = '{"iban":"DE89","lines":[{"iban":"FR76","n":1},{"n":2}],"open":true}';
const pointers = ["/iban", "/lines/*/iban"];
const sealed = sealer.seal(payload, pointers, "here");

const refused = expect.objectContaining({ code: "HF5021" });

describe("a sealed payload", () => {
  test("holds what is not sensitive as it is, and opens to the same text", () => {
    expect(isSealed(sealed)).toBe(true);
    expect(sealed).toContain(
      '"rest":{"iban":null,"lines":[{"iban":null,"n":1},{"n":2}],"open":true}',
    );
    expect(sealer.open(sealed, "here")).toBe(payload);
  });

  test("opens to the same text whatever it was and whatever is sensitive in it", () => {
    const any = fc.json({ maxDepth: 4 }).map((text) => JSON.stringify(JSON.parse(text)));
    const some = fc.subarray(["", "/*", "/a", "/*/*", "/0", "/a/b", "/__proto__", "/~0~1"]);
    fc.assert(
      fc.property(any, some, (text, at) => {
        const stored = sealer.seal(text, at, "here");
        expect(isSealed(stored) ? sealer.open(stored, "here") : stored).toBe(text);
      }),
    );
  });

  test("is as it was where nothing of it is sensitive", () => {
    expect(sealer.seal(payload, [], "here")).toBe(payload);
    expect(sealer.seal(payload, ["/none"], "here")).toBe(payload);
  });

  test("does not tell a short value by its length, nor two equal ones apart from others", () => {
    const lengths = ['"a"', '"a longer value of 20"', "true", "null"].map(
      (value) => sealer.seal(value, [""], "here").length,
    );
    expect(new Set(lengths).size).toBe(1);
    expect(sealer.seal(payload, pointers, "here")).not.toBe(sealed);
  });

  test("opens in no other record and in no other store", () => {
    expect(() => sealer.open(sealed, "there")).toThrow(refused);
    expect(() => new Sealer(ring, "store_b").open(sealed, "here")).toThrow(refused);
  });

  test("does not open once two values of it have changed their places", () => {
    const json = JSON.parse(sealed.slice("sealed:".length)) as { at: Record<string, string> };
    const [one, two] = Object.keys(json.at);
    const at = { [one ?? ""]: json.at[two ?? ""], [two ?? ""]: json.at[one ?? ""] };
    expect(() => sealer.open(`sealed:${JSON.stringify({ ...json, at })}`, "here")).toThrow(refused);
  });

  test("does not open to other sensitive values once a byte of it was changed, whichever", () => {
    const texts = Array.from(sealed, (sign, index) => {
      const other = sign === "A" ? "B" : "A";
      return `${sealed.slice(0, index)}${other}${sealed.slice(index + 1)}`;
    });
    // What is not sealed, names of members too, is guarded by the record's digest and not by this.
    const opened = texts.filter(isSealed).map(openedOrCode);
    expect(opened).toContain("HF5021");
    const others = opened.filter((text) => text !== "HF5021" && !/"DE89"[^]*"FR76"/.test(text));
    expect(others).toEqual([]);
  });

  test("says which key it needs, and is marked with it for who has no ring", () => {
    const other = new Sealer(new KeyRing("k2", new Map([["k2", keyOf(2)]])), "store_a");
    expect(() => other.open(sealed, "here")).toThrow(/sealed with key k1, which is not in/);
    const mark = "[sealed: key k1]";
    expect(JSON.parse(markSealed(sealed, "here"))).toEqual({
      iban: mark,
      lines: [{ iban: mark, n: 1 }, { n: 2 }],
      open: true,
    });
  });
});

/** The payload, or the code of the error that says why not; any other error is a fault. */
function openedOrCode(text: string): string {
  try {
    return sealer.open(text, "here");
  } catch (error) {
    if (error instanceof HoldfastError) return error.code;
    throw error;
  }
}
