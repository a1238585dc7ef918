/**
 * What a refusal of a repeat says about the attempts before it.
 *
 * As a rule nothing: that the second attempt did nothing says nothing about the first. The one
 * exception is a key. A receiver that keeps the answer to a key gives the same answer to every
 * request with it, so a kept refusal was, or will be, the answer to the lost attempt too: had that
 * attempt done the work, its success would have come back instead. Source: failure model 2.3
 * (`keyLive`, `replays`), settled point 7.
 */
import type { Contract, KeyReplays } from "./contract.ts";
import type { Failure, FailureClass } from "./failure.ts";
import { isKeyLive, type Situation } from "./situation.ts";

/** Classes in which the receiver has judged the request itself, and not how or when it came. */
const REFUSING: readonly FailureClass[] = ["permanent", "data", "policy"];

/**
 * Whether the receiver keeps a refusal (a 4xx) under the key. Where it does not, the lost attempt
 * may still land after the refusal and do the work; where it redrives, it does so by design.
 */
const KEEPS_REFUSALS: Readonly<Record<KeyReplays, boolean>> = {
  "2xx": false,
  non5xx: true,
  all: true,
  redrives: false,
};

/** True if this answer proves of the whole operation, all its attempts, that it did not happen. */
export function refusalSettles(
  failure: Failure,
  contract: Contract,
  s: Pick<Situation, "nowMs" | "firstSentAtMs" | "samePayload">,
): boolean {
  if (contract.kind !== "keyed" || !KEEPS_REFUSALS[contract.replays]) return false;
  if (failure.effect !== "never" || !REFUSING.includes(failure.class)) return false;
  // The answer is here: no time is needed for it to come.
  return isKeyLive(contract, { ...s, timeoutMs: 0 }) && isOwnAnswer(failure);
}

/**
 * Refusals that come from where keys are looked at: payment required, and understood but not
 * processable. Any other 4xx can come from a proxy, a router or a framework in front of that (404,
 * 405 and 413 above all, in the middle of a deployment say) while the key keeps the success of an
 * earlier attempt; and a 409 may mean that this attempt is still at work. The failure model leaves
 * open which ones count: what is not sure here is looked up, or asked of a person.
 */
const KEPT_STATUSES: readonly number[] = [402, 422];

/** The refusal is the answer to our one request, so it can only be the key's. */
function isOwnAnswer({ evidence }: Failure): boolean {
  const { phase, status = 0, callCount } = evidence;
  return phase === "answered" && callCount === 1 && KEPT_STATUSES.includes(status);
}
