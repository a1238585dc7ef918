import fc from "fast-check";
import { expect, test } from "vitest";
import { divided } from "./divide.ts";

const sum = (counts: readonly number[]) => counts.reduce((all, count) => all + count, 0);

test("who wants little gets all of it, and the others share what that leaves", () => {
  expect(divided(10, [1, 20, 20])).toEqual([1, 5, 4]);
  expect(divided(10, [0, 3, 2])).toEqual([0, 3, 2]);
  expect(divided(10, [])).toEqual([]);
});

test("with less than one for each the first ones get one", () => {
  expect(divided(2, [5, 5, 5])).toEqual([1, 1, 0]);
  expect(divided(0, [1])).toEqual([0]);
});

test("nothing is left while somebody wants more, and nobody has more than one less than another", () => {
  const total = fc.integer({ min: 0, max: 100 });
  const wants = fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 8 });
  fc.assert(
    fc.property(total, wants, (count, wanted) => {
      const got = divided(count, wanted);
      expect(sum(got)).toBe(Math.min(count, sum(wanted)));
      for (const [at, mine] of got.entries()) {
        expect(mine).toBeLessThanOrEqual(wanted[at] ?? 0);
        if (mine === wanted[at]) continue;
        for (const other of got) expect(other).toBeLessThanOrEqual(mine + 1);
      }
    }),
  );
});
