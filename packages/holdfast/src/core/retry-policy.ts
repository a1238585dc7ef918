/** Limits of an effect's repeats: what was declared, joined with what its contract allows. */
import type { Contract, RetryPolicy } from "./contract.ts";
import { durationText } from "./duration.ts";
import { HoldfastError } from "./error.ts";

/** What an author may declare; anything left out takes the default. */
export interface DeclaredRetry {
  /** Attempts that count, the first included. */
  readonly attempts?: number;
  /** Wall clock since the first attempt, in milliseconds. */
  readonly withinMs?: number;
}

/** Source: failure model R3, which is normative here; api.md has other numbers in an example. */
export const DEFAULT_RETRY: RetryPolicy = {
  attemptsMax: 6,
  contentionMax: 8,
  horizonMs: 86_400_000,
  backoffFirstMs: 1_000,
  backoffMaxMs: 300_000,
};

/** More attempts than this is a slip: with full jitter it would be weeks. */
const ATTEMPTS_MAX = 1_000;

/**
 * Share of a key window that is kept free at its end, so that the last repeat still arrives while
 * the other system knows the key. One number for the horizon and for `keyLive`. Source: R3, R18.
 */
const KEY_MARGIN = 0.1;

/** How long after the first send a keyed operation may be repeated, in milliseconds. */
export function usableWindowMs(windowMs: number): number {
  return Math.floor(windowMs * (1 - KEY_MARGIN));
}

/**
 * The policy of one effect. A keyed effect's horizon never reaches beyond its key window less 10 %.
 *
 * @param what - names the effect in errors, for example `effect charge-card`.
 * @throws {HoldfastError} HF1001 for numbers out of range; HF1107 for a policy on `once`, and for
 * `within` above the key window of an effect that cannot be looked up.
 */
export function retryPolicyFor(
  contract: Contract,
  declared: DeclaredRetry | undefined,
  what: string,
): RetryPolicy {
  if (contract.kind === "once") {
    if (declared !== undefined) throw repeatOfOnce(what);
    return { ...DEFAULT_RETRY, attemptsMax: 1 };
  }
  const attemptsMax = declared?.attempts ?? DEFAULT_RETRY.attemptsMax;
  const withinMs = declared?.withinMs ?? DEFAULT_RETRY.horizonMs;
  if (!Number.isInteger(attemptsMax) || attemptsMax < 1 || attemptsMax > ATTEMPTS_MAX) {
    throw outOfRange(
      `retry.attempts of ${what}`,
      `1 to ${String(ATTEMPTS_MAX)}`,
      String(attemptsMax),
    );
  }
  if (!Number.isSafeInteger(withinMs) || withinMs < 1) {
    throw outOfRange(`retry.within of ${what}`, "at least 1 ms", `${String(withinMs)} ms`);
  }
  if (contract.kind !== "keyed") return { ...DEFAULT_RETRY, attemptsMax, horizonMs: withinMs };
  if (withinMs > contract.windowMs && declared?.withinMs !== undefined && !contract.canProbe) {
    throw beyondWindow(what, contract.windowMs, withinMs);
  }
  const horizonMs = Math.min(withinMs, usableWindowMs(contract.windowMs));
  return { ...DEFAULT_RETRY, attemptsMax, horizonMs };
}

function outOfRange(what: string, expected: string, got: string): HoldfastError {
  return new HoldfastError(
    "HF1001",
    `${what} is not valid: expected ${expected}, got ${got}.`,
    `Choose ${expected}.`,
  );
}

function repeatOfOnce(what: string): HoldfastError {
  return new HoldfastError(
    "HF1107",
    `${what} has repeat "once" and a retry policy; an effect with repeat "once" is never retried.`,
    'Make it "keyed" or "probeable" first, or remove retry.',
  );
}

function beyondWindow(what: string, windowMs: number, withinMs: number): HoldfastError {
  const window = durationText(windowMs);
  return new HoldfastError(
    "HF1107",
    `${what} has repeat "keyed", keyWindow ${window}, but retry.within ${durationText(withinMs)}: ` +
      `after ${window} a repeat would do it twice.`,
    `Set retry: { within: "${downToUnit(usableWindowMs(windowMs))}" } or less, or add probe.`,
  );
}

/** As it is written in a definition, rounded down: the advice itself must be allowed. */
function downToUnit(ms: number): string {
  if (ms >= 36_000_000) return `${String(Math.floor(ms / 3_600_000))}h`;
  if (ms >= 600_000) return `${String(Math.floor(ms / 60_000))}m`;
  return ms >= 10_000 ? `${String(Math.floor(ms / 1_000))}s` : `${String(ms)}ms`;
}
