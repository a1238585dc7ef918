import { describe, expect, test } from "vitest";
import { afterRefusal, learnedRateNow } from "./learned-rate.ts";

const perS = (rate: ReturnType<typeof learnedRateNow>) =>
  rate === null ? null : (rate.count / rate.periodMs) * 1_000;

describe("a rate that was learnt", () => {
  test("is less than what was called when it was refused, and comes back bit by bit", () => {
    const learned = afterRefusal(null, 0, 100, 1_000);
    expect(perS(learnedRateNow(learned, 1_000))).toBe(70);
    expect(perS(learnedRateNow(learned, 11_000))).toBe(90);
    expect(perS(learnedRateNow(learned, 16_000))).toBe(100);
  });

  test("is forgotten when twice as much is let through as was refused", () => {
    const learned = afterRefusal(null, 0, 100, 0);
    expect(learnedRateNow(learned, 60_000)).not.toBeNull();
    expect(learnedRateNow(learned, 65_000)).toBeNull();
  });

  test("is cut again only by a call that began after the last cut", () => {
    const once = afterRefusal(null, 0, 100, 1_000);
    expect(afterRefusal(once, 999, 100, 1_500)).toBe(once);
    const twice = afterRefusal(once, 1_000, 100, 1_500);
    expect(perS(learnedRateNow(twice, 1_500))).toBe(49);
  });

  test("is never slower than a call in ten seconds, and a quiet time does not count as too much", () => {
    expect(perS(learnedRateNow(afterRefusal(null, 0, 0.2, 0), 0))).toBe(0.7);
    let learned = afterRefusal(null, 0, 1, 0);
    for (let n = 1; n < 50; n += 1) learned = afterRefusal(learned, n, 0, n);
    expect(perS(learnedRateNow(learned, 50))).toBe(0.1);
  });
});
