import { describe, expect, test } from "vitest";
import { nextOwner } from "./hand-up.ts";

describe("a question that its owner cannot answer", () => {
  test.each([
    ["goes from the effect to the workflow", ["bank", "orders", "ops"], "bank", "orders"],
    ["goes from the workflow to the app", ["bank", "orders", "ops"], "orders", "ops"],
    ["skips who has been asked already", ["ops", "orders", "ops"], "ops", "orders"],
    ["has an end", ["bank", "orders", "ops"], "ops", null],
    ["has an end where all are one", ["ops", "ops", "ops"], "ops", null],
    ["goes to the last resort from whom it was given by hand", ["bank", "ops"], "kim", "ops"],
  ])("%s", (_what, chain, asked, next) => {
    expect(nextOwner(chain, asked)).toBe(next);
  });
});
