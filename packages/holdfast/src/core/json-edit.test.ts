import { describe, expect, test } from "vitest";
import { edited, isWithin, touches } from "./json-edit.ts";

const VALUE = { street: "a", lines: [{ cents: 1 }, { cents: 2 }], "a/b": null };

describe("a change of a JSON value", () => {
  test("leaves everything else, and the value itself, as it was", () => {
    const changes = [
      { at: "/lines/1/cents", value: 3 },
      { at: "/a~1b", value: { new: true } },
      { at: "/note", value: "x" },
    ];
    expect(edited(VALUE, changes)).toEqual({
      street: "a",
      lines: [{ cents: 1 }, { cents: 3 }],
      "a/b": { new: true },
      note: "x",
    });
    expect(VALUE.lines[1]).toEqual({ cents: 2 });
    expect(edited(VALUE, [{ at: "", value: 1 }])).toBe(1);
  });

  test.each(["/lines/2/cents", "/lines/2", "/lines/-", "/street/x", "/none/x"])(
    "at a place that is not there is refused: %s",
    (at) => {
      expect(() => edited(VALUE, [{ at, value: 1 }])).toThrow(/There is nothing at/u);
    },
  );

  test("does not reach what every object has", () => {
    const changed = edited({}, [{ at: "/__proto__", value: { polluted: true } }]) as object;
    expect(Object.hasOwn(changed, "__proto__")).toBe(true);
    expect(Reflect.get({}, "polluted")).toBeUndefined();
  });
});

describe("a pointer", () => {
  test("is within those that are it, or above it", () => {
    const fields = ["/address", "/lines/*/text"];
    const inside = ["/address", "/address/street", "/lines/3/text"];
    expect(inside.filter((at) => isWithin(at, fields))).toEqual(inside);
    const outside = ["/iban", "/lines", "/lines/3", "/lines/3/cents", ""];
    expect(outside.filter((at) => isWithin(at, fields))).toEqual([]);
  });

  test("touches what lies below it as well: nothing careful is changed as a part of more", () => {
    const careful = ["/account/iban"];
    for (const at of ["/account/iban", "/account", ""]) expect(touches(at, careful)).toBe(true);
    for (const at of ["/account/name", "/other"]) expect(touches(at, careful)).toBe(false);
  });
});
