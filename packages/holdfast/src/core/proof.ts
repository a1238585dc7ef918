/** What is known of a whole operation, all its attempts together; and what an attempt costs. */
import { assertNever } from "./assert.ts";
import type { EffectProof, FailureClass } from "./failure.ts";
import type { Meters } from "./journal.ts";

/**
 * Joins what was known of an operation with what one more attempt proved.
 *
 * `surely` wins: what has happened cannot be undone by a later attempt that did not. `partial`
 * stays until it is split. `maybe` stays until a look-up or a person settles it: that a second
 * attempt did nothing says nothing about the first.
 *
 * @param previous - null before the first attempt.
 */
export function combineProof(previous: EffectProof | null, now: EffectProof): EffectProof {
  if (previous === null) return now;
  for (const proof of ["surely", "partial", "maybe"] as const) {
    if (previous === proof || now === proof) return proof;
  }
  return "never";
}

export const NO_METERS: Meters = { attempts: 0, contentions: 0, crashes: 0 };

/**
 * Counts an attempt that ended badly. Only `transient` (and what is treated like it) uses up
 * attempts and only `contention` its own budget: a throttled or unreachable system must not burn
 * what is meant for faults of the call. Crashes are counted by recovery, which alone knows whether
 * this run was the cause. Source: failure model R2, table 2.2.
 */
export function countFailure(meters: Meters, failureClass: FailureClass): Meters {
  switch (failureClass) {
    case "transient":
    case "ambiguous":
      return { ...meters, attempts: meters.attempts + 1 };
    case "contention":
      return { ...meters, contentions: meters.contentions + 1 };
    case "throttled":
    case "unavailable":
    case "misconfigured":
    case "exhausted":
    case "permanent":
    case "defect":
    case "data":
    case "policy":
    case "expired":
    case "poison":
    case "cancelled":
    case "interrupted":
      return meters;
    default:
      return assertNever(failureClass);
  }
}
