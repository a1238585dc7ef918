import { describe, expect, test } from "vitest";
import { STEP_VERBS, driftOf, type StepShape } from "./drift.ts";

const effect: StepShape = { verb: "effect", target: "charge-card", digest: "aabbccddeeff" };

describe("driftOf", () => {
  test("is silent while the code asks for what was recorded", () => {
    expect(driftOf("charge-card", effect, { ...effect })).toBeNull();
  });

  test("names both when another verb is asked for", () => {
    expect(driftOf("tax", effect, { verb: "timer", target: null, digest: null })).toBe(
      'The journal says step "tax" was the effect "charge-card"; your code asks for a timer.',
    );
  });

  test("names both when another effect is asked for", () => {
    expect(driftOf("tax", effect, { ...effect, target: "charge-account" })).toContain(
      'asks for the effect "charge-account"',
    );
  });

  test("notices another input", () => {
    expect(driftOf("tax", effect, { ...effect, digest: "00bbccddeeff" })).toContain(
      "digest aabbccdd...); your code asks with digest 00bbccdd...",
    );
  });

  test("does not compare inputs where one has no digest", () => {
    expect(driftOf("tax", { ...effect, digest: null }, effect)).toBeNull();
  });

  test("has a different word for every verb", () => {
    const words = STEP_VERBS.map((verb) =>
      driftOf(
        "x",
        { verb: "effect", target: "\u0000", digest: null },
        { verb, target: null, digest: null },
      ),
    );
    expect(new Set(words).size).toBe(STEP_VERBS.length);
  });
});
