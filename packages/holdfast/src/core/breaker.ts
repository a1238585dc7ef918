/**
 * The breaker of one integration: when to stop calling it, when to try one call again, and how fast
 * to come back. Pure: the engine keeps the state behind a store verb and does the waiting.
 * Source: failure model R9, R10, R12, R13.
 */
import { assertNever } from "./assert.ts";
import { feedOf, type Feed } from "./breaker-feed.ts";
import { EMPTY_WINDOW, counted, countsOf, type CallWindow } from "./call-window.ts";
import { utcText } from "./civil-time.ts";
import { durationText } from "./duration.ts";
import type { Failure, FailureClass } from "./failure.ts";

export interface BreakerConfig {
  /** Share of bad calls, above 0 and up to 1, at which it opens. */
  readonly openAt: number;
  /** Fewest calls within the window that a share may be taken of. */
  readonly of: number;
  /** First wait before one call is tried, in milliseconds; doubles up to 5 minutes. */
  readonly probeFirstMs: number;
  /** A canary without an answer for this long is given up and another one may go. */
  readonly canaryMaxMs: number;
  /** An answer that took longer counts as a bad call, milliseconds; null: only none counts. Source: R9. */
  readonly slowMs: number | null;
  /** Concurrency at which coming back is over and only the integration's own limit holds. */
  readonly rampDoneAt: number;
}

/** Source: R10 and R12. */
export const DEFAULT_BREAKER: BreakerConfig = {
  openAt: 0.5,
  of: 10,
  probeFirstMs: 5_000,
  canaryMaxMs: 60_000,
  slowMs: null,
  rampDoneAt: 64,
};
/** Certain signs (refused, DNS) and identical wrong settings open it at this many in a row. */
const IN_A_ROW_MAX = 3;
export const PROBE_MS_MAX = 300_000;

/** Why it does not let calls through. */
export interface Outage {
  readonly class: FailureClass;
  readonly reason: string;
  readonly sinceMs: number;
  /** The wait that came before the last canary, or before the first one. */
  readonly spacingMs: number;
  /** A person does not want it called before it may be tried. */
  readonly byHand?: true;
  /** When a try found a setting still wrong, or a quota still used up: none follows soon. */
  readonly inVainAtMs?: number;
  /** Set while somebody has it tried: when it would have been tried by itself; null if that is over. */
  readonly ownTryAtMs?: number | null;
}

/** Coming back: how many calls may be under way, and how many of these came through. */
export interface Ramp {
  readonly limit: number;
  readonly doneCount: number;
}

export type BreakerState =
  | {
      readonly kind: "closed";
      readonly window: CallWindow;
      /** Certain signs in a row. */
      readonly hardCount: number;
      /** Failures with the same reason code in a row, of settings and quotas. */
      readonly settingCount: number;
      readonly settingCode: string | null;
      /** While coming back. */
      readonly ramp: Ramp | null;
      /** Spacing to go on with if coming back fails. */
      readonly spacingMs: number | null;
    }
  /** `probeAtMs` null: nothing is tried until a setting changes or a person says so. */
  | { readonly kind: "open"; readonly outage: Outage; readonly probeAtMs: number | null }
  /** One canary is under way. */
  | { readonly kind: "probing"; readonly outage: Outage; readonly startedAtMs: number };

const CALM: Closed = {
  kind: "closed",
  window: EMPTY_WINDOW,
  hardCount: 0,
  settingCount: 0,
  settingCode: null,
  ramp: null,
  spacingMs: null,
};
export const CLOSED_BREAKER: BreakerState = CALM;

export type BreakerEvent =
  /** A call ended well. `canary`: it was the one that was let through on trial. `tookMs` absent: not known. */
  | { readonly kind: "succeeded"; readonly canary: boolean; readonly tookMs?: number }
  | {
      readonly kind: "failed";
      readonly canary: boolean;
      readonly failure: Failure;
      readonly tookMs?: number;
    }
  /** A setting or a secret was changed, or a person asks for a trial. */
  | { readonly kind: "tryNow"; readonly reason: string | null }
  /** There is none left in the retry budget for the next retry. */
  | { readonly kind: "retriesUsedUp" }
  /** A person does not want it called until then; after that it is tried like after an outage. */
  | { readonly kind: "parkedByHand"; readonly reason: string; readonly untilMs: number };

export interface At {
  readonly nowMs: number;
  /** In [0, 1). */
  readonly random01: number;
}

/** The state after an event. Ends of calls that began before it opened change nothing. */
export function breakerNext(
  state: BreakerState,
  event: BreakerEvent,
  config: BreakerConfig,
  at: At,
): BreakerState {
  if (event.kind === "tryNow") return triedNow(state, event.reason, at);
  if (event.kind === "retriesUsedUp")
    return state.kind === "closed" ? retriesUsedUp(state, config, at) : state;
  if (event.kind === "parkedByHand") return parkedByHand(state, event, config, at);
  const feed: Feed = event.kind === "succeeded" ? "alive" : feedOf(event.failure);
  const failure = event.kind === "failed" ? event.failure : null;
  const { tookMs = 0 } = event;
  switch (state.kind) {
    case "closed":
      return feed === "alive" && tookMs > (config.slowMs ?? Number.POSITIVE_INFINITY)
        ? afterSlow(state, tookMs, config, at)
        : afterCall(state, feed, failure, config, at);
    case "open":
      return state;
    case "probing":
      return event.canary ? afterCanary(state, feed, failure, config, at) : state;
    default:
      return assertNever(state);
  }
}

export type Admission =
  | { readonly kind: "go"; readonly canary: boolean; readonly state: BreakerState }
  /** Not now. `atMs`: when to ask again; null: after the next event. */
  | { readonly kind: "wait"; readonly atMs: number | null };

/**
 * Whether one more call may start. The answer holds for that call: the engine keeps `state`.
 *
 * @param inFlight - calls to this integration under way.
 */
export function admit(
  state: BreakerState,
  inFlight: number,
  config: BreakerConfig,
  nowMs: number,
): Admission {
  switch (state.kind) {
    case "closed":
      return state.ramp === null || inFlight < state.ramp.limit
        ? { kind: "go", canary: false, state }
        : { kind: "wait", atMs: null };
    case "open":
      return state.probeAtMs !== null && nowMs >= state.probeAtMs
        ? canary(state.outage, nowMs)
        : { kind: "wait", atMs: state.probeAtMs };
    case "probing": {
      const givenUpAtMs = state.startedAtMs + config.canaryMaxMs;
      return nowMs >= givenUpAtMs
        ? canary(state.outage, nowMs)
        : { kind: "wait", atMs: givenUpAtMs };
    }
    default:
      return assertNever(state);
  }
}

/** When a run that was parked for this integration should ask again; null: after an event. */
export function parkedUntilMs(state: BreakerState, config: BreakerConfig, at: At): number | null {
  // One bad call parks its own run before it is enough to open the breaker for all.
  if (state.kind === "closed") return at.nowMs + jittered(config.probeFirstMs, at);
  return state.kind === "open" ? state.probeAtMs : state.startedAtMs + config.canaryMaxMs;
}

/** A breaker that was open when the store was last written. */
export function reopened(
  row: Omit<Outage, "spacingMs">,
  probeAtMs: number | null,
  config: BreakerConfig,
): BreakerState {
  return { kind: "open", outage: { ...row, spacingMs: config.probeFirstMs }, probeAtMs };
}

function canary(outage: Outage, nowMs: number): Admission {
  return { kind: "go", canary: true, state: { kind: "probing", outage, startedAtMs: nowMs } };
}

type Closed = Extract<BreakerState, { kind: "closed" }>;
type Probing = Extract<BreakerState, { kind: "probing" }>;

function afterCall(
  state: Closed,
  feed: Feed,
  failure: Failure | null,
  config: BreakerConfig,
  at: At,
): BreakerState {
  if (feed === "silent") return state;
  if (feed === "alive" || failure === null) return afterAlive(state, config, at);
  const code = failure.reasonCode;
  const sameSetting = feed === "setting" && state.settingCode === code;
  const next: Closed = {
    ...state,
    window: feed === "setting" ? state.window : counted(state.window, at.nowMs, false),
    hardCount: feed === "hard" ? state.hardCount + 1 : 0,
    settingCount: feed === "setting" ? (sameSetting ? state.settingCount + 1 : 1) : 0,
    settingCode: feed === "setting" ? code : null,
  };
  const why = tripReason(next, code, config, at.nowMs);
  return why === null ? next : opened(next, failure, why, config, at);
}

/** It answered, and so late that it counts as a bad call: only ever by their share. */
function afterSlow(state: Closed, tookMs: number, config: BreakerConfig, at: At): BreakerState {
  const window = counted(state.window, at.nowMs, false);
  const next: Closed = { ...state, window, hardCount: 0, settingCount: 0, settingCode: null };
  const why = tripReason(next, `the last one took ${durationText(tookMs)}`, config, at.nowMs);
  return why === null ? next : unavailable(next, why, config, at);
}

function tripReason(
  state: Closed,
  code: string,
  config: BreakerConfig,
  nowMs: number,
): string | null {
  if (state.settingCount >= IN_A_ROW_MAX) {
    return `${String(IN_A_ROW_MAX)} times the same wrong setting in a row (${code})`;
  }
  if (state.hardCount >= IN_A_ROW_MAX) {
    return `not reachable ${String(IN_A_ROW_MAX)} times in a row (${code})`;
  }
  const isComingBack = state.ramp !== null;
  if (isComingBack && state.hardCount > 0) return `failed again while coming back (${code})`;
  // Coming back is stopped by fewer calls, but by their share as ever: a system that always loses
  // some of its calls would otherwise never be back.
  const callsMin = isComingBack ? Math.min(IN_A_ROW_MAX, config.of) : config.of;
  const { badCount, callCount } = countsOf(state.window, nowMs);
  return callCount >= callsMin && badCount >= config.openAt * callCount
    ? `${String(badCount)} of ${String(callCount)} calls failed${slowText(config)} within 30 s (${code})`
    : null;
}

function slowText({ slowMs }: BreakerConfig): string {
  return slowMs === null ? "" : ` or took longer than ${durationText(slowMs)}`;
}

function opened(
  state: Closed,
  failure: Failure,
  reason: string,
  config: BreakerConfig,
  at: At,
): BreakerState {
  const spacingMs = spacingAfter(state, config);
  const outage: Outage = { class: failure.class, reason, sinceMs: at.nowMs, spacingMs };
  const probeAtMs = nextProbeAtMs(failure, at.nowMs + jittered(spacingMs, at), at);
  return { kind: "open", outage, probeAtMs };
}

/** Coming back failed: go on waiting longer, as if the canary had failed. */
function spacingAfter({ spacingMs }: Closed, config: BreakerConfig): number {
  return spacingMs === null ? config.probeFirstMs : longer(spacingMs, config);
}

function triedNow(state: BreakerState, reason: string | null, at: At): BreakerState {
  if (state.kind !== "open") return state;
  // What a person has said only a person takes back.
  if (reason === null && state.outage.byHand === true) return state;
  const { byHand, ownTryAtMs = byHand === true ? null : state.probeAtMs } = state.outage;
  const known = { ...notByHand(state.outage), ownTryAtMs };
  const outage = reason === null ? known : { ...known, reason };
  return { kind: "open", outage, probeAtMs: at.nowMs };
}

/** Source: R5. */
function retriesUsedUp(state: Closed, config: BreakerConfig, at: At): BreakerState {
  const reason = "more of its calls are retries than its budget allows (a tenth, and one a second)";
  return unavailable(state, reason, config, at);
}

/** Without a failure that says so. */
function unavailable(state: Closed, reason: string, config: BreakerConfig, at: At): BreakerState {
  const spacingMs = spacingAfter(state, config);
  const outage: Outage = { class: "unavailable", reason, sinceMs: at.nowMs, spacingMs };
  return { kind: "open", outage, probeAtMs: at.nowMs + jittered(spacingMs, at) };
}

function notByHand({ class: of, reason, sinceMs, spacingMs }: Outage): Outage {
  return { class: of, reason, sinceMs, spacingMs };
}

function parkedByHand(
  state: BreakerState,
  { reason, untilMs }: Extract<BreakerEvent, { kind: "parkedByHand" }>,
  config: BreakerConfig,
  at: At,
): BreakerState {
  const since =
    state.kind === "closed"
      ? { sinceMs: at.nowMs, spacingMs: config.probeFirstMs }
      : { sinceMs: state.outage.sinceMs, spacingMs: state.outage.spacingMs };
  return {
    kind: "open",
    outage: { class: "unavailable", reason, ...since, byHand: true },
    probeAtMs: untilMs,
  };
}

function afterAlive(state: Closed, config: BreakerConfig, at: At): BreakerState {
  const calm: Closed = {
    ...state,
    window: counted(state.window, at.nowMs, true),
    hardCount: 0,
    settingCount: 0,
    settingCode: null,
  };
  if (state.ramp === null) return calm;
  const ramp = rampAfter(state.ramp, 1, config.rampDoneAt);
  return ramp === null ? { ...calm, ramp, spacingMs: null } : { ...calm, ramp };
}

/** Closed again, and nothing counted yet. */
export function comingBack(ramp: Ramp | null, spacingMs: number | null): BreakerState {
  return { ...CALM, ramp, spacingMs };
}

/** After so many more calls came through: twice as many once all did; null: it is over. */
export function rampAfter(ramp: Ramp, moreCount: number, doneAt: number): Ramp | null {
  const doneCount = ramp.doneCount + moreCount;
  if (doneCount < ramp.limit) return { ...ramp, doneCount };
  const limit = ramp.limit * 2;
  return limit >= doneAt ? null : { limit, doneCount: 0 };
}

function afterCanary(
  state: Probing,
  feed: Feed,
  failure: Failure | null,
  config: BreakerConfig,
  at: At,
): BreakerState {
  // It was tried: from here on it is an outage like any other.
  const outage = notByHand(state.outage);
  if (feed === "alive") {
    // The first step of coming back, with one call at a time.
    return comingBack({ limit: 1, doneCount: 0 }, outage.spacingMs);
  }
  const { ownTryAtMs } = state.outage;
  if (failure === null || feed === "silent") {
    // It ended without saying anything about the other system: try again after the same wait.
    return { kind: "open", outage, probeAtMs: laterOf(ownTryAtMs, outage.spacingMs, at) };
  }
  // One that somebody asked for is none of its own tries: these go on as they were planned.
  const spacingMs = ownTryAtMs === undefined ? longer(outage.spacingMs, config) : outage.spacingMs;
  const probeAtMs = nextProbeAtMs(failure, laterOf(ownTryAtMs, spacingMs, at), at);
  const inVain = probeAtMs === null ? { inVainAtMs: at.nowMs } : {};
  return {
    kind: "open",
    outage: { ...outage, class: failure.class, spacingMs, ...inVain },
    probeAtMs,
  };
}

/** The try that was planned, if it is still to come; else one after this wait. */
function laterOf(plannedAtMs: number | null | undefined, spacingMs: number, at: At): number {
  const isToCome = typeof plannedAtMs === "number" && plannedAtMs > at.nowMs;
  return isToCome ? plannedAtMs : at.nowMs + jittered(spacingMs, at);
}

function nextProbeAtMs(failure: Failure, ownAtMs: number, at: At): number | null {
  const hintMs = failure.evidence.retryAfterMs;
  if (feedOf(failure) === "setting") {
    // A wrong setting does not heal by itself and a locked account is worse; a quota may say when.
    return failure.class === "exhausted" && hintMs !== undefined ? at.nowMs + hintMs : null;
  }
  return Math.max(ownAtMs, at.nowMs + (hintMs ?? 0));
}

function longer(spacingMs: number, config: BreakerConfig): number {
  return Math.min(spacingMs * 2, Math.max(PROBE_MS_MAX, config.probeFirstMs));
}

/** Never sooner than asked, up to 20 % later: many engines must not try in the same moment. */
function jittered(spacingMs: number, at: At): number {
  return spacingMs + Math.floor(spacingMs * 0.2 * at.random01);
}

/** The state as a sentence for the dependency's record and for people. */
export function breakerText(state: BreakerState): string {
  switch (state.kind) {
    case "closed":
      return state.ramp === null
        ? "Other calls go to it; this one did not get through and is tried again."
        : `It answers again and is called at most ${String(state.ramp.limit)} at a time.`;
    case "open":
      return state.probeAtMs === null
        ? `It is not called: ${state.outage.reason}; a setting must change, or a person must say so.`
        : `It is not called: ${state.outage.reason}; one call is tried at ${utcText(state.probeAtMs)}.`;
    case "probing":
      return `One call is being tried: ${state.outage.reason}.`;
    default:
      return assertNever(state);
  }
}
