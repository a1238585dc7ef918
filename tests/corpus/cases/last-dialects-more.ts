/** More of how services word their refusals: statuses, headers and bodies after their public manuals. */
import type { Proof, Reason } from "../case.ts";
import type { StatusCase } from "./http-statuses.ts";

type Rest = Pick<StatusCase, "headers" | "works"> & { readonly body?: unknown };
const row = (
  name: string,
  status: number,
  effect: Proof,
  reason: Reason,
  why: string,
  body: unknown,
  rest: Rest = {},
): StatusCase => ({
  name: `${name} ${String(status)}`,
  status,
  effect,
  reason,
  why,
  body,
  ...rest,
});

const MEND = "this payload is refused: somebody must mend the data";
const SETTING = "every call fails alike until a setting or a secret is changed";
const SLOWER = "go slower, says the service; nothing was done";
const SPENT = "used up; only the calendar or money brings it back";
const OPEN = "the service failed and says nothing of its work";
const DOWN = "the service says that it is down as a whole";
const LOST_RACE = "somebody else was first: to be read anew and done again";
const BUILT = "the request we built is wrong";
const FORBIDDEN = "a rule or an authority forbids it";
const PROBLEM = { "content-type": "application/problem+json" };

const problem = (status: number, title: string) => ({
  type: `https://api.example.org/errors/${title.toLowerCase().replaceAll(" ", "-")}`,
  title,
  status,
});

export const MORE_DIALECTS: readonly StatusCase[] = [
  row("salesforce row lock", 400, "never", "contention", LOST_RACE, [
    {
      errorCode: "UNABLE_TO_LOCK_ROW",
      message: "unable to obtain exclusive access to this record",
    },
  ]),
  row("salesforce limit", 403, "never", "exhausted", SPENT, [
    { errorCode: "REQUEST_LIMIT_EXCEEDED", message: "TotalRequests Limit exceeded." },
  ]),
  row("salesforce session", 401, "never", "misconfigured", SETTING, [
    { errorCode: "INVALID_SESSION_ID", message: "Session expired or invalid" },
  ]),
  row("salesforce required", 400, "never", "data", MEND, [
    { errorCode: "REQUIRED_FIELD_MISSING", fields: ["LastName"] },
  ]),
  row("salesforce duplicate", 400, "never", "data", MEND, [
    { errorCode: "DUPLICATES_DETECTED", message: "Use one of these records?" },
  ]),
  row("salesforce storage", 400, "never", "exhausted", SPENT, [
    { errorCode: "STORAGE_LIMIT_EXCEEDED", message: "storage limit exceeded" },
  ]),
  row("sap locked", 423, "never", "contention", LOST_RACE, {
    error: { code: "M3/682", message: { value: "Plant data is locked by user MEIER" } },
  }),
  row("sap period", 400, "never", "policy", FORBIDDEN, {
    error: { code: "F5/201", message: { value: "Posting period 010 2026 is not open" } },
  }),
  row("sap token", 403, "never", "misconfigured", SETTING, "CSRF token validation failed", {
    headers: { "x-csrf-token": "Required" },
  }),
  row("sap material", 400, "never", "data", MEND, {
    error: { code: "M3/305", message: { value: "Material 4711 does not exist" } },
  }),
  row(
    "github abuse",
    403,
    "never",
    "throttled",
    SLOWER,
    { message: "You have triggered an abuse detection mechanism." },
    { headers: { "retry-after": "60" } },
  ),
  row(
    "github primary",
    403,
    "never",
    "throttled",
    SLOWER,
    { message: "API rate limit exceeded" },
    { headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "4102444800" } },
  ),
  row("github hidden", 404, "never", "permanent", "no such route, says its answer", {
    message: "Not Found",
    documentation_url: "https://docs.example.org",
  }),
  row("github exists", 422, "never", "data", MEND, {
    message: "Validation Failed",
    errors: [{ resource: "Release", code: "already_exists" }],
  }),
  row("github sha", 409, "never", "contention", LOST_RACE, {
    message: "is at 8a9b but expected 1c2d",
  }),
  row(
    "shopify bucket",
    429,
    "never",
    "throttled",
    SLOWER,
    { errors: "Exceeded 2 calls per second for api client." },
    { headers: { "retry-after": "2.0", "x-shopify-shop-api-call-limit": "40/40" } },
  ),
  row("shopify frozen", 402, "never", "exhausted", SPENT, { errors: "This shop is frozen" }),
  row("shopify locked", 423, "never", "policy", "the shop was closed by an authority", {
    errors: "This shop is locked",
  }),
  row("twilio number", 400, "never", "data", MEND, {
    code: 21211,
    message: "The 'To' number is not a valid phone number.",
    status: 400,
  }),
  row("twilio stopped", 400, "never", "policy", "the recipient has withdrawn consent", {
    code: 21610,
    message: "Attempt to send to unsubscribed recipient",
    status: 400,
  }),
  row("twilio credit", 401, "never", "misconfigured", SETTING, {
    code: 20003,
    message: "Authenticate",
    status: 401,
  }),
  row("model quota", 429, "never", "exhausted", SPENT, {
    error: { type: "insufficient_quota", code: "insufficient_quota" },
  }),
  row("model overloaded", 529, "never", "throttled", SLOWER, {
    type: "error",
    error: { type: "overloaded_error" },
  }),
  row("model context", 400, "never", "data", "this text is too long for the model", {
    error: { code: "context_length_exceeded", type: "invalid_request_error" },
  }),
  row("model filter", 400, "never", "policy", FORBIDDEN, {
    error: { code: "content_filter", innererror: { code: "ResponsibleAIPolicyViolation" } },
  }),
  row("model gone", 404, "never", "misconfigured", SETTING, {
    error: { code: "model_not_found", type: "invalid_request_error" },
  }),
  row("oauth client", 401, "never", "misconfigured", SETTING, { error: "invalid_client" }),
  row("oauth slow", 400, "never", "throttled", SLOWER, { error: "slow_down" }),
  row("oauth down", 503, "maybe", "unavailable", DOWN, { error: "temporarily_unavailable" }),
  row(
    "problem out of stock",
    409,
    "never",
    "data",
    "the order asks for more than there is",
    problem(409, "Out of stock"),
    { headers: PROBLEM },
  ),
  row("problem sanctions", 403, "never", "policy", FORBIDDEN, problem(403, "Sanctions match"), {
    headers: PROBLEM,
  }),
  row("problem four eyes", 403, "never", "policy", FORBIDDEN, problem(403, "Approval required"), {
    headers: PROBLEM,
  }),
  row("problem stale", 412, "never", "contention", LOST_RACE, problem(412, "Stale version"), {
    headers: PROBLEM,
  }),
  row(
    "problem maintenance",
    503,
    "never",
    "throttled",
    "closed until it says when",
    problem(503, "Maintenance"),
    { headers: { ...PROBLEM, "retry-after": "3600" } },
  ),
  row(
    "problem late",
    422,
    "never",
    "expired",
    "the time by which it had to be there has passed",
    problem(422, "Cut off passed"),
    { headers: PROBLEM },
  ),
  row(
    "soap client fault",
    500,
    "never",
    "data",
    "the fault says that the sender's message is wrong",
    "<soap:Fault><faultcode>soap:Client</faultcode></soap:Fault>",
    { headers: { "content-type": "text/xml" } },
  ),
  row(
    "soap server fault",
    500,
    "maybe",
    "transient",
    OPEN,
    "<soap:Fault><faultcode>soap:Server</faultcode></soap:Fault>",
    { headers: { "content-type": "text/xml" }, works: true },
  ),
  row("graphql errors", 400, "never", "defect", BUILT, {
    errors: [
      { message: "Cannot query field x", extensions: { code: "GRAPHQL_VALIDATION_FAILED" } },
    ],
  }),
  row(
    "captive portal",
    200,
    "maybe",
    "misconfigured",
    "a page of a network in between, not of the server",
    "<html><title>Wi-Fi login</title></html>",
    { headers: { "content-type": "text/html", server: "portal" } },
  ),
  row(
    "waf block",
    403,
    "never",
    "misconfigured",
    SETTING,
    "<html>Request blocked. Reference #18.2f</html>",
    { headers: { server: "AkamaiGHost" } },
  ),
  row("waf challenge", 403, "never", "misconfigured", SETTING, "<html>Just a moment...</html>", {
    headers: { server: "cloudflare", "cf-mitigated": "challenge" },
  }),
  row(
    "balancer no target",
    503,
    "maybe",
    "unavailable",
    DOWN,
    "<h1>503 Service Temporarily Unavailable</h1>",
    { headers: { server: "awselb/2.0" } },
  ),
  row(
    "balancer timeout",
    504,
    "maybe",
    "transient",
    "the balancer waited too long for a server that worked",
    "<h1>504 Gateway Time-out</h1>",
    { headers: { server: "awselb/2.0" }, works: true },
  ),
  row(
    "balancer closed by client",
    460,
    "maybe",
    "transient",
    "the balancer thinks that we have gone",
    "",
  ),
  row("envoy no route", 404, "never", "permanent", "no such route", "", {
    headers: { server: "envoy" },
  }),
  row(
    "envoy overflow",
    503,
    "never",
    "throttled",
    "the mesh says that it has not let it through",
    "upstream connect error or disconnect/reset before headers. reset reason: overflow",
    { headers: { server: "envoy", "x-envoy-overloaded": "true" } },
  ),
  row("nginx closed by client", 499, "maybe", "transient", OPEN, "", { works: true }),
  row(
    "iis down",
    503,
    "maybe",
    "unavailable",
    DOWN,
    "<h2>Service Unavailable</h2><p>HTTP Error 503. The service is unavailable.</p>",
    { headers: { server: "Microsoft-HTTPAPI/2.0" } },
  ),
  row(
    "varnish guru",
    503,
    "maybe",
    "unavailable",
    DOWN,
    "<h1>Error 503 Backend fetch failed</h1><p>Guru Meditation: XID: 32770</p>",
    { headers: { via: "1.1 varnish" }, works: true },
  ),
];
