import { expect, test } from "vitest";
import type { ReplayPlan } from "../../core/replay/replay-plan.ts";
import { Masking } from "../masking.ts";
import { withShownChanges } from "./shown-changes.ts";

/** Of a plan only what is changed matters here. */
function planWith(from: string): ReplayPlan {
  const changes = [{ of: "order", at: "/iban", from: [[from, 2]], others: 0 }];
  const how = { act: "correct", changes: [{ at: "/iban", value: "DE2" }] };
  return { how, shown: { changes } } as unknown as ReplayPlan;
}

function declared(sensitive: readonly string[]): Masking {
  const row = {
    definition: "workflow",
    name: "order",
    sensitive,
    decision: null,
    atMs: 1,
  } as const;
  return new Masking([row]);
}

test("a field that is open is shown with what stood there and what shall", () => {
  const plan = planWith('"DE1"');
  expect(withShownChanges(plan, declared([]))).toEqual(plan);
});

test("what was declared sensitive after the plan was made is covered, and so is what nobody has declared", () => {
  for (const masking of [declared(["/iban"]), new Masking([])]) {
    for (const before of ['"DE1"', '"[DE1"', '"[masked DE1]"']) {
      const text = JSON.stringify(withShownChanges(planWith(before), masking));
      expect(text).not.toMatch(/DE1|DE2/u);
    }
  }
  const shown = withShownChanges(planWith("nothing"), declared(["/iban"])).shown.changes;
  expect(shown?.[0]?.from).toEqual([["nothing", 2]]);
});
