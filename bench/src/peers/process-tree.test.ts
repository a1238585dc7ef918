import { expect, test } from "vitest";
import { parseStat } from "./process-tree.ts";

test("reads the times of a process whatever it is called", () => {
  const fields = "S 42 1 1 0 -1 4194560 7 8 9 10 300 40 5 6 20 0 1 0 99";
  expect(parseStat(`17 (post) gres (x) ${fields}`)).toEqual({ parent: 42, ticks: 351 });
});
