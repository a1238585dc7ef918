import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseJson } from "./json-text.ts";

/** What `parseJson` and `JSON.parse` do with a text: a value, or that it is refused. */
function isAccepted(parse: (text: string) => unknown, text: string): boolean {
  try {
    parse(text);
    return true;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

describe("parseJson", () => {
  test("nodejs/node#63785: gives an escaped name back after a like object with another one", () => {
    for (const [before, name] of [
      ["\\", '"'],
      ["\\", "\n"],
      ["a\\", 'a"'],
      ["\\\\", '\\"'],
      ['\\"', '""'],
      ["é\\", 'é"'],
    ] as const) {
      parseJson(JSON.stringify({ "same before": 1, [before]: 2 }));
      const read = parseJson(JSON.stringify({ "same before": 1, [name]: 2 }));
      expect(Object.entries(read as object)).toEqual([
        ["same before", 1],
        [name, 2],
      ]);
    }
  });

  test("gives back every value that was written, whatever its names", () => {
    const unit = fc.constantFrom("\\", '"', "\n", "a", "é", "~", "/", "_", "0", "\u{1f600}");
    const name = fc.string({ unit, maxLength: 4 });
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(1, "x", null, true, 'in "value"\\'),
        fc.array(tie("tree"), { maxLength: 3 }),
        fc.dictionary(name, tie("tree"), { maxKeys: 4, noNullPrototype: true }),
      ),
    }));
    const trees = fc.property(tree, (value) =>
      isDeepStrictEqual(parseJson(JSON.stringify(value)), value),
    );
    expect(fc.check(trees, { numRuns: 3_000 }).counterexample).toBeNull();
  });

  test("accepts exactly the texts that JSON.parse accepts", () => {
    const piece = fc.constantFrom(
      '"',
      "\\",
      "[",
      "]",
      "{",
      "}",
      ",",
      ":",
      "1",
      "a",
      " ",
      '"\\n":',
      "\\u00",
    );
    const text = fc.oneof(
      fc.json(),
      fc.string({ unit: "binary" }),
      fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join("")),
      fc.tuple(fc.json(), fc.nat(), piece).map(([json, at, other]) => {
        const index = at % (json.length + 1);
        return json.slice(0, index) + other + json.slice(index);
      }),
    );
    const texts = fc.property(
      text,
      (json) => isAccepted(parseJson, json) === isAccepted((t) => JSON.parse(t) as unknown, json),
    );
    expect(fc.check(texts, { numRuns: 5_000 }).counterexample).toBeNull();
  });

  test("the last of two equal names wins, however it is written", () => {
    expect(parseJson(String.raw`{"a":1,"\u0061":2,"b\n":3,"b\u000a":4}`)).toEqual({
      a: 2,
      "b\n": 4,
    });
  });

  test("an escaped __proto__ is data like any other", () => {
    const value = parseJson(String.raw`{"\u005f_proto__":{"polluted":true}}`);
    expect(Object.keys(value as object)).toEqual(["__proto__"]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Reflect.get({}, "polluted")).toBeUndefined();
  });

  test("does not take a real name for a stand-in", () => {
    const value = { "~0": 1, "\n": 2, "~~~~0": 3, "\t": "~~~" };
    expect(parseJson(JSON.stringify(value))).toEqual(value);
  });

  test("a name is found over any space before its colon", () => {
    for (const space of ["", " ", "  ", " \t\r\n", " \t\r\n "]) {
      parseJson(String.raw`{"spaced":1,"\\":2}`);
      const read = parseJson(`{"spaced":1,"\\n"${space}:[{"\\t":"\\"x\\":"}]}`);
      expect(read).toEqual({ spaced: 1, "\n": [{ "\t": '"x":' }] });
    }
  });
});
