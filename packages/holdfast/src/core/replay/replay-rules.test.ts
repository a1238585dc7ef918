import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JournalRecord } from "../journal.ts";
import { judge, takenBy } from "./replay-judge.ts";
import { agesOf, planProblem, secondPersonFor, wavesOf } from "./replay-plan.ts";
import { counted, EMPTY_TALLY, stopsBecause } from "./replay-tally.ts";

const ITEM = { command: "rpl_1/7", step: "book", fingerprint: "f2.1.a" };

function record(
  seq: number,
  kind: JournalRecord["kind"],
  name: string,
  head: object,
): JournalRecord {
  return { run: 1, seq, kind, name, head: JSON.stringify(head), data: null, attempt: 0, atMs: seq };
}

const RESUMED = record(5, "resumed", "book", {
  by: "kim",
  reason: "x",
  steps: [],
  command: "rpl_1/7",
});

function opened(seq: number, place: string, more: object = {}): JournalRecord {
  return record(seq, "opened", "book", {
    because: "no",
    record: { fingerprints: { place } },
    ...more,
  });
}

describe("what becomes of an item", () => {
  test("nothing can be said before its own command was taken", () => {
    const other = record(5, "resumed", "book", { command: "rpl_1/70" });
    expect(judge([other, opened(6, "f2.1.a")], "exception", ITEM)).toBeNull();
    expect(takenBy([other, RESUMED], "rpl_1/7")).toBe(5);
    // A worker that has sent it on has marked it.
    expect(takenBy([record(5, "resumed", "", { command: "rpl_1/7~~" })], "rpl_1/7")).toBe(5);
  });

  test("what was open before says nothing; the same again, and something new, are told apart", () => {
    const before = opened(4, "f2.1.a");
    expect(judge([before, RESUMED], "running", ITEM)).toBeNull();
    expect(judge([before, RESUMED, opened(6, "f2.1.a")], "exception", ITEM)?.end).toBe(
      "failed-same",
    );
    expect(judge([before, RESUMED, opened(6, "f2.1.b")], "exception", ITEM)?.end).toBe(
      "failed-anew",
    );
  });

  test("an exception beside the run is no failure of it", () => {
    const beside = opened(6, "f2.1.b", { beside: { subject: "start x" } });
    expect(judge([RESUMED, beside], "completed", ITEM)?.end).toBe("succeeded");
  });

  test("past the step and at rest is success; under way, and waiting for the step itself, is not", () => {
    const done = record(7, "outcome", "book", { end: "value" });
    const tried = record(7, "outcome", "book", { failure: {} });
    expect(judge([RESUMED, done], "running", ITEM)).toBeNull();
    expect(judge([RESUMED, done], "review", ITEM)?.end).toBe("succeeded");
    expect(judge([RESUMED, tried], "waiting", ITEM)).toBeNull();
    expect(judge([RESUMED, tried], "parked", ITEM)).toBeNull();
  });

  test("past the step, and standing because of what was open before, it is past and no more", () => {
    const done = record(7, "outcome", "book", { end: "value" });
    const other = record(3, "opened", "mail", { record: { fingerprints: { place: "f2.1.b" } } });
    const closed = record(6, "closed", "mail", { opened: 3 });
    const beside = { ...other, head: JSON.stringify({ beside: { subject: "start x" } }) };
    expect(judge([other, RESUMED, done], "exception", ITEM)).toEqual({
      end: "passed",
      because: '"book" is done; its run still stands because of "mail"',
    });
    expect(judge([other, RESUMED, done], "held", ITEM)?.end).toBe("passed");
    // Under way, or with nothing else open, there is more to come.
    expect(judge([other, RESUMED, done], "running", ITEM)).toBeNull();
    expect(judge([other, RESUMED], "exception", ITEM)).toBeNull();
    expect(judge([other, RESUMED, closed, done], "exception", ITEM)).toBeNull();
    expect(judge([beside, RESUMED, done], "exception", ITEM)).toBeNull();
  });

  test("a run that ended without getting there has failed anew", () => {
    expect(judge([RESUMED], "cancelled", ITEM)?.end).toBe("failed-anew");
  });
});

describe("waves", () => {
  test("hold each item once, and none is empty", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 10_000 }),
        fc.array(fc.integer({ min: 1, max: 100 }), { maxLength: 20 }),
        (items, canary) => {
          const waves = wavesOf(items, canary);
          expect(waves.reduce((sum, size) => sum + size, 0)).toBe(items);
          expect(waves.every((size) => size > 0)).toBe(true);
        },
      ),
    );
  });
});

function waveWith(succeeded: number, failures: number) {
  return counted(counted(EMPTY_TALLY, "succeeded", succeeded), "failed-same", failures);
}

describe("the stop rule", () => {
  const failed = { end: "failed-same", because: "no", fingerprint: "f2.1.a" } as const;

  test("in a small wave any failure stops; in a large one more than one in ten", () => {
    const known = ["f2.1.a"];
    expect(stopsBecause(waveWith(0, 1), 1, failed, known)).not.toBeNull();
    expect(stopsBecause(waveWith(4, 1), 5, failed, known)).not.toBeNull();
    expect(stopsBecause(waveWith(0, 2), 1_000, failed, known)).toBeNull();
    expect(stopsBecause(waveWith(0, 3), 1_000, failed, known)).not.toBeNull();
    expect(stopsBecause(waveWith(90, 10), 1_000, failed, known)).toBeNull();
    expect(stopsBecause(waveWith(89, 10), 1_000, failed, known)).not.toBeNull();
  });

  test("a cause that the plan does not hold stops it, whatever its share", () => {
    const anew = { ...failed, fingerprint: "f2.1.z" };
    expect(
      stopsBecause(counted(EMPTY_TALLY, "succeeded", 1_000), 9_000, anew, ["f2.1.a"]),
    ).toContain("new");
  });

  test("what was skipped neither stops nor dilutes", () => {
    const skipped = { end: "skipped", because: "gone" } as const;
    expect(stopsBecause(counted(EMPTY_TALLY, "skipped", 20), 20, skipped, [])).toBeNull();
    const wave = counted(counted(EMPTY_TALLY, "skipped", 100), "failed-same", 3);
    expect(stopsBecause(wave, 200, failed, ["f2.1.a"])).not.toBeNull();
  });
});

describe("a plan", () => {
  const items = Array.from({ length: 50 }, (_, n) => [`run_${String(n)}`, 1, 0] as const);

  test("needs a second person above 50 items, or from 10,000 of one currency on", () => {
    const money = [
      { currency: "CHF", amount: "9999.99" },
      { currency: "EUR", amount: "9999.99" },
    ];
    expect(secondPersonFor({ items, money })).toBeNull();
    expect(secondPersonFor({ items: [...items, ["run_x", 1, 0]], money })).toContain("51 items");
    expect(secondPersonFor({ items, money: [{ currency: "EUR", amount: "10000" }] })).toContain(
      "EUR",
    );
  });

  test("that comes from outside is looked at before it is taken", () => {
    expect(planProblem(null)).toBe("expected an object");
    expect(planProblem({ id: "rpl_1", query: "q", by: "kim", reason: "r" })).toContain("/id");
  });

  test("counts ages in the buckets of the failure model", () => {
    const hour = 3_600_000;
    expect(agesOf([0, hour, 5 * hour, 1_000 * hour])).toEqual([
      ["0-4 h", 2],
      ["4-24 h", 1],
      [">30 d", 1],
    ]);
  });
});
