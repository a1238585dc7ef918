/** Classifies an answer by its status and by what it says of itself. */
import type { Classified, Evidence, RuleReference } from "../../core/failure.ts";
import {
  HTTP_STATUSES,
  HTTP_STATUS_VERSION,
  type StatusCondition,
  type StatusRow,
} from "./http-status.ts";
import { isLimitUsedUp, retryAfterMs, statedWaitMs, type HeaderFields } from "./retry-after.ts";

export interface AnswerFacts {
  readonly status: number;
  readonly method: string;
  readonly headers: HeaderFields;
  /** Stable reason of the body: a problem type or an error code; null if it names none. */
  readonly reason: string | null;
  /** At most 500 characters of what was said, for people. */
  readonly said?: string;
  /** Outside calls of the whole attempt. More than one forbids the proof `never`. */
  readonly callCount: number;
  readonly nowMs: number;
}

interface Verdict {
  readonly says: Classified;
  readonly rule: RuleReference;
}

export interface StatusClassification {
  /** Null: the status is a success. */
  readonly table: Verdict | null;
  readonly signal: Verdict | null;
  readonly echo: boolean;
  readonly evidence: Evidence;
}

/** Classes that a server's "should retry" may overrule: the others need somebody to act first. */
const OVERRULED = new Set([
  "transient",
  "throttled",
  "contention",
  "unavailable",
  "data",
  "permanent",
]);

export function classifyStatus(facts: AnswerFacts): StatusClassification {
  const waitMs = waitOf(facts);
  const table = firstMatch("table", facts, waitMs);
  const signal = table?.class === null ? null : firstMatch("signal", facts, waitMs);
  const isSignalHeard =
    !(signal?.when === "should-retry" || signal?.when === "should-not-retry") ||
    OVERRULED.has(table?.class ?? "");
  return {
    table: table === null ? null : verdict(table, facts),
    signal: signal === null || !isSignalHeard ? null : verdict(signal, facts),
    echo: table?.echo ?? false,
    evidence: {
      phase: "answered",
      status: facts.status,
      ...(facts.reason === null ? {} : { code: facts.reason }),
      ...(facts.said === undefined ? {} : { message: facts.said }),
      ...(waitMs === null ? {} : { retryAfterMs: waitMs }),
      callCount: facts.callCount,
    },
  };
}

/** Many answers carry the fields of a rate limit; they ask for a wait only where it has refused us. */
function waitOf({ status, headers, nowMs }: AnswerFacts): number | null {
  const isLimit = status === 429 || status === 529 || isLimitUsedUp(headers);
  return isLimit ? retryAfterMs(headers, nowMs) : statedWaitMs(headers, nowMs);
}

/** True if the status alone means that it was done: every 2xx but 202 and 207. */
export function isSuccess(status: number): boolean {
  return rowFor(status)?.class === null;
}

function rowFor(status: number): StatusRow | null {
  return HTTP_STATUSES.find((row) => row.source === "table" && covers(row, status)) ?? null;
}

function firstMatch(
  source: StatusRow["source"],
  facts: AnswerFacts,
  waitMs: number | null,
): StatusRow | null {
  const match = HTTP_STATUSES.find(
    (row) =>
      row.source === source &&
      covers(row, facts.status) &&
      (row.when === undefined || holds(row.when, facts, waitMs)),
  );
  return match ?? null;
}

function covers(row: StatusRow, status: number): boolean {
  return row.statuses.some((each) =>
    typeof each === "number" ? each === status : status >= each[0] && status <= each[1],
  );
}

function verdict(row: StatusRow, facts: AnswerFacts): Verdict | null {
  if (row.class === null) return null;
  const isProofVoid = row.effect === "never" && facts.callCount > 1;
  return {
    says: {
      class: row.class,
      ...(row.effect === undefined ? {} : { effect: isProofVoid ? "maybe" : row.effect }),
      ...(row.scope === undefined ? {} : { scope: row.scope }),
      origin: "remote",
      reasonCode: `HTTP:${snake(facts.reason ?? "") || `STATUS_${String(facts.status)}`}`,
    },
    rule: {
      source: row.source,
      id: ruleIdOf(row, facts.status),
      version: HTTP_STATUS_VERSION,
    },
  };
}

function ruleIdOf({ source, when }: StatusRow, status: number): string {
  if (source === "signal") return `http-signal/${when ?? ""}`;
  return `http-status/${String(status)}${when === undefined ? "" : `-${when}`}`;
}

/**
 * Words of a reason. They are looked for in problem types and error codes only, which are stable
 * and machine made; never in titles or details. Sources: draft-ietf-httpapi-idempotency-key-header,
 * error codes of Stripe, Adyen, OpenAI, AWS.
 */
const WORDS = {
  idempotency: /IDEMPOTEN/u,
  reused: /REUSE|MISMATCH|DIFFERENT|PARAMETER|PAYLOAD|ALREADY_USED|IDEMPOTENCY_ERROR/u,
  outstanding: /OUTSTANDING|IN_PROGRESS|IN_USE|PROCESSING|CONCURRENT_REQUEST/u,
  version: /VERSION|ETAG|STALE|OPTIMISTIC|CONCURREN|LOCK|REVISION|MODIFIED/u,
  duplicate: /DUPLICATE|ALREADY|EXISTS|NOT_UNIQUE/u,
  quota: /QUOTA|SPEND_LIMIT|BILLING|CREDIT|BUDGET|FUNDS/u,
} as const;

function holds(condition: StatusCondition, facts: AnswerFacts, waitMs: number | null): boolean {
  const reason = snake(facts.reason ?? "");
  const shouldRetry = facts.headers["x-should-retry"] ?? facts.headers["stripe-should-retry"];
  switch (condition) {
    case "delete":
      return facts.method === "DELETE";
    case "wait":
      return waitMs !== null;
    case "limit":
      return waitMs !== null || isLimitUsedUp(facts.headers);
    case "quota":
      return waitMs === null && WORDS.quota.test(reason);
    case "key-reused":
      return isKeyReused(facts.status, reason);
    case "outstanding":
      return WORDS.outstanding.test(reason) || WORDS.idempotency.test(reason);
    case "version":
      return WORDS.version.test(reason);
    case "duplicate":
      return WORDS.duplicate.test(reason);
    case "should-retry":
      return shouldRetry === "true";
    case "should-not-retry":
      return shouldRetry === "false";
    case "type-capacity":
      return reason === "TEMPORARY_REDUCED_CAPACITY";
    case "type-abuse":
      return reason === "ABNORMAL_USAGE_DETECTED";
  }
}

/** A 409 about a key without further words is the outstanding request of the draft; 400 and 422 are not. */
function isKeyReused(status: number, reason: string): boolean {
  if (!WORDS.idempotency.test(reason)) return false;
  return status !== 409 || (WORDS.reused.test(reason) && !WORDS.outstanding.test(reason));
}

/** `https://example.com/problems/out-of-credit` and `outOfCredit` both become `OUT_OF_CREDIT`. */
function snake(reason: string): string {
  const segment = reason.split(/[/#?:]/u).findLast((part) => /\w/u.test(part)) ?? "";
  return segment
    .replaceAll(/([a-z\d])([A-Z])/gu, "$1_$2")
    .replaceAll(/\W+/gu, "_")
    .replaceAll(/^_+|_+$/gu, "")
    .toUpperCase()
    .slice(0, 80);
}
