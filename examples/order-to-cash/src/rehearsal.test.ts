import { expect, test } from "vitest";
import rehearsals from "./rehearsal.ts";

test("place-order keeps its laws, whatever goes wrong once", async () => {
  // The larger order is asked about as well: what happens to the smaller one is a part of it.
  const report = await rehearsals[1]?.run();
  expect(report?.failed).toEqual([]);
  expect(report?.scenarios.length).toBeGreaterThan(150);
});
