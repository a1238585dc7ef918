/** The edges of a decision: what is still waited for, how a cancellation finds out, and when it is too long. */
import { describe, expect, test } from "vitest";
import type { Contract } from "./contract.ts";
import { ANSWER_SCHEMA, type Failure, type FailureClass } from "./failure.ts";
import { beforeSend, nextMove } from "./next-move.ts";
import { NO_METERS } from "./proof.ts";
import { DEFAULT_RETRY } from "./retry-policy.ts";
import type { Situation } from "./situation.ts";

const HOUR_MS = 3_600_000;
const HORIZON_MS = 600_000;
const NOW_MS = 1_000_000;

const BLIND = { canProbe: false, settleMs: 5_000 };
const READ: Contract = { kind: "read" };
const IDEMPOTENT: Contract = { kind: "idempotent", why: "put", ...BLIND };
const KEYED: Contract = { kind: "keyed", windowMs: 24 * HOUR_MS, replays: "all", ...BLIND };
const PROBEABLE: Contract = { kind: "probeable", canProbe: true, settleMs: 5_000 };
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
    rule: { source: "table", id: "http-status/500", version: 1 },
    ...over,
  };
}

const never = (failureClass: FailureClass, over: Partial<Failure> = {}) =>
  failed(failureClass, { effect: "never", ...over });

/** Its first attempt was sent a second ago; no jitter. */
function situation(over: Partial<Situation> = {}): Situation {
  return {
    nowMs: NOW_MS,
    attempt: 1,
    meters: { attempts: 1, contentions: 0, crashes: 0 },
    firstSentAtMs: NOW_MS - 1_000,
    budgetFromMs: NOW_MS - 1_000,
    openMaybe: false,
    neverSaid: null,
    isDoneInPart: false,
    samePayload: true,
    resultNeeded: true,
    haveResult: false,
    policy: { ...DEFAULT_RETRY, attemptsMax: 5, horizonMs: HORIZON_MS },
    hintMs: null,
    othersPass: true,
    wasAlone: true,
    attemptsBefore: 0,
    deadlineAtMs: null,
    timeoutMs: 0,
    probeCount: 0,
    random01: 0,
    cancelRequested: false,
    immediateUsed: 2,
    ...over,
  };
}

/** So much of its horizon is gone. */
const gone = (ms: number) => ({ budgetFromMs: NOW_MS - ms });

describe("what is missing over there and may still come", () => {
  const missing = never("data", { mayComeWithinMs: 60_000 });
  const of = (over: Partial<Situation>) =>
    nextMove(missing, ONCE, situation({ meters: NO_METERS, ...over }));

  test("is waited for, which uses up no attempt", () => {
    const move = of({ hintMs: 5_000 });
    expect(move).toMatchObject({ kind: "wait", delayMs: 5_000 });
    expect(move.because).toContain("may still come, 1 s of 60 s are gone");
  });

  test("is its owner's where the next look would come when the time is over", () => {
    expect(of({ hintMs: 5_000, ...gone(54_999) }).kind).toBe("wait");
    expect(of({ hintMs: 5_000, ...gone(55_000) }).kind).toBe("repair");
  });

  test("is not waited for beyond the deadline", () => {
    expect(of({ hintMs: 5_000, deadlineAtMs: NOW_MS + 5_001 }).kind).toBe("wait");
    expect(of({ hintMs: 5_000, deadlineAtMs: NOW_MS + 5_000 }).kind).toBe("repair");
  });

  test("is its owner's at once where nobody said that it may come", () => {
    expect(nextMove(never("data"), ONCE, situation()).kind).toBe("repair");
  });
});

const crashed = (crashes: number) => ({ meters: { attempts: 1, contentions: 0, crashes } });

const cancel = (failure: Failure, contract: Contract, over: Partial<Situation> = {}) =>
  nextMove(failure, contract, situation({ cancelRequested: true, ...over })).kind;

describe("a cancellation of what may have happened", () => {
  test.each([
    ["transient", "retry"],
    ["ambiguous", "retry"],
    ["throttled", "wait"],
    ["contention", "redo"],
    ["unavailable", "park"],
    ["misconfigured", "park"],
    ["exhausted", "park"],
    ["interrupted", "resume"],
  ] as const)("finds out by a harmless repeat where it ended as %s: %s", (failureClass, kind) => {
    expect(cancel(failed(failureClass), IDEMPOTENT)).toBe(kind);
    expect(cancel(failed(failureClass), PROBEABLE)).toBe("resolve");
    expect(cancel(failed(failureClass), ONCE)).toBe("askOutcome");
  });

  test.each(["permanent", "defect", "data", "policy", "expired"] as const)(
    "asks a person where it was refused (%s), of which a repeat would not tell",
    (failureClass) => {
      expect(cancel(failed(failureClass), IDEMPOTENT)).toBe("askOutcome");
    },
  );

  test("repeats nothing that crashes the engine", () => {
    expect(cancel(failed("transient"), IDEMPOTENT, crashed(2))).toBe("retry");
    expect(cancel(failed("transient"), IDEMPOTENT, crashed(3))).toBe("askOutcome");
  });

  test("lets a repeat go that is due and tells, and asks where it would not", () => {
    const s = situation({ cancelRequested: true, openMaybe: true });
    expect(beforeSend(failed("transient"), IDEMPOTENT, s)).toBe(null);
    expect(beforeSend(failed("transient"), ONCE, s)).toMatchObject({ kind: "askOutcome" });
  });
});

const seen = (ageMs: number) => ({
  neverSaid: { by: "look-up", atMs: NOW_MS - ageMs } as const,
});

const refusedIn = (attempt: number) =>
  nextMove(never("data"), IDEMPOTENT, situation({ attempt, openMaybe: true })).because;

describe("what is unknown", () => {
  test("is what is said to be so, whatever is said beside it", () => {
    expect(nextMove(never("ambiguous"), ONCE, situation()).kind).toBe("askOutcome");
  });

  test("is looked up rather than repeated, also where a repeat would be harmless", () => {
    const probeable: Contract = { ...IDEMPOTENT, canProbe: true };
    expect(nextMove(failed("ambiguous"), probeable, situation()).kind).toBe("resolve");
    expect(nextMove(failed("ambiguous"), IDEMPOTENT, situation()).kind).toBe("retry");
  });

  test("is a person's where it is there already: a repeat would find it there again", () => {
    const unlessOurs = { class: "data", scope: "item" } as const;
    const echo = failed("ambiguous", { unlessOurs });
    expect(nextMove(echo, IDEMPOTENT, situation()).kind).toBe("askOutcome");
  });

  test("is of this attempt where it is the first, whatever that says of itself", () => {
    expect(refusedIn(1)).toContain("attempt 1; it may have happened");
    expect(refusedIn(2)).toContain("attempt 2; an earlier attempt may have happened");
  });

  test("is looked up once more before it is sent on an old word that it did not happen", () => {
    expect(beforeSend(never("transient"), PROBEABLE, situation(seen(1_000)))).toBe(null);
    expect(beforeSend(never("transient"), PROBEABLE, situation(seen(HOUR_MS)))).toMatchObject({
      kind: "resolve",
      unknown: "outcome-unknown",
      because: expect.stringContaining("60 m ago; it is looked up once more") as string,
    });
  });
});

describe("what surely happened", () => {
  test("is nothing to adopt of a read, which changes nothing", () => {
    const read = failed("data", { effect: "surely" });
    expect(nextMove(read, READ, situation()).kind).toBe("repair");
    expect(nextMove(read, READ, situation({ haveResult: true })).kind).toBe("adopt");
  });

  test.each([
    [PROBEABLE, "the other system is asked for it"],
    [ONCE, "cannot be looked up"],
  ])("says whether its answer was lost or does not fit", (contract, end) => {
    const of = (reasonCode: string) =>
      nextMove(failed("defect", { effect: "surely", reasonCode }), contract, situation()).because;
    expect(of(ANSWER_SCHEMA)).toMatch(new RegExp(`does not fit its schema.*${end}`, "u"));
    expect(of("HTTP:BODY_LOST")).toMatch(new RegExp(`its answer was lost.*${end}`, "u"));
  });
});

const storedOf = (evidence: Failure["evidence"], contract: Contract) =>
  nextMove(failed("transient", { evidence }), contract, situation()).kind;

describe("a failure that is stored under the key", () => {
  test("is the receiver's own, answered, under a key that keeps all answers", () => {
    expect(storedOf({ status: 501, phase: "answered" }, KEYED)).toBe("askOutcome");
    expect(storedOf({ status: 501, phase: "sent" }, KEYED)).toBe("retry");
    expect(storedOf({ status: 501, phase: "answered" }, IDEMPOTENT)).toBe("retry");
  });
});

const slowedBy = (scope: Failure["scope"], hintMs: number | null) =>
  nextMove(never("throttled", { scope }), ONCE, situation({ hintMs })).because;

describe("a wait", () => {
  const throttled = never("throttled");
  const toldToWait = (over: Partial<Situation>) =>
    nextMove(throttled, ONCE, situation({ hintMs: 60_000, ...over }));

  test("begins anew with the attempts after a person has let it go on", () => {
    const s = situation({ attempt: 6, attemptsBefore: 5, meters: NO_METERS });
    expect(nextMove(throttled, ONCE, s)).toMatchObject({ kind: "wait", delayMs: 5_000 });
  });

  test("says who is at work, and what was asked for", () => {
    expect(slowedBy("key", null)).toMatch(/^The first request with its key.*over there; this/u);
    expect(slowedBy("dependency", null)).toMatch(/^The other system wants us slower; this/u);
    expect(slowedBy("dependency", 9_000)).toContain("(asked for at least 9 s)");
  });

  test("that was asked for ends before the horizon does, or it parks for so long", () => {
    expect(toldToWait(gone(HORIZON_MS - 60_001)).kind).toBe("wait");
    expect(toldToWait(gone(HORIZON_MS - 60_000))).toMatchObject({ kind: "park", leastMs: 60_000 });
    expect(toldToWait({ ...gone(HORIZON_MS - 60_000), othersPass: false })).not.toHaveProperty(
      "leastMs",
    );
  });

  test("is its owner's once the horizon is over, to the millisecond", () => {
    expect(nextMove(throttled, ONCE, situation(gone(HORIZON_MS - 1))).kind).toBe("park");
    expect(nextMove(throttled, ONCE, situation(gone(HORIZON_MS))).kind).toBe("handOver");
  });
});

const asked = (over: Partial<Situation>) =>
  nextMove(failed("contention"), IDEMPOTENT, situation({ hintMs: 60_000, ...over })).kind;

describe("a repeat that the other system wants later", () => {
  test("parks where only what was asked for goes beyond the horizon", () => {
    expect(asked(gone(HORIZON_MS - 60_001))).toBe("redo");
    expect(asked(gone(HORIZON_MS - 60_000))).toBe("park");
  });

  test("is handed over where its own wait would go beyond it as well", () => {
    const random01 = 0.5;
    const own = nextMove(never("contention"), IDEMPOTENT, situation({ random01 }));
    const ownMs = own.kind === "redo" ? own.delayMs : 0;
    expect(ownMs).toBeGreaterThan(0);
    expect(asked({ ...gone(HORIZON_MS - ownMs - 1), random01 })).toBe("park");
    expect(asked({ ...gone(HORIZON_MS - ownMs), random01 })).toBe("handOver");
  });

  test("is late, and does not park, where it could not be done before its deadline", () => {
    const over = { ...gone(HORIZON_MS - 60_000), deadlineAtMs: NOW_MS + 30_000 };
    expect(
      nextMove(never("contention"), IDEMPOTENT, situation({ hintMs: 60_000, ...over })).kind,
    ).toBe("late");
  });
});
