/** An attempt as the engine gives it, for the tests of connectors: it keeps the marks it is given. */
import { PHASES, type Phase } from "../core/failure.ts";
import type { Attempt, CallLog } from "../workflow/attempt.ts";

export function fakeAttempt(over: Partial<Attempt> = {}): Attempt {
  const calls: CallLog = { count: 0, phase: "none" };
  return {
    key: "hf1_test",
    keyOf: (part) => `hf1_test/${part}`,
    number: 1,
    signal: new AbortController().signal,
    correlationId: "correlation-1",
    sentAt: null,
    partsDone: [],
    deadlineAtMs: Number.MAX_SAFE_INTEGER,
    mark(phase: Phase) {
      if (PHASES.indexOf(phase) > PHASES.indexOf(calls.phase)) calls.phase = phase;
    },
    calls,
    ...over,
  };
}
