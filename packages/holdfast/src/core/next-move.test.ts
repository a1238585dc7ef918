import { describe, expect, test } from "vitest";
import type { Contract } from "./contract.ts";
import type { Failure, FailureClass } from "./failure.ts";
import type { Meters } from "./journal.ts";
import type { Move, MoveKind } from "./move.ts";
import { beforeSend, nextMove } from "./next-move.ts";
import { DEFAULT_RETRY } from "./retry-policy.ts";
import type { Situation } from "./situation.ts";

const HOUR_MS = 3_600_000;

const READ: Contract = { kind: "read" };
const PROBE = { canProbe: true, settleMs: 5_000 };
const BLIND = { canProbe: false, settleMs: 5_000 };
const IDEMPOTENT: Contract = { kind: "idempotent", why: "put", ...BLIND };
const KEYED: Contract = { kind: "keyed", windowMs: 24 * HOUR_MS, replays: "non5xx", ...BLIND };
const PROBEABLE: Contract = { kind: "probeable", ...PROBE };
const ONCE: Contract = { kind: "once", ...BLIND };

function failed(failureClass: FailureClass, over: Partial<Failure> = {}): Failure {
  return {
    effect: "maybe",
    class: failureClass,
    scope: "dependency",
    origin: "remote",
    reasonCode: "HTTP:STATUS_500",
    message: "no answer in 30 s",
    evidence: {},
    rule: { source: "table", id: "http/HTTP:STATUS_500", version: 1 },
    ...over,
  };
}

const POLICY = { ...DEFAULT_RETRY, attemptsMax: 5, horizonMs: 600_000 };

function situation(over: Partial<Situation> = {}): Situation {
  return {
    nowMs: 1_000_000,
    attempt: 1,
    meters: { attempts: 1, contentions: 0, crashes: 0 },
    firstSentAtMs: 999_000,
    budgetFromMs: 999_000,
    openMaybe: false,
    neverSaid: null,
    isDoneInPart: false,
    samePayload: true,
    resultNeeded: true,
    haveResult: false,
    policy: POLICY,
    hintMs: null,
    othersPass: true,
    wasAlone: true,
    attemptsBefore: 0,
    deadlineAtMs: null,
    timeoutMs: 0,
    probeCount: 0,
    random01: 0.5,
    cancelRequested: false,
    immediateUsed: 2,
    ...over,
  };
}

describe("nextMove on proven failures", () => {
  const NEVER: readonly [FailureClass, MoveKind][] = [
    ["transient", "retry"],
    ["throttled", "wait"],
    ["contention", "redo"],
    ["unavailable", "park"],
    ["permanent", "stop"],
    ["misconfigured", "park"],
    ["defect", "hold"],
    ["exhausted", "park"],
    ["data", "repair"],
    ["policy", "approve"],
    ["expired", "late"],
    ["poison", "quarantine"],
    ["cancelled", "cancel"],
    ["interrupted", "resume"],
  ];

  test.each(NEVER)("%s that never happened -> %s, under every contract", (cls, kind) => {
    for (const contract of [READ, IDEMPOTENT, KEYED, PROBEABLE, ONCE]) {
      expect(nextMove(failed(cls, { effect: "never" }), contract, situation()).kind).toBe(kind);
    }
  });

  test("gives a wrong setting to its owner where its gate stays open for others", () => {
    const failure = failed("misconfigured", { effect: "never" });
    expect(nextMove(failure, ONCE, situation({ attempt: 4 + 1 }))).toMatchObject({ kind: "park" });
    const free = situation({ attempt: 5 + situation().meters.attempts });
    expect(nextMove(failure, ONCE, free)).toMatchObject({
      kind: "handOver",
      reason: "setting-stays-wrong",
    });
  });

  test("splits what happened in part", () => {
    expect(nextMove(failed("data", { effect: "partial" }), ONCE, situation()).kind).toBe("split");
  });

  test("adopts what surely happened once its result is there or not needed", () => {
    const failure = failed("transient", { effect: "surely" });
    expect(nextMove(failure, ONCE, situation({ haveResult: true })).kind).toBe("adopt");
    expect(nextMove(failure, ONCE, situation({ resultNeeded: false })).kind).toBe("adopt");
  });

  test("looks a lost result up, and asks a person where it cannot", () => {
    const failure = failed("transient", { effect: "surely" });
    expect(nextMove(failure, PROBEABLE, situation())).toMatchObject({
      kind: "resolve",
      unknown: "result-unknown",
    });
    expect(nextMove(failure, ONCE, situation())).toMatchObject({
      kind: "askOutcome",
      unknown: "result-unknown",
    });
  });

  test("fetches a lost answer with the same key, but not one that broke its schema", () => {
    expect(nextMove(failed("transient", { effect: "surely" }), KEYED, situation()).kind).toBe(
      "retry",
    );
    expect(nextMove(failed("defect", { effect: "surely" }), KEYED, situation()).kind).toBe(
      "askOutcome",
    );
  });
});

describe("nextMove on unknown outcomes", () => {
  test("repeats only where the contract makes it harmless", () => {
    const kinds = [READ, IDEMPOTENT, KEYED, PROBEABLE, ONCE].map(
      (contract) => nextMove(failed("transient"), contract, situation()).kind,
    );
    expect(kinds).toEqual(["retry", "retry", "retry", "resolve", "askOutcome"]);
  });

  test("does not repeat with a key that is too old, and says how old it is", () => {
    const old = situation({ nowMs: 999_000 + 21.6 * HOUR_MS, budgetFromMs: null });
    expect(nextMove(failed("transient"), KEYED, { ...old, nowMs: old.nowMs - 1 }).kind).toBe(
      "retry",
    );
    const move = nextMove(failed("transient"), KEYED, old);
    expect(move).toMatchObject({ kind: "askOutcome", unknown: "outcome-unknown" });
    expect(move.because).toContain("key 22 h old of 24 h, too old to repeat");
  });

  test("does not repeat where an attempt could end when the key is no longer known", () => {
    const slow = situation({ timeoutMs: 5 * HOUR_MS, budgetFromMs: null });
    const at = (ageMs: number) => ({ ...slow, nowMs: 999_000 + ageMs });
    expect(nextMove(failed("transient"), KEYED, at(19 * HOUR_MS - 1)).kind).toBe("retry");
    expect(nextMove(failed("transient"), KEYED, at(19 * HOUR_MS)).kind).toBe("askOutcome");
  });

  test("does not repeat a changed payload under the same key", () => {
    expect(nextMove(failed("transient"), KEYED, situation({ samePayload: false })).kind).toBe(
      "askOutcome",
    );
  });

  test("remembers an earlier attempt: a proven failure now does not make it safe", () => {
    const never = failed("transient", { effect: "never" });
    expect(nextMove(never, PROBEABLE, situation({ openMaybe: true })).kind).toBe("resolve");
    expect(nextMove(never, ONCE, situation({ openMaybe: true })).kind).toBe("askOutcome");
  });

  test("says of which attempt it is that nobody knows whether it happened", () => {
    const maybe = failed("defect");
    const never = failed("defect", { effect: "never" });
    expect(because(maybe, KEYED)).toMatch(/ in attempt 1; it may have happened\.$/);
    expect(because(never, KEYED)).toMatch(/ in attempt 1\.$/);
    const later = { attempt: 2, openMaybe: true };
    expect(because(never, KEYED, later)).toMatch(
      / in attempt 2; an earlier attempt may have happened\.$/,
    );
    expect(because(maybe, KEYED, later)).toMatch(/ in attempt 2; it may have happened\.$/);
  });

  test("resolves before it cancels, and cancels at once where nothing can be open", () => {
    const cancelRequested = true;
    expect(nextMove(failed("transient"), PROBEABLE, situation({ cancelRequested })).kind).toBe(
      "resolve",
    );
    expect(nextMove(failed("cancelled"), KEYED, situation()).kind).toBe("askOutcome");
    expect(nextMove(failed("cancelled"), READ, situation()).kind).toBe("cancel");
    const never = failed("cancelled", { effect: "never" });
    expect(nextMove(never, ONCE, situation()).kind).toBe("cancel");
    expect(nextMove(never, ONCE, situation({ openMaybe: true })).kind).toBe("askOutcome");
  });

  test("does not give up as refused or late while an earlier attempt is open", () => {
    const open = situation({ openMaybe: true });
    for (const cls of ["permanent", "expired"] as const) {
      expect(nextMove(failed(cls, { effect: "never" }), IDEMPOTENT, open).kind).toBe("askOutcome");
      expect(
        nextMove(failed(cls, { effect: "never" }), { ...IDEMPOTENT, canProbe: true }, open).kind,
      ).toBe("resolve");
    }
  });

  test("does not ask a receiver again that has stored its failure under the key", () => {
    const stored: Contract = { ...KEYED, replays: "all" };
    const failure = failed("transient", { evidence: { status: 500, phase: "answered" } });
    expect(nextMove(failure, stored, situation()).kind).toBe("askOutcome");
    expect(nextMove({ ...failure, effect: "never" }, stored, situation()).kind).toBe("handOver");
    expect(nextMove(failure, KEYED, situation()).kind).toBe("retry");
    const gateway = failed("transient", { evidence: { status: 502, phase: "answered" } });
    expect(nextMove(gateway, stored, situation()).kind).toBe("retry");
  });
});

const meters = (attempts: number, contentions = 0, crashes = 0): Meters => ({
  attempts,
  contentions,
  crashes,
});

/** How long a retry of a keyed effect waits; null if it is not retried. */
function delayOf(failure: Failure, s: Situation): number | null {
  const move = nextMove(failure, KEYED, s);
  return move.kind === "retry" ? move.delayMs : null;
}

describe("the limits", () => {
  test("retries up to the fourth of 5 attempts and then hands over", () => {
    const s = situation({ meters: meters(4), attempt: 4 });
    expect(nextMove(failed("transient"), KEYED, s)).toEqual({
      kind: "retry",
      delayMs: 4_000,
      because: "Temporary failure (HTTP:STATUS_500), attempt 4 of 5; key 1 s old of 24 h.",
    });
    expect(nextMove(failed("transient"), KEYED, situation({ meters: meters(5) }))).toEqual({
      kind: "handOver",
      reason: "attempts-used-up",
      because: "Still failing (HTTP:STATUS_500), attempt 5 of 5; it may have happened.",
    });
  });

  test("looks once before it hands an open outcome to a person", () => {
    const s = situation({ meters: meters(5) });
    const contract: Contract = { ...KEYED, canProbe: true };
    expect(nextMove(failed("transient"), contract, s).kind).toBe("resolve");
    expect(nextMove(failed("transient"), contract, { ...s, probeCount: 1 }).kind).toBe("handOver");
    expect(nextMove(failed("transient", { effect: "never" }), contract, s).kind).toBe("handOver");
  });

  test("hands over when the next attempt would be past the horizon", () => {
    const s = situation({ budgetFromMs: 1_000_000 - 599_000, meters: meters(3) });
    expect(nextMove(failed("transient"), KEYED, { ...s, random01: 0.1 }).kind).toBe("retry");
    expect(nextMove(failed("transient"), KEYED, { ...s, random01: 0.5 })).toMatchObject({
      kind: "handOver",
      reason: "horizon-passed",
    });
  });

  test("gives a failure that no rule knows two attempts", () => {
    const failure = failed("transient", { unclassified: true });
    expect(nextMove(failure, KEYED, situation()).kind).toBe("retry");
    expect(nextMove(failure, KEYED, situation({ meters: meters(2) }))).toMatchObject({
      kind: "handOver",
      reason: "unclassified",
    });
    expect(nextMove(failure, ONCE, situation()).kind).toBe("askOutcome");
  });

  test("repeats once only what never left, five times at most", () => {
    const policy = { ...POLICY, attemptsMax: 1 };
    const never = failed("transient", { effect: "never" });
    expect(nextMove(never, ONCE, situation({ policy, meters: meters(4) })).kind).toBe("retry");
    expect(nextMove(never, ONCE, situation({ policy, meters: meters(5) })).kind).toBe("handOver");
  });

  test("keeps to a declared number below the default, also for what never left", () => {
    const policy = { ...POLICY, attemptsMax: 2 };
    const never = failed("transient", { effect: "never" });
    const s = situation({ policy, meters: meters(2) });
    expect(nextMove(never, KEYED, s).kind).toBe("handOver");
    expect(nextMove(never, KEYED, { ...s, meters: meters(1) }).kind).toBe("retry");
  });

  test("begins to wait at the first step, also for what was not counted", () => {
    const s = situation({ meters: meters(0), random01: 0.999 });
    expect(nextMove(failed("ambiguous"), KEYED, s)).toMatchObject({ delayMs: 999 });
    expect(nextMove(failed("contention"), KEYED, s)).toMatchObject({ delayMs: 74 });
    const none = { ...s, budgetFromMs: null };
    expect(nextMove(failed("contention"), KEYED, none).kind).toBe("redo");
  });

  test("counts the horizon and the deadline to the millisecond", () => {
    const s = situation({ meters: meters(1), random01: 0.5 });
    const begun = (agoMs: number) => ({ ...s, budgetFromMs: s.nowMs - agoMs });
    expect(nextMove(failed("transient"), KEYED, begun(599_499)).kind).toBe("retry");
    expect(nextMove(failed("transient"), KEYED, begun(599_500)).kind).toBe("handOver");
    const due = (inMs: number) => ({ ...s, deadlineAtMs: s.nowMs + inMs });
    const never = failed("transient", { effect: "never" });
    expect(nextMove(never, KEYED, due(501)).kind).toBe("retry");
    expect(nextMove(never, KEYED, due(500)).kind).toBe("late");
  });

  test("hands a race over that was lost 8 times", () => {
    const contention = failed("contention", { effect: "never" });
    expect(nextMove(contention, ONCE, situation({ meters: meters(0, 7) })).kind).toBe("redo");
    expect(nextMove(contention, ONCE, situation({ meters: meters(0, 8) }))).toMatchObject({
      kind: "handOver",
      reason: "contention-used-up",
    });
  });

  test("quarantines what crashed three times, but never forgets an unknown outcome for it", () => {
    const s = situation({ meters: meters(0, 0, 3) });
    expect(nextMove(failed("interrupted"), IDEMPOTENT, s).kind).toBe("quarantine");
    expect(nextMove(failed("interrupted"), IDEMPOTENT, situation()).kind).toBe("resume");
    expect(nextMove(failed("interrupted"), ONCE, situation()).kind).toBe("askOutcome");
  });

  test("retries at once, within a second, only what surely sent nothing", () => {
    const fast = situation({ immediateUsed: 0, meters: meters(3), random01: 0.999 });
    expect(delayOf(failed("transient", { effect: "never" }), fast)).toBeLessThan(1_000);
    expect(delayOf(failed("transient"), fast)).toBeGreaterThan(1_000);
    const used = { ...fast, immediateUsed: 2 };
    expect(delayOf(failed("transient", { effect: "never" }), used)).toBeGreaterThan(1_000);
  });
});

const throttled = failed("throttled", { effect: "never" });

function told(attempt: number, m: Meters): Move {
  return nextMove(throttled, ONCE, situation({ attempt, meters: m, random01: 0 }));
}

describe("waiting and parking", () => {
  test("waits at least as long as asked", () => {
    expect(nextMove(throttled, ONCE, situation({ hintMs: 90_000 }))).toMatchObject({
      kind: "wait",
      delayMs: 99_000,
      because: expect.stringContaining("asked for at least 90 s"),
    });
  });

  test("waits longer each time it is told to, not for each attempt of another kind", () => {
    expect(told(1, meters(0))).toMatchObject({ delayMs: 5_000 });
    expect(told(6, meters(3, 1))).toMatchObject({ delayMs: 10_000 });
    expect(told(6, meters(3, 0))).toMatchObject({ delayMs: 20_000 });
  });

  test("asks again after 1, 2 and 4 s where the first request with the key is still at work", () => {
    const outstanding = failed("throttled", { scope: "key" });
    const waits = [1, 2, 3].map((attempt) => {
      const s = situation({ attempt, meters: meters(0), random01: 0 });
      const move = nextMove(outstanding, KEYED, s);
      return move.kind === "wait" ? move.delayMs : null;
    });
    expect(waits).toEqual([1_000, 2_000, 4_000]);
  });

  test("parks and says so when asked to wait beyond the horizon", () => {
    const move = nextMove(throttled, ONCE, situation({ hintMs: 6 * HOUR_MS }));
    expect(move).toMatchObject({ kind: "park", scope: "dependency" });
    expect(move.because).toContain("asked for at least 6 h");
    expect(move.because).toContain("beyond the 10 m allowed");
  });

  test("parks an unreachable system after any time, without using up attempts", () => {
    const s = situation({
      othersPass: false,
      budgetFromMs: 0,
      nowMs: 100 * HOUR_MS,
      meters: { attempts: 5, contentions: 0, crashes: 0 },
    });
    expect(nextMove(failed("unavailable", { effect: "never" }), ONCE, s)).toEqual({
      kind: "park",
      scope: "dependency",
      because: expect.stringContaining("(5 of 5 used)"),
    });
  });

  test("gives up as late when the wait would pass the deadline", () => {
    expect(nextMove(throttled, ONCE, situation({ deadlineAtMs: 1_003_000 }))).toMatchObject({
      kind: "late",
      because: expect.stringMatching(/^Its deadline, \S+ \S+ UTC, comes before/u),
    });
    const maybe = situation({ deadlineAtMs: 1_000_050 });
    expect(nextMove(failed("transient"), KEYED, maybe).kind).toBe("askOutcome");
  });
});

function because(failure: Failure, contract: Contract, over: Partial<Situation> = {}): string {
  return nextMove(failure, contract, situation(over)).because;
}

describe("the sentence", () => {
  test("says why a repeat is harmless", () => {
    const never = failed("transient", { effect: "never" });
    expect(because(never, ONCE)).toMatch(/; nothing was done\.$/);
    expect(because(never, KEYED, { openMaybe: true })).toMatch(/; key 1 s old of 24 h\.$/);
    expect(because(failed("transient"), IDEMPOTENT)).toMatch(/; it is idempotent \(put\)\.$/);
    expect(because(failed("transient"), READ)).toMatch(/; a read changes nothing\.$/);
    expect(because(failed("transient"), KEYED, { firstSentAtMs: null })).toMatch(/; key 0 ms old/);
  });

  test("says what a cancellation leaves behind, and how late something is", () => {
    expect(because(failed("cancelled"), READ)).toContain("a read leaves nothing behind");
    expect(because(failed("cancelled", { effect: "never" }), ONCE)).toContain(
      "nothing of it happened",
    );
    const inPart = failed("cancelled", { effect: "partial", restAlone: true });
    for (const one of [inPart, failed("cancelled", { effect: "never" })])
      expect(because(one, ONCE, { isDoneInPart: one !== inPart })).toMatch(
        /^Some .* the rest\. It was cancelled, and nothing more of it happened\.$/u,
      );
    const expired = failed("expired", { effect: "never" });
    expect(because(expired, ONCE, { deadlineAtMs: 990_000 })).toBe(
      "Its deadline, 1970-01-01 00:16:30 UTC, passed before it could be done.",
    );
    expect(because(expired, ONCE, { deadlineAtMs: 1_000_000 })).toContain(", passed before");
    expect(because(expired, ONCE)).toMatch(/^It is too late for it \(/u);
  });
});

describe("beforeSend", () => {
  const failure = failed("unavailable", { effect: "never" });
  test("lets a due attempt go", () => {
    expect(beforeSend(failure, KEYED, situation({ openMaybe: true }))).toBeNull();
    expect(beforeSend(failure, ONCE, situation())).toBeNull();
  });

  test("stops a repeat whose key grew too old while it was parked", () => {
    const late = situation({ openMaybe: true, nowMs: 999_000 + 22 * HOUR_MS });
    expect(beforeSend(failure, KEYED, late)?.kind).toBe("askOutcome");
    expect(beforeSend(failure, { ...KEYED, canProbe: true }, late)?.kind).toBe("resolve");
    expect(beforeSend(failure, KEYED, { ...late, openMaybe: false })).toBeNull();
  });

  test("stops for a cancellation and for a deadline", () => {
    expect(beforeSend(failure, ONCE, situation({ cancelRequested: true }))?.kind).toBe("cancel");
    expect(beforeSend(failure, ONCE, situation({ deadlineAtMs: 1_000_000 }))?.kind).toBe("late");
    expect(beforeSend(failure, ONCE, situation({ deadlineAtMs: 1_000_001 }))).toBeNull();
  });
});
