/** What a look at a store and what is around it has found: one line each. Pure. */
import type { ErrorCode, HoldfastError } from "../error.ts";

type Level = "ok" | "warn" | "fail";

export interface Finding {
  /** Stable name of what was looked at. */
  readonly check: string;
  readonly level: Level;
  /** One sentence without its full stop. */
  readonly what: string;
  /** Of the error by which a start or a run would say the same. */
  readonly code: ErrorCode | null;
  /** What to do; null where all is well. */
  readonly fix: string | null;
}

/** Told as soon as it is made: a look that is broken off keeps what it has found. */
export type Tell = (finding: Finding) => void;

export function well(check: string, what: string): Finding {
  return { check, level: "ok", what, code: null, fix: null };
}

interface Mending {
  readonly fix: string;
  readonly code?: ErrorCode;
}

export function warned(check: string, what: string, { fix, code }: Mending): Finding {
  return { check, level: "warn", what, code: code ?? null, fix };
}

export function failed(check: string, what: string, { fix, code }: Mending): Finding {
  return { check, level: "fail", what, code: code ?? null, fix };
}

/** What a check of the start-up throws, as it says it. */
export function refused(check: string, { code, message, remedy }: HoldfastError): Finding {
  return { check, level: "fail", what: message, code, fix: remedy };
}

/** Who looks was not given what the app has: whether that is right is not known. */
export function notLookedAt(finding: Finding): Finding {
  return { ...finding, level: "warn", what: `not looked at: ${finding.what}` };
}
