import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { IDEMPOTENT_REASONS, KEY_REPLAYS, type Contract } from "./contract.ts";
import { EFFECT_PROOFS, FAILURE_CLASSES, FAILURE_SCOPES, type Failure } from "./failure.ts";
import { MOVE_KINDS, type Move, type MoveKind } from "./move.ts";
import { beforeSend, nextMove } from "./next-move.ts";
import { DEFAULT_RETRY, usableWindowMs } from "./retry-policy.ts";
import type { Situation } from "./situation.ts";

const HOUR_MS = 3_600_000;
const settleMs = fc.integer({ min: 0, max: 10_000_000 });
const probe = { canProbe: fc.boolean(), settleMs };
const anyContract: fc.Arbitrary<Contract> = fc.oneof(
  fc.constant<Contract>({ kind: "read" }),
  fc.record({
    kind: fc.constant("idempotent" as const),
    why: fc.constantFrom(...IDEMPOTENT_REASONS),
    ...probe,
  }),
  fc.record({
    kind: fc.constant("keyed" as const),
    windowMs: fc.integer({ min: 1, max: 100 * HOUR_MS }),
    replays: fc.constantFrom(...KEY_REPLAYS),
    ...probe,
  }),
  fc.record({ kind: fc.constant("probeable" as const), canProbe: fc.constant(true), settleMs }),
  fc.record({ kind: fc.constant("once" as const), ...probe }),
);
const count = fc.integer({ min: 0, max: 9 });
const atMs = fc.option(fc.integer({ min: 0, max: 200 * HOUR_MS }));
const anyFailure: fc.Arbitrary<Failure> = fc.record({
  class: fc.constantFrom(...FAILURE_CLASSES),
  effect: fc.constantFrom(...EFFECT_PROOFS),
  scope: fc.constantFrom(...FAILURE_SCOPES),
  origin: fc.constant("remote"),
  reasonCode: fc.constant("HTTP:STATUS_500"),
  message: fc.constant("no answer in 30 s"),
  unclassified: fc.boolean(),
  evidence: fc.record({
    status: fc.constantFrom(402, 500, 502),
    phase: fc.constantFrom("sent", "answered"),
    callCount: fc.integer({ min: 0, max: 2 }),
  }),
  rule: fc.constant({ source: "table", id: "http/500", version: 1 }),
});
const anySituation: fc.Arbitrary<Situation> = fc.record({
  nowMs: fc.integer({ min: 0, max: 200 * HOUR_MS }),
  attempt: fc.integer({ min: 1, max: 20 }),
  meters: fc.record({ attempts: count, contentions: count, crashes: count }),
  firstSentAtMs: atMs,
  budgetFromMs: atMs,
  openMaybe: fc.boolean(),
  neverSaid: fc.constant(null),
  isDoneInPart: fc.constant(false),
  samePayload: fc.boolean(),
  resultNeeded: fc.boolean(),
  haveResult: fc.boolean(),
  policy: fc.constant(DEFAULT_RETRY),
  hintMs: atMs,
  othersPass: fc.boolean(),
  wasAlone: fc.boolean(),
  attemptsBefore: fc.constant(0),
  deadlineAtMs: atMs,
  timeoutMs: fc.integer({ min: 0, max: HOUR_MS }),
  probeCount: count,
  random01: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  cancelRequested: fc.boolean(),
  immediateUsed: count,
});

type Law = (move: Move, f: Failure, c: Contract, s: Situation) => boolean;

/** A failure, contract and situation that break the law, or null if none was found. */
function breach(law: Law, over: Partial<Situation> = {}) {
  const cases = fc.property(anyFailure, anyContract, anySituation, (f, c, situation) => {
    const s = { ...situation, ...over };
    return law(nextMove(f, c, s), f, c, s);
  });
  return fc.check(cases, { numRuns: 3_000 }).counterexample;
}

const SENDING: readonly MoveKind[] = ["retry", "wait", "redo", "resume"];
const GIVING_UP: readonly MoveKind[] = ["stop", "late", "cancel"];

/** Written from failure model 2.3: `repeatable` without the part about this attempt. */
function isRepeatable(c: Contract, s: Situation): boolean {
  if (c.kind === "read" || c.kind === "idempotent") return true;
  if (c.kind !== "keyed" || !s.samePayload) return false;
  if (s.firstSentAtMs === null) return true;
  const ageMs = s.nowMs - s.firstSentAtMs;
  return ageMs < usableWindowMs(c.windowMs) && ageMs + s.timeoutMs < c.windowMs;
}

function canProbe(c: Contract): boolean {
  return c.kind !== "read" && c.canProbe;
}

const BY_CLASS: Readonly<
  Record<Exclude<Failure["class"], "cancelled" | "ambiguous" | "poison">, readonly MoveKind[]>
> = {
  // With its limits: two attempts if unclassified, and a stored answer that the key would repeat.
  transient: ["retry", "handOver", "resolve", "askOutcome"],
  throttled: ["wait"],
  contention: ["redo"],
  unavailable: ["park"],
  misconfigured: ["park"],
  exhausted: ["park"],
  permanent: ["stop"],
  defect: ["hold"],
  data: ["repair"],
  policy: ["approve"],
  expired: ["late"],
  interrupted: ["resume"],
};

/**
 * Failure model 2.3 with the meaning of `replays`: the receiver's no to a live key that it keeps is
 * its answer to every attempt with that key.
 */
function isRefusedByKey(f: Failure, c: Contract, s: Situation): boolean {
  if (c.kind !== "keyed" || (c.replays !== "non5xx" && c.replays !== "all")) return false;
  if (f.effect !== "never" || !["permanent", "data", "policy"].includes(f.class)) return false;
  const { phase, status, callCount } = f.evidence;
  return isRepeatable(c, s) && phase === "answered" && callCount === 1 && status === 402;
}

function isOpenBefore(f: Failure, c: Contract, s: Situation): boolean {
  return s.openMaybe && !isRefusedByKey(f, c, s);
}

const sendsOnlyWhatIsHarmless: Law = (move, f, c, s) => {
  const open = f.effect !== "never" || s.openMaybe;
  return !open || isRepeatable(c, s) || !SENDING.includes(move.kind);
};

const givesUpNothingOpen: Law = (move, f, c, s) => {
  const open = c.kind !== "read" && (f.effect === "maybe" || isOpenBefore(f, c, s));
  return !open || !GIVING_UP.includes(move.kind);
};

const looksOnlyWhereItCan: Law = (move, _f, c) => {
  if (move.kind === "resolve") return canProbe(c);
  return move.kind !== "askOutcome" || !canProbe(c);
};

/** A transcription of `next` in failure model 2.3, for cases without limits and cancellation. */
const followsTheModel: Law = (move, f, c, s) => {
  if (f.class === "cancelled" || f.class === "ambiguous" || f.class === "poison") return true;
  if (f.effect === "partial") return move.kind === "split";
  if (f.effect === "surely" && c.kind !== "read" && (s.haveResult || !s.resultNeeded)) {
    return move.kind === "adopt";
  }
  if (f.effect === "surely") return true;
  if (f.effect === "maybe" && !isRepeatable(c, s)) {
    return move.kind === (canProbe(c) ? "resolve" : "askOutcome");
  }
  // Beyond the model: what is unknown is found out before anything is given up (settled 9).
  if (f.effect === "maybe" && (f.class === "permanent" || f.class === "expired")) return true;
  return BY_CLASS[f.class].includes(move.kind);
};

const isStable: Law = (move, f, c, s) =>
  JSON.stringify(move) === JSON.stringify(nextMove(f, c, s)) &&
  MOVE_KINDS.includes(move.kind) &&
  /^[A-Z0-9][^]*\.$/.test(move.because) &&
  !/undefined|NaN|Infinity|null/.test(move.because);

const isWithinLimits: Law = (move, _f, _c, s) => {
  if (move.kind === "retry" && s.meters.attempts >= 6) return false;
  if (move.kind === "redo" && s.meters.contentions >= 8) return false;
  if (move.kind !== "retry" && move.kind !== "redo" && move.kind !== "wait") return true;
  const endMs = s.nowMs + move.delayMs + s.timeoutMs;
  const goneMs = s.budgetFromMs === null ? 0 : Math.max(0, s.nowMs - s.budgetFromMs);
  return (
    move.delayMs >= 25 &&
    goneMs + move.delayMs < DEFAULT_RETRY.horizonMs &&
    (s.deadlineAtMs === null || endMs < s.deadlineAtMs)
  );
};

describe("for every failure, contract and situation", () => {
  test("nothing is sent again over an unknown outcome unless that is harmless by contract", () => {
    expect(breach(sendsOnlyWhatIsHarmless)).toBeNull();
  });

  test("nothing that may have happened is given up, so nothing unknown is compensated", () => {
    expect(breach(givesUpNothingOpen)).toBeNull();
  });

  test("nothing is looked up that cannot be, and nobody is asked where a look would tell", () => {
    expect(breach(looksOnlyWhereItCan)).toBeNull();
  });

  test("where the model decides alone, its decision is taken", () => {
    const easy: Partial<Situation> = {
      attempt: 3,
      openMaybe: false,
      cancelRequested: false,
      deadlineAtMs: null,
      budgetFromMs: null,
      hintMs: null,
      othersPass: true,
      wasAlone: true,
      attemptsBefore: 0,
      meters: { attempts: 1, contentions: 1, crashes: 0 },
    };
    expect(breach(followsTheModel, easy)).toBeNull();
  });

  test("the same input gives the same move, of the closed list, with a whole sentence", () => {
    expect(breach(isStable)).toBeNull();
  });

  test("every repeat is within attempts, horizon and deadline, and not at once", () => {
    expect(breach(isWithinLimits)).toBeNull();
  });

  test("cancelling ends in a cancel, a look-up, a person or an adoption; it repeats only to find out", () => {
    const ends: readonly MoveKind[] = ["cancel", "resolve", "askOutcome", "adopt", "split"];
    const repeats: readonly MoveKind[] = [...SENDING, "park", "handOver"];
    const law: Law = (move, f, c, s) => {
      if (ends.includes(move.kind)) return true;
      const open = f.effect !== "never" || f.class === "ambiguous" || isOpenBefore(f, c, s);
      return repeats.includes(move.kind) && open && isRepeatable(c, s) && !canProbe(c);
    };
    expect(breach(law, { cancelRequested: true })).toBeNull();
  });

  test("a refusal settles earlier attempts only under a live key that keeps refusals", () => {
    const cases = fc.property(anyFailure, anyContract, anySituation, (f, c, situation) => {
      const s = { ...situation, openMaybe: true, cancelRequested: false };
      const move = nextMove(f, c, s);
      const settled = f.effect === "never" && ["stop", "repair", "approve"].includes(move.kind);
      const told = move.because.includes("may have happened");
      return !settled || c.kind === "read" || isRefusedByKey(f, c, s) === !told;
    });
    expect(fc.check(cases, { numRuns: 3_000 }).counterexample).toBeNull();
  });

  test("what falls due later is checked by the same rule", () => {
    const cases = fc.property(anyFailure, anyContract, anySituation, (f, c, s) => {
      const stop = beforeSend(f, c, s);
      const open = s.openMaybe && c.kind !== "read";
      if (open && !isRepeatable(c, s))
        return stop?.kind === (canProbe(c) ? "resolve" : "askOutcome");
      if (s.cancelRequested && open && !canProbe(c)) return stop === null;
      const late = s.deadlineAtMs !== null && s.nowMs + s.timeoutMs >= s.deadlineAtMs;
      if (!s.cancelRequested && !late) return stop === null;
      return stop !== null && open !== GIVING_UP.includes(stop.kind);
    });
    expect(fc.check(cases, { numRuns: 3_000 }).counterexample).toBeNull();
  });

  test("what was done in part is neither given up nor called off by itself", () => {
    const cases = fc.property(anyFailure, anyContract, anySituation, (failure, contract, s) => {
      const inPart = { ...s, isDoneInPart: true };
      const moves = [nextMove(failure, contract, inPart), beforeSend(failure, contract, inPart)];
      return moves.every((move) => move === null || !GIVING_UP.includes(move.kind));
    });
    expect(fc.check(cases, { numRuns: 3_000 }).counterexample).toBeNull();
  });
});
