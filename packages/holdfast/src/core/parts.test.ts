import { describe, expect, test } from "vitest";
import { isRestOpen } from "./parts-open.ts";
import { partsDone, partsText, proofOfParts, type Part } from "./parts.ts";
import type { Failure } from "./failure.ts";

const part = (name: string, effect: Part["effect"], reason?: string): Part =>
  reason === undefined ? { name, effect } : { name, effect, reason };

const failure = (effect: Failure["effect"], restAlone = false) =>
  ({ effect, ...(restAlone ? { restAlone } : {}) }) as Failure;

describe("the parts of one operation", () => {
  test.each([
    ["nothing", [], null],
    ["all of it", [part("a", "surely"), part("b", "surely")], "surely"],
    ["none of it", [part("a", "never"), part("b", "never")], "never"],
    ["some of it", [part("a", "surely"), part("b", "never")], "partial"],
    ["some of it, and of some nobody knows", [part("a", "surely"), part("b", "maybe")], "partial"],
    ["of some nobody knows", [part("a", "never"), part("b", "maybe")], "maybe"],
  ] as const)("prove together: %s", (_, parts, proof) => {
    expect(proofOfParts(parts)).toBe(proof);
  });

  test("stay done, whatever a later attempt says of the others", () => {
    expect(partsDone(["a"], [part("b", "surely"), part("c", "never")])).toEqual(["a", "b"]);
    expect(partsDone(["a"])).toEqual(["a"]);
  });

  test("are told in words, the first of each kind by name", () => {
    const many = Array.from({ length: 7 }, (_, at) => part(`line ${String(at)}`, "never"));
    expect(partsText([part("a", "surely"), part("b", "never", "closed"), part("c", "maybe")])).toBe(
      "1 of the 3 parts that were named were done; not done: b (closed); nobody knows of: c",
    );
    expect(partsText(many)).toContain("line 4 and 2 more");
  });
});

describe("what became of the rest", () => {
  test("is known only where nothing of it was done", () => {
    expect(isRestOpen(false, { failure: failure("never") })).toBe(false);
    expect(isRestOpen(false, { failure: failure("partial", true) })).toBe(false);
    expect(isRestOpen(false, { failure: failure("partial") })).toBe(true);
    expect(isRestOpen(false, { failure: failure("maybe") })).toBe(true);
  });

  test("stays open until somebody has said", () => {
    expect(isRestOpen(true, { failure: failure("never") })).toBe(true);
    expect(
      isRestOpen(false, { failure: failure("never"), move: { kind: "split", because: "" } }),
    ).toBe(true);
  });
});
