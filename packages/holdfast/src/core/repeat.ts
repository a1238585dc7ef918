/**
 * Whether an effect that was done is done once more when its run is done again: what its contract
 * says. Nothing is ever sent a second time that the other system would do a second time.
 * Source: failure model R34; decision 0023.
 */
import { assertNever } from "./assert.ts";
import type { RepeatKind } from "./contract.ts";
import type { EffectProof } from "./failure.ts";

/**
 * - `redo`   it is sent again; the other system ends where it was, or has not done it yet.
 * - `adopt`  it is looked up, and what is found is taken.
 * - `skip`   its result is kept; nothing is sent.
 * - `ask`    it was done with another input: a person decides.
 */
export type RepeatMove = "redo" | "adopt" | "skip" | "ask";

export interface Repeat {
  readonly kind: RepeatMove;
  readonly because: string;
}

export interface RepeatCase {
  readonly contract: RepeatKind;
  /** Of the operation, all its attempts together; null if nothing was ever sent. */
  readonly proof: EffectProof | null;
  /** Whether it is asked for with the input with which it was done. */
  readonly isSame: boolean;
  /** Whether it was undone since, with a scope: then neither its result nor a look-up tells. */
  readonly isUndone: boolean;
  readonly canProbe: boolean;
  /** Whether its key is still known over there; null if that is only known when it is sent. */
  readonly isInWindow: boolean | null;
}

export function repeatOf(c: RepeatCase): Repeat {
  if (c.proof === null || c.proof === "never")
    return { kind: "redo", because: "nothing was done outside" };
  switch (c.contract) {
    case "read":
      return { kind: "redo", because: "a read changes nothing" };
    case "idempotent":
      return { kind: "redo", because: "the same request ends the same" };
    case "keyed":
    case "probeable":
    case "once":
      break;
    default:
      return assertNever(c.contract);
  }
  if (!c.isSame) {
    return {
      kind: "ask",
      because: "it was done with another input, and would be done a second time",
    };
  }
  if (c.isUndone) return { kind: "ask", because: "it was done and undone since" };
  if (c.contract === "keyed" && c.isInWindow !== false) {
    return { kind: "redo", because: "under its key they answer as before" };
  }
  return c.canProbe && c.contract !== "once"
    ? { kind: "adopt", because: "it is looked up, and what is found is taken" }
    : { kind: "skip", because: "it was done, and a repeat could do it a second time" };
}
