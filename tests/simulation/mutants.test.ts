import { describe, expect, test } from "vitest";
import { MUTANTS } from "./mutants.ts";
import { mutated } from "./plant.ts";

describe("planted bugs", () => {
  test.each(MUTANTS)("can be planted: $name", (mutant) => {
    expect(mutated(mutant)).toContain(mutant.replace);
  });

  test("are told apart by their names", () => {
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  });

  test("name what they cannot be planted in", () => {
    const [first] = MUTANTS;
    if (first === undefined) throw new Error("there is none");
    expect(() => mutated({ ...first, find: "this text is nowhere" })).toThrow(/one time/u);
  });
});
