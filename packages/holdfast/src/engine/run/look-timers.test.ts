import { expect, test } from "vitest";
import { ManualClock } from "../../testing/bed/manual-clock.ts";
import { LookTimers } from "./look-timers.ts";

function timers() {
  const clock = new ManualClock();
  const woken: number[] = [];
  const looks = new LookTimers(clock.ofLife(1), (runs) => woken.push(...runs));
  const pass = (ms: number) => {
    const untilMs = clock.nowMs() + ms;
    while (clock.fireNext(untilMs));
  };
  return { clock, looks, woken, pass };
}

test("a run that is to be looked at again later is woken once, then", () => {
  const { clock, looks, woken, pass } = timers();
  const nowMs = clock.nowMs();
  looks.set(1, nowMs + 10_000);
  looks.set(1, nowMs + 60_000);
  looks.set(2, nowMs + 10_000);
  pass(30_000);
  expect(woken).toEqual([2]);
  pass(60_000);
  expect(woken).toEqual([2, 1]);
  expect(looks.keptCount).toBe(0);
});

test("a run that has gone on by itself is not looked at, and nothing is kept of it", () => {
  const { clock, looks, woken, pass } = timers();
  looks.set(1, clock.nowMs() + 10_000);
  looks.clear(1);
  expect(looks.keptCount).toBe(0);
  looks.set(2, clock.nowMs() + 10_000);
  looks.close();
  pass(60_000);
  expect(woken).toEqual([]);
  expect(looks.keptCount).toBe(0);
});
