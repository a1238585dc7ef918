import fc from "fast-check";
import { expect, test } from "vitest";
import { EFFECT_PROOFS } from "./failure.ts";
import { NO_METERS, combineProof, countFailure } from "./proof.ts";

const proof = fc.constantFrom(...EFFECT_PROOFS);

test("what surely happened stays so, whatever comes after", () => {
  fc.assert(
    fc.property(proof, (other) => {
      expect(combineProof("surely", other)).toBe("surely");
      expect(combineProof(other, "surely")).toBe("surely");
    }),
  );
});

test("a proven failure says nothing about an earlier open attempt", () => {
  expect(combineProof("maybe", "never")).toBe("maybe");
  expect(combineProof("never", "maybe")).toBe("maybe");
  expect(combineProof("partial", "never")).toBe("partial");
  expect(combineProof("never", "never")).toBe("never");
});

test("the first attempt's proof is the operation's, and the order of attempts does not matter", () => {
  fc.assert(
    fc.property(proof, proof, proof, (a, b, c) => {
      expect(combineProof(null, a)).toBe(a);
      expect(combineProof(a, b)).toBe(combineProof(b, a));
      expect(combineProof(combineProof(a, b), c)).toBe(combineProof(a, combineProof(b, c)));
    }),
  );
});

test("only faults of the call use up attempts, only lost races the contention budget", () => {
  expect(countFailure(NO_METERS, "transient")).toEqual({ attempts: 1, contentions: 0, crashes: 0 });
  expect(countFailure(NO_METERS, "contention")).toEqual({
    attempts: 0,
    contentions: 1,
    crashes: 0,
  });
  for (const free of [
    "throttled",
    "unavailable",
    "misconfigured",
    "exhausted",
    "interrupted",
  ] as const) {
    expect(countFailure(NO_METERS, free)).toEqual(NO_METERS);
  }
});
