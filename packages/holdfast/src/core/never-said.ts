/**
 * That an operation did not happen, on the word of a person or of a look-up: how long that counts. It is
 * true of the moment in which it was said; a request may land after it, and a run may wait for hours
 * before it sends again. So a fresh look comes first, where there is one. Source: failure model 4.5.
 */
import type { Contract } from "./contract.ts";
import { durationText } from "./duration.ts";
import { isHarmless, isProbeable, type KeyAge, type NeverSaid } from "./situation.ts";

/** A look-up that is older than this is asked again. Source: failure model 4.5, assert outcome. */
const FRESH_MS_MAX = 5 * 60_000;

/** Why it has to be looked up before it is sent, as a sentence; null if it may be sent. */
export function staleText(said: NeverSaid | null, contract: Contract, s: KeyAge): string | null {
  if (said === null || !isProbeable(contract) || isHarmless(contract, s)) return null;
  const ageMs = s.nowMs - said.atMs;
  if (said.by === "person") return "A person says that it did not happen";
  return ageMs <= FRESH_MS_MAX
    ? null
    : `That it did not happen was seen ${durationText(ageMs)} ago`;
}

/** Whether the word of a person stands where a look-up cannot tell. */
export function stands(said: NeverSaid | null, nowMs: number): boolean {
  return said?.by === "person" && nowMs - said.atMs <= FRESH_MS_MAX;
}
