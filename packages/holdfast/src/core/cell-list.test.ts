import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  CELLS_MAX,
  type CellList,
  type Placed,
  firstList,
  homesOf,
  listOfOne,
  requireCellNames,
  withCell,
  withDraining,
  withoutCell,
} from "./cell-list.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

function cellsOf(...names: string[]) {
  return names.map((name) => ({ name, storeId: `store_${name}` }));
}

function runOf(key: string): Placed {
  return { kind: "run", namespace: "main", workflow: "order", key };
}

function homeNames(list: CellList, key: string) {
  const { home, earlier } = homesOf(list, runOf(key), sha256);
  return { home: home.name, earlier: earlier.map(({ name }) => name) };
}

const KEYS = Array.from({ length: 3_000 }, (_, index) => `order-${String(index)}`);

describe("homesOf", () => {
  test("gives every cell its share", () => {
    const list = firstList(cellsOf("a", "b", "c"));
    const counts = new Map<string, number>();
    for (const key of KEYS) {
      const { home } = homeNames(list, key);
      counts.set(home, (counts.get(home) ?? 0) + 1);
    }
    for (const count of counts.values()) expect(count).toBeGreaterThan(KEYS.length / 3 - 150);
    expect(counts.size).toBe(3);
  });

  test("moves only what a new cell takes, and knows where it was before", () => {
    const before = firstList(cellsOf("a", "b"));
    const after = withCell(before, { name: "c", storeId: "store_c" }, 0);
    let moved = 0;
    for (const key of KEYS) {
      const { home: old } = homeNames(before, key);
      const { home, earlier } = homeNames(after, key);
      const hasMoved = home !== old;
      if (hasMoved) moved += 1;
      expect([home, earlier]).toEqual(hasMoved ? ["c", [old]] : [old, []]);
    }
    expect(moved / KEYS.length).toBeGreaterThan(0.28);
    expect(moved / KEYS.length).toBeLessThan(0.39);
  });

  test("places nothing new in a cell that drains, and asks it for what it took before", () => {
    const before = firstList(cellsOf("a", "b", "c"));
    const after = withDraining(before, "b");
    for (const key of KEYS) {
      const { home: old } = homeNames(before, key);
      const { home, earlier } = homeNames(after, key);
      expect(home).not.toBe("b");
      expect(earlier).toEqual(old === "b" ? ["b"] : []);
    }
  });

  test("finds every earlier home, whatever was added, drained and removed", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 2 }), { maxLength: 12 }), fc.nat(), (acts, seed) => {
        let list = firstList(cellsOf("a", "b"));
        const used = new Map<string, Set<string>>();
        const note = () => {
          for (const key of KEYS.slice(seed % 100, (seed % 100) + 20)) {
            const names = used.get(key) ?? new Set<string>();
            used.set(key, names.add(homeNames(list, key).home));
          }
        };
        note();
        for (const [step, act] of acts.entries()) {
          const draining = list.cells.find((cell) => cell.drainsSince !== null);
          const taking = list.cells.filter((cell) => cell.drainsSince === null);
          if (act === 0) list = withCell(list, { name: `n${step}`, storeId: `s${step}` }, 0);
          if (act === 1 && taking.length > 1) list = withDraining(list, taking[0]?.name ?? "");
          if (act === 2 && draining !== undefined) {
            list = withoutCell(list, draining.name, { keys: 0, lastRun: 0 });
          }
          note();
        }
        for (const [key, names] of used) {
          const { home, earlier } = homeNames(list, key);
          const asked = new Set([home, ...earlier]);
          // Of a removed cell the others have the keys.
          const removed = new Set(list.removed.map(({ name }) => name));
          for (const name of names) expect(asked.has(name) || removed.has(name)).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("keeps the runs of a lane together, whatever their keys", () => {
    const list = firstList(cellsOf("a", "b", "c"));
    const lane = { kind: "lane", namespace: "main", lane: "customer-7" } as const;
    expect(homesOf(list, lane, sha256).home).toBe(homesOf(list, { ...lane }, sha256).home);
    expect(homesOf(list, runOf("customer-7"), sha256).home.name).toBeDefined();
  });
});

describe("a list", () => {
  test("gives every cell a part of the run numbers of its own", () => {
    let list = listOfOne({ name: "old", storeId: "store_old" }, 77);
    expect(list.numbersAbove).toBe(77);
    list = withCell(list, { name: "new", storeId: "store_new" }, 99);
    expect(list.numbersAbove).toBe(99);
    expect(new Set(list.cells.map(({ part }) => part)).size).toBe(2);
    list = withoutCell(withDraining(list, "old"), "old", { keys: 3, lastRun: 120 });
    list = withCell(list, { name: "next", storeId: "store_next" }, 110);
    expect(new Set(list.cells.map(({ part }) => part)).size).toBe(2);
    expect(list.numbersAbove).toBe(120);
    expect(list.removed).toEqual([{ name: "old", storeId: "store_old", keys: 3 }]);
  });

  test("takes no name or store twice, also of one that is no more", () => {
    let list = firstList(cellsOf("a", "b"));
    list = withoutCell(withDraining(list, "b"), "b", { keys: 0, lastRun: 0 });
    for (const cell of [
      { name: "a", storeId: "store_x" },
      { name: "b", storeId: "store_x" },
      { name: "x", storeId: "store_a" },
      { name: "x", storeId: "store_b" },
    ]) {
      expect(() => withCell(list, cell, 0)).toThrow(expect.objectContaining({ code: "HF6003" }));
    }
  });

  test("keeps one cell that takes new runs", () => {
    const list = withDraining(firstList(cellsOf("a", "b")), "a");
    expect(() => withDraining(list, "b")).toThrow("b is the only cell that takes new runs");
    expect(withDraining(list, "a")).toBe(list);
    expect(() => withDraining(list, "z")).toThrow(expect.objectContaining({ code: "HF6001" }));
  });

  test("has names that fit into a command line, and not too many", () => {
    for (const name of ["", "A", "1a", "a b", "a=b", "a".repeat(33)]) {
      expect(() => requireCellNames([name])).toThrow(expect.objectContaining({ code: "HF1001" }));
    }
    const many = Array.from({ length: CELLS_MAX + 1 }, (_, index) => `c${String(index)}`);
    expect(() => requireCellNames(many)).toThrow("17 cells are named");
    expect(() => requireCellNames([])).toThrow("0 cells are named");
    requireCellNames(many.slice(1));
  });
});
