/** Everything but the failure and the contract that a decision about an effect depends on. */
import type { Contract, RetryPolicy } from "./contract.ts";
import { durationText } from "./duration.ts";
import type { Meters } from "./journal.ts";
import { usableWindowMs } from "./retry-policy.ts";

/** Who has said that it did not happen, and when. */
export interface NeverSaid {
  readonly by: "person" | "look-up";
  readonly atMs: number;
}

/** The engine fills it in when an attempt or a look-up has ended. Times in milliseconds, UTC. */
export interface Situation {
  readonly nowMs: number;
  /** Ordinal of the attempt that ended; the first is 1. Counts every attempt, also free ones. */
  readonly attempt: number;
  /** This attempt included (`countFailure`). */
  readonly meters: Meters;
  /** When the first intent of this operation was written; null if there is none. */
  readonly firstSentAtMs: number | null;
  /** Since when the horizon counts: the first send, or the last time that a person resumed it. */
  readonly budgetFromMs: number | null;
  /** An earlier attempt of this operation ended with `maybe`, and nothing has settled it since. */
  readonly openMaybe: boolean;
  /** On whose word, and since when, it did not happen; null where that is proven, or is not so. */
  readonly neverSaid: NeverSaid | null;
  /** Parts of this operation were done, and others were not: what is sent are these alone. */
  readonly isDoneInPart: boolean;
  /** False if the payload was changed since the first attempt: its key no longer protects it. */
  readonly samePayload: boolean;
  /** Whether the run needs the effect's answer, and not only that it happened. */
  readonly resultNeeded: boolean;
  readonly haveResult: boolean;
  readonly policy: RetryPolicy;
  /** Smallest wait the other side asked for; null if it did not. */
  readonly hintMs: number | null;
  /** Its integration lets calls through: what fails is this call, and not the other system as a whole. */
  readonly othersPass: boolean;
  /** It has waited by itself since its last attempt, and not for an outage to end. */
  readonly wasAlone: boolean;
  /** Attempts before a person let it go on the last time: the meters count from there. */
  readonly attemptsBefore: number;
  /** When doing it becomes harmful or pointless; null if never. */
  readonly deadlineAtMs: number | null;
  /** How long an attempt may take: one that could end after the deadline is not begun (R7). */
  readonly timeoutMs: number;
  /** Look-ups since the last attempt of this operation. */
  readonly probeCount: number;
  /** In [0, 1). */
  readonly random01: number;
  readonly cancelRequested: boolean;
  /** In-process retries that this operation has had. */
  readonly immediateUsed: number;
}

/** What the age of a key depends on. */
export type KeyAge = Pick<Situation, "nowMs" | "firstSentAtMs" | "samePayload" | "timeoutMs">;

/**
 * Whether the other system still recognises our key until an attempt that begins now has ended (R7),
 * and with a margin of 10 % of the window in any case (the same 10 % by which R3 clamps the horizon).
 * Before the first send it does; after an edit it does not.
 */
export function isKeyLive(contract: Contract, s: KeyAge): boolean {
  if (contract.kind !== "keyed" || !s.samePayload) return false;
  if (s.firstSentAtMs === null) return true;
  const { windowMs } = contract;
  const usableMs = Math.min(usableWindowMs(windowMs), windowMs - s.timeoutMs);
  return s.nowMs < s.firstSentAtMs + usableMs;
}

/** Whether sending the same again is harmless by contract, whatever the last attempt did. */
export function isHarmless(contract: Contract, s: KeyAge): boolean {
  return contract.kind === "read" || contract.kind === "idempotent" || isKeyLive(contract, s);
}

/**
 * Whether sending the same once more is how to find out what happened: the repeat has the same end
 * as the attempt whose answer was lost, and there is no look-up that would tell without sending.
 */
export function isToldByRepeat(contract: Contract, s: KeyAge): boolean {
  return contract.kind !== "read" && !isProbeable(contract) && isHarmless(contract, s);
}

/** Whether this effect declared how to find out what happened. */
export function isProbeable(contract: Contract): boolean {
  return contract.kind !== "read" && contract.canProbe;
}

/** Why a repeat is harmless or not, as the end of a sentence. */
export function repeatText(contract: Contract, s: Situation): string {
  switch (contract.kind) {
    case "read":
      return "a read changes nothing";
    case "idempotent":
      return `it is idempotent (${contract.why})`;
    case "keyed": {
      if (!s.samePayload) return "the payload was changed, so its key does not protect it";
      const age = s.firstSentAtMs === null ? 0 : s.nowMs - s.firstSentAtMs;
      const ages = `key ${durationText(age)} old of ${durationText(contract.windowMs)}`;
      return isKeyLive(contract, s) ? ages : `${ages}, too old to repeat`;
    }
    case "probeable":
      return "it may be repeated only after a look-up has proved that nothing happened";
    case "once":
      return "it may be done only once";
  }
}

/** How much of its horizon is gone. */
export function elapsedMs(s: Situation): number {
  return s.budgetFromMs === null ? 0 : Math.max(0, s.nowMs - s.budgetFromMs);
}

/** Why it may be called off, as the end of a sentence. */
export function nothingOpen(contract: Contract, { isDoneInPart }: Situation): string {
  if (contract.kind === "read") return "a read leaves nothing behind";
  return isDoneInPart ? "nothing more of it happened" : "nothing of it happened";
}
