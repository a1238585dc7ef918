import { describe, expect, test } from "vitest";
import { type CellList, firstList, withCell, withDraining, withoutCell } from "./cell-list.ts";
import { type FoundCell, cellStart, refuseCellAlone } from "./cell-start.ts";

const FIRST = firstList([
  { name: "a", storeId: "store_a" },
  { name: "b", storeId: "store_b" },
]);

function found(name: string, list: CellList | null, over: Partial<FoundCell> = {}): FoundCell {
  const held = list === null ? null : { self: name, list, isAgreed: true };
  return { name, storeId: `store_${name}`, held, isUnused: list === null, ...over };
}

function asked(name: string, list: CellList): FoundCell {
  return found(name, list, { held: { self: name, list, isAgreed: false }, isUnused: false });
}

function refusal(names: readonly string[], cells: readonly FoundCell[]): string {
  try {
    cellStart(names, cells);
  } catch (error) {
    return String(error).replace(/^HoldfastError: HF5024 {2}/u, "HF5024 ");
  }
  return "nothing was refused";
}

describe("cellStart", () => {
  test("makes the first list of stores without runs, and goes on where that was cut short", () => {
    expect(cellStart(["a", "b"], [found("a", null), found("b", null)])).toEqual({ kind: "first" });
    const half = [asked("a", FIRST), found("b", null)];
    expect(
      cellStart(
        ["a", "b"],
        half.map((one) => ({ ...one, isUnused: true })),
      ),
    ).toEqual({
      kind: "first",
    });
  });

  test("refuses a store that an app had alone", () => {
    const used = found("a", null, { isUnused: false });
    expect(refusal(["a", "b"], [used, found("b", null)])).toContain("a has runs of an app");
  });

  test("goes with the list that the stores hold, also while one of them is away", () => {
    const go = { kind: "go", list: FIRST };
    expect(cellStart(["a", "b"], [found("a", FIRST), found("b", FIRST)])).toEqual(go);
    expect(cellStart(["a", "b"], [found("b", FIRST)])).toEqual(go);
  });

  test("says what differs from the list", () => {
    const cells = [found("a", FIRST), found("b", FIRST)];
    expect(refusal(["a"], cells.slice(0, 1))).toContain("this app names a: b missing here");
    expect(refusal(["a", "b", "c"], [...cells, found("c", null)])).toContain("c only here");
    expect(refusal(["a", "c"], [found("a", FIRST), found("c", null)])).toContain(
      "b missing here; c only here",
    );
  });

  test("refuses a store under another's name, and one that was removed", () => {
    const swapped = [
      found("a", FIRST, { storeId: "store_b", held: { self: "b", list: FIRST, isAgreed: true } }),
    ];
    expect(refusal(["a", "b"], swapped)).toContain("a is the store store_b, which is the cell b");
    const without = withoutCell(withDraining(FIRST, "b"), "b", { keys: 1, lastRun: 9 });
    const old = found("b", FIRST);
    expect(refusal(["a", "b"], [found("a", without), old])).toContain(
      "that of the cell b, which has been removed",
    );
  });

  test("starts nothing while a change of the list is under way", () => {
    const next = withCell(FIRST, { name: "c", storeId: "store_c" }, 9);
    const names = ["a", "b", "c"];
    // Asked in some of them, or in all.
    expect(refusal(names, [asked("a", next), found("b", FIRST)])).toContain("was not finished");
    expect(refusal(names, [asked("a", next), asked("b", next), asked("c", next)])).toContain(
      "generation 2",
    );
    // Whoever looks at some of them only: one that has agreed says that all have been asked.
    expect(cellStart(names, [asked("a", next), found("c", next)])).toEqual({
      kind: "go",
      list: next,
    });
    expect(refusal(names, [asked("a", next)])).toContain("was not finished");
    expect(refusal(["a", "b"], [asked("a", next), found("b", FIRST)])).toContain("c missing here");
  });

  test("an app may not have a cell alone", () => {
    const error = refuseCellAlone({ self: "a", list: FIRST, isAgreed: true });
    expect(error).toMatchObject({ code: "HF5024" });
    expect(error.message).toContain("is the cell a of a list (a, b; generation 1)");
  });
});
