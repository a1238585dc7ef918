/**
 * Whether an effect may be gone on with under what the code declares of it now. While it is not known
 * what became of an attempt, its contract and its integration are those under which it was sent: by
 * others it might be sent again where a repeat does it twice, or looked for where it never was. What
 * asks a person (`once`) is always careful enough. Source: architecture, life of an effect; T6.
 */
import type { RepeatKind } from "./contract.ts";
import type { JournalRecord } from "./journal.ts";
import { stateOf } from "./unknown-effects.ts";

export interface DeclaredEffect {
  readonly contract: RepeatKind;
  readonly integration: string;
  /** What was done of it in part is left out of what is sent next. */
  readonly byParts: boolean;
}

/** Null if it may, else why not, as the second sentence of HF2104. */
export function contractDrift(
  path: string,
  records: readonly JournalRecord[],
  now: DeclaredEffect,
): string | null {
  const { intent, openMaybe, next, proof, partsDone } = stateOf(records);
  const isInPart = proof === "partial" && next.kind !== "ended" && intent?.byParts === true;
  // Read and idempotent may be done again as a whole.
  const isHarmless = now.contract === "read" || now.contract === "idempotent";
  if (isInPart && !now.byParts && !isHarmless) {
    return (
      `The journal says that of step ${JSON.stringify(path)} ${String(partsDone.length)} parts were done, by code that sends only the ` +
      "rest; your code declares no byParts, so it would send the whole again. " +
      "Keep the old declaration for what is under way, or cancel the run with it."
    );
  }
  const isOpen = openMaybe || next.kind === "inDoubt" || next.kind === "pending";
  if (intent === null || !isOpen) return null;
  const sameSystem = intent.integration === now.integration;
  if (sameSystem && (intent.contract === now.contract || now.contract === "once")) return null;
  return (
    `The journal says step ${JSON.stringify(path)} was sent to ${intent.integration} as ${intent.contract}, ` +
    `and what became of that is not known; your code declares ${now.contract} on ${now.integration}. ` +
    "Settle it first, or keep the old declaration for what is under way."
  );
}
