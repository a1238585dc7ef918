/**
 * What the engine does next after an attempt has ended badly. The list is closed (settled point 9);
 * every move says why in one sentence, the same in log, console and command line.
 */
import type { FailureScope } from "./failure.ts";

export const MOVE_KINDS = [
  "retry",
  "wait",
  "redo",
  "park",
  "resolve",
  "adopt",
  "askOutcome",
  "stop",
  "hold",
  "repair",
  "approve",
  "late",
  "resume",
  "split",
  "cancel",
  "handOver",
  "quarantine",
] as const;
export type MoveKind = (typeof MOVE_KINDS)[number];

/** What is not known: whether it happened, or what it answered. */
export type Unknown = "outcome-unknown" | "result-unknown";

const HAND_OVER_REASONS = [
  "attempts-used-up",
  "contention-used-up",
  "horizon-passed",
  "setting-stays-wrong",
  "stored-answer",
  "unclassified",
] as const;
export type HandOverReason = (typeof HAND_OVER_REASONS)[number];

interface Because {
  /** One sentence for people: why this move and no other. */
  readonly because: string;
}

export type Move = Because &
  (
    | { readonly kind: "retry"; readonly delayMs: number }
    | { readonly kind: "wait"; readonly delayMs: number }
    | { readonly kind: "redo"; readonly delayMs: number }
    /** `leastMs`: how long it waits by itself, where its integration lets calls through. */
    | { readonly kind: "park"; readonly scope: FailureScope; readonly leastMs?: number }
    | { readonly kind: "resolve"; readonly unknown: Unknown }
    | { readonly kind: "adopt" }
    | { readonly kind: "askOutcome"; readonly unknown: Unknown }
    | { readonly kind: "handOver"; readonly reason: HandOverReason }
    | {
        readonly kind:
          | "stop"
          | "hold"
          | "repair"
          | "approve"
          | "late"
          | "resume"
          | "split"
          | "cancel"
          | "quarantine";
      }
  );
