import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { afterEnd, untouchedLimit, type AdaptiveLimit, type EndedCall } from "./adaptive-limit.ts";

const MOST = 64;

function call(startedAtMs: number, over: Partial<EndedCall> = {}): EndedCall {
  return { startedAtMs, endedAtMs: startedAtMs + 10, end: "well", openCount: MOST, ...over };
}

function play(state: AdaptiveLimit, count: number, one: (n: number) => EndedCall): AdaptiveLimit {
  let now = state;
  for (let n = 0; n < count; n += 1) now = afterEnd(now, one(n), MOST);
  return now;
}

describe("a limit that adapts", () => {
  test("is cut once for all calls that were open when it was too much", () => {
    const pressed = play(untouchedLimit(MOST), 20, () => call(0, { end: "pressed" }));
    expect(Math.floor(pressed.limit)).toBe(44);
    const again = afterEnd(pressed, call(20, { end: "pressed" }), MOST);
    expect(Math.floor(again.limit)).toBe(31);
  });

  test("grows by one for as many calls as it lets through at a time, up to what is declared", () => {
    const cut: AdaptiveLimit = { ...untouchedLimit(MOST), limit: 4, cutAtMs: 0 };
    expect(Math.floor(play(cut, 5, (n) => call(n)).limit)).toBe(5);
    expect(play(cut, 10_000, (n) => call(n)).limit).toBe(MOST);
  });

  test("begins from what was open, but one odd answer in a quiet time makes no queue", () => {
    const few = afterEnd(untouchedLimit(MOST), call(0, { end: "pressed", openCount: 1 }), MOST);
    expect(Math.floor(few.limit)).toBe(5);
    const shared = afterEnd(
      untouchedLimit(MOST),
      call(0, { end: "pressed", openCount: null }),
      MOST,
    );
    expect(Math.floor(shared.limit)).toBe(44);
  });

  test("is cut a little where calls take three times as long as usual", () => {
    const usual = play(untouchedLimit(MOST), 200, (n) => call(n, { endedAtMs: n + 200 }));
    expect(usual.limit).toBe(MOST);
    const slow = play(usual, 10, (n) => call(1_000 + n, { endedAtMs: 3_000 + n }));
    expect(slow.limit).toBeLessThan(MOST);
    expect(slow.limit).toBeGreaterThan(0.8 * MOST);
  });

  test("takes calls of some milliseconds for quick, however much longer than usual they are", () => {
    const usual = play(untouchedLimit(MOST), 200, (n) => call(n, { endedAtMs: n + 2 }));
    expect(play(usual, 50, (n) => call(1_000 + n, { endedAtMs: 1_100 + n })).limit).toBe(MOST);
  });

  test("stays between one and what is declared, whatever comes", () => {
    const one = fc.record({
      startedAtMs: fc.nat(10_000),
      endedAtMs: fc.nat(20_000),
      end: fc.constantFrom("well" as const, "pressed" as const, "otherwise" as const),
      openCount: fc.option(fc.integer({ min: 1, max: MOST })),
    });
    fc.assert(
      fc.property(fc.array(one, { maxLength: 200 }), (calls) => {
        let state = untouchedLimit(MOST);
        for (const each of calls) {
          state = afterEnd(state, each, MOST);
          expect(state.limit).toBeGreaterThanOrEqual(1);
          expect(state.limit).toBeLessThanOrEqual(MOST);
        }
      }),
    );
  });
});
