import { describe, expect, test } from "vitest";
import type { ClassificationRule } from "./classification-rule.ts";
import { changedRules, RULES_MAX, type RuleAct } from "./rule-acts.ts";
import { parseRule } from "./rule-text.ts";

const rule = parseRule({ id: "cut", when: { code: ["X"] }, decide: { class: "policy" } });
let clock = 0;

function after(
  kept: readonly ClassificationRule[],
  act: RuleAct,
  by = "ana",
  command: string | null = null,
): readonly ClassificationRule[] {
  clock += 1;
  const changed = changedRules(kept, act, { by, reason: "so", atMs: clock, command });
  const names = new Set(changed.map(({ id, version }) => `${id}@${String(version)}`));
  return [...kept.filter(({ id, version }) => !names.has(`${id}@${String(version)}`)), ...changed];
}

const add = (version: number): RuleAct => ({ kind: "add", rule, assertion: null, version });
const move = (kind: "shadow" | "activate" | "retire", version = 1): RuleAct => {
  return { kind, id: "cut", version };
};
const states = (rules: readonly ClassificationRule[]) =>
  rules.map(({ version, state }) => `${String(version)} ${state}`).toSorted();

describe("the life of a rule", () => {
  test("leads from draft over shadow to active and to retired, never back", () => {
    const draft = after([], add(1));
    const shadow = after(draft, move("shadow"));
    const active = after(shadow, move("activate"), "bob");
    const retired = after(after(active, move("retire")), move("retire"), "bob");
    expect([draft, shadow, active, retired].map(states)).toEqual([
      ["1 draft"],
      ["1 shadow"],
      ["1 active"],
      ["1 retired"],
    ]);
    expect(active[0]).toMatchObject({ author: "ana", approvedBy: "bob", change: 3 });
    for (const kind of ["shadow", "activate", "retire"] as const) {
      expect(() => after(retired, move(kind), "bob")).toThrow(/is retired/u);
    }
    expect(() => after(active, move("shadow"))).toThrow(/is active/u);
  });

  test.each(["ana", " Ana ", "ANA"])("needs another person than its author: not %j", (by) => {
    expect(() => after(after([], add(1)), move("activate"), by)).toThrow(
      /may not put it in force/u,
    );
  });

  test("in force needs two people to be retired, who want it within a day of each other", () => {
    const active = after(after([], add(1)), move("activate"), "bob");
    const wanted = after(active, move("retire"), "cy");
    expect(states(wanted)).toEqual(["1 active"]);
    expect(wanted[0]?.retiring).toMatchObject({ by: "cy" });
    expect(states(after(wanted, move("retire"), " CY "))).toEqual(["1 active"]);
    expect(states(after(wanted, move("retire"), "bob"))).toEqual(["1 retired"]);
    clock += 25 * 3_600_000;
    expect(states(after(wanted, move("retire"), "bob"))).toEqual(["1 active"]);
    const draft = after([], add(1));
    expect(states(after(draft, move("retire")))).toEqual(["1 retired"]);
  });

  test("has one version in force: the other goes with the same command", () => {
    const first = after(after([], add(1)), move("activate"), "bob");
    const both = after(after(first, add(2)), move("activate", 2), "bob");
    expect(states(both)).toEqual(["1 retired", "2 active"]);
    expect(new Set(both.map(({ change }) => change)).size).toBe(2);
  });

  test("is added only as the version after the newest", () => {
    const first = after([], add(1));
    expect(() => after(first, add(1))).toThrow(/meanwhile/u);
    expect(() => after(first, add(3))).toThrow(/meanwhile/u);
    expect(states(after(first, add(2)))).toEqual(["1 draft", "2 draft"]);
  });

  test("is not changed twice by a command that is taken again after a crash", () => {
    const first = after([], add(1), "ana", "cmd_1");
    const again = { by: "ana", reason: "so", atMs: 1, command: "cmd_1" };
    expect(changedRules(first, add(1), again)).toEqual([]);
  });

  test("says that nothing happened only with an assertion, and asserts nothing else", () => {
    const never = parseRule({ ...rule, decide: { ...rule.decide, effect: "never" } });
    const adding = (of: typeof rule, assertion: string | null): RuleAct => {
      return { kind: "add", rule: of, assertion, version: 1 };
    };
    expect(() => after([], adding(never, null))).toThrow(/says that nothing happened/u);
    expect(() => after([], adding(never, "  "))).toThrow(/says that nothing happened/u);
    expect(() => after([], adding(never, "x".repeat(501)))).toThrow(/more than 500/u);
    expect(() => after([], adding(rule, "sure"))).toThrow(/nothing to assert/u);
    expect(after([], adding(never, "sure"))[0]?.assertion).toEqual({ text: "sure", by: "ana" });
  });

  test("finds no room where as many are in use as are allowed", () => {
    const kept = Array.from({ length: RULES_MAX }, (_, number): ClassificationRule => {
      const [draft] = changedRules([], add(1), { by: "a", reason: "r", atMs: 1, command: null });
      if (draft === undefined) throw new Error("none");
      return { ...draft, id: `r-${String(number)}`, change: number + 1 };
    });
    expect(() => after(kept, add(1))).toThrow(/RULES_MAX, 200/u);
    const [first, ...others] = kept;
    if (first === undefined) throw new Error("none");
    expect(after([{ ...first, state: "retired" }, ...others], add(1))).toHaveLength(RULES_MAX + 1);
  });
});
