import { describe, expect, test } from "vitest";
import { refuseClosing, type ClosingFacts } from "./closing.ts";
import type { HoldfastError } from "./error.ts";
import type { RunState } from "./run-state.ts";

const beside: ClosingFacts = {
  run: 7,
  seq: 3,
  operation: null,
  class: "data",
  effect: "never",
  step: "",
  reasonCode: "HTTP:422",
  subject: "start 1",
  closedAtMs: null,
};
const ofRun: ClosingFacts = { ...beside, subject: null };

/** Code and remedy of the refusal; null if it may be closed. */
function refusalOf(facts: ClosingFacts, state: RunState | null): string | null {
  try {
    refuseClosing(facts, state);
    return null;
  } catch (error) {
    const { code, remedy } = error as HoldfastError;
    return `${code} ${remedy}`;
  }
}

describe("an exception may be closed", () => {
  test("if it stands beside its run, whatever the run does", () => {
    for (const state of ["running", "waiting", "exception", "completed", null] as const)
      expect(refusalOf(beside, state)).toBeNull();
  });

  test("if its run has ended and nothing is unknown", () => {
    for (const state of ["completed", "stopped", "cancelled"] as const)
      expect(refusalOf(ofRun, state)).toBeNull();
  });

  test("if it is of an undoing that has failed, but not if that may have happened", () => {
    const undoing = { ...ofRun, step: "undo/charge", operation: 9 };
    expect(refusalOf(undoing, "exception")).toBeNull();
    expect(refusalOf({ ...undoing, class: "ambiguous" }, "exception")).toMatch(/^HF6004/);
  });

  test("not while its run waits for a decision about it", () => {
    for (const state of ["exception", "held", "running"] as const)
      expect(refusalOf(ofRun, state)).toMatch(/^HF6003 .*holdfast resume run_/);
  });

  test("not while an outcome is unknown, also after the end of its run", () => {
    const ambiguous = { ...ofRun, class: "ambiguous", operation: 2 } as const;
    expect(refusalOf(ambiguous, "completed")).toMatch(/^HF6004 .*holdfast settle eff_\w+_2 /);
  });

  test("only once", () => {
    expect(refusalOf({ ...beside, closedAtMs: 1 }, "running")).toMatch(/^HF6003 /);
  });
});
