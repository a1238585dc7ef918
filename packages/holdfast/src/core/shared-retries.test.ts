import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RetryBudget } from "./retry-budget.ts";
import { sharedRetries, type OwnRetries } from "./shared-retries.ts";

const own = (over: Partial<OwnRetries> = {}): OwnRetries => ({
  held: 0,
  earned: 0,
  needs: 0,
  isIdle: false,
  ...over,
});

describe("a retry budget that workers share", () => {
  test("lends a worker some of it, and less to each where there are many", () => {
    expect(sharedRetries(null, own(), [], 0)).toMatchObject({ held: 10, pool: { tokens: 90 } });
    const many = Array.from({ length: 24 }, () => 2);
    expect(sharedRetries({ tokens: 50, atMs: 0 }, own(), many, 0).held).toBe(2);
  });

  test("takes all of it back from a worker that is idle", () => {
    const back = sharedRetries({ tokens: 80, atMs: 0 }, own({ held: 9, isIdle: true }), [10], 0);
    expect(back).toMatchObject({ held: 0, pool: { tokens: 89 } });
  });

  test("writes nothing while a worker has enough", () => {
    const pool = { tokens: 30, atMs: 0 };
    expect(sharedRetries(pool, own({ held: 7, earned: 1 }), [], 5_000).pool).toBe(pool);
    const full = { tokens: 93, atMs: 0 };
    const next = sharedRetries(full, own({ held: 7, earned: 50 }), [], 5_000);
    expect(next.pool).toBe(full);
    expect(next.taken).toBe(50);
  });

  test("is empty where all of it together is less than the retry that waits", () => {
    const dry = { tokens: 0.5, atMs: 0 };
    expect(sharedRetries(dry, own({ needs: 2 }), [1], 0).isEmpty).toBe(true);
    expect(sharedRetries(dry, own({ needs: 2 }), [2], 0).isEmpty).toBe(false);
    expect(sharedRetries(dry, own({ needs: 2 }), [1], 2_000).isEmpty).toBe(false);
  });

  test("is never more than one budget, whoever takes, earns, spends and gives", () => {
    const step = fc.record({
      worker: fc.nat(3),
      afterMs: fc.nat(3_000),
      earned: fc.double({ min: 0, max: 30, noNaN: true }),
      spent: fc.double({ min: 0, max: 1, noNaN: true }),
      needs: fc.nat(2),
      isIdle: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const held = [0, 0, 0, 0];
        let pool: RetryBudget | null = null;
        let nowMs = 0;
        for (const { worker, afterMs, spent, ...report } of steps) {
          nowMs += afterMs;
          const mine = (held[worker] ?? 0) * spent;
          const others = held.filter((_, n) => n !== worker);
          const next = sharedRetries(pool, { held: mine, ...report }, others, nowMs);
          held[worker] = next.held;
          ({ pool } = next);
          const all = held.reduce((sum, one) => sum + one, pool.tokens);
          expect(all).toBeLessThanOrEqual(100.000_001);
          expect(pool.tokens).toBeGreaterThanOrEqual(-0.000_001);
        }
      }),
    );
  });
});
