import { expect, test } from "vitest";
import type { RuleView } from "../operate/rules.ts";
import { rulesText } from "./show-rules.ts";

const HOUR_MS = 3_600_000;

const RULE: RuleView["rule"] = {
  id: "busy",
  version: 1,
  order: 100,
  when: { code: ["E_BUSY"] },
  decide: { class: "transient" },
  state: "active",
  assertion: null,
  author: "ana",
  reason: "they say so",
  addedAtMs: 0,
  approvedBy: "bob",
  changed: { by: "bob", reason: "looked through", atMs: 0 },
  retiring: { by: "cy", reason: "it is over", atMs: 0 },
  change: 3,
  command: null,
};

test("a wish to retire a rule is shown for as long as somebody can second it", () => {
  const shown = (nowMs: number, rule = RULE) =>
    rulesText([{ rule, decidedCount: 0, shadowCount: 0, lastHit: null, isDead: false }], {
      screen: { width: null, hasColor: false },
      nowMs,
    });
  expect(shown(24 * HOUR_MS)).toContain("to be retired, says cy: it is over");
  expect(shown(24 * HOUR_MS + 1)).not.toContain("to be retired");
  expect(shown(HOUR_MS, { ...RULE, state: "retired" })).not.toContain("to be retired");
});
