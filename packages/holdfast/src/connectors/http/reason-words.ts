/**
 * Words of a reason. They are looked for in problem types and error codes only, which are stable
 * and machine made; never in titles or details (failure model 2.5).
 */

/** Sources: draft-ietf-httpapi-idempotency-key-header, error codes of Stripe, Adyen, OpenAI, AWS. */
export const WORDS = {
  idempotency: /IDEMPOTEN/u,
  reused: /REUSE|MISMATCH|DIFFERENT|PARAMETER|PAYLOAD|ALREADY_USED|IDEMPOTENCY_ERROR/u,
  outstanding: /OUTSTANDING|IN_PROGRESS|IN_USE|PROCESSING|CONCURRENT_REQUEST/u,
  version: /VERSION|ETAG|STALE|OPTIMISTIC|CONCURREN|LOCK|REVISION|MODIFIED/u,
  duplicate: /DUPLICATE|ALREADY|EXISTS|NOT_UNIQUE/u,
  quota:
    /QUOTA|SPEND_LIMIT|BILLING|CREDIT|BUDGET|FUNDS|(?:DAILY|MONTHLY|YEARLY)_|^LIMIT_EXCEEDED(?:_EXCEPTION)?$/u,
} as const;

/** Alternatives of one pattern, each a line of its own; tested against what `snake` gives. */
function anyOf(...alternatives: readonly string[]): RegExp {
  return new RegExp(alternatives.join("|"), "u");
}

/**
 * What a code says in its own words, where the status is shared by several reasons. Narrow on
 * purpose: a lock may be one of an account, a limit one of a customer, a missing resource an item.
 *
 * Sources: error codes of AWS, Azure, Google, Microsoft Graph, Salesforce, Shopify, PayPal, Stripe,
 * Twilio, GraphQL servers, Fastify; RFC 6749 5.2, RFC 8628 3.5; for `rule` and `tooLate` the definitions
 * of policy and expired (failure model 2.2).
 */
export const SAYS = {
  slower: anyOf(
    "THROTTL",
    "RATE_?LIMIT",
    "RATE_EXCEEDED",
    "TOO_MANY_(?:CALLS|CONCURRENT|REQUESTS)",
    "SLOW_?DOWN",
    "THROUGHPUT_EXCEEDED",
    "(?:ACTIVITY|CONCURRENCY|CONCURRENT_REQUESTS?)_LIMIT",
    "SERVER_(?:IS_)?(?:BUSY|OVERLOADED)",
  ),
  lostRace: anyOf(
    "CONDITIONAL_CHECK",
    "CONDITION_(?:FAILED|NOT_(?:MET|SATISFIED))",
    "PRECONDITION_FAILED",
    "(?:EDIT|TRANSACTION|VERSION|WRITE)_CONFLICT",
    "CONFLICTING_OPERATION",
    "^(?:OPERATION_|TRANSACTION_)?ABORTED$",
    "LOCK_TIMEOUT|ROW_LOCK|LOCK_ROW|LOCK_NOT_AVAILABLE",
    "(?:ENTITY|OBJECT|RECORD|RESOURCE)_(?:IS_)?(?:IN_USE|LOCKED)",
    "OPTIMISTIC",
    "CONCURRENT_(?:MODIF|UPDATE)",
    "(?:VERSION|REVISION|ETAG|SHA)_(?:DOES_NOT_MATCH|MISMATCH)",
    "STALE_",
    "BEING_DELETED",
    "LEASE_ALREADY",
    "SERIALIZATION_FAILURE",
    "DEADLOCK",
  ),
  usedUp: anyOf(
    "QUOTA",
    "SPEND_LIMIT",
    "BILLING",
    "BUDGET",
    "(?:ANNUAL|DAILY|MONTHLY|WEEKLY|YEARLY)_(?:ALLOWANCE|CAP|LIMIT|MAXIMUM|SEND|VOLUME)",
    "(?:API|CREDITS?|REQUEST|STORAGE)_LIMIT_(?:EXCEEDED|REACHED)",
    "^LIMIT_EXCEEDED(?:_EXCEPTION)?$",
    "OUT_OF_CREDITS?",
    "INSUFFICIENT_(?:CREDITS?|STORAGE)|BALANCE_INSUFFICIENT",
  ),
  setting: anyOf(
    "EXPIRED_(?:API_KEY|CREDENTIALS?|TOKEN)",
    "^(?:(?:ACCESS|API|AUTH|OAUTH|REFRESH)_)?TOKEN_(?:EXPIRED|INVALID|REVOKED)$",
    "^(?:INVALID|MISSING)_(?:ACCESS_|API_|AUTH_)?(?:AUTH|CREDENTIALS?|TOKEN)$",
    "INVALID_(?:GRANT|SCOPE)|UNSUPPORTED_GRANT_TYPE|(?:INTERACTION|LOGIN)_REQUIRED",
    "(?:INVALID|UNAUTHORIZED|UNRECOGNIZED)_CLIENT",
    "ACCESS_(?:DENIED|NOT_CONFIGURED)",
    "API_KEY",
    "AUTHENTICATION_(?:ERROR|FAILED|FAILURE)",
    "SIGNATURE_DOES_NOT_MATCH|INVALID_SIGNATURE",
    "(?:DOMAIN|SENDER)_(?:IDENTITY_)?NOT_VERIFIED|UNVERIFIED_(?:DOMAIN|SENDER)",
    "^(?:NO_SUCH|UNKNOWN)_(?:BUCKET|DATABASE|QUEUE|TABLE|TOPIC)",
    "^(?:BUCKET|DATABASE|MODEL|QUEUE|TABLE|TOPIC)_(?:DOES_NOT_EXIST|NOT_FOUND)",
  ),
  rule: anyOf(
    "APPROVAL_(?:MISSING|NEEDED|REQUIRED)",
    "(?:NEEDS|REQUIRES)_APPROVAL",
    "SANCTION|EMBARGO|EXPORT_CONTROL",
    "COMPLIANCE",
    "(?:ACCOUNT|CREDIT|CUSTOMER|LEGAL|ORDER)_(?:ON_)?HOLD",
    "(?:POSTING_)?PERIOD_(?:IS_)?(?:CLOSED|LOCKED|NOT_OPEN)|CLOSED_PERIOD",
    "CONSENT_(?:MISSING|REQUIRED|WITHDRAWN)|OPTED_OUT|OPT_OUT|UNSUBSCRIBED",
    "CONTENT_(?:FILTER|POLICY)",
    "POLICY_VIOLATION|DUE_TO_POLICY",
    "FOUR_EYES|SEPARATION_OF_DUTIES",
    "(?:AMOUNT|APPROVAL|AUTHORI[SZ]ATION|CREDIT|ORDER|PAYMENT|TRANSACTION|TRANSFER)_LIMIT",
    "(?:ABOVE|BEYOND|EXCEEDS|OVER)_(?:APPROVED_|AUTHORI[SZ]ED_|CREDIT_|THE_)?LIMIT",
    "FRAUD|SUSPECTED_RISK|KYC|^AML_",
  ),
  declined: anyOf(
    "DECLINED",
    "INSUFFICIENT_(?:BALANCE|FUNDS)",
    "DO_NOT_HONOR|AUTHENTICATION_REQUIRED",
    "CARD_(?:NOT_SUPPORTED|VELOCITY)",
    "FRAUD",
  ),
  tooLate: anyOf(
    "CUT_?OFF",
    "TOO_LATE",
    "(?:DEADLINE|PERIOD|WINDOW)_(?:HAS_)?PASSED",
    "(?:OFFER|ORDER|QUOTATION|QUOTE|RESERVATION|WINDOW)_(?:HAS_)?EXPIRED",
    "EXPIRED_(?:OFFER|ORDER|QUOTATION|QUOTE|RESERVATION)",
  ),
  noRoute: anyOf(
    "^(?:API_)?(?:ENDPOINT|METHOD|OPERATION|ROUTE)_NOT_FOUND",
    "^(?:NO_SUCH|NO|UNKNOWN)_(?:ENDPOINT|METHOD|OPERATION|ROUTE)\\b",
    "UNKNOWN_OPERATION",
  ),
  malformed: anyOf(
    "GRAPHQL_(?:PARSE|VALIDATION)_FAILED",
    "SERIALIZATION_EXCEPTION",
    "(?:EMPTY|INVALID|MALFORMED|NOT)_(?:VALID_)?JSON|JSON_PARSE|EMPTY_BODY",
    "(?:INVALID|MALFORMED|UNREADABLE)_(?:BODY|XML)|MALFORMED_REQUEST|UNPARSABLE",
    "UNKNOWN_(?:FIELD|PARAMETER|PROPERTY)|PARAMETER_UNKNOWN|UNEXPECTED_(?:FIELD|PARAMETER)",
    "(?:INVALID|UNKNOWN|UNSUPPORTED)_(?:API_)?VERSION",
    "INVALID_(?:CONTENT_LENGTH|MEDIA_TYPE)|UNSUPPORTED_MEDIA_TYPE",
  ),
} as const;

/** `https://example.com/problems/out-of-credit` and `outOfCredit` both become `OUT_OF_CREDIT`. */
export function snake(reason: string): string {
  const segment = reason.split(/[/#?:]/u).findLast((part) => /\w/u.test(part)) ?? "";
  return segment
    .replaceAll(/([a-z\d])([A-Z])/gu, "$1_$2")
    .replaceAll(/\W+/gu, "_")
    .replaceAll(/^_+|_+$/gu, "")
    .toUpperCase()
    .slice(0, 80);
}
