import { expect, test } from "vitest";
import { familiesOf } from "./families.ts";

function numbers(runs: readonly { run: number; parentRun: number | null }[]) {
  return familiesOf(runs).map((family) => family.map(({ run }) => run));
}

test("runs that leave together have their root first, in the order in which the roots are given", () => {
  expect(
    numbers([
      { run: 5, parentRun: 4 },
      { run: 1, parentRun: null },
      { run: 4, parentRun: null },
      { run: 2, parentRun: 1 },
      { run: 6, parentRun: 5 },
    ]),
  ).toEqual([
    [4, 5, 6],
    [1, 2],
  ]);
});

test("a run that was started by one with a greater number belongs to it: workers number for themselves", () => {
  expect(
    numbers([
      { run: 2, parentRun: 7 },
      { run: 7, parentRun: null },
    ]),
  ).toEqual([[7, 2]]);
});

test("one whose parent is not among them is a root, and rows in a circle come to an end", () => {
  expect(numbers([{ run: 3, parentRun: 9 }])).toEqual([[3]]);
  const circle = [
    { run: 1, parentRun: 2 },
    { run: 2, parentRun: 1 },
  ];
  expect(numbers(circle)).toEqual([[1], [2]]);
});
