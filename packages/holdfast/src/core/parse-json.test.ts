import { existsSync, readFileSync, readdirSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseJson } from "./json-text.ts";
import { parseJsonText } from "./parse-json.ts";

const SHARED = new URL("../../../../../shared/data/", import.meta.url);
const SUITE = new URL("json-parsing/test_parsing/", SHARED);
const NAUGHTY = new URL("naughty-strings/blns.json", SHARED);

function nested(depth: number): string {
  return "[".repeat(depth) + "]".repeat(depth);
}

/** What happened to a text: "ok", or the code of the error. Anything else is thrown on. */
function fate(text: string): string {
  try {
    parseJsonText(text, "input of place-order");
    return "ok";
  } catch (error) {
    if (error instanceof Error && "code" in error) return String(error.code);
    throw error;
  }
}

describe("parseJsonText", () => {
  test("gives the value", () => {
    expect(parseJsonText(' {"a":[1,null,"x"]} ', "input")).toEqual({ a: [1, null, "x"] });
  });

  test.each(["", " ", "{", "[1,]", "{'a':1}", "\ufeff{}", "1 2", "NaN", "undefined", "01"])(
    "refuses %j as not JSON, without quoting it",
    (text) => {
      expect(fate(text)).toBe("HF4102");
    },
  );

  test("names the place but never repeats the content, which may be secret", () => {
    expect(() => parseJsonText('{"card":"4111111111111111",}', "input of pay")).toThrowError(
      /^The input of pay is not JSON: [^4]+ \(character 27\)\.$/,
    );
  });

  test("refuses more than 8 MiB, counted as UTF-8", () => {
    const mib = 1024 * 1024;
    expect(fate(JSON.stringify("x".repeat(8 * mib - 2)))).toBe("ok");
    expect(fate(JSON.stringify("x".repeat(8 * mib - 1)))).toBe("HF4104");
    expect(fate(JSON.stringify("é".repeat(4 * mib)))).toBe("HF4104");
    expect(fate(JSON.stringify("€".repeat(2.7 * mib)))).toBe("HF4104");
    expect(fate(JSON.stringify("😀".repeat(2 * mib)))).toBe("HF4104");
    expect(fate(`"${"x".repeat(20 * mib)}"`)).toBe("HF4104");
  });

  test("refuses 10,000 nested arrays before they are built, and allows 128", () => {
    expect(fate(nested(128))).toBe("ok");
    expect(fate(nested(129))).toBe("HF4105");
    expect(fate(nested(10_000))).toBe("HF4105");
    expect(fate("[".repeat(4_000_000))).toBe("HF4105");
    expect(fate('{"a":'.repeat(200) + "1" + "}".repeat(200))).toBe("HF4105");
  });

  test("does not take brackets inside strings for nesting", () => {
    const text = JSON.stringify({ "[[": `${"[".repeat(300)}\\"${"{".repeat(300)}` });
    expect(parseJsonText(text, "input")).toEqual(JSON.parse(text));
  });

  test("refuses lone surrogates and numbers beyond 2^53 with their place", () => {
    expect(() => parseJsonText(String.raw`{"a":["\ud800"]}`, "input")).toThrowError(/at \/a\/0/);
    expect(fate("[9007199254740993]")).toBe("HF4103");
    expect(fate("[1e999]")).toBe("HF4103");
  });

  test("gives the value of every text that it accepts, and a coded error else", () => {
    const pieces = fc.constantFrom('"', "\\", "[", "]", "{", "}", ",", ":", "1", "a", " ");
    const text = fc.oneof(
      fc.json(),
      fc.string({ unit: "binary" }),
      fc.array(pieces).map((x) => x.join("")),
    );
    const texts = fc.property(text, (json) => {
      const found = fate(json);
      if (found !== "ok") return /^HF410[2345]$/.test(found);
      return isDeepStrictEqual(parseJsonText(json, "x"), parseJson(json));
    });
    expect(fc.check(texts, { numRuns: 1_000 }).counterexample).toBeNull();
  });
});

/** These parse, and hold a number beyond 2^53, which may not be kept (settled point 10). */
const TOO_LARGE = [
  "y_number.json",
  "y_number_real_capital_e.json",
  "y_number_real_exponent.json",
  "y_number_real_fraction_exponent.json",
  "y_object_extreme_numbers.json",
];

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function fateOfBytes(bytes: Uint8Array): string {
  let text: string;
  try {
    text = UTF8.decode(bytes);
  } catch (error) {
    // Whoever decodes the bytes refuses these. Anything else is a bug of ours.
    if (error instanceof TypeError) return "not UTF-8";
    throw error;
  }
  return fate(text);
}

/** y_ must be accepted, n_ refused, i_ may be either. */
function isRight(name: string): boolean {
  const found = fateOfBytes(readFileSync(new URL(encodeURIComponent(name), SUITE)));
  if (name.startsWith("y_")) return found === (TOO_LARGE.includes(name) ? "HF4103" : "ok");
  if (name.startsWith("n_")) return /^(?:HF4102|HF4105|not UTF-8)$/.test(found);
  return /^(?:ok|HF410[2345]|not UTF-8)$/.test(found);
}

// The folders are beside the repository where they are present; they are no part of it.
const suite = existsSync(SUITE) ? readdirSync(SUITE) : [];
const OWN_NAUGHTY = ["", "\u0000", "\u2028", "\ufeff", "__proto__", "\u202etest", "1/0", '"\\'];
const naughty = existsSync(NAUGHTY) ? readFileSync(NAUGHTY, "utf8") : JSON.stringify(OWN_NAUGHTY);

test(`${String(suite.length)} files of the JSON parsing suite (0: the folder is not here)`, () => {
  expect(suite.filter((name) => !isRight(name))).toEqual([]);
});

test(`${String(naughty.length)} characters of naughty strings come back as they went in`, () => {
  expect(parseJsonText(naughty, "input")).toEqual(JSON.parse(naughty));
});
