import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  backoffDelayMs,
  contentionDelayMs,
  immediateDelayMs,
  throttledDelayMs,
} from "./backoff.ts";

const policy = { backoffFirstMs: 1_000, backoffMaxMs: 300_000 };
const random01 = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const nth = fc.integer({ min: 1, max: 10_000 });

describe("backoffDelayMs", () => {
  test("doubles its ceiling up to the cap", () => {
    const ceilings = [1, 2, 3, 9, 10].map((attempt) => backoffDelayMs(policy, attempt, 0.999_999));
    expect(ceilings).toEqual([999, 1_999, 3_999, 255_999, 299_999]);
  });

  test("spreads over the whole range, not only its upper half", () => {
    expect(backoffDelayMs(policy, 3, 0.1)).toBe(400);
  });

  test("stays between the floor of 100 ms and the cap, and is whole", () => {
    fc.assert(
      fc.property(nth, random01, (attempt, random) => {
        const delayMs = backoffDelayMs(policy, attempt, random);
        expect(Number.isInteger(delayMs)).toBe(true);
        expect(delayMs).toBeGreaterThanOrEqual(100);
        expect(delayMs).toBeLessThanOrEqual(Math.min(300_000, 1_000 * 2 ** (attempt - 1)));
      }),
    );
  });

  test.each([0, -1, 1.5, Number.NaN])("refuses attempt %d", (attempt) => {
    expect(() => backoffDelayMs(policy, attempt, 0.5)).toThrow(RangeError);
  });
});

test("an immediate retry is over within a second", () => {
  fc.assert(
    fc.property(random01, (random) => {
      expect(immediateDelayMs(random)).toBeGreaterThanOrEqual(100);
      expect(immediateDelayMs(random)).toBeLessThan(1_000);
    }),
  );
});

test("contention waits 25 ms to 2 s, at most 75 ms the first time", () => {
  fc.assert(
    fc.property(nth, random01, (n, random) => {
      const delayMs = contentionDelayMs(n, random);
      expect(delayMs).toBeGreaterThanOrEqual(25);
      expect(delayMs).toBeLessThanOrEqual(2_000);
    }),
  );
  expect(contentionDelayMs(1, 0)).toBe(25);
  expect(contentionDelayMs(1, 0.999_999)).toBe(74);
  expect(contentionDelayMs(2, 0.999_999)).toBe(224);
});

describe("throttledDelayMs", () => {
  test("never comes back before the hint, and at most 20 % after it", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 30 * 86_400_000 }),
        nth,
        random01,
        (hint, n, random) => {
          const delayMs = throttledDelayMs(hint, n, random);
          expect(delayMs).toBeGreaterThanOrEqual(hint);
          expect(delayMs).toBeLessThanOrEqual(Math.max(6_000, Math.ceil(hint * 1.2)));
        },
      ),
    );
  });

  test("honours a hint of six hours in full", () => {
    expect(throttledDelayMs(6 * 3_600_000, 1, 0)).toBe(6 * 3_600_000);
  });

  test("does not come back ever faster when the hint is now", () => {
    expect([1, 2, 3, 9].map((n) => throttledDelayMs(0, n, 0))).toEqual([100, 200, 400, 5_000]);
  });

  test("starts at 5 s without a hint and stops growing at 10 minutes", () => {
    expect(throttledDelayMs(null, 1, 0)).toBe(5_000);
    expect(throttledDelayMs(null, 3, 0)).toBe(20_000);
    expect(throttledDelayMs(null, 50, 0)).toBe(600_000);
  });
});
