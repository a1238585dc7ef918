import { describe, expect, test } from "vitest";
import { partsAfter, partsByOutcome, partsKnown, type Part } from "./parts.ts";
import { isSaidParts, partsBySaid } from "./said-parts.ts";

const KNOWN: readonly Part[] = [
  { name: "line 1", effect: "surely" },
  { name: "line 2", effect: "never", reason: "closed account" },
  { name: "line 3", effect: "maybe" },
  { name: "line 5", effect: "maybe" },
];

describe("what is said of parts", () => {
  test("names all that were done, with those that were known before", () => {
    expect(partsBySaid(KNOWN, { "line 3": "happened", "line 5": "not" })).toEqual({
      kind: "done",
      done: ["line 1", "line 3"],
    });
    const repeated = { "line 1": "happened", "line 2": "not", "line 3": "not", "line 5": "not" };
    expect(partsBySaid(KNOWN, repeated as never)).toEqual({ kind: "done", done: ["line 1"] });
  });

  test.each<[string, Record<string, "happened" | "not">, string]>([
    ["a part of another name", { "line 33": "happened" }, 'Did you mean "line 3"?'],
    ["too few", { "line 3": "happened" }, "nothing is said of line 5"],
    ["what is disproved", { "line 1": "not" }, "line 1 was done, and that is proven"],
    ["what was refused as done", { "line 2": "happened" }, "line 2 was not done"],
  ])("is refused where it is about %s", (_what, said, problem) => {
    expect(partsBySaid(KNOWN, said)).toEqual({
      kind: "problem",
      problem: expect.stringContaining(problem) as unknown,
    });
  });

  test("is said of the whole where all of it was done, or nothing", () => {
    const open: readonly Part[] = [
      { name: "a", effect: "maybe" },
      { name: "b", effect: "maybe" },
    ];
    const problemOf = (said: "happened" | "not") => partsBySaid(open, { a: said, b: said });
    expect(problemOf("happened")).toMatchObject({
      problem: /each of the \d parts that were named was done: if nothing else/u,
    });
    expect(problemOf("not")).toMatchObject({
      problem: /none of the \d parts that were named was done: if nothing else/u,
    });
  });

  test.each([null, [], {}, { a: true }, { a: "maybe" }, "a"])("is no %j", (given) => {
    expect(isSaidParts(given)).toBe(false);
  });
});

const names = (parts: readonly Part[]) => parts.map(({ name, effect }) => `${name} ${effect}`);

describe("what is known of parts", () => {
  test("is lost with an attempt that does not say, but not what was done", () => {
    const lost = ["line 1 surely", "line 2 maybe", "line 3 maybe", "line 5 maybe"];
    expect(names(partsAfter(KNOWN, null))).toEqual(lost);
    expect(names(partsAfter(KNOWN, { effect: "maybe" }))).toEqual(lost);
    expect(names(partsAfter(KNOWN, { effect: "never" }))).toEqual(names(KNOWN));
  });

  test("follows what a later attempt says of each, and grows by those that it names first", () => {
    const parts: readonly Part[] = [
      { name: "line 1", effect: "never" },
      { name: "line 3", effect: "surely" },
      { name: "line 9", effect: "never" },
    ];
    expect(names(partsAfter(KNOWN, { effect: "partial", parts }))).toEqual([
      "line 1 surely",
      "line 2 never",
      "line 3 surely",
      "line 5 maybe",
      "line 9 never",
    ]);
  });

  test("is not unsaid by the same failure, decided about once more", () => {
    const said = partsKnown(KNOWN, ["line 1", "line 3"]);
    const again = partsByOutcome(said, { effect: "partial", parts: KNOWN }, false);
    expect(names(again)).toEqual([
      "line 1 surely",
      "line 2 never",
      "line 3 surely",
      "line 5 never",
    ]);
  });
});
