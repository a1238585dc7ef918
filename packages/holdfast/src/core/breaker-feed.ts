/** What a failure says about the other system as a whole. Source: failure model R9. */
import { assertNever } from "./assert.ts";
import type { Failure } from "./failure.ts";
import { NO_CONNECTION } from "./protocols/node.ts";

/**
 * - `hard`    a certain sign that it cannot be reached: refused, no such host;
 * - `soft`    a sign that counts in a share: no answer, 502, 503, 504;
 * - `setting` a wrong setting or a used-up quota: every call will end like this;
 * - `alive`   it answered, if only to refuse this payload;
 * - `silent`  says nothing about it.
 */
export type Feed = "hard" | "soft" | "setting" | "alive" | "silent";

const GATEWAY_STATUSES: readonly (number | undefined)[] = [502, 503, 504];

export function feedOf(failure: Failure): Feed {
  const { phase, status } = failure.evidence;
  switch (failure.class) {
    case "unavailable":
      return isCertain(failure) ? "hard" : "soft";
    case "misconfigured":
    case "exhausted":
      // A mailbox that is full is nobody else's: only what every call meets stops them all.
      return isAboutOne(failure) ? phaseFeed(failure) : "setting";
    case "transient":
      if (GATEWAY_STATUSES.includes(status)) return "soft";
      // Our own lack of sockets or memory is not the other system's fault.
      if (phase === "answered" || failure.scope === "system") return phaseFeed(failure);
      return failure.origin === "network" ? "soft" : "silent";
    case "throttled":
    case "contention":
    case "permanent":
    case "data":
    case "policy":
    case "ambiguous":
    // Also where what we send is wrong at every item: it is there, and says so.
    case "defect":
      return phaseFeed(failure);
    case "expired":
    case "poison":
    case "cancelled":
    case "interrupted":
      return "silent";
    default:
      return assertNever(failure.class);
  }
}

/**
 * That nothing was sent, or, where nobody watched the call (a plain `fetch`), a code that only who had no
 * connection gets. What it proves of the effect is another question: nothing.
 */
function isCertain({ evidence: { phase, code } }: Failure): boolean {
  if (phase === undefined) return code !== undefined && NO_CONNECTION.includes(code);
  return phase === "none" || phase === "created";
}

function isAboutOne({ scope }: Failure): boolean {
  return scope === "item" || scope === "key";
}

/** Only an answer shows that somebody is there. */
function phaseFeed(failure: Failure): Feed {
  return failure.evidence.phase === "answered" ? "alive" : "silent";
}
