import fc from "fast-check";
import { expect, test } from "vitest";
import { EMPTY_WINDOW, counted, countsOf, type CallWindow } from "./call-window.ts";

test("agrees with keeping every call, to the slice of 5 s", () => {
  const calls = fc.array(
    fc.record({ gapMs: fc.integer({ min: 0, max: 20_000 }), wentWell: fc.boolean() }),
    { maxLength: 60 },
  );
  const course = fc.property(calls, (list) => {
    let nowMs = 1_000_000;
    let window: CallWindow = EMPTY_WINDOW;
    const all: { readonly slice: number; readonly wentWell: boolean }[] = [];
    for (const call of list) {
      nowMs += call.gapMs;
      window = counted(window, nowMs, call.wentWell);
      all.push({ slice: Math.floor(nowMs / 5_000), wentWell: call.wentWell });
    }
    const recent = all.filter((call) => call.slice > Math.floor(nowMs / 5_000) - 6);
    const { callCount, badCount } = countsOf(window, nowMs);
    return (
      window.length <= 6 &&
      callCount === recent.length &&
      badCount === recent.filter((call) => !call.wentWell).length
    );
  });
  expect(fc.check(course, { numRuns: 500 }).counterexample).toBeNull();
});

test("keeps six slices, however long it runs", () => {
  let window: CallWindow = EMPTY_WINDOW;
  for (let nowMs = 0; nowMs < 200_000; nowMs += 1_000) window = counted(window, nowMs, false);
  expect(window).toHaveLength(6);
  expect(countsOf(window, 199_000)).toEqual({ callCount: 30, badCount: 30 });
});

test("a clock that goes back counts into the newest slice", () => {
  const window = counted(counted(EMPTY_WINDOW, 60_000, true), 20_000, false);
  expect(countsOf(window, 60_000)).toEqual({ callCount: 2, badCount: 1 });
});

test("old calls are forgotten without a new one", () => {
  const window = counted(EMPTY_WINDOW, 0, false);
  expect(countsOf(window, 29_999).callCount).toBe(1);
  expect(countsOf(window, 30_000).callCount).toBe(0);
});
