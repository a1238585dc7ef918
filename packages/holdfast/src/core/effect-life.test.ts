/**
 * Whole lives of one effect against another system that loses requests and answers, executes late
 * and is looked up with a lag, while our engine crashes and is asked to cancel. The decisions are
 * core's; what is counted is what the other system really did.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { afterProbe, firstProbeAtMs, type ProbeAnswer } from "./after-probe.ts";
import type { Contract } from "./contract.ts";
import { type EffectRecord } from "./effect-record.ts";
import { FRESH_EFFECT, foldEffect, type EffectState } from "./effect-state.ts";
import type { Failure, FailureClass } from "./failure.ts";
import type { Move } from "./move.ts";
import { beforeSend, nextMove } from "./next-move.ts";
import { combineProof, countFailure } from "./proof.ts";
import { retryPolicyFor } from "./retry-policy.ts";
import type { Situation } from "./situation.ts";

const SETTLE_MS = 10_000;
const WINDOW_MS = 900_000;
const START_MS = 1_000_000;

/** What fate has in store for one attempt. */
const FATES = [
  "answered",
  "unsent",
  "refused",
  "throttled",
  "unavailable",
  "race",
  "lost before it was done",
  "lost after it was done",
  "done late",
  "crash before it was done",
  "crash after it was done",
  "crash, and done late",
] as const;
type Fate = (typeof FATES)[number];

interface Luck {
  readonly fates: readonly Fate[];
  /** In [0, 1), used in turn for jitter, lateness and lag. */
  readonly dice: readonly number[];
  /** Whether each look-up works. */
  readonly looks: readonly boolean[];
  readonly cancelAfterMs: number | null;
  readonly parkMs: number;
}

interface Life {
  readonly executions: readonly number[];
  readonly state: EffectState;
}

function failureOf(failureClass: FailureClass, effect: Failure["effect"]): Failure {
  return {
    effect,
    class: failureClass,
    scope: "dependency",
    origin: "network",
    reasonCode: "TEST:FATE",
    message: "x",
    evidence: {},
    rule: { source: "table", id: "test", version: 1 },
  };
}

const UNHEARD: Failure = failureOf("transient", "maybe");
const ENDS: Readonly<Record<Fate, { failure: Failure | null; done: "no" | "now" | "late" }>> = {
  answered: { failure: null, done: "now" },
  unsent: { failure: failureOf("transient", "never"), done: "no" },
  refused: { failure: failureOf("permanent", "never"), done: "no" },
  throttled: { failure: failureOf("throttled", "never"), done: "no" },
  unavailable: { failure: failureOf("unavailable", "never"), done: "no" },
  race: { failure: failureOf("contention", "never"), done: "no" },
  "lost before it was done": { failure: UNHEARD, done: "no" },
  "lost after it was done": { failure: UNHEARD, done: "now" },
  "done late": { failure: UNHEARD, done: "late" },
  "crash before it was done": { failure: failureOf("interrupted", "maybe"), done: "no" },
  "crash after it was done": { failure: failureOf("interrupted", "maybe"), done: "now" },
  "crash, and done late": { failure: failureOf("interrupted", "maybe"), done: "late" },
};

function live(contract: Contract, luck: Luck): Life {
  let nowMs = START_MS;
  let seq = 0;
  let turn = 0;
  let looks = 0;
  let sends = 0;
  let state = FRESH_EFFECT;
  const executions: number[] = [];
  const declared = contract.kind === "once" ? undefined : { attempts: 4, withinMs: 600_000 };
  const policy = retryPolicyFor(contract, declared, "effect x");

  const roll = () => luck.dice[(turn += 1) % luck.dice.length] ?? 0;
  const write = (record: Pick<EffectRecord, "kind" | "head"> & { attempt: number }) => {
    seq += 1;
    // The pairs of kind and head are made below, each as one literal.
    state = foldEffect(state, { ...record, seq, atMs: nowMs, data: null } as EffectRecord);
  };
  const situation = (): Situation => ({
    nowMs,
    attempt: state.attempt,
    meters: state.meters,
    firstSentAtMs: state.firstSentAtMs,
    budgetFromMs: state.budgetFromMs,
    openMaybe: state.openMaybe,
    neverSaid: null,
    isDoneInPart: false,
    samePayload: true,
    resultNeeded: true,
    haveResult: false,
    policy,
    hintMs: null,
    othersPass: true,
    wasAlone: true,
    attemptsBefore: 0,
    deadlineAtMs: null,
    timeoutMs: 0,
    probeCount: state.probes.length,
    random01: roll(),
    cancelRequested: luck.cancelAfterMs !== null && nowMs >= START_MS + luck.cancelAfterMs,
    immediateUsed: state.immediateUsed,
  });
  /** The other system: a key that it knows is not done again. */
  const execute = (atMs: number) => {
    const known =
      contract.kind === "keyed" && executions.some((e) => Math.abs(atMs - e) < WINDOW_MS);
    if (!known) executions.push(atMs);
  };
  const send = () => {
    const attempt = state.attempt + 1;
    // Every bad time ends, or a life could be throttled for ever.
    const fate = sends < 20 ? (luck.fates[sends % luck.fates.length] ?? "answered") : "answered";
    sends += 1;
    write({
      kind: "intent",
      attempt,
      head: {
        operation: 1,
        effect: "x",
        integration: "erp",
        contract: contract.kind,
        key: "k",
        generation: 1,
        digest: "d",
        deadlineAtMs: 0,
      },
    });
    const { failure, done } = ENDS[fate];
    if (done === "now") execute(nowMs);
    if (done === "late") execute(nowMs + roll() * 0.6 * SETTLE_MS);
    nowMs += 50 + Math.floor(roll() * 1_000);
    if (failure === null) {
      write({
        kind: "outcome",
        attempt,
        head: { operation: 1, effect: "x", proof: "surely", end: "value" },
      });
      return;
    }
    // A crash is no outcome; on recovery the engine writes what it finds in doubt.
    decide(attempt, failure);
  };
  const decide = (attempt: number, failure: Failure) => {
    const meters = countFailure(state.meters, failure.class);
    const move = nextMove(failure, contract, { ...situation(), attempt, meters });
    write({
      kind: "outcome",
      attempt,
      head: {
        operation: 1,
        effect: "x",
        proof: combineProof(state.proof, failure.effect),
        failure,
        move,
        nextAtMs: dueAtMs(move),
        meters,
      },
    });
  };
  const dueAtMs = (move: Move) => {
    if (move.kind === "resolve")
      return Math.max(nowMs, firstProbeAtMs(contract, state.lastSentAtMs ?? nowMs));
    return (
      nowMs +
      (move.kind === "retry" || move.kind === "wait" || move.kind === "redo" ? move.delayMs : 0)
    );
  };
  const look = () => {
    const lagMs = 0.3 * SETTLE_MS * roll();
    const works = luck.looks[looks % luck.looks.length] ?? true;
    looks += 1;
    const found = executions.some((atMs) => atMs + lagMs <= nowMs);
    const says = !works ? "cannotTell" : found ? "done" : "notDone";
    const answer: ProbeAnswer = { says, askedAtMs: nowMs };
    const failure = state.failure ?? UNHEARD;
    const result = afterProbe(
      answer,
      {
        failure,
        contract,
        unknown: state.unknown ?? "outcome-unknown",
        neverSaid: state.neverSaid,
        lastSentAtMs: state.lastSentAtMs ?? 0,
        earlier: state.probes,
      },
      situation(),
    );
    const head = { operation: 1, effect: "x", says, number: looks, askedAtMs: nowMs } as const;
    if (result.kind === "probeAgain")
      write({
        kind: "probe",
        attempt: 0,
        head: { ...head, proof: state.proof ?? "maybe", nextAtMs: result.atMs },
      });
    else {
      const { move, proof } = result;
      const end = move.kind === "adopt" ? { end: "value" as const } : {};
      write({
        kind: "probe",
        attempt: 0,
        head: { ...head, proof, move, nextAtMs: dueAtMs(move), ...end },
      });
    }
  };

  /** A move that came up when the attempt fell due. */
  const giveWay = (move: Move) => {
    const proof = state.proof ?? "never";
    write({
      kind: "outcome",
      attempt: state.attempt,
      head: { operation: 1, effect: "x", proof, move, nextAtMs: dueAtMs(move) },
    });
  };

  for (let step = 0; step < 200; step += 1) {
    const { next } = state;
    if (next.kind === "fresh") {
      send();
    } else if (next.kind === "due" || next.kind === "parked") {
      nowMs = next.kind === "due" ? Math.max(nowMs, next.atMs) : nowMs + luck.parkMs;
      if (next.kind === "due" && next.action === "probe") {
        look();
        continue;
      }
      const stop = beforeSend(state.failure ?? UNHEARD, contract, situation());
      if (stop === null) send();
      else giveWay(stop);
    } else {
      return { executions, state };
    }
  }
  throw new Error("a life without an end");
}

const luck: fc.Arbitrary<Luck> = fc.record({
  fates: fc.array(fc.constantFrom(...FATES), { minLength: 1, maxLength: 8 }),
  dice: fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), {
    minLength: 1,
    maxLength: 20,
  }),
  looks: fc.array(fc.boolean(), { minLength: 1, maxLength: 6 }),
  cancelAfterMs: fc.option(fc.integer({ min: 0, max: 200_000 })),
  parkMs: fc.integer({ min: 0, max: 2 * WINDOW_MS }),
});

const PROBE = { canProbe: true, settleMs: SETTLE_MS };
const BLIND = { canProbe: false, settleMs: SETTLE_MS };
const AT_MOST_ONCE: readonly Contract[] = [
  { kind: "probeable", ...PROBE },
  { kind: "once", ...PROBE },
  { kind: "once", ...BLIND },
  { kind: "keyed", windowMs: WINDOW_MS, replays: "non5xx", ...PROBE },
  { kind: "keyed", windowMs: WINDOW_MS, replays: "non5xx", ...BLIND },
];

describe.each(
  AT_MOST_ONCE.map(
    (contract) => [contract.kind, "canProbe" in contract && contract.canProbe, contract] as const,
  ),
)("a life of %s (probe: %s)", (_kind, _canProbe, contract) => {
  test("the other system does it at most once, and what is reported is true", () => {
    const lives = fc.property(luck, (own) => {
      const { executions, state } = live(contract, own);
      return executions.length <= 1 && isTrue(state, executions.length);
    });
    expect(fc.check(lives, { numRuns: 1_500 }).counterexample).toBeNull();
  });
});

/** Something done is never reported as not done, and the reverse. */
function isTrue(state: EffectState, executionCount: number): boolean {
  if (state.next.kind === "ended" && executionCount === 0) return false;
  const denied = state.proof === "never" || state.next.kind === "givingUp";
  return !denied || executionCount === 0;
}

test("an idempotent effect is never reported as not done when it was", () => {
  const contract: Contract = { kind: "idempotent", why: "put", ...BLIND };
  const lives = fc.property(luck, (own) => {
    const { executions, state } = live(contract, own);
    return isTrue(state, executions.length);
  });
  expect(fc.check(lives, { numRuns: 1_500 }).counterexample).toBeNull();
});

test("with a look-up that works, a person gets only what was used up", () => {
  const contract: Contract = { kind: "probeable", ...PROBE };
  const lives = fc.property(luck, (own) => {
    const { next } = live(contract, { ...own, looks: [true], cancelAfterMs: null }).state;
    if (next.kind === "person") return next.move === "handOver";
    return next.kind === "ended" || next.kind === "givingUp";
  });
  expect(fc.check(lives, { numRuns: 1_500 }).counterexample).toBeNull();
});

test("a request that lands later than settle is a broken contract, and this test would see it", () => {
  // Guards the guard: with a settle that is too short, the same check does find duplicates.
  const liar: Contract = { kind: "probeable", canProbe: true, settleMs: 100 };
  const own: Luck = {
    fates: ["done late", "answered"],
    dice: [0.9],
    looks: [true],
    cancelAfterMs: null,
    parkMs: 0,
  };
  expect(live(liar, own).executions).toHaveLength(2);
  expect(live({ ...liar, settleMs: SETTLE_MS }, own).executions).toHaveLength(1);
});
