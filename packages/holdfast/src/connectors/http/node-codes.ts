/**
 * Errors without an answer: what each code of Node, undici, TLS and HTTP/2 means.
 *
 * The same code is seen whether the other system did the work or not (failure model 1.3), so a row
 * has no column for the effect: it follows from how far the call got. Only a row about HTTP/2, where
 * the protocol itself promises that a stream was not processed, may say more (`unprocessed`).
 *
 * Source: failure model 2.4. docs/reference/classification.md is checked against this table.
 */
import type { FailureClass, FailureOrigin, FailureScope } from "../../core/failure.ts";

/** Stamped on every classification; raise it when a row changes its meaning. */
export const NODE_CODES_VERSION = 1;

/** What a code means once it is known how far the call had got. */
export interface Meaning {
  readonly class: FailureClass;
  readonly scope: FailureScope;
  /** From this attempt on it is no longer bad luck: the class it then has. */
  readonly later?: { readonly fromAttempt: number; readonly class: FailureClass };
}

export interface NodeCodeRow {
  /** Stable id of the rule: `node/` and this. */
  readonly id: string;
  /** Exact codes or error names; a `*` at the end stands for any ending. */
  readonly codes: readonly string[];
  /** Where in a call it arises, in the words of the failure model: P1 resolve ... P7 body. */
  readonly where: string;
  readonly origin: FailureOrigin;
  /** Nothing was handed to a socket: effect never. */
  readonly unsent: Meaning;
  /** Something was, and no answer came: effect maybe. After an answer, its status decides. */
  readonly sent: Meaning;
  /** HTTP/2 only: reset codes by which the receiver says that it has not processed the request. */
  readonly unprocessed?: readonly number[];
  readonly note: string;
}

function same(
  failureClass: FailureClass,
  scope: FailureScope,
  later?: NonNullable<Meaning["later"]>,
): Pick<NodeCodeRow, "unsent" | "sent"> {
  const meaning = { class: failureClass, scope, ...(later === undefined ? {} : { later }) };
  return { unsent: meaning, sent: meaning };
}

/** The connection or our waiting for it failed; once something was sent, a repeat may do. */
function network(unsent: FailureClass): Pick<NodeCodeRow, "origin" | "unsent" | "sent"> {
  return {
    origin: "network",
    unsent: { class: unsent, scope: "dependency" },
    sent: { class: "transient", scope: "item" },
  };
}

const CALL_ROWS: readonly NodeCodeRow[] = [
  {
    id: "invalid-request",
    codes: [
      "ERR_INVALID_URL",
      "ERR_INVALID_ARG_*",
      "ERR_INVALID_CHAR",
      "ERR_INVALID_HTTP_TOKEN",
      "ERR_UNESCAPED_CHARACTERS",
      "UND_ERR_INVALID_ARG",
      "UND_ERR_INVALID_RETURN_VALUE",
      "UND_ERR_NOT_SUPPORTED",
    ],
    where: "P0",
    origin: "code",
    ...same("defect", "item"),
    note: "we built a request that cannot be sent",
  },
  {
    id: "request-length",
    codes: ["UND_ERR_REQ_CONTENT_LENGTH_MISMATCH"],
    where: "P5",
    origin: "code",
    ...same("defect", "item"),
    note: "the body is not as long as its declared length; found before or while sending",
  },
  {
    id: "host-unknown",
    codes: ["ENOTFOUND", "ENODATA"],
    where: "P1",
    ...network("misconfigured"),
    note: "unavailable instead, if this host was reached before",
  },
  {
    id: "resolver-down",
    codes: ["EAI_AGAIN", "EAI_FAIL", "ESERVFAIL", "ETIMEOUT", "EDNS"],
    where: "P1",
    ...network("unavailable"),
    note: "the name service failed, not the other system",
  },
  {
    id: "refused",
    codes: ["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "EHOSTDOWN", "ENETDOWN"],
    where: "P2",
    ...network("unavailable"),
    note: "no connection; also as an AggregateError over several addresses",
  },
  {
    id: "connect-timeout",
    codes: ["UND_ERR_CONNECT_TIMEOUT", "ETIMEDOUT", "ESOCKETTIMEDOUT"],
    where: "P2, P6",
    ...network("transient"),
    note: "connecting: unavailable from the third in a row; reading: the answer did not come",
  },
  {
    id: "local-resources",
    codes: [
      "EADDRNOTAVAIL",
      "EMFILE",
      "ENFILE",
      "ENOBUFS",
      "ENOMEM",
      "UND_ERR_BPL_MISSING_UPSTREAM",
      "UND_ERR_MAX_ORIGINS_REACHED",
    ],
    where: "P2, P4",
    origin: "local",
    ...same("transient", "system"),
    note: "we have run out of something: intake has to slow down",
  },
  {
    id: "certificate",
    codes: [
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
    ],
    where: "P3",
    origin: "network",
    ...same("misconfigured", "dependency"),
    note: "CERT_NOT_YET_VALID: look at our own clock first",
  },
  {
    id: "tls",
    codes: ["EPROTO", "ERR_SSL_*", "ERR_TLS_*"],
    where: "P3",
    ...network("misconfigured"),
    note: "during the handshake a wrong protocol or port, afterwards a broken connection",
  },
  {
    id: "proxy",
    codes: ["UND_ERR_PRX_CONN", "UND_ERR_PRX_TLS", "UND_ERR_SOCKS5*"],
    where: "P3",
    ...network("unavailable"),
    note: "the proxy, not the other system",
  },
  {
    id: "client-closed",
    codes: ["UND_ERR_CLOSED", "UND_ERR_DESTROYED"],
    where: "P4",
    origin: "local",
    ...same("interrupted", "system"),
    note: "our own client was shut down",
  },
  {
    id: "connection-lost",
    codes: [
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
    where: "P2 to P7",
    origin: "network",
    ...same("transient", "item"),
    note: "feeds the breaker; looks the same whether the work was done or not",
  },
  {
    id: "no-answer",
    codes: ["UND_ERR_HEADERS_TIMEOUT"],
    where: "P6",
    origin: "network",
    ...same("transient", "item"),
    note: "feeds the breaker",
  },
  {
    id: "answer-cut",
    codes: ["UND_ERR_BODY_TIMEOUT", "UND_ERR_RES_CONTENT_LENGTH_MISMATCH"],
    where: "P7",
    origin: "network",
    ...same("transient", "item"),
    note: "after a 2xx it happened, and the result is lost",
  },
  {
    id: "answer-malformed",
    codes: ["UND_ERR_HEADERS_OVERFLOW", "HPE_*", "HTTPParserError"],
    where: "P6",
    origin: "remote",
    ...same("transient", "dependency", { fromAttempt: 3, class: "defect" }),
    note: "not HTTP; once may be a broken connection, three times is a broken contract",
  },
  {
    id: "answer-too-large",
    codes: ["UND_ERR_RES_EXCEEDED_MAX_SIZE", "ERR_BUFFER_TOO_LARGE"],
    where: "P7",
    origin: "remote",
    ...same("defect", "item"),
    note: "more than the client's limit; after a 2xx it happened, and the result is lost",
  },
  {
    id: "answer-unreadable",
    codes: ["HTTP_BODY_UNREADABLE"],
    where: "P7",
    origin: "remote",
    ...same("defect", "item"),
    note: "the body is not what the call expects: no JSON, wrong encoding",
  },
  {
    id: "request-too-large",
    codes: ["HTTP_REQUEST_TOO_LARGE"],
    where: "P0",
    origin: "local",
    ...same("data", "item"),
    note: "more than the client's limit; nothing is sent",
  },
  {
    id: "redirect-refused",
    codes: ["HTTP_REDIRECT_REFUSED"],
    where: "P7",
    origin: "remote",
    ...same("misconfigured", "dependency"),
    note: "a read was sent elsewhere than we may follow, or too often",
  },
  {
    id: "deadline",
    codes: ["TimeoutError", "DeadlinePassed"],
    where: "any",
    origin: "local",
    ...same("transient", "item"),
    note: "the attempt's own time was up",
  },
  {
    id: "aborted",
    codes: ["AbortError", "ABORT_ERR", "UND_ERR_ABORTED", "UND_ERR_ABORT"],
    where: "any",
    origin: "local",
    ...same("cancelled", "item"),
    note: "the caller gave up; told from the deadline by the reason of the signal, not by the code",
  },
  {
    id: "http2-stream",
    codes: ["ERR_HTTP2_STREAM_ERROR", "ERR_HTTP2_STREAM_CANCEL"],
    where: "P5, P6",
    origin: "remote",
    ...same("transient", "item"),
    unprocessed: [7],
    note: "RST_STREAM 7 REFUSED_STREAM: not processed, whatever the method (RFC 9113 8.7)",
  },
  {
    id: "http2",
    codes: ["ERR_HTTP2_*"],
    where: "P3 to P7",
    origin: "network",
    ...same("transient", "item"),
    note: "also a stream that closes without an answer and without an error",
  },
];

const LOCAL_ROWS: readonly NodeCodeRow[] = [
  {
    id: "no-space",
    codes: ["ENOSPC", "EDQUOT"],
    where: "file",
    origin: "local",
    ...same("exhausted", "system"),
    note: "write to a temporary name, sync, rename: a half-written file is then no effect",
  },
  {
    id: "no-permission",
    codes: ["EACCES", "EPERM", "EROFS", "ERR_ACCESS_DENIED"],
    where: "file",
    origin: "local",
    ...same("misconfigured", "dependency"),
    note: "rights of our own process",
  },
  {
    id: "file-missing",
    codes: ["ENOENT"],
    where: "file",
    origin: "local",
    ...same("data", "item"),
    note: "the source file is absent: wait for a bounded time, then repair",
  },
  {
    id: "file-busy",
    codes: ["EBUSY", "ETXTBSY", "EAGAIN", "ESTALE"],
    where: "file",
    origin: "local",
    ...same("transient", "item"),
    note: "somebody else has it open",
  },
  {
    id: "disk-error",
    codes: ["EIO"],
    where: "file",
    origin: "local",
    ...same("unavailable", "dependency"),
    note: "what was being written may be there or not",
  },
  {
    id: "file-misuse",
    codes: ["EXDEV", "EISDIR", "ENOTDIR", "ENAMETOOLONG", "EINVAL"],
    where: "file",
    origin: "code",
    ...same("defect", "item"),
    note: "a wrong path or call",
  },
  {
    id: "worker-lost",
    codes: ["ERR_WORKER_OUT_OF_MEMORY", "ERR_WORKER_*"],
    where: "process",
    origin: "local",
    ...same("interrupted", "item"),
    note: "our process died: counted as a crash, not as an attempt",
  },
  {
    id: "code",
    codes: [
      "ERR_OUT_OF_RANGE",
      "ERR_ASSERTION",
      "TypeError",
      "ReferenceError",
      "SyntaxError",
      "RangeError",
      "AssertionError",
    ],
    where: "code",
    origin: "code",
    ...same("defect", "item"),
    note: "a mistake in code; effect by what had been sent before",
  },
];

export const NODE_CODES: readonly NodeCodeRow[] = [...CALL_ROWS, ...LOCAL_ROWS];

/** Exact codes win over endings, in whatever order the rows stand. */
export function rowOfCode(code: string): NodeCodeRow | null {
  return (
    NODE_CODES.find((row) => row.codes.includes(code)) ??
    NODE_CODES.find((row) =>
      row.codes.some((each) => each.endsWith("*") && code.startsWith(each.slice(0, -1))),
    ) ??
    null
  );
}
