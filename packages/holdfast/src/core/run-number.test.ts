import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HoldfastError } from "./error.ts";
import {
  ITEM_PREFIXES,
  RUN_EPOCH_MS,
  CELL_PARTS,
  SLOT_COUNT,
  formatItemId,
  formatRunId,
  nextRunNumber,
  partOfRun,
  parseItemId,
  parseRunId,
  runNumberAtMs,
} from "./run-number.ts";

const NOW_MS = Date.UTC(2026, 10, 23, 17, 0, 0);
const slot = fc.integer({ min: 0, max: SLOT_COUNT - 1 });
const nowMs = fc.integer({ min: 0, max: Date.UTC(2050, 0, 1) });

/** The slot's part of a number. */
const slotOf = (number: number) => Math.floor(number / 2 ** 15) % 256;

describe("nextRunNumber", () => {
  test("gives each cell numbers that no other cell has, and that tell the cell", () => {
    const part = fc.integer({ min: 0, max: CELL_PARTS - 1 });
    const jumps = fc.array(fc.tuple(slot, fc.integer({ min: 0, max: 5_000 })), { maxLength: 300 });
    fc.assert(
      fc.property(part, part, jumps, (one, other, calls) => {
        fc.pre(one !== other);
        const last = new Map<string, number>();
        const given = new Set<number>();
        for (const [ownSlot, afterMs] of calls) {
          for (const own of [one, other]) {
            const name = `${String(own)} ${String(ownSlot)}`;
            const next = nextRunNumber(last.get(name) ?? 0, ownSlot, NOW_MS + afterMs, own);
            expect(given.has(next)).toBe(false);
            expect(next).toBeGreaterThan(last.get(name) ?? 0);
            expect(partOfRun(next)).toBe(own);
            given.add(next);
            last.set(name, next);
          }
        }
      }),
    );
  });

  test("uses the next second once the numbers of a cell in this one are used up", () => {
    let last = 0;
    for (let count = 0; count < 2_049; count += 1) last = nextRunNumber(last, 3, NOW_MS, 5);
    expect(runNumberAtMs(last)).toBe(NOW_MS + 1_000);
    expect(partOfRun(last)).toBe(5);
    expect(() => nextRunNumber(0, 3, NOW_MS, 16)).toThrow("part must be 0 to 15, got 16");
  });

  test("puts the second, the slot and the counter where settled point 4 says", () => {
    const number = nextRunNumber(0, 7, NOW_MS);
    expect(BigInt(number)).toBe((BigInt((NOW_MS - RUN_EPOCH_MS) / 1_000) << 23n) | (7n << 15n));
    expect(runNumberAtMs(number)).toBe(NOW_MS);
    expect(nextRunNumber(number, 7, NOW_MS)).toBe(number + 1);
  });

  test("never goes back, stays in its slot and stays a safe integer, whatever the clock does", () => {
    fc.assert(
      fc.property(slot, fc.array(nowMs, { minLength: 1, maxLength: 50 }), (own, clock) => {
        let last = 0;
        for (const now of clock) {
          const next = nextRunNumber(last, own, now);
          expect(next).toBeGreaterThan(last);
          expect(Number.isSafeInteger(next)).toBe(true);
          expect(slotOf(next)).toBe(own);
          expect(runNumberAtMs(next)).toBeGreaterThanOrEqual(Math.min(now, RUN_EPOCH_MS));
          last = next;
        }
      }),
    );
  });

  test("passes any number that another slot gave out", () => {
    fc.assert(
      fc.property(
        slot,
        slot,
        nowMs,
        fc.integer({ min: 0, max: 2 ** 15 - 1 }),
        (own, other, now, count) => {
          const last = nextRunNumber(0, other, now) + count;
          const next = nextRunNumber(last, own, now);
          expect(next).toBeGreaterThan(last);
          expect(slotOf(next)).toBe(own);
        },
      ),
    );
  });

  test("runs ahead of the clock when a second's 32,768 numbers are used up", () => {
    const first = nextRunNumber(0, 3, NOW_MS);
    const lastOfSecond = first + 2 ** 15 - 1;
    const next = nextRunNumber(lastOfSecond, 3, NOW_MS);
    expect(slotOf(next)).toBe(3);
    expect(runNumberAtMs(next)).toBe(NOW_MS + 1_000);
    expect(nextRunNumber(next, 3, NOW_MS + 1_000)).toBe(next + 1);
  });

  test("gives 100,000 different numbers in one second", () => {
    const seen = new Set<number>();
    let last = 0;
    for (let count = 0; count < 100_000; count += 1) {
      last = nextRunNumber(last, 0, NOW_MS);
      seen.add(last);
    }
    expect(seen.size).toBe(100_000);
    expect(runNumberAtMs(last)).toBe(NOW_MS + 3_000);
  });

  test("refuses a slot that there is not, and the end of its numbers", () => {
    expect(() => nextRunNumber(0, 256, NOW_MS)).toThrow("slot must be 0 to 255, got 256");
    expect(() => nextRunNumber(0, -1, NOW_MS)).toThrow(RangeError);
    expect(() => nextRunNumber(Number.MAX_SAFE_INTEGER, 255, NOW_MS)).toThrow(RangeError);
    const lastSecondMs = RUN_EPOCH_MS + (2 ** 30 - 1) * 1_000;
    expect(nextRunNumber(0, 255, lastSecondMs)).toBeLessThan(2 ** 53);
    expect(() => nextRunNumber(0, 0, lastSecondMs + 1_000)).toThrow(RangeError);
  });

  test("starts at 0 seconds where the clock is before 2025", () => {
    expect(nextRunNumber(0, 1, 0)).toBe(2 ** 15);
  });
});

describe("ids", () => {
  test("come back as they were", () => {
    const seq = fc.integer({ min: 1, max: 10 ** 15 - 1 });
    fc.assert(
      fc.property(
        fc.maxSafeNat(),
        seq,
        fc.constantFrom(...ITEM_PREFIXES),
        (run, number, prefix) => {
          expect(parseRunId(formatRunId(run))).toBe(run);
          expect(parseRunId(formatRunId(run).toUpperCase())).toBe(run);
          const id = { run, seq: number };
          expect(parseItemId(prefix, formatItemId(prefix, id))).toEqual(id);
        },
      ),
    );
  });

  test("name what they refuse and what they expected", () => {
    expect(() => parseItemId("rev", "exc_1")).toThrowError(
      expect.objectContaining({
        message: '"exc_1" does not name a review.',
        remedy:
          "Give the id of a review: rev_, 11 letters and digits, _ and a number. List them with: holdfast reviews",
      }),
    );
  });

  test("sort like their numbers", () => {
    expect(formatRunId(0)).toBe("run_00000000000");
    expect(formatRunId(Number.MAX_SAFE_INTEGER)).toBe("run_7zzzzzzzzzz");
  });

  test.each([
    "",
    "run_",
    "run_0",
    "run_00000000000 ",
    "run_0000000000u",
    "run_zzzzzzzzzzz",
    "exc_00000000000_1",
    "00000000000",
    "run_000000000000",
  ])("refuse %j as a run", (text) => {
    expect(() => parseRunId(text)).toThrowError(expect.objectContaining({ code: "HF6001" }));
  });

  test.each([
    "exc_00000000000",
    "exc_00000000000_0",
    "exc_00000000000_-1",
    "exc_00000000000_1.5",
    "eff_00000000000_1",
    "exc_0_1",
    "exc_zzzzzzzzzzz_1",
  ])("refuse %j as an exception", (text) => {
    expect(() => parseItemId("exc", text)).toThrowError(
      expect.objectContaining({ code: "HF6001" }),
    );
  });

  test("never throw anything else, whatever the text", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string().map((x) => `run_${x}`),
    );
    const parsing = fc.property(text, (id) =>
      [() => parseRunId(id), () => parseItemId("eff", id)].every((parse) => {
        try {
          return parse() !== undefined;
        } catch (error) {
          return error instanceof HoldfastError && error.code === "HF6001";
        }
      }),
    );
    expect(fc.check(parsing, { numRuns: 1_000 }).counterexample).toBeNull();
  });
});
