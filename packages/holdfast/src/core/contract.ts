/**
 * Repeat contracts: how an effect may be repeated. Declared per effect when it is written; there
 * is no default. Source: settled points 7, failure model 2.3.
 */
export const REPEAT_KINDS = ["read", "idempotent", "keyed", "probeable", "once"] as const;
export type RepeatKind = (typeof REPEAT_KINDS)[number];

export const IDEMPOTENT_REASONS = [
  "put",
  "delete",
  "upsert",
  "set-absolute",
  "if-match",
  "local-tx",
] as const;
export type IdempotentReason = (typeof IDEMPOTENT_REASONS)[number];

/** What a keyed receiver does with a key it has seen: replays which answers, or redrives. */
export const KEY_REPLAYS = ["2xx", "non5xx", "all", "redrives"] as const;
export type KeyReplays = (typeof KEY_REPLAYS)[number];

interface Probeability {
  /** Whether the effect declared how to look it up in the other system. */
  readonly canProbe: boolean;
  /**
   * After this long (ms) since it was sent, a request can no longer land and a look-up sees what
   * landed. An unfenced "not found" counts only then. Source: failure model R27.
   */
  readonly settleMs: number;
}

export type Contract =
  | { readonly kind: "read" }
  | ({ readonly kind: "idempotent"; readonly why: IdempotentReason } & Probeability)
  | ({
      readonly kind: "keyed";
      /** The other system remembers our key for this long (ms) since it first saw it. */
      readonly windowMs: number;
      readonly replays: KeyReplays;
    } & Probeability)
  | ({ readonly kind: "probeable" } & Probeability)
  | ({ readonly kind: "once" } & Probeability);

/** Limits of one effect's repeats, in milliseconds and counts. Source: failure model R3. */
export interface RetryPolicy {
  /** Attempts that count, the first included. */
  readonly attemptsMax: number;
  /** Lost races allowed before a person is asked. */
  readonly contentionMax: number;
  /** Wall clock since the first attempt; parking included. */
  readonly horizonMs: number;
  readonly backoffFirstMs: number;
  readonly backoffMaxMs: number;
}
