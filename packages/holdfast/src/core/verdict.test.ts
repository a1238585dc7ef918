import { describe, expect, test } from "vitest";
import { RUN_STATES } from "./run-state.ts";
import { verdictLines, verdictOf, type VerdictEffect, type VerdictFacts } from "./verdict.ts";

const NOW_MS = 10_000_000;
const MINUTE_MS = 60_000;

const CHARGE: VerdictEffect = {
  operation: 2,
  step: "charge-card",
  contract: "keyed",
  proof: "surely",
  ended: true,
  attempts: 1,
  firstSentAtMs: 0,
  lastSentAtMs: NOW_MS - 47 * MINUTE_MS,
  ref: "ch_77",
  undoes: null,
  settledBy: null,
  amount: "120.00",
  currency: "EUR",
};
const INVOICE: VerdictEffect = {
  ...CHARGE,
  operation: 4,
  step: "create-invoice",
  contract: "probeable",
  proof: "never",
  ended: false,
  attempts: 2,
  firstSentAtMs: 0,
  lastSentAtMs: NOW_MS - 46 * MINUTE_MS,
  ref: null,
  amount: null,
  currency: null,
};
const REFUND: VerdictEffect = {
  ...CHARGE,
  operation: 8,
  step: "undo:charge-card",
  undoes: "charge-card",
  ref: "re_5",
};

function facts(
  over: Partial<VerdictFacts> = {},
  run: Partial<VerdictFacts["run"]> = {},
): VerdictFacts {
  return {
    run: {
      state: "parked",
      reason: "erp cannot be reached.",
      wakeAtMs: NOW_MS + 300_000,
      deadlineAtMs: null,
      dependency: "erp",
      updatedAtMs: NOW_MS - 46 * MINUTE_MS,
      endedAtMs: null,
      compensated: "no",
      ...run,
    },
    dependency: { state: "open", probeAtMs: NOW_MS + 21_000 },
    effects: [CHARGE, INVOICE],
    exceptions: [],
    reviews: [],
    isCancelled: false,
    nowMs: NOW_MS,
    ...over,
  };
}

const EXCEPTION: VerdictFacts["exceptions"][number] = {
  step: "create-invoice",
  operation: 4,
  class: "ambiguous",
  effect: "maybe",
  reasonCode: "NODE:ECONNRESET",
  record: { keyWindowEndsAtMs: null },
  rule: "node/ECONNRESET@3",
  because: "After 7 look-ups it is still unknown.",
  owner: "team-finance-it",
  dueAtMs: NOW_MS + 30 * MINUTE_MS,
  handling: { stoppedAtMs: null },
  subject: null,
};

describe("verdictOf", () => {
  test("says of a parked run what happened, what comes next and what is safe", () => {
    expect(verdictLines(verdictOf(facts()))).toEqual([
      "PARKED at create-invoice, 46 m. create-invoice not done (proven). charge-card done (120.00 EUR, ch_77, proven).",
      "next  when erp answers a probe (in 21 s)",
      "safe  wait | resume | cancel (undoes charge-card, as far as an undoing is declared)",
      "not safe  start over (would do charge-card again)",
    ]);
  });

  test("says of an unknown outcome who is asked, and that cancelling finds out first", () => {
    const verdict = verdictOf(
      facts(
        { effects: [CHARGE, { ...INVOICE, proof: "maybe" }], exceptions: [EXCEPTION] },
        { state: "exception", dependency: null },
      ),
    );
    expect(verdict).toEqual({
      headline:
        "EXCEPTION at create-invoice, 46 m. create-invoice may have happened (sent 46 m ago, attempt 2). charge-card done (120.00 EUR, ch_77, proven).",
      next: "when team-finance-it has settled create-invoice, due in 30 m: After 7 look-ups it is still unknown",
      rule: "rule node/ECONNRESET@3: NODE:ECONNRESET -> ambiguous",
      safe: ["settle create-invoice", "cancel (finds out about create-invoice first)"],
      unsafe: ["start over (would do charge-card, create-invoice again)"],
    });
  });

  test("offers a held run with an unknown outcome no resume, which would be refused", () => {
    const unknown = { effects: [{ ...INVOICE, proof: "maybe" as const }], exceptions: [EXCEPTION] };
    const verdict = verdictOf(facts(unknown, { state: "held" }));
    expect(verdict.next).toContain("when team-finance-it has settled create-invoice");
    expect(verdict.safe).toEqual([
      "settle create-invoice",
      "cancel (finds out about create-invoice first)",
    ]);
    expect(verdictOf(facts({}, { state: "held" }))).toMatchObject({
      next: "when its code is mended and a person resumes it",
      safe: ["resume", "cancel (undoes charge-card, as far as an undoing is declared)"],
    });
  });

  test("offers what is done for certain and has no usable answer to be settled", () => {
    const effects = [{ ...INVOICE, proof: "surely" as const }];
    const { safe } = verdictOf(facts({ effects, exceptions: [EXCEPTION] }, { state: "exception" }));
    expect(safe[0]).toBe("settle create-invoice");
    expect(safe).not.toContain("resume");
  });

  test("offers no second cancel", () => {
    const unknown = { effects: [{ ...INVOICE, proof: "maybe" as const }], exceptions: [EXCEPTION] };
    const { safe } = verdictOf(facts({ ...unknown, isCancelled: true }, { state: "exception" }));
    expect(safe).toEqual(["settle create-invoice"]);
  });

  test("says resume where nothing is unknown, and how long it is overdue", () => {
    const verdict = verdictOf(
      facts(
        { exceptions: [{ ...EXCEPTION, class: "data", dueAtMs: NOW_MS - 5 * MINUTE_MS }] },
        { state: "exception" },
      ),
    );
    expect(verdict.safe).toEqual([
      "resume",
      "cancel (undoes charge-card, as far as an undoing is declared)",
    ]);
    expect(verdict.next).toContain(" has dealt with create-invoice, overdue by 5 m: ");
  });

  test("names a review, its role and when it is due", () => {
    const review = {
      review: "big-order",
      by: "finance-approvers",
      escalatedTo: null,
      dueAtMs: NOW_MS + 4 * 60 * MINUTE_MS,
    };
    const verdict = verdictOf(facts({ reviews: [review], effects: [] }, { state: "review" }));
    expect(verdict.next).toBe("when finance-approvers has decided big-order, due in 4 h");
    const late = { ...review, escalatedTo: "finance-lead", dueAtMs: NOW_MS - 3_000 };
    const { next } = verdictOf(facts({ reviews: [late], effects: [] }, { state: "review" }));
    expect(next).toBe("when finance-lead has decided big-order, overdue by 3 s");
    expect(verdict.safe).toEqual(["answer", "cancel"]);
    expect(verdict.unsafe).toEqual([]);
  });

  test("says of an ended run how and when, and what was undone", () => {
    const run = {
      state: "cancelled",
      endedAtMs: NOW_MS - 2 * MINUTE_MS,
      compensated: "fully",
      reason: "asked by ana",
    } as const;
    const verdict = verdictOf(facts({ effects: [CHARGE, REFUND] }, run));
    expect(verdict.headline).toBe(
      "CANCELLED, undone 2 m ago: asked by ana. charge-card done (120.00 EUR, ch_77, proven). undo:charge-card (undoes charge-card) done (120.00 EUR, re_5, proven).",
    );
    expect(verdict.next).toBe("nothing, it has ended");
    expect(verdict).toMatchObject({ safe: [], unsafe: [] });
  });

  test("warns against starting a completed run over", () => {
    const verdict = verdictOf(
      facts({ effects: [CHARGE] }, { state: "completed", endedAtMs: NOW_MS, reason: "" }),
    );
    expect(verdict.headline).toMatch(/^COMPLETED 0 ms ago\. /);
    expect(verdict.unsafe).toEqual(["start over (would do charge-card again)"]);
  });

  test("tells whose word a settled outcome rests on", () => {
    const settled = verdictOf(facts({ effects: [{ ...CHARGE, settledBy: "ana" }] }));
    expect(settled.headline).toContain("charge-card done (120.00 EUR, ch_77, says ana).");
  });

  test("names at most five effects and leaves reads out", () => {
    const many = Array.from({ length: 9 }, (_, index) => ({
      ...CHARGE,
      step: `line-${String(index)}`,
    }));
    const { headline, unsafe } = verdictOf(
      facts({ effects: [...many, { ...CHARGE, step: "look", contract: "read" }] }),
    );
    expect(headline).toContain("line-4 done");
    expect(headline).not.toContain("line-5 done");
    expect(headline).toContain("4 more effects.");
    expect(headline).not.toContain("look");
    expect(unsafe[0]).toBe(
      "start over (would do line-0, line-1, line-2, line-3, line-4 and 4 more again)",
    );
  });

  test("names six effects as five and one more, and prints no empty line", () => {
    const six = Array.from({ length: 6 }, (_, index) => ({ ...CHARGE, step: `e${String(index)}` }));
    expect(verdictOf(facts({ effects: six })).unsafe[0]).toContain("e4 and 1 more again");
    expect(verdictLines(verdictOf(facts({ effects: [] })))).toHaveLength(3);
    const ended = facts({ effects: [] }, { state: "completed", endedAtMs: NOW_MS });
    expect(verdictLines(verdictOf(ended))).toHaveLength(2);
  });

  test("says what stands beside the run, and does not take it for what the run waits for", () => {
    const beside = { ...EXCEPTION, step: "", class: "data", subject: "start 1" } as const;
    const one = verdictOf(facts({ exceptions: [beside] }));
    const none = verdictOf(facts());
    expect(one.headline).toBe(
      `${none.headline} An exception stands beside it (team-finance-it, due in 30 m): After 7 look-ups it is still unknown.`,
    );
    expect({ ...one, headline: "" }).toEqual({ ...none, headline: "" });
    const late = { ...beside, dueAtMs: NOW_MS - MINUTE_MS };
    expect(verdictOf(facts({ exceptions: [late, beside] })).headline).toContain(
      "2 exceptions stand beside it (team-finance-it, overdue by 60 s)",
    );
  });

  test("has whole sentences for every state, with and without details", () => {
    for (const state of RUN_STATES) {
      for (const details of [{}, { wakeAtMs: null, dependency: null }]) {
        const verdict = verdictOf(facts({}, { state, ...details }));
        expect(verdict.headline).toMatch(new RegExp(`^${state.toUpperCase()} .+\\.$`));
        expect(verdict.next).toMatch(/^\S.*\S$/);
        expect(verdictLines(verdict).join("\n")).not.toMatch(/undefined|null|NaN/);
      }
    }
  });
});

const headlineOf = (run: Partial<VerdictFacts["run"]>) => verdictOf(facts({}, run)).headline;

describe("a deadline", () => {
  test("is told while the run is open, before and after it", () => {
    expect(headlineOf({ deadlineAtMs: NOW_MS + 120 * MINUTE_MS })).toContain(
      "To be done within 2 h.",
    );
    expect(headlineOf({ deadlineAtMs: NOW_MS - 3 * MINUTE_MS })).toContain(
      "Its deadline passed 3 m ago.",
    );
    const ended = { state: "completed", endedAtMs: NOW_MS, deadlineAtMs: NOW_MS - 1 } as const;
    expect(headlineOf(ended)).not.toContain("deadline");
  });

  test("that wakes the run is not taken for the time at which its event or its system comes", () => {
    const wakeAtMs = NOW_MS + 120 * MINUTE_MS;
    const next = (run: Partial<VerdictFacts["run"]>) =>
      verdictOf(facts({}, { ...run, wakeAtMs, deadlineAtMs: wakeAtMs })).next;
    expect(next({ state: "waiting", reason: "waits for event e." })).toBe("waits for event e");
    expect(next({ state: "parked", dependency: null })).not.toContain("answers a probe");
  });

  test("is no step: the owner of a late run deals with the run", () => {
    const exception = {
      subject: null,
      step: "",
      operation: null,
      class: "expired",
      effect: "never",
      reasonCode: "RUN:DEADLINE_PASSED",
      record: { keyWindowEndsAtMs: null },
      rule: "run/DEADLINE_PASSED@1",
      because: "Its deadline passed.",
      owner: "team-flow",
      dueAtMs: NOW_MS + MINUTE_MS,
      handling: { stoppedAtMs: null },
    } as const;
    const verdict = verdictOf(facts({ exceptions: [exception] }, { state: "exception" }));
    expect(verdict.next).toContain("when team-flow has dealt with it, due in 60 s");
    expect(verdict.headline).toMatch(/^EXCEPTION, 46 m\./);
  });

  test("of an exception whose time stands still it is said how late it was then, and no more", () => {
    const nextOf = (dueAtMs: number) => {
      const handling = { stoppedAtMs: NOW_MS - 60 * MINUTE_MS };
      const exceptions = [{ ...EXCEPTION, dueAtMs, handling }];
      return verdictOf(facts({ exceptions }, { state: "exception" })).next;
    };
    expect(nextOf(NOW_MS - 30 * MINUTE_MS)).toContain(", its time stands still: ");
    expect(nextOf(NOW_MS - 65 * MINUTE_MS)).toContain(", overdue by 5 m, standing still: ");
  });

  test.each([
    [{ state: "open", probeAtMs: NOW_MS + 21_000 }, "when erp answers a probe (in 21 s)"],
    [
      { state: "open", probeAtMs: NOW_MS },
      "when erp answers a probe, which is tried again and again",
    ],
    [
      { state: "parked", probeAtMs: null },
      "when a setting of erp is changed, or a person resumes it",
    ],
    [{ state: "closed", probeAtMs: null }, "erp answers again, and it goes on in its turn"],
  ] as const)(
    "a run that is parked goes on by what is known of the system, not when it looks again: %o",
    (dependency, next) => {
      expect(verdictOf(facts({ dependency }, { wakeAtMs: NOW_MS + 300_000 })).next).toBe(next);
    },
  );

  test("a run that waits for its own look-up says when that is", () => {
    const look = { dependency: null, wakeAtMs: NOW_MS + 21_000 };
    const { next } = verdictOf(facts({ dependency: null }, look));
    expect(next).toBe("when the other system answers a probe (in 21 s)");
  });

  test("a run that is taken back says what that waits for", () => {
    const next = verdictOf(
      facts({}, { state: "cancelling", reason: "waits until run_1 has been taken back" }),
    ).next;
    expect(next).toContain("waits until run_1 has been taken back");
  });
});
