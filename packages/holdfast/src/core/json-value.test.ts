import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HoldfastError } from "./error.ts";
import { parseJson } from "./json-text.ts";
import { assertJsonValue, jsonPointer } from "./json-value.ts";

function refusal(value: unknown): HoldfastError {
  try {
    assertJsonValue(value, "result of step x");
  } catch (error) {
    // assertJsonValue throws nothing else; `code` is asserted by the caller.
    return error as HoldfastError;
  }
  throw new Error("was not refused");
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = [value];
  return value;
}

function objects(depth: number): unknown {
  return JSON.parse('{"a":'.repeat(depth) + "1" + "}".repeat(depth)) as unknown;
}

class Money {
  readonly cents = 1;
}

describe("assertJsonValue", () => {
  test("lets everything pass that comes back the same from JSON", () => {
    const json = fc.jsonValue({ noUnicodeString: false });
    const small = json.filter((value) => !/e\+|\d{16}/.test(JSON.stringify(value)));
    const passing = fc.property(small, (value) => {
      assertJsonValue(value, "x");
    });
    expect(fc.check(passing, { numRuns: 1_000 }).counterexample).toBeNull();
  });

  test("lets undefined properties pass, and plain objects without a prototype", () => {
    const bare: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    bare["a"] = { b: undefined };
    expect(() => {
      assertJsonValue(bare, "x");
    }).not.toThrow();
  });

  test.each([
    [new Date(0), "an instance of Date"],
    [new Map(), "an instance of Map"],
    [new Money(), "an instance of Money"],
    [new (class Rows extends Array<number> {})(), "an instance of Rows"],
    [Object("text"), "an instance of String"],
    [1n, "a bigint"],
    [Number.NaN, "NaN"],
    [Number.NEGATIVE_INFINITY, "-Infinity"],
    [2 ** 53, "an integer beyond 2^53"],
    [-(2 ** 53), "an integer beyond 2^53"],
    [undefined, "undefined"],
    [() => 1, "a function"],
    [Symbol("x"), "a symbol"],
    ["\ud800", "text with a lone surrogate"],
    [Uint8Array.of(1), "an instance of Uint8Array"],
  ])("refuses %o and says what it is and where", (value, got) => {
    const error = refusal({
      lines: [{ ok: 1 }, { "a/b~c": value === undefined ? [value] : value }],
    });
    expect(error.code).toBe("HF4103");
    expect(error.message).toContain(`got ${got}, at /lines/1/a~1b~0c`);
    expect(error.where).toMatch(/^\/lines\/1\/a~1b~0c/);
  });

  test("refuses holes in arrays and lone surrogates in property names", () => {
    // oxlint would prefer no holes; they are what is tested.
    const holes: unknown[] = [1];
    holes[2] = 3;
    expect(refusal({ holes }).message).toContain("got undefined, at /holes/1");
    expect(refusal({ "\udfff": 1 }).message).toContain("a property name with a lone surrogate");
  });

  test("allows 128 levels and refuses 129", () => {
    expect(() => {
      assertJsonValue(nested(128), "x");
    }).not.toThrow();
    expect(refusal(nested(129)).code).toBe("HF4105");
  });

  test("counts levels of objects as it counts those of arrays", () => {
    expect(() => {
      assertJsonValue(objects(128), "x");
    }).not.toThrow();
    expect(refusal(objects(129))).toMatchObject({
      code: "HF4105",
      where: expect.stringMatching(/^(?:\/a)+\.\.\.$/),
    });
  });

  test("says that a value contains itself", () => {
    const a: Record<string, unknown> = { list: [] };
    a["list"] = [{ back: a }];
    expect(refusal(a)).toMatchObject({
      code: "HF4103",
      message: "The result of step x cannot be kept: it contains itself.",
    });
  });

  test("ends quickly on a small graph with 2^100 paths", () => {
    let value: unknown = "leaf";
    for (let level = 0; level < 100; level += 1) value = [value, value];
    expect(refusal(value).code).toBe("HF4104");
  });

  test("refuses what must be larger than 8 MiB", () => {
    expect(refusal({ text: "x".repeat(8 * 1024 * 1024) }).code).toBe("HF4104");
  });

  test("treats an own __proto__ property as data and walks into it", () => {
    const value: unknown = JSON.parse('{"__proto__":{"n":90071992547409920}}');
    expect(refusal(value).message).toContain("at /__proto__/n");
    expect(Reflect.get({}, "n")).toBeUndefined();
  });

  test("a value that passes survives JSON, and every other has a coded error", () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSparseArray: true,
      withTypedArray: true,
      withNullPrototype: true,
      withBoxedValues: true,
      maxDepth: 4,
    });
    const values = fc.property(anything, (value) => {
      try {
        assertJsonValue(value, "x");
      } catch (error) {
        return error instanceof HoldfastError && /^HF410[345]$/.test(error.code);
      }
      // -0 comes back as 0, and undefined properties are left out: both are allowed.
      const text = JSON.stringify(value);
      return JSON.stringify(parseJson(text)) === text;
    });
    expect(fc.check(values, { numRuns: 2_000 }).counterexample).toBeNull();
  });
});

test("jsonPointer escapes as RFC 6901 prescribes", () => {
  expect(jsonPointer([])).toBe("");
  expect(jsonPointer(["a/b", 0, "~1", ""])).toBe("/a~1b/0/~01/");
});

test("an array of a class, or with another prototype, is refused", () => {
  class Rows extends Array {}
  for (const value of [
    Rows.from([1]),
    Object.setPrototypeOf([1], [2]),
    Object.setPrototypeOf([1], null),
  ])
    expect(refusal(value).code).toBe("HF4103");
});
