/**
 * Errors without an answer: what each code of Node, undici, TLS and HTTP/2 means (failure model 2.4).
 *
 * The same code is seen whether the other system did the work or not (failure model 1.3), so the
 * effect follows from how far the call had got. Only HTTP/2, where the protocol itself promises that
 * a stream was not processed, may say more.
 */
import type { FailureClass, FailureOrigin } from "../failure.ts";
import { protocolTable, type ProtocolRow } from "../protocol-table.ts";

type NodePhase = "none" | "created" | "sent" | "bodySent" | "answered";
type NodeCondition = "host-known" | "often" | "unprocessed" | "done";
type Row = ProtocolRow<NodePhase, NodeCondition>;

const NODE = "Node.js, Errors";
const UNDICI = "undici, Errors";
const ERRNO = "errno(3)";
const OPENSSL = "OpenSSL, X509_STORE_CTX_get_error";

/**
 * The connection or our waiting for it failed; once something was sent, a repeat may do.
 *
 * @param isAway - who gets this code was not let in, whatever was sent before on another connection: no
 *   attempt is to be used up, also where nobody watched how far the call had got.
 */
function network(
  id: string,
  code: readonly string[],
  unsent: FailureClass,
  source: string,
  note: string,
  isAway = false,
): readonly Row[] {
  const rest = { effect: "by-phase", origin: "network", source, note } as const;
  return [
    {
      id,
      when: { code, phase: ["none", "created"] },
      ...rest,
      class: unsent,
      scope: "dependency",
    },
    {
      id: `${id}-sent`,
      when: { code },
      ...rest,
      ...(isAway
        ? ({ class: "unavailable", scope: "dependency" } as const)
        : ({ class: "transient", scope: "item" } as const)),
      reasonCode: `NET:${id.replaceAll("-", "_").toUpperCase()}`,
    },
  ];
}

function one(
  id: string,
  code: readonly string[],
  meaning: Pick<Row, "class" | "scope" | "reasonCode"> & { readonly origin: FailureOrigin },
  source: string,
  note: string,
): Row {
  return { id, when: { code }, effect: "by-phase", ...meaning, source, note };
}

const CODE_DEFECT = { class: "defect", scope: "item", origin: "code" } as const;
const LOST = { class: "transient", scope: "item", origin: "network" } as const;

const HOST_UNKNOWN = ["ENOTFOUND", "ENODATA"];
const RESOLVER_DOWN = ["EAI_AGAIN", "EAI_FAIL", "ESERVFAIL", "ETIMEOUT", "EDNS"];
const REFUSED = ["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "EHOSTDOWN", "ENETDOWN"];
/** Who gets one of these had no connection; that much the code says by itself, also of an unwatched call. */
export const NO_CONNECTION: readonly string[] = [...HOST_UNKNOWN, ...RESOLVER_DOWN, ...REFUSED];
const CONNECT_TIMEOUT = ["UND_ERR_CONNECT_TIMEOUT", "ETIMEDOUT", "ESOCKETTIMEDOUT"];
const MALFORMED = ["UND_ERR_HEADERS_OVERFLOW", "HPE_*", "HTTPParserError"];
const HTTP2_STREAM = ["ERR_HTTP2_STREAM_ERROR", "ERR_HTTP2_STREAM_CANCEL"];

const BEFORE_ROWS: readonly Row[] = [
  one(
    "invalid-request",
    [
      "ERR_INVALID_URL",
      "ERR_INVALID_ARG_*",
      "ERR_INVALID_CHAR",
      "ERR_INVALID_HTTP_TOKEN",
      "ERR_UNESCAPED_CHARACTERS",
      "UND_ERR_INVALID_ARG",
      "UND_ERR_INVALID_RETURN_VALUE",
      "UND_ERR_NOT_SUPPORTED",
    ],
    CODE_DEFECT,
    NODE,
    "we built a request that cannot be sent",
  ),
  one(
    "request-length",
    ["UND_ERR_REQ_CONTENT_LENGTH_MISMATCH"],
    CODE_DEFECT,
    UNDICI,
    "the body is not as long as its declared length; found before or while sending",
  ),
  one(
    "request-too-large",
    ["HTTP_REQUEST_TOO_LARGE"],
    { class: "data", scope: "item", origin: "local" },
    "the connector's own limit",
    "more than the client's limit; nothing is sent",
  ),
  {
    id: "host-lost",
    when: { code: HOST_UNKNOWN, phase: ["none", "created"], is: ["host-known"] },
    effect: "by-phase",
    reasonCode: "NET:HOST_UNKNOWN",
    class: "unavailable",
    scope: "dependency",
    origin: "network",
    source: "Node.js, dns",
    note: "the name was good before: the name service or its owner",
  },
  ...network(
    "host-unknown",
    HOST_UNKNOWN,
    "misconfigured",
    "Node.js, dns",
    "unavailable instead, if this host was reached before",
    true,
  ),
  ...network(
    "resolver-down",
    RESOLVER_DOWN,
    "unavailable",
    "getaddrinfo(3)",
    "the name service failed, not the other system",
    true,
  ),
  ...network(
    "refused",
    REFUSED,
    "unavailable",
    "connect(2)",
    "no connection; also as an AggregateError over several addresses",
    true,
  ),
  {
    id: "connect-timeout-often",
    when: { code: CONNECT_TIMEOUT, phase: ["none", "created"], is: ["often"] },
    effect: "by-phase",
    reasonCode: "NET:CONNECT_TIMEOUT",
    class: "unavailable",
    scope: "dependency",
    origin: "network",
    source: UNDICI,
    note: "the third in a row while connecting is no longer one call's bad luck",
  },
  ...network(
    "connect-timeout",
    CONNECT_TIMEOUT,
    "transient",
    UNDICI,
    "connecting: unavailable from the third in a row; reading: the answer did not come",
  ),
  one(
    "local-resources",
    [
      "EADDRNOTAVAIL",
      "EMFILE",
      "ENFILE",
      "ENOBUFS",
      "ENOMEM",
      "UND_ERR_BPL_MISSING_UPSTREAM",
      "UND_ERR_MAX_ORIGINS_REACHED",
    ],
    { class: "transient", scope: "system", origin: "local" },
    ERRNO,
    "we have run out of something: intake has to slow down",
  ),
  one(
    "certificate",
    [
      "CERT_HAS_EXPIRED",
      "CERT_NOT_YET_VALID",
      "CERT_REVOKED",
      "CERT_*",
      "ERR_TLS_CERT_ALTNAME_INVALID",
      "DEPTH_ZERO_SELF_SIGNED_CERT",
      "SELF_SIGNED_CERT_IN_CHAIN",
      "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
      "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
      "UNABLE_TO_*",
      "CRL_*",
      "HOSTNAME_MISMATCH",
      "INVALID_CA",
      "INVALID_PURPOSE",
    ],
    { class: "misconfigured", scope: "dependency", origin: "network" },
    OPENSSL,
    "CERT_NOT_YET_VALID: look at our own clock first",
  ),
  one(
    "own-key",
    ["ERR_OSSL_*"],
    { class: "misconfigured", scope: "dependency", origin: "local" },
    "Node.js, OpenSSL error codes",
    "a key or certificate of ours that cannot be read",
  ),
  ...network(
    "tls",
    ["EPROTO", "ERR_SSL_*", "ERR_TLS_*"],
    "misconfigured",
    "Node.js, tls",
    "during the handshake a wrong protocol or port, afterwards a broken connection",
  ),
  ...network(
    "proxy",
    ["UND_ERR_PRX_CONN", "UND_ERR_PRX_TLS", "UND_ERR_SOCKS5*"],
    "unavailable",
    UNDICI,
    "the proxy, not the other system",
  ),
  one(
    "client-closed",
    ["UND_ERR_CLOSED", "UND_ERR_DESTROYED"],
    { class: "interrupted", scope: "system", origin: "local" },
    UNDICI,
    "our own client was shut down",
  ),
];

const UNDER_WAY_ROWS: readonly Row[] = [
  one(
    "connection-lost",
    [
      "ECONNRESET",
      "EPIPE",
      "ECONNABORTED",
      "ENOTCONN",
      "UND_ERR_SOCKET",
      "UND_ERR_INFO",
      "ESOCKET",
      "ECONNECTION",
      "ERR_STREAM_PREMATURE_CLOSE",
      "ERR_STREAM_DESTROYED",
    ],
    LOST,
    ERRNO,
    "feeds the breaker; looks the same whether the work was done or not",
  ),
  one("no-answer", ["UND_ERR_HEADERS_TIMEOUT"], LOST, UNDICI, "feeds the breaker"),
  one(
    "answer-cut",
    ["UND_ERR_BODY_TIMEOUT", "UND_ERR_RES_CONTENT_LENGTH_MISMATCH"],
    LOST,
    UNDICI,
    "after a 2xx it happened, and the result is lost",
  ),
  {
    id: "answer-malformed-again",
    when: { code: MALFORMED, attemptFrom: 3 },
    effect: "by-phase",
    reasonCode: "NET:ANSWER_MALFORMED",
    class: "defect",
    scope: "dependency",
    origin: "remote",
    source: "llhttp, error codes",
    note: "three times is a broken contract",
  },
  one(
    "answer-malformed",
    MALFORMED,
    { class: "transient", scope: "dependency", origin: "remote" },
    "llhttp, error codes",
    "not HTTP; once may be a broken connection",
  ),
  one(
    "answer-too-large",
    ["UND_ERR_RES_EXCEEDED_MAX_SIZE", "ERR_BUFFER_TOO_LARGE"],
    { class: "defect", scope: "item", origin: "remote" },
    UNDICI,
    "more than the client's limit; after a 2xx it happened, and the result is lost",
  ),
  one(
    "answer-unreadable",
    ["HTTP_BODY_UNREADABLE"],
    { class: "defect", scope: "item", origin: "remote" },
    "the connector's own check",
    "the body is not what the call expects: no JSON, wrong encoding",
  ),
  one(
    "redirect-refused",
    ["HTTP_REDIRECT_REFUSED"],
    { class: "misconfigured", scope: "dependency", origin: "remote" },
    "the connector's own check",
    "a read was sent elsewhere than we may follow, or too often",
  ),
  one(
    "deadline",
    ["TimeoutError", "DeadlinePassed"],
    { class: "transient", scope: "item", origin: "local" },
    "DOM, AbortSignal.timeout",
    "the attempt's own time was up",
  ),
  one(
    "aborted",
    ["AbortError", "ABORT_ERR", "UND_ERR_ABORTED", "UND_ERR_ABORT"],
    { class: "cancelled", scope: "item", origin: "local" },
    "DOM, AbortController",
    "the caller gave up; told from the deadline by the reason of the signal, not by the code",
  ),
];

const HTTP2_ROWS: readonly Row[] = [
  {
    id: "http2-unprocessed",
    when: { code: [...HTTP2_STREAM, "ERR_HTTP2_*"], is: ["unprocessed"] },
    effect: "never",
    class: "transient",
    scope: "item",
    origin: "remote",
    source: "RFC 9113 8.7",
    note: "REFUSED_STREAM, or a GOAWAY that leaves this stream out: not processed, whatever the method",
  },
  one("http2-stream", HTTP2_STREAM, { ...LOST, origin: "remote" }, NODE, "reset by the receiver"),
  one(
    "http2",
    ["ERR_HTTP2_*"],
    LOST,
    NODE,
    "also a stream that closes without an answer and without an error",
  ),
];

const OWN_ROWS: readonly Row[] = [
  one(
    "worker-lost",
    ["ERR_WORKER_OUT_OF_MEMORY", "ERR_WORKER_*"],
    {
      class: "interrupted",
      scope: "item",
      origin: "local",
      reasonCode: "PROCESS:WORKER_LOST",
    },
    "Node.js, worker_threads",
    "our process died: counted as a crash, not as an attempt",
  ),
  one(
    "code",
    [
      "ERR_INVALID_STATE",
      "ERR_OUT_OF_RANGE",
      "ERR_ASSERTION",
      "TypeError",
      "ReferenceError",
      "SyntaxError",
      "RangeError",
      "AssertionError",
    ],
    { ...CODE_DEFECT, reasonCode: "CODE:CODE" },
    "ECMA-262, native errors",
    "a mistake in code; effect by what had been sent before",
  ),
];

export const NODE_TABLE = protocolTable({
  id: "node",
  title: "Node.js, undici, TLS, HTTP/2: errors without an answer",
  prefix: "node",
  version: 2,
  pick: "most-exact",
  reason: { domain: "NET", by: "id" },
  origin: "network",
  phases: {
    none: { evidence: "none", means: "no call was begun" },
    created: { evidence: "created", means: "resolving, connecting, TLS, waiting for a connection" },
    sent: { evidence: "sent", means: "the head of the request was handed to a socket" },
    bodySent: { evidence: "bodySent", means: "so was its body" },
    answered: { evidence: "answered", means: "the head of an answer came" },
  },
  phaseAssumed: "sent",
  conditions: {
    "host-known": "a connection to this host was made before",
    often: "the third of its kind in a row, or later",
    unprocessed: "the receiver says that it has not processed the request",
    done: "the head of the answer has said that it was done",
  },
  examples: {
    "ERR_INVALID_ARG_*": "ERR_INVALID_ARG_TYPE",
    "CERT_*": "CERT_SIGNATURE_FAILURE",
    "UNABLE_TO_*": "UNABLE_TO_GET_ISSUER_CERT",
    "CRL_*": "CRL_HAS_EXPIRED",
    "ERR_OSSL_*": "ERR_OSSL_PEM_NO_START_LINE",
    "ERR_SSL_*": "ERR_SSL_WRONG_VERSION_NUMBER",
    "ERR_TLS_*": "ERR_TLS_HANDSHAKE_TIMEOUT",
    "UND_ERR_SOCKS5*": "UND_ERR_SOCKS5",
    "HPE_*": "HPE_INVALID_CONSTANT",
    "ERR_HTTP2_*": "ERR_HTTP2_SESSION_ERROR",
    "ERR_WORKER_*": "ERR_WORKER_INIT_FAILED",
  },
  rows: [...BEFORE_ROWS, ...UNDER_WAY_ROWS, ...HTTP2_ROWS, ...OWN_ROWS],
});
