import { existsSync, readFileSync, readdirSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalJson } from "./canonical-json.ts";
import { parseJson } from "./json-text.ts";

const VECTORS = new URL("../../../../../shared/data/jcs/testdata/", import.meta.url);

function numberOfBits(hex: string): number {
  return new DataView(Uint8Array.from(Buffer.from(hex, "hex")).buffer).getFloat64(0);
}

function arrays(depth: number): unknown {
  return JSON.parse("[".repeat(depth) + "]".repeat(depth)) as unknown;
}

describe("canonicalJson", () => {
  test("gives the example of RFC 8785, section 3.2.2, its text", () => {
    const value = JSON.parse(String.raw`{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }`) as unknown;
    expect(canonicalJson(value)).toBe(
      String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
    );
  });

  test("sorts by UTF-16 units, as in RFC 8785, section 3.2.3", () => {
    const value = {
      "\u20ac": "Euro Sign",
      "\r": "Carriage Return",
      "\ufb33": "Hebrew Letter Dalet With Dagesh",
      "1": "One",
      "\ud83d\ude00": "Emoji: Grinning Face",
      "\u0080": "Control",
      "\u00f6": "Latin Small Letter O With Diaeresis",
    };
    const sorted = Object.values(JSON.parse(canonicalJson(value)) as Record<string, string>);
    expect(sorted.slice(0, 2)).toEqual(["One", "Carriage Return"]);
    expect(canonicalJson(value).indexOf("Emoji")).toBeLessThan(
      canonicalJson(value).indexOf("Hebrew"),
    );
  });

  // RFC 8785, appendix B.
  test.each([
    ["0000000000000000", "0"],
    ["8000000000000000", "0"],
    ["0000000000000001", "5e-324"],
    ["8000000000000001", "-5e-324"],
    ["7fefffffffffffff", "1.7976931348623157e+308"],
    ["4340000000000000", "9007199254740992"],
    ["4430000000000000", "295147905179352830000"],
    ["44b52d02c7e14af5", "9.999999999999997e+22"],
    ["44b52d02c7e14af6", "1e+23"],
    ["444b1ae4d6e2ef50", "1e+21"],
    ["3eb0c6f7a0b5ed8c", "9.999999999999997e-7"],
    ["3eb0c6f7a0b5ed8d", "0.000001"],
    ["becbf647612f3696", "-0.0000033333333333333333"],
    ["43143ff3c1cb0959", "1424953923781206.2"],
  ])("writes the number %s as %s", (bits, text) => {
    expect(canonicalJson(numberOfBits(bits))).toBe(text);
  });

  test.each([
    [Number.NaN],
    [Number.POSITIVE_INFINITY],
    ["\ud800"],
    [{ "\udc00": 1 }],
    [[undefined]],
    [undefined],
    [1n],
    [Symbol("x")],
    [() => 1],
    [new Date(0)],
    [new Map()],
  ])("refuses %o", (value) => {
    expect(() => canonicalJson(value)).toThrowError(expect.objectContaining({ code: "HF4103" }));
  });

  test("allows 128 levels of arrays and objects and refuses 129", () => {
    expect(canonicalJson(arrays(128))).toHaveLength(256);
    expect(canonicalJson({ a: arrays(127) })).toHaveLength(260);
    const refused = expect.objectContaining({ code: "HF4105" });
    expect(() => canonicalJson(arrays(129))).toThrowError(refused);
    expect(() => canonicalJson({ a: arrays(128) })).toThrowError(refused);
  });

  test("says what it got instead of JSON", () => {
    expect(() => canonicalJson([undefined])).toThrowError(/got undefined\.$/);
    expect(() => canonicalJson(1n)).toThrowError(/got a bigint\.$/);
  });

  test("ends on a value that contains itself", () => {
    const self: Record<string, unknown> = {};
    self["self"] = self;
    expect(() => canonicalJson(self)).toThrowError(expect.objectContaining({ code: "HF4105" }));
  });

  test("leaves undefined properties out, and keeps __proto__ as data", () => {
    expect(canonicalJson({ b: undefined, a: 1 })).toBe('{"a":1}');
    const text = '{"__proto__":{"polluted":true},"a":1}';
    expect(canonicalJson(JSON.parse(text))).toBe(text);
    expect(Reflect.get({}, "polluted")).toBeUndefined();
  });

  test("is the same for every order of properties, and says the same value", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: "grapheme" }), fc.jsonValue()), (value) => {
        const text = canonicalJson(value);
        const turned = Object.fromEntries(Object.entries(value).toReversed());
        expect(canonicalJson(turned)).toBe(text);
        expect(parseJson(text)).toEqual(parseJson(JSON.stringify(value)));
        expect(canonicalJson(parseJson(text))).toBe(text);
      }),
    );
  });

  test("gives different values different texts", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        const same =
          JSON.stringify(parseJson(canonicalJson(a))) ===
          JSON.stringify(parseJson(canonicalJson(b)));
        expect(canonicalJson(a) === canonicalJson(b)).toBe(same);
      }),
    );
  });
});

// The folder is beside the repository where it is present; it is no part of it.
const names = existsSync(VECTORS) ? readdirSync(new URL("input/", VECTORS)) : [];

test(`${String(names.length)} published vectors (0: the folder is not here)`, () => {
  const wrong = names.filter((name) => {
    const input = parseJson(readFileSync(new URL(`input/${name}`, VECTORS), "utf8"));
    const expected = readFileSync(new URL(`output/${name}`, VECTORS));
    return !Buffer.from(canonicalJson(input), "utf8").equals(expected);
  });
  expect(wrong).toEqual([]);
});
