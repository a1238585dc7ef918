/**
 * What is on record of an exception when it is opened, beyond what its failure says. Never changed
 * afterwards: what people and time do to it is in exception-handling.ts. Source: failure model 4.1.
 */
import {
  EFFECT_STAYS,
  type ClassifierSource,
  type FailureClass,
  type FailureOrigin,
  type FailureScope,
} from "./failure.ts";
import type { Fingerprints } from "./fingerprint.ts";
import type { Meters } from "./journal.ts";
import { isUndoPath } from "./step-path.ts";

/** How sure the classification is: somebody has declared it, a rule knows it, or nothing does. */
const CONFIDENCES = ["declared", "known", "guessed"] as const;
export type Confidence = (typeof CONFIDENCES)[number];

/** From least to most. */
export const SEVERITIES = ["low", "normal", "high", "critical"] as const;
export type Severity = (typeof SEVERITIES)[number];

/** A time at which something happens to an exception that is still open. */
const CROSSINGS = ["warning", "overdue", "escalation"] as const;

export interface Crossing {
  readonly kind: (typeof CROSSINGS)[number];
  readonly atMs: number;
  /** Who is told: its owner, then the role above, then the one above that. */
  readonly to: string;
}

export interface ExceptionRecord {
  readonly namespace: string;
  /** Of the engine that opened it. */
  readonly codeVersion: string;
  /** With which its run was started; null for the store itself. */
  readonly runVersion: string | null;
  readonly correlationId: string | null;
  readonly operationKey: string | null;
  readonly fingerprints: Fingerprints;
  readonly confidence: Confidence;
  readonly scope: FailureScope;
  readonly origin: FailureOrigin;
  readonly severity: Severity;
  /** Attempts of the operation so far, and how many of them counted; null if it is about none. */
  readonly attempts: number | null;
  readonly meters: Meters | null;
  /** When the other system forgets our key, so that a repeat is a new effect; null if it has none. */
  readonly keyWindowEndsAtMs: number | null;
  readonly keys: Readonly<Record<string, string>> | null;
  readonly frames: readonly string[];
  readonly fieldPath: string | null;
  /** Which rule made its owner the owner. */
  readonly ownership: {
    readonly rule: string;
    readonly isFallback: boolean;
    /** At first; it may have been handed over since. */
    readonly owner: string;
    /** Whom the code names, whatever rules say. */
    readonly declared: string;
  };
  /** Which rule made it due when it is. */
  readonly duePolicy: string;
  /** Name of the calendar that its time runs by; null: around the clock. */
  readonly calendar: string | null;
  /** Milliseconds of that calendar's time that it may take. */
  readonly withinMs: number;
  /** In order of time. */
  readonly crossings: readonly Crossing[];
}

const CONFIDENCE_OF: Readonly<Record<ClassifierSource, Confidence>> = {
  "operator-rule": "declared",
  effect: "declared",
  integration: "declared",
  signal: "known",
  table: "known",
  fallback: "guessed",
};

/** @param isUnclassified - no rule knew the failure, whatever has spoken last. */
export function confidenceOf(source: ClassifierSource, isUnclassified: boolean): Confidence {
  return isUnclassified ? "guessed" : CONFIDENCE_OF[source];
}

/** Lower bounds of ages, and how the bucket is called. Source: failure model 4.4. */
const AGE_BUCKETS = [
  [30 * 24, "over 30 d"],
  [7 * 24, "7-30 d"],
  [3 * 24, "3-7 d"],
  [24, "1-3 d"],
  [4, "4-24 h"],
  [0, "0-4 h"],
] as const;
export type AgeBucket = (typeof AGE_BUCKETS)[number][1];

export function ageBucket(ageMs: number): AgeBucket {
  const found = AGE_BUCKETS.find(([hours]) => ageMs >= hours * 3_600_000);
  return found?.[1] ?? "0-4 h";
}

/** An undoing has failed, or there is none of what has to be dealt with. */
export function isAboutUndoing({
  step,
  reasonCode,
}: {
  readonly step: string;
  readonly reasonCode: string;
}): boolean {
  return isUndoPath(step) || reasonCode === EFFECT_STAYS;
}

interface Impact {
  readonly class: FailureClass;
  readonly scope: FailureScope;
  /** It is about something that should have been undone: `isAboutUndoing`. */
  readonly isUndoing: boolean;
  /** The amount is one that the app calls large. */
  readonly isLarge: boolean;
}

/**
 * How bad it is, from what is at stake. What should have been undone and was not is the worst there
 * is (R38); what stops more than this item, or may have moved money, comes next.
 */
export function severityOf({ class: failureClass, scope, isUndoing, isLarge }: Impact): Severity {
  if (isUndoing) return "critical";
  if (isLarge) return failureClass === "ambiguous" ? "critical" : "high";
  if (failureClass === "ambiguous" || failureClass === "poison") return "high";
  if (scope === "dependency" || scope === "system") return "high";
  return failureClass === "cancelled" || failureClass === "interrupted" ? "low" : "normal";
}
