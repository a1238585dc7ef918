import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  FAMILY_RUNS_MAX,
  checkRetention,
  retentionRule,
  whyFamilyStays,
  whyStays,
  type LeavingRun,
  type RetentionRule,
} from "./retention.ts";
import { RUN_STATES, isFinal } from "./run-state.ts";

const DAY_MS = 86_400_000;
const NOW_MS = 1_000 * DAY_MS;

function ended(over: Partial<LeavingRun> = {}): LeavingRun {
  return {
    run: 7,
    parentRun: null,
    state: "completed",
    endedAtMs: 10 * DAY_MS,
    lastAtMs: 10 * DAY_MS,
    openExceptions: 0,
    unknownEffects: 0,
    eventsUntilMs: 0,
    ...over,
  };
}

const AT_ONCE: RetentionRule = { completedMs: 0, failedMs: 0 };

describe("whyStays", () => {
  test("lets a completed run go whose time is over", () => {
    expect(whyStays(ended(), AT_ONCE, NOW_MS)).toBeNull();
  });

  test("counts from the last record, where a settlement came after the end", () => {
    const rule = { completedMs: 5 * DAY_MS, failedMs: null };
    const run = ended({ lastAtMs: 998 * DAY_MS });
    expect(whyStays(run, rule, NOW_MS)).toBe(
      "it is completed, and its policy keeps it for 5 d, another 3 d from now",
    );
  });

  test("lets no run go about which anything is open, whatever the policy and the time", () => {
    const run = fc.record({
      state: fc.constantFrom(...RUN_STATES),
      openExceptions: fc.integer({ min: 0, max: 2 }),
      unknownEffects: fc.integer({ min: 0, max: 2 }),
      eventsUntilMs: fc.integer({ min: 0, max: 2 * NOW_MS }),
    });
    fc.assert(
      fc.property(run, (over) => {
        const one = ended({ ...over, endedAtMs: isFinal(over.state) ? 0 : null, lastAtMs: 0 });
        const isOpen =
          !isFinal(over.state) ||
          over.openExceptions + over.unknownEffects > 0 ||
          over.eventsUntilMs > NOW_MS;
        expect(whyStays(one, AT_ONCE, NOW_MS) !== null).toBe(isOpen);
      }),
    );
  });

  test("lets no failure go sooner than its policy says, and none without one", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("stopped" as const, "cancelled" as const),
        fc.option(fc.integer({ min: 0, max: 2 * NOW_MS })),
        fc.integer({ min: 0, max: NOW_MS }),
        (state, failedMs, endedAtMs) => {
          const run = ended({ state, endedAtMs, lastAtMs: endedAtMs });
          const mayLeave = failedMs !== null && endedAtMs + failedMs <= NOW_MS;
          expect(whyStays(run, { completedMs: 0, failedMs }, NOW_MS) === null).toBe(mayLeave);
        },
      ),
    );
  });
});

describe("whyFamilyStays", () => {
  test("keeps all for the one that has to stay", () => {
    const child = ended({ run: 8, parentRun: 7, openExceptions: 1 });
    expect(whyFamilyStays([ended(), child], () => AT_ONCE, NOW_MS)).toEqual({
      run: 8,
      because: "an exception of it is open",
    });
  });

  test("keeps a family that is too large to leave at once", () => {
    const family = Array.from({ length: FAMILY_RUNS_MAX + 1 }, (_, index) => ended({ run: index }));
    expect(whyFamilyStays(family, () => AT_ONCE, NOW_MS)?.because).toContain("more than 1000 runs");
  });
});

describe("retentionRule", () => {
  test("takes what the workflow says, else what the app says, else its defaults", () => {
    const rule = retentionRule({ failed: "2d" }, { failed: "1d", completed: "3d" }, "x");
    expect(rule).toEqual({ completedMs: 3 * DAY_MS, failedMs: 2 * DAY_MS });
    expect(retentionRule(undefined, undefined, "x")).toEqual({ completedMs: 0, failedMs: null });
    expect(retentionRule({ completed: "forever" }, undefined, "x").completedMs).toBeNull();
  });

  test("refuses a slip of the keyboard where it is written", () => {
    const names = ["completed", "failed"];
    expect(() => {
      checkRetention("retention of x", { failed: "2 years" }, names);
    }).toThrow("failed of retention of x is not a duration");
    expect(() => {
      checkRetention("retention of x", { fialed: "2d" }, names);
    }).toThrow('retention of x has no option "fialed"');
  });
});
