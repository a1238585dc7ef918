/**
 * Whether an effect whose outcome is unknown may be let go on as it is, because sending the same once
 * more does no harm. Source: failure model 2.3 (`repeatable`) and 4.5 (retry now).
 */
import { assertNever } from "./assert.ts";
import type { RepeatKind } from "./contract.ts";
import type { ExceptionRecord } from "./exception-record.ts";
import { PROBE_CONFLICT } from "./failure.ts";
import { usableWindowMs } from "./retry-policy.ts";

export interface UnknownEffect {
  readonly contract: RepeatKind;
  /** Of the operation that the exception is about. */
  readonly firstSentAtMs: number;
}

export interface UnknownOutcome {
  readonly reasonCode: string;
  readonly record: Pick<ExceptionRecord, "keyWindowEndsAtMs">;
}

/**
 * What the rows tell; the engine looks once more when it is sent, with the time that an attempt takes.
 */
export function maySendAgain(
  { reasonCode, record }: UnknownOutcome,
  { contract, firstSentAtMs }: UnknownEffect,
  nowMs: number,
): boolean {
  // Something else was found there: to send ours over it is a decision about the data.
  if (reasonCode === PROBE_CONFLICT) return false;
  switch (contract) {
    case "read":
    case "idempotent":
      return true;
    case "keyed": {
      const { keyWindowEndsAtMs } = record;
      if (keyWindowEndsAtMs === null) return false;
      return nowMs < firstSentAtMs + usableWindowMs(keyWindowEndsAtMs - firstSentAtMs);
    }
    case "probeable":
    case "once":
      return false;
    default:
      return assertNever(contract);
  }
}
