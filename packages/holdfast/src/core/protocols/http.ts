/**
 * HTTP answers: what each status proves about the effect of a write, and whose move it is (failure
 * model 2.5). The first row that matches counts.
 *
 * What the other side has said in so many words (Retry-After, a problem type) is a table of its own:
 * it decides the class and leaves the effect to the status.
 */
import type { EffectProof, FailureClass } from "../failure.ts";
import { protocolTable, type ProtocolRow, type ProtocolTable } from "../protocol-table.ts";
import type { StatusRange } from "../rule-match.ts";

/** What an answer must say besides its status for a row to match. */
const CONDITIONS = {
  delete: "the method is DELETE",
  wait: "the answer says how long to wait",
  limit: "the answer says how long to wait, or that a rate limit has nothing left",
  quota: "the reason names a quota, a budget or billing, and no wait is given",
  "key-reused": "the reason says that our key came with another request",
  outstanding: "the reason says that a request with our key is still at work",
  "at-work": "it is said that the same was processed already, or still is",
  "upload-over": "the reason says that an upload in parts is not there: aborted, or completed",
  version: "the reason names a version, a lock or a concurrent change",
  duplicate: "the reason says that it exists or was done already",
  "should-retry": "x-should-retry or stripe-should-retry is true",
  "should-not-retry": "x-should-retry or stripe-should-retry is false",
  "type-capacity": "the problem type is temporary-reduced-capacity (IANA)",
  "type-abuse": "the problem type is abnormal-usage-detected (IANA)",
  overloaded: "x-envoy-overloaded or x-envoy-ratelimited is there: a mesh has let nothing through",
  "says-slower": "the reason names a rate, throttling or a busy server",
  "says-lost-race": "the reason names a failed condition, a lock that was not had, an aborted unit",
  "says-used-up": "the reason names a quota, a budget or a daily limit",
  "says-setting": "the reason names credentials, or a bucket, table or queue that is missing",
  "says-rule": "the reason names a rule or an authority: approval, sanctions, a closed period",
  "says-declined": "the reason says that a payment was declined, or why",
  "says-too-late": "the reason names a cut-off, a deadline or an offer that is over",
  "says-no-route": "the reason says that there is no such route or operation",
  "says-malformed": "the reason says that the request cannot be parsed",
} as const;
export type HttpCondition = keyof typeof CONDITIONS;

export const HTTP_CONDITIONS = Object.keys(CONDITIONS) as readonly HttpCondition[];

type Row = ProtocolRow<"answered", HttpCondition>;
type Rest = Partial<Pick<Row, "id" | "scope" | "echo" | "note" | "source">> & {
  readonly is?: HttpCondition;
};

const RFC9110 = "RFC 9110 15";
const KEYS = "draft-ietf-httpapi-idempotency-key-header";

function row(
  status: readonly StatusRange[],
  effect: EffectProof,
  failureClass: FailureClass | null,
  { is, ...rest }: Rest = {},
): Row {
  return {
    id: is === undefined ? "$status" : `$status-${is}`,
    when: { status, ...(is === undefined ? {} : { is: [is] }) },
    effect,
    class: failureClass,
    scope: "item",
    source: RFC9110,
    ...rest,
  };
}

function signal(
  status: readonly StatusRange[],
  is: HttpCondition,
  failureClass: FailureClass,
  rest: Pick<Row, "source"> & Pick<Rest, "scope" | "note"> & { readonly isWeak?: true },
): Row {
  return { id: is, when: { status, is: [is] }, class: failureClass, ...rest };
}

const DEPENDENCY = { scope: "dependency" } as const;
const SHOULD_RETRY = "stripe-node and openai-node, x-should-retry";
const PROBLEM_TYPES = "IANA, HTTP Problem Types";

/**
 * What the stable code of an answer says where its status is shared by several reasons. It decides
 * whose move it is and never the effect. Words are read in codes only, never in sentences.
 */
const REASON_ROWS: readonly Row[] = [
  signal([503], "overloaded", "throttled", {
    ...DEPENDENCY,
    source: "Envoy, HTTP router filter",
    note: "the effect stays open: the proxy before it may have had another try",
  }),
  signal([400, 403, 503], "says-slower", "throttled", {
    ...DEPENDENCY,
    source: "AWS, Google and Microsoft, error codes",
  }),
  signal([400, 409, 422, 429], "says-lost-race", "contention", {
    scope: "key",
    source: "AWS, Azure and Stripe, error codes",
  }),
  signal([402], "says-declined", "policy", {
    source: "Stripe and PayPal, error codes",
    note: "somebody's bank has said no: not our own money",
  }),
  signal([400, 403, 409, 410, 422], "says-too-late", "expired", {
    source: "failure model 2.2, expired",
    note: "by the words of its definition",
  }),
  signal([400, 403, 409, 422], "says-rule", "policy", {
    source: "failure model 2.2, policy",
    note: "by the words of its definition",
  }),
  signal([400, 403], "says-used-up", "exhausted", {
    ...DEPENDENCY,
    source: "OpenAI, Anthropic, Google and Salesforce, error codes",
  }),
  signal([400, 404], "says-setting", "misconfigured", {
    ...DEPENDENCY,
    source: "RFC 6749 5.2; AWS, error codes",
  }),
  signal([400, 404], "says-no-route", "permanent", { source: "AWS, common errors" }),
  signal([400, 422], "says-malformed", "defect", {
    source: "GraphQL servers, AWS, Stripe and Fastify, error codes",
  }),
];

const SIGNAL_ROWS: readonly Row[] = [
  signal([[500, 599], 408, 409, 429], "should-not-retry", "permanent", {
    source: SHOULD_RETRY,
    isWeak: true,
    note: "the effect stays what the status proves; only repeating is pointless",
  }),
  signal([[500, 599], 400, 404, 408, 409, 410], "should-retry", "transient", {
    source: SHOULD_RETRY,
    isWeak: true,
  }),
  signal([503], "type-capacity", "throttled", { ...DEPENDENCY, source: PROBLEM_TYPES }),
  signal([403, 429], "type-abuse", "policy", { ...DEPENDENCY, source: PROBLEM_TYPES }),
  signal([413, 429, 503], "wait", "throttled", { ...DEPENDENCY, source: "RFC 9110 10.2.3" }),
  signal([403], "limit", "throttled", {
    ...DEPENDENCY,
    source: "GitHub REST API, Rate limits",
    note: "a secondary rate limit",
  }),
  ...REASON_ROWS,
];

const STATUS_ROWS: readonly Row[] = [
  row([202], "maybe", "ambiguous", {
    note: "accepted, not done: a failure only where the call did not say `accept202`",
  }),
  row([207], "partial", "ambiguous", {
    source: "RFC 4918 13",
    note: "each item has its own status; to be split",
  }),
  row([[200, 299]], "surely", null, {
    id: "2xx",
    note: "an unreadable body is a defect after which the result is looked up, never a repeat",
  }),
  row([303], "surely", "transient", {
    note: "followed by a GET; a failure only where that GET failed: it happened, the result is lost",
  }),
  row([302, 304], "maybe", "misconfigured", {
    ...DEPENDENCY,
    source: "RFC 9110 15.4.3",
    note: "302: pages of old show so what they have done (303 is meant); 304 is no answer to a write",
  }),
  row([300, 301, 305, 307, 308], "never", "misconfigured", {
    ...DEPENDENCY,
    note: "a write is never sent on to another address",
  }),
  row([400, 409, 422], "never", "defect", {
    is: "key-reused",
    source: KEYS,
    note: "our key derivation is broken: stop and alert",
  }),
  row([409, 422], "maybe", "throttled", {
    is: "at-work",
    scope: "key",
    source: "Adyen, error codes (704)",
    note: "words may raise caution: ask again with the same key",
  }),
  row([400], "never", "data", { note: "a defect, if nearly all items of a step get it" }),
  row([401], "never", "misconfigured", {
    ...DEPENDENCY,
    note: "after at most one refresh of the credentials; never in a loop (lock-out)",
  }),
  row([402], "never", "exhausted", { ...DEPENDENCY, note: "policy, if a payment was declined" }),
  row([403], "never", "misconfigured", {
    ...DEPENDENCY,
    note: "policy, if a business rule refused",
  }),
  row([404], "maybe", "data", {
    is: "upload-over",
    source: "Amazon S3, error codes (NoSuchUpload)",
    note: "to complete it once more: our own earlier success looks so",
  }),
  row([404], "never", "data", { is: "delete", echo: true, note: "already gone" }),
  row([404], "never", "data", {
    note: "a missing reference; a missing route looks the same, unless its code says so",
  }),
  row([405], "never", "permanent", {
    source: "RFC 9110 15.5.6",
    note: "the server does not do this there, whatever is sent (decision 0031)",
  }),
  row([406, 411, 414, 415, 417, 426, 428, 431, 505, 506], "never", "defect"),
  row([407, 511], "never", "misconfigured", {
    scope: "system",
    source: "RFC 9110 15.5.8, RFC 6585 6",
    note: "a proxy or portal on our side",
  }),
  row([408], "maybe", "transient", {
    note: "never by RFC 9110, but gateways send it when their backend was too slow",
  }),
  row([409], "maybe", "throttled", {
    is: "outstanding",
    scope: "key",
    source: KEYS,
    note: "the first request with this key is still at work: ask again with the same key",
  }),
  row([409], "never", "contention", { is: "version", scope: "key", echo: true }),
  row([409], "never", "throttled", {
    is: "wait",
    scope: "key",
    source: "RFC 9110 10.2.3; failure model R20",
    note: "who says when to come again does not refuse the data: the same, or a lock, is at work",
  }),
  row([409], "never", "data", { echo: true, note: "duplicates and other conflicts" }),
  row([410], "never", "permanent", { is: "delete", echo: true }),
  row([410], "never", "permanent"),
  row([412], "never", "contention", {
    scope: "key",
    echo: true,
    note: "our own write may have moved the ETag",
  }),
  row([413], "never", "data"),
  row([416], "never", "data"),
  row([421], "never", "transient", {
    source: "RFC 9110 15.5.20",
    note: "may be repeated on another connection (RFC 9110)",
  }),
  row([422], "never", "data", { is: "duplicate", echo: true }),
  row([422], "never", "data"),
  row([423], "never", "contention", { scope: "key", source: "RFC 4918 11.3" }),
  row([424], "never", "data", { source: "RFC 4918 11.4" }),
  row([425], "never", "transient", {
    source: "RFC 8470 5.2",
    note: "refused as early data (RFC 8470)",
  }),
  row([429], "never", "exhausted", { ...DEPENDENCY, is: "quota", source: "OpenAI, Error codes" }),
  row([429], "never", "throttled", { ...DEPENDENCY, source: "RFC 6585 4" }),
  row([444, 499], "maybe", "transient", {
    source: "nginx, ngx_http_request.h",
    note: "as a proxy logs it",
  }),
  row([451], "never", "policy", { source: "RFC 7725 3" }),
  row([[400, 499]], "maybe", "data", { id: "4xx", note: "any other 4xx: as 400, nothing proved" }),
  row([500], "maybe", "transient", {
    note: "a stored 500 is replayed for the same key: it never heals by itself",
  }),
  row([501, 510], "never", "permanent"),
  row([502, 504], "maybe", "transient", { note: "feeds the breaker" }),
  row([503], "maybe", "unavailable", {
    ...DEPENDENCY,
    note: "proxies say so after the origin was reached; never only where the integration says so",
  }),
  row([507], "never", "exhausted", { ...DEPENDENCY, source: "RFC 4918 11.5" }),
  row([508], "maybe", "defect", { source: "RFC 5842 7.2" }),
  row([520, 524], "maybe", "transient", {
    source: "Cloudflare, 5xx errors",
    note: "Cloudflare: the origin was reached",
  }),
  row([522], "maybe", "unavailable", {
    ...DEPENDENCY,
    source: "Cloudflare, Connection limits",
    note: "Cloudflare: no connection, or one that was made, used and then silent for 90 s",
  }),
  row([521, 523, 525, 526], "never", "unavailable", {
    ...DEPENDENCY,
    source: "Cloudflare, 5xx errors",
    note: "Cloudflare: no connection to the origin",
  }),
  row([529], "never", "throttled", {
    ...DEPENDENCY,
    source: "Anthropic, Errors",
    note: "overloaded (Anthropic)",
  }),
  row([[500, 599]], "maybe", "transient", { id: "5xx", note: "any other 5xx: as 500" }),
  row([[300, 399]], "maybe", "misconfigured", {
    ...DEPENDENCY,
    id: "3xx",
    note: "any other 3xx",
  }),
  row([[100, 999]], "maybe", "defect", {
    ...DEPENDENCY,
    id: "other",
    note: "no status of RFC 9110",
  }),
];

function table(
  own: Pick<ProtocolTable, "id" | "title" | "prefix">,
  rows: readonly Row[],
): ProtocolTable {
  return protocolTable<"answered", HttpCondition>({
    ...own,
    version: 4,
    pick: "first",
    reason: { domain: "HTTP", by: "status" },
    origin: "remote",
    phases: { answered: { evidence: "answered", means: "an answer came" } },
    phaseAssumed: "answered",
    conditions: CONDITIONS,
    rows,
  });
}

export const HTTP_TABLE = table(
  { id: "http", title: "HTTP: what the status means", prefix: "http-status" },
  STATUS_ROWS,
);

export const HTTP_SIGNALS = table(
  {
    id: "http-signal",
    title: "HTTP: what the other system has said in so many words",
    prefix: "http-signal",
  },
  SIGNAL_ROWS,
);
