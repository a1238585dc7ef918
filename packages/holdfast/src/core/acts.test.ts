import { describe, expect, test } from "vitest";
import {
  cancels,
  closesAsStaying,
  resumeOf,
  resumesOf,
  settleFirst,
  settleOf,
  type WaitingException,
} from "./acts.ts";
import type { RepeatKind } from "./contract.ts";
import { PROBE_CONFLICT } from "./failure.ts";
import type { RunState } from "./run-state.ts";

const DATA: WaitingException = {
  step: "book",
  operation: 4,
  class: "data",
  effect: "never",
  reasonCode: "HTTP:NO_ACCOUNT",
  record: { keyWindowEndsAtMs: null },
  subject: null,
};
const UNKNOWN: WaitingException = {
  ...DATA,
  step: "mail",
  operation: 5,
  class: "ambiguous",
  effect: "maybe",
};
/** It was done, and what it answered is lost, or is not what it declares. */
const UNANSWERED: WaitingException = { ...UNKNOWN, effect: "surely" };
const MISREAD: WaitingException = { ...UNANSWERED, reasonCode: "EFFECT:ANSWER_SCHEMA" };
const OF_RUN: WaitingException = { ...DATA, step: "", operation: null, class: "defect" };
const unfit = (reasonCode: string): WaitingException => ({ ...OF_RUN, reasonCode });
const BESIDE: WaitingException = { ...DATA, step: "", operation: null, subject: "start 1" };
const STAYS: WaitingException = { ...DATA, class: "permanent", reasonCode: "HF3004" };

const SENT_AT_MS = 1_000_000;
const HOUR_MS = 3_600_000;
const EFFECTS = [
  { operation: 4, ended: false, contract: "once", firstSentAtMs: SENT_AT_MS },
  { operation: 5, ended: false, contract: "once", firstSentAtMs: SENT_AT_MS },
] as const;

function facts(state: RunState, ...exceptions: readonly WaitingException[]) {
  return { state, exceptions, effects: EFFECTS, nowMs: SENT_AT_MS };
}

describe("resume", () => {
  test.each([
    ["a refused step", "exception", [DATA], ["resume"]],
    ["an unknown outcome, also of a run that is held", "held", [UNKNOWN], []],
    ["one step beside an unknown outcome", "exception", [UNKNOWN, DATA], ["resume --step book"]],
    ["the run as a whole, whatever is unknown in it", "held", [UNKNOWN, OF_RUN], ["resume"]],
    [
      "code that does not fit",
      "held",
      [unfit("HF2104")],
      ["resume (once code that fits is deployed)"],
    ],
    ["missing code", "held", [unfit("HF2105")], ["resume (once an app with its workflow runs)"]],
    ["an unreadable journal", "held", [unfit("HF2106")], ["resume (once its journal can be read)"]],
    ["what stands beside a run", "running", [BESIDE], []],
    ["a run that has ended", "cancelled", [STAYS], []],
    ["a parked run", "parked", [], ["resume"]],
    ["a run at work", "running", [], []],
  ] as const)("of %s", (_what, state, exceptions, offered) => {
    expect(resumesOf(facts(state, ...exceptions))).toEqual(offered);
  });

  test("is for an exception what would be accepted about it", () => {
    expect(resumeOf(DATA, facts("exception", UNKNOWN, DATA))).toBe("step");
    expect(resumeOf(UNKNOWN, facts("exception", UNKNOWN, DATA))).toBeNull();
    expect(resumeOf(OF_RUN, facts("held", UNKNOWN, OF_RUN))).toBe("run");
    expect(resumeOf(DATA, facts("held", DATA, OF_RUN))).toBeNull();
    expect(resumeOf(BESIDE, facts("running", BESIDE))).toBeNull();
  });

  test("is not for a step whose answer the code has had", () => {
    const handedOver = { ...facts("running", DATA), effects: [{ ...EFFECTS[0], ended: true }] };
    expect(resumeOf(DATA, handedOver)).toBeNull();
  });
});

test("an undoing that has failed may have been done by hand, or be left while its run waits", () => {
  const undoing = { ...DATA, step: "undo/book" };
  expect(settleOf(undoing)).toBe("happened");
  expect(settleOf({ ...undoing, class: "ambiguous" })).toBe("either");
  expect(closesAsStaying(undoing, "exception")).toBe(true);
  expect(closesAsStaying(undoing, "cancelled")).toBe(false);
  for (const other of [DATA, STAYS, UNKNOWN, { ...undoing, class: "ambiguous" } as const])
    expect(closesAsStaying(other, "exception")).toBe(false);
});

const of = (...exceptions: readonly WaitingException[]) => facts("exception", ...exceptions);

test("what is unknown is settled first, but for the run as a whole", () => {
  expect(settleFirst(of(DATA, UNKNOWN), null)).toBe(UNKNOWN);
  expect(settleFirst(of(DATA, UNKNOWN), "book")).toBeNull();
  expect(settleFirst(of(DATA, UNKNOWN), "mail")).toBe(UNKNOWN);
  expect(settleFirst(of(UNKNOWN, OF_RUN), null)).toBeNull();
  expect(settleFirst(of(UNKNOWN, BESIDE), null)).toBe(UNKNOWN);
});

test("what does no harm when it is sent again need not be settled: by its contract, and its key's age", () => {
  const at = (contract: RepeatKind, nowMs: number, over: Partial<WaitingException> = {}) => {
    const unknown = { ...UNKNOWN, record: { keyWindowEndsAtMs: SENT_AT_MS + HOUR_MS }, ...over };
    const effects = [{ ...EFFECTS[1], contract }];
    return resumesOf({ state: "exception", exceptions: [unknown], effects, nowMs });
  };
  expect(at("idempotent", SENT_AT_MS + 9 * HOUR_MS)).toEqual(["resume"]);
  expect(at("keyed", SENT_AT_MS + 0.9 * HOUR_MS - 1)).toEqual(["resume"]);
  expect(at("keyed", SENT_AT_MS + 0.9 * HOUR_MS)).toEqual([]);
  expect(at("keyed", SENT_AT_MS, { record: { keyWindowEndsAtMs: null } })).toEqual([]);
  expect(at("probeable", SENT_AT_MS)).toEqual([]);
  expect(at("once", SENT_AT_MS)).toEqual([]);
  // What was found there instead is not to be overwritten unseen.
  expect(at("idempotent", SENT_AT_MS, { reasonCode: PROBE_CONFLICT, class: "data" })).toEqual([]);
});

test("settle takes what is unknown, and of what stays only that it happened", () => {
  expect([UNKNOWN, STAYS, DATA, OF_RUN].map(settleOf)).toEqual(["either", "happened", null, null]);
});

test("settle takes no denial of what is proven, but of an answer that may be an error", () => {
  expect([UNANSWERED, MISREAD].map(settleOf)).toEqual(["happened", "either"]);
});

test("cancel is for every run whose journal can be read", () => {
  expect([[], [unfit("HF2104")], [unfit("HF2105")]].map(cancels)).toEqual([true, true, true]);
  expect(cancels([unfit("HF2106")])).toBe(false);
});
