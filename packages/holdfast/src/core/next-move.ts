/**
 * Turns a bad end of an attempt into the engine's next move.
 *
 * This is the only place where that decision is made: the engine acts on it, log, console and
 * command line print its `because`. Source: failure model 2.3, joined with settled point 9
 * (an open `maybe` is resolved before anything gives up; limits used up is an owned exception).
 */
import { assertNever } from "./assert.ts";
import {
  IMMEDIATE_MAX,
  backoffDelayMs,
  contentionDelayMs,
  hintedMs,
  immediateDelayMs,
  outstandingDelayMs,
  parkedAloneMs,
  throttledDelayMs,
} from "./backoff.ts";
import type { Contract } from "./contract.ts";
import { utcText } from "./civil-time.ts";
import { durationText } from "./duration.ts";
import { ANSWER_SCHEMA, type Failure, type FailureClass } from "./failure.ts";
import { refusalSettles } from "./key-refusal.ts";
import type { HandOverReason, Move, Unknown } from "./move.ts";
import { staleText } from "./never-said.ts";
import { moveOfRest, split } from "./rest-move.ts";
import {
  elapsedMs,
  isHarmless,
  isProbeable,
  isToldByRepeat,
  nothingOpen,
  repeatText,
  type Situation,
} from "./situation.ts";

/** After this many counted crashes an item no longer runs. Source: failure model 2.2, `poison`. */
const CRASHES_MAX = 3;
/** Attempts at a failure that no rule knows. Source: failure model 2.3, fallback. */
const UNCLASSIFIED_ATTEMPTS_MAX = 2;
/** Calls of one operation against a wrong setting that does not close its gate. */
const SETTING_TRIES_MAX = 5;
/**
 * Attempts of a `once` effect, all of them proven never to have happened: its policy allows one
 * attempt that may leave, and nothing has left yet. Source: R1, with the count of R3's defaults.
 */
const ONCE_UNSENT_ATTEMPTS_MAX = 5;

/** What the decision functions below share. */
interface Case {
  readonly failure: Failure;
  readonly contract: Contract;
  readonly s: Situation;
  /** Whether something may have happened outside that nobody has settled yet. */
  readonly unsure: boolean;
}

export function nextMove(failure: Failure, contract: Contract, given: Situation): Move {
  const isPartial = failure.effect === "partial";
  const openMaybe = given.openMaybe && !refusalSettles(failure, contract, given);
  const s = { ...given, openMaybe, isDoneInPart: isPartial || given.isDoneInPart };
  if (isPartial && (failure.restAlone !== true || s.openMaybe)) return split(failure, "");
  // Of what is sent next nothing was done.
  const move = moveOf(isPartial ? { ...failure, effect: "never" } : failure, contract, s);
  return s.isDoneInPart ? moveOfRest(failure, move) : move;
}

function moveOf(failure: Failure, contract: Contract, s: Situation): Move {
  const changes = contract.kind !== "read";
  const unsure =
    changes && (failure.effect === "maybe" || s.openMaybe || failure.class === "ambiguous");
  const c: Case = { failure, contract, s, unsure };
  if (failure.effect === "surely" && (changes || s.haveResult)) return afterSurely(c);
  const failureClass = failure.class;
  if (failureClass === "cancelled" || s.cancelRequested) return cancelled(c, failureClass);
  if (failureClass === "poison" || s.meters.crashes >= CRASHES_MAX) {
    return {
      kind: "quarantine",
      because: `It crashed the engine ${String(s.meters.crashes)} times (limit ${String(CRASHES_MAX)}).`,
    };
  }
  if (unsure && !isHarmless(contract, s)) return findOut(c, "before anything is sent again");
  return byClass(c, failureClass);
}

/**
 * What must happen instead of sending, checked when a repeat falls due: time has passed since the
 * move was decided, and a key may have grown too old while the run was parked (R7, R18).
 *
 * @returns null if the attempt may be sent now.
 */
export function beforeSend(failure: Failure, contract: Contract, s: Situation): Move | null {
  const unsure = contract.kind !== "read" && s.openMaybe;
  const c: Case = { failure, contract, s, unsure };
  if (s.cancelRequested) {
    if (unsure && isToldByRepeat(contract, s)) return null;
    const cancel = cancelled(c, null);
    return s.isDoneInPart ? moveOfRest(failure, cancel) : cancel;
  }
  if (unsure && !isHarmless(contract, s)) return findOut(c, "before anything is sent again");
  const stale = staleText(s.neverSaid, contract, s);
  if (stale !== null) {
    const because = `${stale}; it is looked up once more before it is sent.`;
    return { kind: "resolve", unknown: "outcome-unknown", because };
  }
  const late = pastDeadline(c, 0);
  return late !== null && s.isDoneInPart ? moveOfRest(failure, late) : late;
}

function byClass(c: Case, failureClass: Exclude<FailureClass, "cancelled" | "poison">): Move {
  const { failure, s } = c;
  switch (failureClass) {
    case "transient":
      return repeatOrGiveUp(c);
    case "ambiguous":
      // Only where a repeat is harmless; a look-up tells more than a repeat if there is one. What is
      // there already is there for the next attempt as well.
      return isProbeable(c.contract) || failure.unlessOurs !== undefined
        ? findOut(c, "before it is repeated")
        : repeatOrGiveUp(c);
    case "throttled":
      return waitOrPark(c);
    case "contention":
      return redoOrGiveUp(c);
    case "misconfigured":
      return settingStays(c) ?? park(c, failureClass);
    case "unavailable":
    case "exhausted":
      return park(c, failureClass);
    case "permanent":
      return c.unsure
        ? findOut(c, "before it is given up")
        : { kind: "stop", because: `It was refused for good (${failure.reasonCode}).` };
    case "defect":
      return person("hold", c, `Our code or contract is wrong (${failure.reasonCode})`);
    case "data":
      return mayCome(c) ?? person("repair", c, `The data were refused (${failure.reasonCode})`);
    case "policy":
      return person("approve", c, `A rule forbids it or asks for approval (${failure.reasonCode})`);
    case "expired":
      return tooLate(c, s.deadlineAtMs);
    case "interrupted":
      return {
        kind: "resume",
        because: `Our own engine was interrupted during attempt ${String(s.attempt)}; ${repeatText(c.contract, s)}.`,
      };
    default:
      return assertNever(failureClass);
  }
}

/** @param failureClass - why the last attempt ended badly; null if none has just ended. */
function cancelled(c: Case, failureClass: FailureClass | null): Move {
  if (!c.unsure)
    return { kind: "cancel", because: `It was cancelled, and ${nothingOpen(c.contract, c.s)}.` };
  const repeat = failureClass === null ? null : repeatToFindOut(c, failureClass);
  return repeat ?? findOut(c, "before it is cancelled");
}

/**
 * The outcome is unknown, nobody can look it up, and sending the same again brings the same end:
 * then that is done, and what it did is undone, instead of asking a person. Null where a repeat
 * would not tell, or is not allowed.
 */
function repeatToFindOut(c: Case, failureClass: FailureClass): Move | null {
  if (!isToldByRepeat(c.contract, c.s) || c.s.meters.crashes >= CRASHES_MAX) return null;
  switch (failureClass) {
    case "transient":
    case "ambiguous":
    case "throttled":
    case "contention":
    case "unavailable":
    case "misconfigured":
    case "exhausted":
    case "interrupted":
      return byClass(c, failureClass);
    case "permanent":
    case "defect":
    case "data":
    case "policy":
    case "expired":
    case "poison":
    case "cancelled":
      // Refused, or called off: sending it again would not tell about the time before.
      return null;
    default:
      return assertNever(failureClass);
  }
}

const PARKED = {
  unavailable: "The other system cannot be reached",
  misconfigured: "A setting is wrong, so every call would fail alike",
  exhausted: "A quota or a budget is used up",
} as const;

function park(c: Case, failureClass: keyof typeof PARKED): Move {
  const { failure, s } = c;
  const sentence = `${PARKED[failureClass]} (${failure.reasonCode})`;
  const used = `${String(s.meters.attempts)} of ${String(attemptsMaxOf(c))}`;
  return (
    aloneTooLong(c, sentence) ?? {
      kind: "park",
      scope: failure.scope,
      ...aloneFor(s),
      because: `${sentence}; it waits without using up attempts (${used} used).`,
    }
  );
}

/** The first wait is the gate's, which knows how soon it is tried again; then it is ever longer. */
function aloneFor(s: Situation): { readonly leastMs?: number } {
  const before = freeEnds(s) - 1;
  return s.othersPass && before > 0 ? { leastMs: parkedAloneMs(before, s.random01) } : {};
}

/**
 * While the other system is away all its runs wait, and one incident tells of it. Where others pass,
 * nobody would ever hear of the one that does not: past its horizon it is its owner's (settled 9).
 */
function aloneTooLong(c: Case, sentence: string): Move | null {
  const { s } = c;
  // The first end after an outage says nothing of the others yet.
  if (!s.othersPass || !s.wasAlone || elapsedMs(s) < s.policy.horizonMs) return null;
  return usedUp(
    c,
    "horizon-passed",
    `${sentence}, while other calls pass, and ${durationText(elapsedMs(s))} of ${durationText(s.policy.horizonMs)} are gone`,
  );
}

/** What is missing may only be late: that is waited for, and no longer than was said. */
function mayCome(c: Case): Move | null {
  const { failure, s } = c;
  const { mayComeWithinMs } = failure;
  if (mayComeWithinMs === undefined) return null;
  const delayMs = atLeastAsked(backoffDelayMs(s.policy, freeEnds(s), s.random01), s);
  if (elapsedMs(s) + delayMs >= mayComeWithinMs || pastDeadline(c, delayMs) !== null) return null;
  return {
    kind: "wait",
    delayMs,
    because: `What it names is not there (${failure.reasonCode}) and may still come, ${durationText(elapsedMs(s))} of ${durationText(mayComeWithinMs)} are gone; next in ${durationText(delayMs)}, this uses up no attempt.`,
  };
}

/** How many ends of attempts have cost nothing, the last one included. */
function freeEnds({ attempt, attemptsBefore, meters }: Situation): number {
  return Math.max(1, attempt - attemptsBefore - meters.attempts - meters.contentions);
}

/**
 * Three alike in a row close the gate, and a person hears of it. Where other calls get through
 * between them it stays open, and this one would come back for ever, heard by nobody, and lock the
 * account at last: so after some more it is its owner's.
 */
function settingStays(c: Case): Move | null {
  // Parked and sent again each time.
  const free = freeEnds(c.s);
  if (free < SETTING_TRIES_MAX) return null;
  const sentence = `A setting is wrong (${c.failure.reasonCode}), and ${String(free)} calls of it have ended so`;
  return usedUp(c, "setting-stays-wrong", sentence);
}

/** It happened; what may still be missing is its answer. */
function afterSurely(c: Case): Move {
  const { failure, contract, s } = c;
  if (!s.resultNeeded || s.haveResult) {
    return { kind: "adopt", because: `It happened, as ${failure.rule.id} proves.` };
  }
  if (isProbeable(contract)) {
    return {
      kind: "resolve",
      unknown: "result-unknown",
      because:
        failure.reasonCode === ANSWER_SCHEMA
          ? "It happened and was answered, but the answer does not fit its schema; the other system is asked for it."
          : "It happened, but its answer was lost; the other system is asked for it.",
    };
  }
  // The same request again brings the stored answer, but only if the answer was lost on its way:
  // one that broke its schema would break it again.
  if (isHarmless(contract, s) && failure.class === "transient" && !s.cancelRequested) {
    return repeatOrGiveUp(c);
  }
  return {
    kind: "askOutcome",
    unknown: "result-unknown",
    because:
      failure.reasonCode === ANSWER_SCHEMA
        ? "It happened and was answered, but the answer does not fit its schema and cannot be looked up."
        : "It happened, but its answer was lost and cannot be looked up.",
  };
}

function repeatOrGiveUp(c: Case): Move {
  const { failure, contract, s } = c;
  if (storedFailure(c)) {
    const stored = `The other system answers the same key with its stored failure ${String(failure.evidence.status)}`;
    return c.unsure
      ? findOut(c, "because the same key would bring the same answer")
      : handOver("stored-answer", `${stored}; a new key needs a person's decision.`);
  }
  const max = attemptsMaxOf(c);
  const used = s.meters.attempts;
  const of = `attempt ${String(used)} of ${String(max)}`;
  if (used >= max) {
    return failure.unclassified === true
      ? usedUp(c, "unclassified", `No rule knows this failure (${failure.reasonCode}), ${of}`)
      : usedUp(c, "attempts-used-up", `Still failing (${failure.reasonCode}), ${of}`);
  }
  const immediate =
    failure.effect === "never" &&
    failure.class === "transient" &&
    s.hintMs === null &&
    s.immediateUsed < IMMEDIATE_MAX;
  const ownMs = immediate
    ? immediateDelayMs(s.random01)
    : backoffDelayMs(s.policy, Math.max(1, used), s.random01);
  const delayMs = atLeastAsked(ownMs, s);
  const beyond = askedTooLong(c, ownMs, delayMs) ?? beyondLimit(c, delayMs);
  if (beyond !== null) return beyond;
  const harmless =
    c.unsure || failure.effect !== "never" ? repeatText(contract, s) : "nothing was done";
  return {
    kind: "retry",
    delayMs,
    because: `Temporary failure (${failure.reasonCode}), ${of}; ${harmless}.`,
  };
}

function atLeastAsked(ownMs: number, { hintMs, random01 }: Situation): number {
  return hintMs === null ? ownMs : Math.max(ownMs, hintedMs(hintMs, random01));
}

/** Only what was asked for goes beyond the horizon: it is kept, and said (R4). */
function askedTooLong(c: Case, ownMs: number, delayMs: number): Move | null {
  const { failure, s } = c;
  const { horizonMs } = s.policy;
  const goneMs = elapsedMs(s);
  if (s.hintMs === null || goneMs + ownMs >= horizonMs || goneMs + delayMs < horizonMs) return null;
  if (pastDeadline(c, delayMs) !== null) return null;
  return {
    kind: "park",
    scope: failure.scope,
    because: `The other system asks for a wait of ${durationText(s.hintMs)} (${failure.reasonCode}), which goes beyond the ${durationText(horizonMs)} allowed, ${durationText(goneMs)} of them gone.`,
  };
}

function waitOrPark(c: Case): Move {
  const { failure, s } = c;
  const throttled = freeEnds(s);
  const delayOf = failure.scope === "key" ? outstandingDelayMs : throttledDelayMs;
  const delayMs = delayOf(s.hintMs, throttled, s.random01);
  const slower =
    failure.scope === "key"
      ? "The first request with its key, or what it needs, is still at work over there"
      : "The other system wants us slower";
  const asked = s.hintMs === null ? "" : ` (asked for at least ${durationText(s.hintMs)})`;
  const late = pastDeadline(c, delayMs);
  if (late !== null) return late;
  if (elapsedMs(s) + delayMs >= s.policy.horizonMs) {
    const alone = aloneTooLong(c, `${slower} (${failure.reasonCode})`);
    if (alone !== null) return alone;
    return {
      kind: "park",
      scope: failure.scope,
      ...(s.othersPass ? { leastMs: delayMs } : {}),
      because: `${slower}${asked}: the wait of ${durationText(delayMs)} goes beyond the ${durationText(s.policy.horizonMs)} allowed, ${durationText(elapsedMs(s))} of them gone.`,
    };
  }
  return {
    kind: "wait",
    delayMs,
    because: `${slower}${asked}; this uses up no attempt.`,
  };
}

function redoOrGiveUp(c: Case): Move {
  const { failure, s } = c;
  const lost = s.meters.contentions;
  const of = `${String(lost)} of ${String(s.policy.contentionMax)}`;
  if (lost >= s.policy.contentionMax) {
    return usedUp(c, "contention-used-up", `Lost every race (${failure.reasonCode}), ${of}`);
  }
  const ownMs = contentionDelayMs(Math.max(1, lost), s.random01);
  const delayMs = atLeastAsked(ownMs, s);
  const beyond = askedTooLong(c, ownMs, delayMs) ?? beyondLimit(c, delayMs);
  if (beyond !== null) return beyond;
  return {
    kind: "redo",
    delayMs,
    because: `Lost a race (${failure.reasonCode}), ${of}; it is done again from its last read.`,
  };
}

function beyondLimit(c: Case, delayMs: number): Move | null {
  const late = pastDeadline(c, delayMs);
  if (late !== null) return late;
  const { s } = c;
  if (elapsedMs(s) + delayMs < s.policy.horizonMs) return null;
  return usedUp(
    c,
    "horizon-passed",
    `${durationText(elapsedMs(s))} of ${durationText(s.policy.horizonMs)} are gone and the next attempt would be in ${durationText(delayMs)} (attempt ${String(s.meters.attempts)} of ${String(attemptsMaxOf(c))})`,
  );
}

function pastDeadline(c: Case, delayMs: number): Move | null {
  const { deadlineAtMs, nowMs } = c.s;
  // It must be able to end in time, or it could do late what was to be done in time (R7).
  if (deadlineAtMs === null || nowMs + delayMs + c.s.timeoutMs < deadlineAtMs) return null;
  return tooLate(c, deadlineAtMs);
}

/** @param deadlineAtMs - null: it was said of it that it is too late. */
function tooLate(c: Case, deadlineAtMs: number | null): Move {
  if (c.unsure) return findOut(c, "before it is given up as late");
  if (deadlineAtMs === null)
    return { kind: "late", because: `It is too late for it (${c.failure.reasonCode}).` };
  const comes = c.s.nowMs >= deadlineAtMs ? "passed" : "comes";
  const because = `Its deadline, ${utcText(deadlineAtMs)}, ${comes} before it could be done.`;
  return { kind: "late", because };
}

/** A limit is reached. Where something may have happened, one look comes before asking a person. */
function usedUp(c: Case, reason: HandOverReason, sentence: string): Move {
  if (c.unsure && isProbeable(c.contract) && c.s.probeCount === 0) {
    return {
      kind: "resolve",
      unknown: "outcome-unknown",
      because: `${sentence}; it is looked up before a person is asked.`,
    };
  }
  return handOver(reason, c.unsure ? `${sentence}; it may have happened.` : `${sentence}.`);
}

function handOver(reason: HandOverReason, because: string): Move {
  return { kind: "handOver", reason, because };
}

function person(kind: "hold" | "repair" | "approve", c: Case, sentence: string): Move {
  return { kind, because: `${sentence} in attempt ${String(c.s.attempt)}${openText(c)}.` };
}

/** Of which attempt it is that nobody knows whether it happened. */
function openText({ unsure, failure, s }: Case): string {
  if (!unsure) return "";
  const isEarlier = s.attempt > 1 && failure.effect === "never";
  return isEarlier ? "; an earlier attempt may have happened" : "; it may have happened";
}

/** The outcome must be known first: by a look-up, or by a person. */
function findOut(c: Case, when: string): Move {
  const unknown: Unknown = "outcome-unknown";
  const why = `It may have happened (${c.failure.reasonCode}, attempt ${String(c.s.attempt)}) and ${repeatText(c.contract, c.s)}`;
  return isProbeable(c.contract)
    ? { kind: "resolve", unknown, because: `${why}; it is looked up ${when}.` }
    : {
        kind: "askOutcome",
        unknown,
        because: `${why}; nobody can look it up, so a person is asked ${when}.`,
      };
}

/** A receiver that replays every answer will repeat this failure for as long as it keeps the key. */
function storedFailure(c: Case): boolean {
  const { status, phase } = c.failure.evidence;
  const own = status === 500 || status === 501;
  return c.contract.kind === "keyed" && c.contract.replays === "all" && phase === "answered" && own;
}

function attemptsMaxOf(c: Case): number {
  const once = c.contract.kind === "once" && !c.unsure;
  const max = once
    ? Math.max(c.s.policy.attemptsMax, ONCE_UNSENT_ATTEMPTS_MAX)
    : c.s.policy.attemptsMax;
  return c.failure.unclassified === true ? Math.min(max, UNCLASSIFIED_ATTEMPTS_MAX) : max;
}
