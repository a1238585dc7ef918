/** Classifies an answer by its status and by what it says of itself. */
import type { Classified, Evidence, RuleReference } from "../../core/failure.ts";
import { consult, isHeard, rowFor, type RowVerdict } from "../../core/protocol-table.ts";
import {
  HTTP_CONDITIONS,
  HTTP_SIGNALS,
  HTTP_TABLE,
  type HttpCondition,
} from "../../core/protocols/http.ts";
import type { Facts } from "../../core/rule-match.ts";
import { SAYS, snake, WORDS } from "./reason-words.ts";
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

export function classifyStatus(facts: AnswerFacts): StatusClassification {
  const waitMs = waitOf(facts);
  const known = factsFor(facts, waitMs);
  const table = consult(HTTP_TABLE, known);
  const signal = table === null || table.says === null ? null : consult(HTTP_SIGNALS, known);
  return {
    table: table === null ? null : verdict("table", table, facts),
    signal:
      signal === null || !isHeard(signal, table?.row.class)
        ? null
        : verdict("signal", signal, facts),
    echo: table?.row.echo ?? false,
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

function factsFor(facts: AnswerFacts, waitMs: number | null): Facts {
  return {
    code: snake(facts.reason ?? "") || null,
    status: facts.status,
    phase: "answered",
    attempt: 1,
    // The rows of both tables use conditions of this list only, which their types see to.
    holds: (condition) => holds(condition as HttpCondition, facts, waitMs),
  };
}

/** Every condition of the tables that this answer fulfils. */
export function conditionsOf(facts: AnswerFacts): readonly HttpCondition[] {
  const waitMs = waitOf(facts);
  return HTTP_CONDITIONS.filter((condition) => holds(condition, facts, waitMs));
}

/** Many answers carry the fields of a rate limit; they ask for a wait only where it has refused us. */
function waitOf({ status, headers, nowMs }: AnswerFacts): number | null {
  const isLimit = status === 429 || status === 529 || isLimitUsedUp(headers);
  return isLimit ? retryAfterMs(headers, nowMs) : statedWaitMs(headers, nowMs);
}

/** True if the status alone means that it was done: every 2xx but 202 and 207. */
export function isSuccess(status: number): boolean {
  const known: Facts = { code: null, status, phase: "answered", attempt: 1, holds: () => false };
  return rowFor(HTTP_TABLE, known)?.class === null;
}

function verdict(
  source: "signal" | "table",
  { says, rule }: RowVerdict,
  facts: AnswerFacts,
): Verdict | null {
  if (says === null) return null;
  // A second call of the same attempt may have done what this one did not.
  const isProofVoid = says.effect === "never" && facts.callCount > 1;
  return {
    says: isProofVoid ? { ...says, effect: "maybe" } : says,
    rule: { ...rule, source },
  };
}

function holds(condition: HttpCondition, facts: AnswerFacts, waitMs: number | null): boolean {
  const reason = snake(facts.reason ?? "");
  const says = (word: keyof typeof SAYS) => SAYS[word].test(reason);
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
    case "at-work":
      return AT_WORK.test(facts.said ?? "");
    case "upload-over":
      return /^(?:NO_SUCH_UPLOAD|UPLOAD_NOT_FOUND)$/u.test(reason);
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
    case "overloaded":
      return "x-envoy-overloaded" in facts.headers || "x-envoy-ratelimited" in facts.headers;
    case "says-slower":
      return says("slower");
    case "says-lost-race":
      // What is said of our own key has rows of its own.
      return says("lostRace") && !WORDS.idempotency.test(reason);
    case "says-used-up":
      return says("usedUp");
    case "says-setting":
      return says("setting");
    case "says-rule":
      return says("rule");
    case "says-declined":
      return says("declined");
    case "says-too-late":
      return says("tooLate");
    case "says-no-route":
      return says("noRoute");
    case "says-malformed":
      return says("malformed");
  }
}

/** Of what is said to people: it may raise caution, and decides nothing else (failure model 2.3, guard). */
const AT_WORK =
  /already (?:been )?(?:processed|submitted|completed)|(?:is|still|already) in progress|still being processed/iu;

/** A 409 about a key without further words is the outstanding request of the draft; 400 and 422 are not. */
function isKeyReused(status: number, reason: string): boolean {
  if (!WORDS.idempotency.test(reason)) return false;
  return status !== 409 || (WORDS.reused.test(reason) && !WORDS.outstanding.test(reason));
}
