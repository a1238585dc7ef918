import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseRate, pauseRate, returnToken, takeToken, type RateState } from "./rate.ts";

const TEN_PER_SECOND = { count: 10, periodMs: 1_000, burst: 2 };

/** Waits of calls that ask at these times. */
function waits(times: readonly number[], rate = TEN_PER_SECOND, from: RateState | null = null) {
  let state = from;
  return times.map((nowMs) => {
    const taken = takeToken(state, nowMs, rate);
    ({ state } = taken);
    return taken.waitMs;
  });
}

describe("parseRate", () => {
  test.each([
    ["100/s", { count: 100, periodMs: 1_000, burst: 10 }],
    ["5/s", { count: 5, periodMs: 1_000, burst: 1 }],
    ["30/m", { count: 30, periodMs: 60_000, burst: 1 }],
    ["5/h", { count: 5, periodMs: 3_600_000, burst: 1 }],
  ])("reads %s", (text, rate) => {
    expect(parseRate(text, "limit")).toEqual(rate);
  });

  test.each(["", "0/s", "-1/s", "1.5/s", "10", "10/d", "10/sec", "ten/s"])("refuses %j", (text) => {
    expect(() => parseRate(text, "limit.rate of erp")).toThrowError(
      expect.objectContaining({
        code: "HF1001",
        message: expect.stringMatching(/^limit\.rate of erp .+ got /),
      }),
    );
  });
});

describe("takeToken", () => {
  test("lets the burst go at once and spaces the rest", () => {
    expect(waits([0, 0, 0, 0, 50])).toEqual([0, 0, 100, 200, 250]);
  });

  test("saves up no more than the burst", () => {
    expect(waits([0, 0, 100_000, 100_000, 100_000])).toEqual([0, 0, 0, 0, 100]);
  });

  test("is not stopped by a clock that goes back, and gives nothing for it", () => {
    expect(waits([10_000, 10_000, 1_000, 1_100])).toEqual([0, 0, 100, 100]);
  });

  test("never lets more start in a period than the rate and one burst", () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 80 });
    const course = fc.property(gaps, (list) => {
      let nowMs = 0;
      const times = list.map((gap) => (nowMs += gap));
      const delays = waits(times);
      const starts = times.map((at, index) => at + (delays[index] ?? 0));
      return starts.every((from) => {
        const within = starts.filter((at) => at >= from && at < from + 1_000).length;
        return within <= TEN_PER_SECOND.count + TEN_PER_SECOND.burst;
      });
    });
    expect(fc.check(course, { numRuns: 500 }).counterexample).toBeNull();
  });

  test("keeps the order of asking", () => {
    const course = fc.property(
      fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 60 }),
      (list) => {
        let nowMs = 0;
        const times = list.map((gap) => (nowMs += gap));
        const starts = waits(times).map((wait, index) => wait + (times[index] ?? 0));
        return starts.every((at, index) => index === 0 || at >= (starts[index - 1] ?? 0));
      },
    );
    expect(fc.check(course).counterexample).toBeNull();
  });
});

test("a place that was not used goes to the next caller", () => {
  const taken = takeToken({ tokens: 0, atMs: 0 }, 0, TEN_PER_SECOND);
  expect(taken.waitMs).toBe(100);
  expect(waits([0], TEN_PER_SECOND, returnToken(taken.state, TEN_PER_SECOND))).toEqual([100]);
  expect(returnToken({ tokens: 2, atMs: 0 }, TEN_PER_SECOND).tokens).toBe(2);
});

test("after a pause calls come one by one, the first not before its end", () => {
  const paused = pauseRate(null, 1_000, 6_000, TEN_PER_SECOND);
  expect(waits([1_000, 1_000, 3_000], TEN_PER_SECOND, paused)).toEqual([5_000, 5_100, 3_200]);
  const past = pauseRate(null, 1_000, 500, TEN_PER_SECOND);
  expect(waits([1_000], TEN_PER_SECOND, past)).toEqual([0]);
  // A pause never brings forward what is already spaced out further.
  expect(pauseRate({ tokens: -500, atMs: 1_000 }, 1_000, 2_000, TEN_PER_SECOND).tokens).toBe(-500);
});
