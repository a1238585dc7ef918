/** Proxies and gateways that say by fields what went wrong behind them, and some that only say it in words. */
import type { Scenario } from "../case.ts";
import type { Counterpart } from "../start-counterpart.ts";
import { answered, answerScenarios, HTML, words, type Answered } from "./fourth-answer.ts";

const AWAY = "it got no connection to what is behind it, so nothing was asked there";
const LOST = "it lost what is behind it, which may have worked";
const SETTING = "every call fails alike until a setting changes";

type Rest = readonly [Answered["effect"], Answered["reasons"], string, Answered["more"]?];

/** RFC 9209: the proxy names its own error, and whether it had reached the next hop follows from that. */
const proxied = (error: string, status: number, ...[effect, reasons, why, more]: Rest): Answered =>
  answered(`proxy status, ${error}`, status, "", effect, reasons, why, {
    headers: { "proxy-status": `edge.example.net; error=${error}` },
    ...more,
  });
const squid = (error: string, status: number, ...[effect, reasons, why, more]: Rest): Answered =>
  answered(
    `squid, ${error}`,
    status,
    `<html><title>ERROR</title><body id="${error.split(" ")[0] ?? ""}"></body></html>`,
    effect,
    reasons,
    why,
    {
      headers: { ...HTML, "x-squid-error": error },
      ...more,
    },
  );
const haproxy = (status: number, title: string, said: string): string =>
  `<html><body><h1>${String(status)} ${title}</h1>\n${said}\n</body></html>\n`;
const apigee = (errorcode: string, faultstring = "See the reference.") => ({
  fault: { faultstring, detail: { errorcode } },
});

const CASES: readonly Answered[] = [
  proxied("connection_refused", 502, "never", "unavailable", AWAY),
  proxied('dns_error; rcode="NXDOMAIN"', 502, "never", ["misconfigured", "unavailable"], AWAY),
  proxied("connection_timeout", 504, "never", ["unavailable", "transient"], AWAY),
  proxied("destination_unavailable", 503, "never", "unavailable", AWAY),
  proxied("tls_certificate_error", 502, "never", ["misconfigured", "unavailable"], AWAY),
  proxied("connection_limit_reached", 503, "never", ["throttled", "unavailable"], AWAY),
  proxied("http_response_timeout", 504, "maybe", "transient", LOST, {
    headers: { "proxy-status": "edge.example.net; error=http_response_timeout" },
    works: true,
  }),
  proxied("http_response_incomplete", 502, "maybe", "transient", LOST, {
    headers: { "proxy-status": "edge.example.net; error=http_response_incomplete" },
    works: true,
  }),
  proxied(
    "http_request_denied",
    403,
    "never",
    ["policy", "misconfigured"],
    "a rule of the proxy refuses this request",
  ),
  squid("ERR_CONNECT_FAIL 111", 503, "never", "unavailable", AWAY),
  squid("ERR_ZERO_SIZE_OBJECT 0", 502, "maybe", "transient", LOST),
  answered(
    "haproxy, no server",
    503,
    haproxy(503, "Service Unavailable", "No server is available to handle this request."),
    "never",
    "unavailable",
    AWAY,
    { headers: HTML, told: "words", or: [["maybe", "unavailable"]] },
  ),
  answered(
    "haproxy, answer not complete, after its work",
    502,
    haproxy(502, "Bad Gateway", "The server returned an invalid or incomplete response."),
    "maybe",
    "transient",
    LOST,
    { headers: HTML, works: true },
  ),
  answered(
    "haproxy, our request not complete",
    408,
    haproxy(408, "Request Time-out", "Your browser didn't send a complete request in time."),
    "never",
    "transient",
    "it never had our whole request, so it passed none on",
    { headers: HTML, or: [["maybe", "transient"]] },
  ),
  answered(
    "kong, no name",
    503,
    { message: "name resolution failed" },
    "never",
    ["misconfigured", "unavailable"],
    AWAY,
    {
      told: "words",
      or: [
        ["maybe", "unavailable"],
        ["maybe", "misconfigured"],
      ],
    },
  ),
  answered(
    "api management, out of volume",
    403,
    {
      statusCode: 403,
      message: "Out of call volume quota. Quota will be replenished in 02:00:00.",
    },
    "never",
    ["exhausted", "misconfigured"],
    "used up until the clock says otherwise",
    words,
  ),
  answered(
    "apigee, quota",
    429,
    apigee("policies.ratelimit.QuotaViolation"),
    "never",
    ["exhausted", "throttled"],
    "used up until the calendar brings it back",
  ),
  answered(
    "apigee, backend away",
    503,
    apigee("messaging.adaptors.http.flow.ServiceUnavailable"),
    "maybe",
    "unavailable",
    LOST,
    { or: [["never", "unavailable"]] },
  ),
  answered(
    "platform, function timed out after its work",
    504,
    "An error occurred with your deployment",
    "maybe",
    "transient",
    LOST,
    {
      works: true,
      headers: { "content-type": "text/plain", "x-vercel-error": "FUNCTION_INVOCATION_TIMEOUT" },
    },
  ),
  answered(
    "platform, deployment not found",
    404,
    "The deployment could not be found.",
    "never",
    ["misconfigured", "permanent"],
    SETTING,
    { headers: { "content-type": "text/plain", "x-vercel-error": "DEPLOYMENT_NOT_FOUND" } },
  ),
];

export const gatewayScenarios = (counterpart: Counterpart): readonly Scenario[] =>
  answerScenarios(counterpart, "gateway", "node:http in the forms of proxies", CASES);
