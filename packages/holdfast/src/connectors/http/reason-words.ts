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
  quota: /QUOTA|SPEND_LIMIT|BILLING|CREDIT|BUDGET|FUNDS/u,
} as const;

/**
 * What a code says in its own words, where the status is shared by several reasons. Narrow on
 * purpose: a lock may be one of an account, a limit one of a customer, a missing resource an item.
 *
 * Sources: error codes of AWS, Azure, Google, Salesforce, GraphQL servers; RFC 6749 5.2, RFC 8628
 * 3.5; for `rule` the definition of policy (failure model 2.2).
 */
export const SAYS = {
  slower:
    /THROTTL|RATE_LIMIT|RATE_EXCEEDED|TOO_MANY_REQUESTS|SLOW_DOWN|THROUGHPUT_EXCEEDED|SERVER_BUSY/u,
  lostRace:
    /CONDITIONAL_CHECK|CONDITION_NOT_SATISFIED|(?:TRANSACTION|WRITE|EDIT|VERSION)_CONFLICT|^(?:TRANSACTION_)?ABORTED$|LOCK_TIMEOUT|ROW_LOCK|LOCK_ROW|LOCK_NOT_AVAILABLE|OPTIMISTIC|CONCURRENT_(?:MODIF|UPDATE)|STALE_|LEASE_ALREADY|SERIALIZATION_FAILURE|DEADLOCK/u,
  usedUp: /QUOTA|SPEND_LIMIT|BILLING|BUDGET|(?:DAILY|MONTHLY|STORAGE)_LIMIT/u,
  setting:
    /EXPIRED_TOKEN|TOKEN_EXPIRED|INVALID_GRANT|(?:INVALID|UNAUTHORIZED|UNRECOGNIZED)_CLIENT|ACCESS_DENIED|API_KEY|SIGNATURE_DOES_NOT_MATCH|^(?:NO_SUCH|UNKNOWN)_(?:BUCKET|TABLE|QUEUE|TOPIC|DATABASE)|^(?:BUCKET|TABLE|QUEUE|TOPIC|DATABASE|MODEL)_(?:NOT_FOUND|DOES_NOT_EXIST)/u,
  rule: /APPROVAL_(?:REQUIRED|NEEDED|MISSING)|(?:REQUIRES|NEEDS)_APPROVAL|SANCTION|EMBARGO|PERIOD_(?:IS_)?CLOSED|CLOSED_PERIOD|CONSENT_(?:REQUIRED|MISSING|WITHDRAWN)|CONTENT_FILTER|CONTENT_POLICY|POLICY_VIOLATION|FOUR_EYES|SEPARATION_OF_DUTIES|(?:CREDIT|AMOUNT|TRANSFER|PAYMENT)_LIMIT/u,
  noRoute:
    /^(?:API_)?(?:ROUTE|ENDPOINT|OPERATION|METHOD)_NOT_FOUND|^(?:NO_SUCH|UNKNOWN|NO)_(?:ROUTE|ENDPOINT|OPERATION|METHOD)\b/u,
  malformed:
    /GRAPHQL_(?:VALIDATION|PARSE)_FAILED|SERIALIZATION_EXCEPTION|(?:MALFORMED|INVALID)_JSON|JSON_PARSE|MALFORMED_(?:REQUEST|BODY)/u,
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
