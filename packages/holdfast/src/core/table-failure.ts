/**
 * A failure as the tables of one protocol have it, and the move that follows: what a connector and
 * the engine make of the same facts, without either. For explanations and for the vectors.
 */
import { classify, type ClassifierInput } from "./classify.ts";
import type { Contract, RepeatKind } from "./contract.ts";
import type { Failure, Phase } from "./failure.ts";
import type { Meters } from "./journal.ts";
import type { Move } from "./move.ts";
import { nextMove } from "./next-move.ts";
import { NO_METERS, countFailure } from "./proof.ts";
import {
  consult,
  isHeard,
  isUnsentIn,
  type ProtocolTable,
  type RowVerdict,
} from "./protocol-table.ts";
import type { Protocol } from "./protocols/protocols.ts";
import { retryPolicyFor } from "./retry-policy.ts";
import type { Facts } from "./rule-match.ts";

export interface TableFailure {
  /** Null: a row knows it, and says that it is no failure. */
  readonly failure: Failure | null;
  /** Null if no row knows it, and the failure is the fallback's. */
  readonly verdict: RowVerdict | null;
  readonly signal: RowVerdict | null;
}

export interface Said {
  readonly message: string;
  /** Smallest wait that was asked for, in milliseconds. */
  readonly retryAfterMs?: number;
  /** An earlier attempt of the same operation may have happened. */
  readonly openMaybe: boolean;
}

/** @param given - its phase, if not null, is one of the table's. */
export function failureByTable(
  { table, signals }: Protocol,
  given: Facts,
  said: Said,
): TableFailure {
  const facts = { ...given, phase: given.phase ?? table.phaseAssumed };
  const verdict = consult(table, facts);
  if (verdict !== null && verdict.says === null) return { failure: null, verdict, signal: null };
  const heard = signals === undefined ? null : consult(signals, facts);
  const signal = heard !== null && isHeard(heard, verdict?.row.class) ? heard : null;
  const failure = classify([...inputsOf("signal", signal), ...inputsOf("table", verdict)], {
    evidence: {
      phase: evidencePhase(table, facts.phase, verdict),
      ...(facts.status === null ? {} : { status: facts.status }),
      ...(facts.code === null ? {} : { code: facts.code }),
      ...(said.retryAfterMs === undefined ? {} : { retryAfterMs: said.retryAfterMs }),
      callCount: 1,
    },
    maybeBefore: said.openMaybe,
    thrownBy: "connector",
    message: said.message,
  });
  return { failure, verdict, signal };
}

function inputsOf(source: "signal" | "table", verdict: RowVerdict | null): ClassifierInput[] {
  if (verdict === null) return [];
  const { id, version } = verdict.rule;
  const echo = verdict.row.echo === true;
  return [{ source, says: verdict.says, id, version, echo, neverNeeds: "answered" }];
}

/** A row that says `never` whatever the phase takes the code for the receiver's own refusal. */
function evidencePhase(table: ProtocolTable, phase: string, verdict: RowVerdict | null): Phase {
  const known = table.phases[phase]?.evidence ?? "sent";
  return verdict?.row.effect === "never" && !isUnsentIn(table, phase) ? "answered" : known;
}

const HOUR_MS = 3_600_000;
const SETTLE_MS = 60_000;
const PROBE = { canProbe: false, settleMs: SETTLE_MS } as const;

/** One contract of each kind, with the least that it can have: only `probeable` can be looked up. */
export const PLAIN_CONTRACTS: Readonly<Record<RepeatKind, Contract>> = {
  read: { kind: "read" },
  idempotent: { kind: "idempotent", why: "put", ...PROBE },
  keyed: { kind: "keyed", windowMs: 24 * HOUR_MS, replays: "non5xx", ...PROBE },
  probeable: { kind: "probeable", ...PROBE, canProbe: true },
  once: { kind: "once", ...PROBE },
};

/** Attempts of a plain situation at most: it is counted, and more say nothing new. */
export const PLAIN_ATTEMPTS_MAX = 100;

export interface PlainSituation {
  /** The one that has just ended, 1 to `PLAIN_ATTEMPTS_MAX`. */
  readonly attempt: number;
  readonly openMaybe: boolean;
  readonly hintMs: number | null;
}

/** How long ago the first attempt of the plain situation was sent, in milliseconds. */
const SENT_AGO_MS = 1_000;
const NOW_MS = 1_000_000;

/**
 * The move where nothing else is special: the first attempt was sent a second ago, its result is
 * needed, no deadline, no cancelling, the usual limits, jitter at half.
 */
export function plainMove(failure: Failure, contract: Contract, plain: PlainSituation): Move {
  const { attempt, openMaybe, hintMs } = plain;
  return nextMove(failure, contract, {
    nowMs: NOW_MS,
    attempt,
    // As if the attempts before had ended alike.
    meters: Array.from({ length: attempt }).reduce<Meters>(
      (meters) => countFailure(meters, failure.class),
      NO_METERS,
    ),
    firstSentAtMs: NOW_MS - SENT_AGO_MS,
    budgetFromMs: NOW_MS - SENT_AGO_MS,
    openMaybe,
    neverSaid: null,
    isDoneInPart: false,
    samePayload: true,
    resultNeeded: true,
    haveResult: false,
    policy: retryPolicyFor(contract, undefined, "an effect of a plain situation"),
    hintMs,
    othersPass: true,
    wasAlone: true,
    attemptsBefore: 0,
    deadlineAtMs: null,
    timeoutMs: 0,
    probeCount: 0,
    random01: 0.5,
    cancelRequested: false,
    immediateUsed: 0,
  });
}
