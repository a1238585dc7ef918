/** How long it waits: as the other system asks, and by itself where only this call does not get through. */
import { expect, test } from "vitest";
import type { Contract } from "./contract.ts";
import type { Failure, FailureClass } from "./failure.ts";
import { nextMove } from "./next-move.ts";
import { NO_METERS } from "./proof.ts";
import { DEFAULT_RETRY } from "./retry-policy.ts";
import type { Situation } from "./situation.ts";

const HOUR_MS = 3_600_000;
const BLIND = { canProbe: false, settleMs: 5_000 };
const KEYED: Contract = { kind: "keyed", windowMs: 24 * HOUR_MS, replays: "non5xx", ...BLIND };
const ONCE: Contract = { kind: "once", ...BLIND };

function never(failureClass: FailureClass): Failure {
  return {
    effect: "never",
    class: failureClass,
    scope: "dependency",
    origin: "remote",
    reasonCode: "HTTP:STATUS_503",
    message: "not now",
    evidence: {},
    rule: { source: "table", id: "http-status/503", version: 1 },
  };
}

const PLAIN: Situation = {
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
  policy: { ...DEFAULT_RETRY, attemptsMax: 5, horizonMs: 600_000 },
  hintMs: null,
  othersPass: true,
  wasAlone: true,
  attemptsBefore: 0,
  deadlineAtMs: null,
  timeoutMs: 0,
  probeCount: 0,
  random01: 0.5,
  cancelRequested: false,
  immediateUsed: 0,
};

const ALONE = ["unavailable", "exhausted", "throttled"] as const;

test.each(ALONE)("has the owner look at what is %s alone, past its horizon", (failureClass) => {
  const s = { ...PLAIN, budgetFromMs: 0, nowMs: 100 * HOUR_MS };
  const move = nextMove(never(failureClass), ONCE, s);
  expect(move).toMatchObject({ kind: "handOver", reason: "horizon-passed" });
  expect(move.because).toContain("while other calls pass");
});

function parked(attempt: number, othersPass: boolean) {
  return nextMove(never("unavailable"), ONCE, {
    ...PLAIN,
    attempt,
    othersPass,
    random01: 0,
    meters: NO_METERS,
  });
}

test("waits longer each time where others pass, and no longer than the outage where none does", () => {
  expect([2, 3, 4, 20].map((attempt) => parked(attempt, true))).toMatchObject(
    [5_000, 10_000, 20_000, 600_000].map((leastMs) => ({ kind: "park", leastMs })),
  );
  expect(parked(1, true)).not.toHaveProperty("leastMs");
  expect(parked(3, false)).not.toHaveProperty("leastMs");
});

test.each(["transient", "contention"] as const)(
  "waits at least as long as was asked for, also where it is %s",
  (failureClass) => {
    const s = { ...PLAIN, hintMs: 60_000, meters: { attempts: 1, contentions: 1, crashes: 0 } };
    const failure = never(failureClass);
    expect(nextMove(failure, KEYED, s)).toMatchObject({ delayMs: 66_000 });
    const short = nextMove(failure, KEYED, { ...s, hintMs: 1 });
    const own = nextMove(failure, KEYED, { ...s, hintMs: null, immediateUsed: 2 });
    expect(short).toEqual(own);
    const long = nextMove(failure, KEYED, { ...s, hintMs: HOUR_MS });
    expect(long).toMatchObject({ kind: "park" });
    expect(long.because).toContain("asks for a wait of 60 m");
  },
);
