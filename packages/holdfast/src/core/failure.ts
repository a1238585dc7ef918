/**
 * What a bad end of an attempt is made of: four values that do not depend on each other, and the
 * evidence for them. Every list of words here exists once; types, schemas and (by test) the CHECKs
 * of both databases follow from it. Source: failure model, sections 2.1 and 2.2.
 */
import type { ErrorCode } from "./error.ts";
import type { Part } from "./parts.ts";

/** What can be proved about the effect of one attempt in the other system. */
export const EFFECT_PROOFS = ["never", "maybe", "partial", "surely"] as const;
export type EffectProof = (typeof EFFECT_PROOFS)[number];

export const FAILURE_CLASSES = [
  "transient",
  "throttled",
  "contention",
  "unavailable",
  "permanent",
  "misconfigured",
  "defect",
  "exhausted",
  "data",
  "policy",
  "expired",
  "ambiguous",
  "poison",
  "cancelled",
  "interrupted",
] as const;
export type FailureClass = (typeof FAILURE_CLASSES)[number];

export const FAILURE_FAMILIES = ["transient", "permanent", "data", "policy", "ambiguous"] as const;
export type FailureFamily = (typeof FAILURE_FAMILIES)[number];

/** What has to be paused: this payload, this ordering key, this endpoint and credential, or us. */
export const FAILURE_SCOPES = ["item", "key", "dependency", "system"] as const;
export type FailureScope = (typeof FAILURE_SCOPES)[number];

const FAILURE_ORIGINS = ["remote", "network", "local", "code", "human", "rule"] as const;
export type FailureOrigin = (typeof FAILURE_ORIGINS)[number];

/** How far an attempt is known to have got. `sent`: the request head was handed to a socket. */
export const PHASES = ["none", "created", "sent", "bodySent", "answered"] as const;
export type Phase = (typeof PHASES)[number];

/** Who said what a failure is, strongest first. Source: failure model 2.3, precedence. */
export const CLASSIFIER_SOURCES = [
  "operator-rule",
  "effect",
  "integration",
  "signal",
  "table",
  "fallback",
] as const;
export type ClassifierSource = (typeof CLASSIFIER_SOURCES)[number];

/** Fields of an answer that are kept with a failure: none of them holds a secret. */
export const KEPT_HEADERS = [
  "content-type",
  "server",
  "via",
  "retry-after",
  "x-should-retry",
  "x-error-code",
  "x-error-type",
  "x-amzn-errortype",
  "x-ms-error-code",
] as const;

/** What a person needs to check the classification. Never holds secrets or whole payloads. */
export interface Evidence {
  readonly phase?: Phase;
  /** Protocol status, for example 503. */
  readonly status?: number;
  /** Error code, SQLSTATE, reason id: stable, machine made. */
  readonly code?: string;
  /** At most 500 characters of what was said, for people. */
  readonly message?: string;
  /** Smallest wait the other side asked for, in milliseconds. */
  readonly retryAfterMs?: number;
  /** How many outside calls this attempt made; more than one forbids the proof `never`. */
  readonly callCount?: number;
  /** Answers of probes, in order, as sentences. */
  readonly probes?: readonly string[];
  /** Path of the URL that was called, without its query. */
  readonly path?: string;
  /** Fields of the answer, of those in `KEPT_HEADERS`, by name in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Which rule classified, so that the decision can be checked later. */
export interface RuleReference {
  readonly source: ClassifierSource;
  /** For example `http-status/503`, `node/ECONNREFUSED`, `effect create-invoice`. */
  readonly id: string;
  readonly version: number;
}

export interface Failure {
  readonly effect: EffectProof;
  readonly class: FailureClass;
  readonly scope: FailureScope;
  readonly origin: FailureOrigin;
  /** UPPER_SNAKE, domain-qualified, for example `HTTP:STATUS_503`. Operators group by it. */
  readonly reasonCode: string;
  /** One line for people. */
  readonly message: string;
  readonly evidence: Evidence;
  readonly rule: RuleReference;
  /** True if no rule knew this failure: it is listed as "teach me a rule". */
  readonly unclassified?: boolean;
  /**
   * Set if the answer reads "it is there already" and is presumed to be the echo of an earlier attempt
   * of ours: what it means if it is not.
   */
  readonly unlessOurs?: Pick<Failure, "class" | "scope">;
  /** What became of each part, where they have ended differently. */
  readonly parts?: readonly Part[];
  /** No part is unknown, and the effect sends only what was not done: the rest may be sent alone. */
  readonly restAlone?: true;
  /** What it names may still come: so long after the first attempt that is waited for. */
  readonly mayComeWithinMs?: number;
  /** Set if an operator's rule has decided; `rule` says which. */
  readonly ruled?: FailureRuling;
  /** Operators' rules that only watch, and what they would have said. */
  readonly shadowed?: readonly ShadowRuling[];
}

/** What an operator's rule has changed, beside what is seen. */
export interface FailureRuling {
  /** What the failure is without the rule. */
  readonly before: Pick<
    Failure,
    "class" | "effect" | "scope" | "reasonCode" | "rule" | "unclassified"
  >;
  readonly owner?: string;
  /** Attempts at most, if that is fewer than the effect declares. */
  readonly attemptsMax?: number;
  /** Waits at least this long before the next attempt, in milliseconds. */
  readonly waitMs?: number;
  /** Set where `never` stands on somebody's word. */
  readonly assertion?: {
    readonly text: string;
    readonly by: string;
    readonly approvedBy: string;
  };
}

export interface ShadowRuling {
  readonly id: string;
  readonly version: number;
  readonly class: FailureClass;
  readonly effect: EffectProof;
}

/** What a classifier says. Anything left out is filled in by the next weaker source. */
export interface Classified {
  readonly class: FailureClass;
  readonly effect?: EffectProof;
  readonly scope?: FailureScope;
  readonly origin?: FailureOrigin;
  readonly reasonCode?: string;
  readonly message?: string;
  /**
   * The answer reads "it is there already": on a repeat it is presumed to be our own earlier
   * success, which is then looked up and adopted.
   */
  readonly echo?: boolean;
  /**
   * Of class `data`: what it names (a customer, an order) may come later, by another way. It is tried
   * again without using up attempts until so long after the first one; then it is a matter of the data.
   */
  readonly mayComeWithinMs?: number;
  /** What became of each part of a batch; `effect` follows from them. At most 1,000. */
  readonly parts?: readonly Part[];
}

const FAMILY_OF: Readonly<Record<FailureClass, FailureFamily>> = {
  transient: "transient",
  throttled: "transient",
  contention: "transient",
  unavailable: "transient",
  permanent: "permanent",
  misconfigured: "permanent",
  defect: "permanent",
  exhausted: "permanent",
  data: "data",
  policy: "policy",
  expired: "policy",
  ambiguous: "ambiguous",
  poison: "permanent",
  // The two non-failures reach user code only as a repeat that may come: transient.
  cancelled: "transient",
  interrupted: "transient",
};

/** The family that user code switches over and that the badge on screen shows. */
export function familyOf(failureClass: FailureClass): FailureFamily {
  return FAMILY_OF[failureClass];
}

/** Reason code of an effect whose answer broke its output schema. Source: engine. */
export const ANSWER_SCHEMA = "EFFECT:ANSWER_SCHEMA";

/** Reason code of an attempt that the end of an engine has cut off. */
export const INTERRUPTED = "ENGINE:INTERRUPTED";

/** Reason of an effect that was done with another input before its run was done again. */
export const CHANGED_INPUT = "REPAIR:CHANGED_INPUT";

/** Reason code of an effect in whose place a look-up has found something else. */
export const PROBE_CONFLICT = "HF3007" satisfies ErrorCode;

/** Reason code of the exception of an integration that is not called until somebody has acted. */
export const INTEGRATION_PARKED = "HF3006" satisfies ErrorCode;

/** Reason code of the exception of an integration that has been out of reach for long. */
export const INTEGRATION_AWAY = "HF3009" satisfies ErrorCode;

/** Reason code of the exception of an effect that stays after its run was taken back. */
export const EFFECT_STAYS = "HF3004" satisfies ErrorCode;
