import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { shardPlan } from "./shard-plan.ts";

const ALL = Array.from({ length: 256 }, (_, shard) => shard);

/** Workers by number, each with its shards; who acts next is drawn. */
function settle(owned: Map<number, number[]>, turns: readonly number[]) {
  const workers = [...owned.keys()];
  for (const turn of turns) {
    const self = workers[turn % workers.length] ?? 0;
    const mine = owned.get(self) ?? [];
    const free = ALL.filter((shard) => ![...owned.values()].some((list) => list.includes(shard)));
    const { take, give } = shardPlan({ self, workers, owned: mine, free });
    expect(take.every((shard) => free.includes(shard))).toBe(true);
    expect(give.every((shard) => mine.includes(shard))).toBe(true);
    owned.set(self, [...mine.filter((shard) => !give.includes(shard)), ...take]);
  }
  return [...owned.values()];
}

describe("shardPlan", () => {
  test("gives a worker that is alone everything", () => {
    expect(shardPlan({ self: 7, workers: [7], owned: [], free: ALL })).toEqual({
      take: ALL,
      give: [],
    });
  });

  test("does nothing for a worker that is not among those that live", () => {
    expect(shardPlan({ self: 7, workers: [8], owned: [1, 2], free: ALL })).toEqual({
      take: [],
      give: [],
    });
  });

  test("leaves the keeper's shard to the oldest, who takes it first and never gives it", () => {
    const view = { workers: [1, 2], owned: ALL.slice(0, 200), free: [] };
    expect(shardPlan({ ...view, self: 1 }).give).not.toContain(0);
    expect(shardPlan({ self: 2, workers: [1, 2], owned: [], free: ALL }).take).not.toContain(0);
    const full = ALL.slice(1, 129);
    expect(shardPlan({ self: 1, workers: [1, 2], owned: full, free: [0] }).take).toEqual([0]);
  });

  test("comes to rest with equal shares, whoever begins with what and acts in whatever order", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 256 }), { minLength: 1, maxLength: 6 }),
        fc.array(fc.nat(5), { minLength: 10, maxLength: 30 }),
        (cuts, order) => {
          const sorted = cuts.toSorted((a, b) => a - b);
          const owned = new Map<number, number[]>();
          // Some shards belong to nobody.
          for (const [index, cut] of sorted.entries())
            owned.set(index, ALL.slice(sorted[index - 1] ?? 0, cut));
          // The keeper's shard is the oldest's or free.
          for (const [index, list] of owned) {
            if (index > 0)
              owned.set(
                index,
                list.filter((shard) => shard !== 0),
              );
          }
          const everybody = [...sorted.keys(), ...sorted.keys(), ...sorted.keys()];
          const shares = settle(owned, [...order, ...everybody]).map((list) => list.length);
          expect(shares.reduce((sum, count) => sum + count, 0)).toBe(256);
          expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
          expect(owned.get(0)).toContain(0);
        },
      ),
    );
  });
});
