/** Answers that real HTTP servers give, with the bodies that they give them with. */
import type { Proof, Reason } from "../case.ts";

export interface StatusCase {
  readonly name: string;
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON, a text as HTML. */
  readonly body?: unknown;
  /** Whether the server had done the work. */
  readonly works?: boolean;
  readonly effect: Proof;
  readonly reason: Reason;
  readonly why: string;
}

const PROBLEM = { "content-type": "application/problem+json" };
const XML = { "content-type": "application/xml" };

/** A row: name, status, effect, reason, why; then what of the answer is not plain. */
type Rest = Pick<StatusCase, "headers" | "body" | "works">;
const row = (
  name: string,
  status: number,
  effect: Proof,
  reason: Reason,
  why: string,
  rest: Rest = {},
): StatusCase => ({ name, status, effect, reason, why, ...rest });

const VALIDATION = "the server has read the payload and refuses it: somebody must mend the data";
const NO_SUCH_ROUTE = "this operation does not exist there; no data and no wait changes that";
const SETTING = "every call fails alike until a setting or a secret is changed";
const SLOWER = "the server takes us, but not now: it says to go slower, and has done nothing";
const SPENT = "a budget is used up; only time by the calendar or money brings it back";
const OPEN = "the server failed, and does not say whether before or after its work";
const GATEWAY = "a gateway lost sight of the server behind it, which may have done the work";

export const STATUS_CASES: readonly StatusCase[] = [
  row("400 plain", 400, "never", "data", VALIDATION, { body: "<h1>Bad Request</h1>" }),
  row("400 problem", 400, "never", "data", VALIDATION, {
    headers: PROBLEM,
    body: {
      type: "https://example.com/problems/invalid-order",
      title: "Order is not valid",
      status: 400,
      detail: "quantity must be above 0",
    },
  }),
  row("400 field errors", 400, "never", "data", VALIDATION, {
    body: { message: "Validation failed", errors: [{ field: "iban", code: "invalid" }] },
  }),
  row("400 odata", 400, "never", "data", VALIDATION, {
    body: { error: { code: "BadRequest", message: "The property 'DueDate' is not a valid date." } },
  }),
  row("400 xml fault", 400, "never", "data", VALIDATION, {
    headers: XML,
    body: "<Error><Code>InvalidArgument</Code><Message>bad partner</Message></Error>",
  }),
  row("401 bearer", 401, "never", "misconfigured", SETTING, {
    headers: { "www-authenticate": 'Bearer error="invalid_token"' },
  }),
  row("401 basic", 401, "never", "misconfigured", SETTING, {
    headers: { "www-authenticate": 'Basic realm="erp"' },
    body: "<h1>401 Unauthorized</h1>",
  }),
  row("401 expired key", 401, "never", "misconfigured", SETTING, {
    body: { error: { code: "api_key_expired", message: "API key expired" } },
  }),
  row("402 plain", 402, "never", "exhausted", SPENT, { body: { message: "Payment Required" } }),
  row("402 plan", 402, "never", "exhausted", SPENT, {
    body: { error: { code: "plan_limit_reached", message: "Upgrade to continue" } },
  }),
  row("403 plain", 403, "never", "misconfigured", SETTING, { body: "<h1>Forbidden</h1>" }),
  row("403 scope", 403, "never", "misconfigured", SETTING, {
    headers: { "www-authenticate": 'Bearer error="insufficient_scope", scope="orders.write"' },
  }),
  row("403 problem permission", 403, "never", "misconfigured", SETTING, {
    headers: PROBLEM,
    body: { type: "about:blank", title: "Forbidden", status: 403, detail: "role clerk is missing" },
  }),
  row("404 plain", 404, "never", "permanent", NO_SUCH_ROUTE, { body: "Cannot POST /orders" }),
  row("404 json", 404, "never", "permanent", NO_SUCH_ROUTE, { body: { message: "Not Found" } }),
  row("405", 405, "never", "permanent", NO_SUCH_ROUTE, { headers: { allow: "GET, HEAD" } }),
  row("406", 406, "never", "permanent", "the server has no form of answer that we take"),
  row("407", 407, "never", "misconfigured", SETTING, {
    headers: { "proxy-authenticate": 'Basic realm="proxy"' },
  }),
  row("408", 408, "never", "transient", "the server gave up waiting for a request to be whole", {
    headers: { connection: "close" },
  }),
  row("409 plain", 409, "never", "contention", "it conflicts with the state of the resource now"),
  row(
    "409 lock",
    409,
    "never",
    "contention",
    "somebody else holds it; to be done anew from a read",
    {
      body: { error: { code: "resource_locked", message: "Order is being edited" } },
    },
  ),
  row("409 version", 409, "never", "contention", "our version is old: to be read anew", {
    body: { code: "VERSION_CONFLICT", expected: 7, actual: 8 },
  }),
  row("410", 410, "never", "permanent", "the server says that it is gone for good"),
  row("411", 411, "never", "defect", "our request lacks a length: we built it wrongly"),
  row("412", 412, "never", "contention", "the precondition no longer holds: read anew", {
    headers: { etag: '"v9"' },
  }),
  row("413", 413, "never", "data", "this payload is too large for the server", {
    body: "<h1>413 Request Entity Too Large</h1>",
  }),
  row("414", 414, "never", "defect", "we built an address that is too long"),
  row("415", 415, "never", "defect", "we sent a media type that the server does not take"),
  row("417", 417, "never", "defect", "we asked for what the server cannot meet"),
  row("418", 418, "never", "permanent", "the server refuses for good, whatever it means by it"),
  row(
    "421",
    421,
    "never",
    "misconfigured",
    "the server does not answer for this name: our address",
  ),
  row("422 rails", 422, "never", "data", VALIDATION, {
    body: { errors: { email: ["is invalid"] } },
  }),
  row("422 problem", 422, "never", "data", VALIDATION, {
    headers: PROBLEM,
    body: {
      type: "https://example.com/problems/validation",
      status: 422,
      errors: [{ pointer: "/lines/0/sku", detail: "unknown" }],
    },
  }),
  row("422 text", 422, "never", "data", VALIDATION, { body: "Unprocessable" }),
  row("423", 423, "never", "contention", "it is locked by somebody else"),
  row("424", 424, "never", "permanent", "it depends on an action that has failed"),
  row(
    "425",
    425,
    "never",
    "transient",
    "not to be done as early data; again on a ready connection",
  ),
  row("426", 426, "never", "permanent", "the server refuses this protocol", {
    headers: { upgrade: "TLS/1.3", connection: "Upgrade" },
  }),
  row("428", 428, "never", "defect", "our request lacks the precondition that the server demands"),
  row("429 seconds", 429, "never", "throttled", SLOWER, { headers: { "retry-after": "7" } }),
  row("429 date", 429, "never", "throttled", SLOWER, {
    headers: { "retry-after": "Wed, 21 Oct 2099 07:28:00 GMT" },
  }),
  row("429 bare", 429, "never", "throttled", SLOWER),
  row("429 zero", 429, "never", "throttled", SLOWER, { headers: { "retry-after": "0" } }),
  row("429 nonsense", 429, "never", "throttled", SLOWER, { headers: { "retry-after": "soon" } }),
  row("429 reset", 429, "never", "throttled", SLOWER, {
    headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "4102444800" },
  }),
  row("429 draft headers", 429, "never", "throttled", SLOWER, {
    headers: { ratelimit: '"default";r=0;t=12', "ratelimit-policy": '"default";q=100;w=60' },
  }),
  row("429 quota", 429, "never", "exhausted", SPENT, {
    body: {
      error: { type: "insufficient_quota", code: "insufficient_quota", message: "exceeded quota" },
    },
  }),
  row("431", 431, "never", "defect", "we built headers that are too large"),
  row("451", 451, "never", "policy", "the law forbids it"),
  row("500 before its work", 500, "maybe", "transient", OPEN, { body: "<h1>Server Error</h1>" }),
  row("500 after its work", 500, "maybe", "transient", OPEN, {
    works: true,
    body: { error: "mail of confirmation could not be sent" },
  }),
  row("500 problem", 500, "maybe", "transient", OPEN, {
    headers: PROBLEM,
    body: { type: "about:blank", title: "Internal Server Error", status: 500, traceId: "00-4b" },
  }),
  row("500 with a wait", 500, "maybe", "transient", OPEN, { headers: { "retry-after": "3" } }),
  row("500 empty after work", 500, "maybe", "transient", OPEN, { works: true }),
  row("501", 501, "never", "permanent", "the server cannot do this operation"),
  row("502 html", 502, "maybe", "transient", GATEWAY, {
    body: "<html><head><title>502 Bad Gateway</title></head></html>",
  }),
  row("502 after work", 502, "maybe", "transient", GATEWAY, { works: true }),
  row("503 seconds", 503, "never", "throttled", SLOWER, { headers: { "retry-after": "30" } }),
  row("503 date", 503, "never", "throttled", SLOWER, {
    headers: { "retry-after": "Wed, 21 Oct 2099 07:28:00 GMT" },
  }),
  row(
    "503 bare",
    503,
    "maybe",
    "unavailable",
    "down as a whole; a gateway says the same of a lost answer",
    {
      body: "<h1>Service Unavailable</h1>",
    },
  ),
  row("503 reset of a gateway", 503, "maybe", "unavailable", GATEWAY, {
    works: true,
    body: "upstream connect error or disconnect/reset before headers. reset reason: connection termination",
  }),
  row("503 slow down", 503, "never", "throttled", SLOWER, {
    headers: XML,
    body: "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>",
  }),
  row("504 html", 504, "maybe", "transient", GATEWAY, { body: "<h1>504 Gateway Time-out</h1>" }),
  row("504 after work", 504, "maybe", "transient", GATEWAY, {
    works: true,
    body: { error: "timeout" },
  }),
  row("505", 505, "never", "permanent", "the server does not speak this version"),
  row("506", 506, "never", "misconfigured", "the server is set up wrongly, and says so"),
  row("507", 507, "never", "exhausted", "the server has no room to store it"),
  row(
    "508",
    508,
    "never",
    "misconfigured",
    "the addresses go in a circle until somebody mends them",
  ),
  row("510", 510, "never", "permanent", "the server demands an extension that we do not have"),
  row(
    "511",
    511,
    "never",
    "misconfigured",
    "a network that wants a login stands before the server",
  ),
  row("520", 520, "maybe", "transient", GATEWAY, { headers: { server: "cloudflare" } }),
  row("521", 521, "never", "unavailable", "the edge was refused by the server", {
    headers: { server: "cloudflare" },
    body: "error code: 521",
  }),
  row("522", 522, "maybe", "unavailable", "the edge got no connection, or no word on it", {
    headers: { server: "cloudflare" },
  }),
  row("523", 523, "never", "unavailable", "the edge has no way to the server", {
    headers: { server: "cloudflare" },
  }),
  row("524", 524, "maybe", "transient", "the edge was connected, then waited too long", {
    works: true,
    headers: { server: "cloudflare" },
  }),
  row("525", 525, "never", "misconfigured", "the edge and the server agree on no TLS", {
    headers: { server: "cloudflare" },
  }),
  row("526", 526, "never", "misconfigured", "the edge refuses the server's certificate", {
    headers: { server: "cloudflare" },
  }),
  row("529", 529, "never", "throttled", SLOWER, {
    body: { type: "error", error: { type: "overloaded_error", message: "Overloaded" } },
  }),
  row(
    "202 accepted",
    202,
    "maybe",
    "transient",
    "taken to be done later; nobody has said that it was done",
    {
      body: { status: "queued" },
    },
  ),
  row("207 mixed", 207, "partial", "data", "some of the items were done", {
    works: true,
    body: { items: [{ status: 201 }, { status: 422 }] },
  }),
  row("301 elsewhere", 301, "never", "misconfigured", "it has moved: our address is old", {
    headers: { location: "https://other.invalid/orders" },
  }),
  row("302 login", 302, "never", "misconfigured", "sent to a login page: our credentials", {
    headers: { location: "https://login.invalid/?next=%2Forders" },
  }),
  row("307 elsewhere", 307, "never", "misconfigured", "to be sent to an address we do not trust", {
    headers: { location: "https://other.invalid/orders" },
  }),
  row("308 elsewhere", 308, "never", "misconfigured", "it has moved for good: our address is old", {
    headers: { location: "https://other.invalid/orders" },
  }),
  row("303 elsewhere", 303, "surely", "ambiguous", "done; where its result lies is not followed", {
    works: true,
    headers: { location: "https://other.invalid/orders/1" },
  }),
  row(
    "300 choices",
    300,
    "never",
    "permanent",
    "the server wants us to choose; it has done nothing",
  ),
  row("200 not json", 200, "surely", "ambiguous", "done, and its result cannot be read", {
    works: true,
    body: "<html><body>OK</body></html>",
  }),
  row("200 empty", 200, "surely", "ambiguous", "done, and its result is missing", {
    works: true,
    headers: { "content-type": "application/json" },
  }),
  row("200 half json", 200, "surely", "ambiguous", "done, and its result cannot be read", {
    works: true,
    headers: { "content-type": "application/json" },
    body: '{"id": "4711", "stat',
  }),
];

/** Refusals whose body says more than their status. */
export const BODY_CASES: readonly StatusCase[] = [
  row("404 customer", 404, "never", "data", "the order names a customer that is not there", {
    headers: PROBLEM,
    body: { type: "https://example.com/problems/unknown-customer", status: 404 },
  }),
  row("409 exists", 409, "never", "data", "another order has this number already", {
    body: { error: { code: "already_exists", message: "order number is taken" } },
  }),
  row("403 limit", 403, "never", "policy", "a business rule wants an approval", {
    headers: PROBLEM,
    body: { type: "https://example.com/problems/credit-limit", status: 403, title: "Credit limit" },
  }),
  row("403 closed period", 403, "never", "policy", "the period is closed", {
    body: { error: { code: "period_closed", message: "posting period 10/2026 is closed" } },
  }),
  row("403 quota", 403, "never", "exhausted", SPENT, {
    body: {
      error: {
        code: 403,
        status: "PERMISSION_DENIED",
        errors: [{ reason: "dailyLimitExceeded", domain: "usageLimits" }],
      },
    },
  }),
  row("403 rate", 403, "never", "throttled", SLOWER, {
    headers: { "retry-after": "60", "x-ratelimit-remaining": "0" },
    body: { message: "You have exceeded a secondary rate limit." },
  }),
  row("400 throttling", 400, "never", "throttled", SLOWER, {
    body: { __type: "ThrottlingException", message: "Rate exceeded" },
  }),
  row("400 expired token", 400, "never", "misconfigured", SETTING, {
    body: { __type: "ExpiredTokenException", message: "The security token is expired" },
  }),
  row("400 invalid grant", 400, "never", "misconfigured", SETTING, {
    body: { error: "invalid_grant", error_description: "refresh token revoked" },
  }),
  row("400 spend", 400, "never", "exhausted", SPENT, {
    body: { error: { type: "billing_error", code: "enforced_spend_limit_reached" } },
  }),
  row("422 duplicate", 422, "never", "data", "another entity has this value already", {
    body: { errors: [{ field: "email", code: "taken", message: "has already been taken" }] },
  }),
  row("422 content filter", 422, "never", "policy", "a filter forbids the content", {
    body: { error: { code: "content_policy_violation", message: "rejected by the safety system" } },
  }),
  row(
    "500 repeat forbidden",
    500,
    "maybe",
    "permanent",
    "it failed, and the server says not to repeat",
    {
      headers: { "x-should-retry": "false" },
    },
  ),
  row("409 repeat asked", 409, "never", "contention", "the server says itself to repeat it", {
    headers: { "stripe-should-retry": "true" },
    body: { error: { type: "idempotency_error", code: "lock_timeout" } },
  }),
];
