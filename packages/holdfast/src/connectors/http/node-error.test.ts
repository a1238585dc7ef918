import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PHASES } from "../../core/failure.ts";
import { FILE_TABLE } from "../../core/protocols/file.ts";
import { NODE_TABLE } from "../../core/protocols/node.ts";
import { classifyNodeError, type CallMarks } from "./node-error.ts";

const UNSENT: CallMarks = { phase: "created", callCount: 1, attempt: 1 };
const SENT: CallMarks = { phase: "sent", callCount: 1, attempt: 1 };

function coded(code: string, message = "failed"): Error {
  return Object.assign(new Error(message), { code });
}

/** Every code that the table knows, with an example for each open ending. */
const CODES = [...NODE_TABLE.rows, ...FILE_TABLE.rows].flatMap((row) =>
  (row.when.code ?? []).map((code) => code.replace("*", "EXAMPLE")),
);

const marks = fc.record(
  {
    phase: fc.constantFrom(null, ...PHASES),
    callCount: fc.integer({ min: 0, max: 3 }),
    attempt: fc.integer({ min: 1, max: 9 }),
    abortedBy: fc.constantFrom("deadline" as const, "caller" as const),
    isHostKnown: fc.boolean(),
    connectTimeoutsInRow: fc.integer({ min: 0, max: 9 }),
    answer: fc.record({ status: fc.integer({ min: 100, max: 599 }), isSafeMethod: fc.boolean() }),
  },
  { requiredKeys: ["phase", "callCount", "attempt"] },
);

describe("classifyNodeError", () => {
  test("says never only of the attempt's only call, with nothing handed to a socket", () => {
    fc.assert(
      fc.property(fc.constantFrom(...CODES), marks, (code, known) => {
        const { classified } = classifyNodeError(coded(code), known);
        const isProved =
          (known.phase === "none" || known.phase === "created") && known.callCount <= 1;
        expect(classified?.effect === "never").toBe(isProved);
      }),
      { numRuns: 3_000 },
    );
  });

  test("says surely only of a write that was answered with a 2xx", () => {
    fc.assert(
      fc.property(fc.constantFrom(...CODES), marks, (code, known) => {
        if (classifyNodeError(coded(code), known).classified?.effect !== "surely") return;
        expect(known.phase).toBe("answered");
        expect(known.answer?.isSafeMethod).toBe(false);
        expect(known.answer?.status).toBeGreaterThanOrEqual(200);
        expect(known.answer?.status).toBeLessThan(300);
      }),
      { numRuns: 3_000 },
    );
  });

  test.each([
    ["ERR_INVALID_URL", "defect", "item", "code"],
    ["ERR_INVALID_ARG_TYPE", "defect", "item", "code"],
    ["ENOTFOUND", "misconfigured", "dependency", "network"],
    ["EAI_AGAIN", "unavailable", "dependency", "network"],
    ["ECONNREFUSED", "unavailable", "dependency", "network"],
    ["EHOSTUNREACH", "unavailable", "dependency", "network"],
    ["UND_ERR_CONNECT_TIMEOUT", "transient", "dependency", "network"],
    ["EMFILE", "transient", "system", "local"],
    ["CERT_HAS_EXPIRED", "misconfigured", "dependency", "network"],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "misconfigured", "dependency", "network"],
    ["EPROTO", "misconfigured", "dependency", "network"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "misconfigured", "dependency", "network"],
    ["UND_ERR_PRX_CONN", "unavailable", "dependency", "network"],
    ["UND_ERR_CLOSED", "interrupted", "system", "local"],
    ["ECONNRESET", "transient", "item", "network"],
    ["ENOSPC", "exhausted", "system", "local"],
    ["EACCES", "misconfigured", "dependency", "local"],
    ["ENOENT", "data", "item", "local"],
    ["EBUSY", "transient", "item", "local"],
    ["EIO", "unavailable", "dependency", "local"],
    ["EXDEV", "defect", "item", "code"],
    ["ERR_OUT_OF_RANGE", "defect", "item", "code"],
    ["ERR_WORKER_OUT_OF_MEMORY", "interrupted", "item", "local"],
  ] as const)(
    "before anything was sent: %s is %s of the %s",
    (code, failureClass, scope, origin) => {
      expect(classifyNodeError(coded(code), UNSENT).classified).toMatchObject({
        class: failureClass,
        scope,
        origin,
        effect: "never",
      });
    },
  );

  test.each([
    ["ECONNRESET", "transient"],
    ["EPIPE", "transient"],
    ["UND_ERR_SOCKET", "transient"],
    ["UND_ERR_HEADERS_TIMEOUT", "transient"],
    ["ETIMEDOUT", "transient"],
    ["EPROTO", "transient"],
    ["ERR_HTTP2_SESSION_ERROR", "transient"],
    ["UND_ERR_REQ_CONTENT_LENGTH_MISMATCH", "defect"],
    ["UND_ERR_DESTROYED", "interrupted"],
    ["UND_ERR_ABORTED", "cancelled"],
  ] as const)("once sent: %s is %s and may have happened", (code, failureClass) => {
    expect(classifyNodeError(coded(code), SENT).classified).toMatchObject({
      class: failureClass,
      scope: code === "UND_ERR_DESTROYED" ? "system" : "item",
      effect: "maybe",
    });
  });

  test("knows every code of the failure model's table 2.4", () => {
    const unknown = TABLE_2_4.filter(
      (code) => classifyNodeError(coded(code), UNSENT).classified === null,
    );
    expect(unknown).toEqual([]);
  });

  test("takes an unknown host for an outage once it was reached", () => {
    const error = coded("ENOTFOUND");
    expect(classifyNodeError(error, { ...UNSENT, isHostKnown: true }).classified).toMatchObject({
      class: "unavailable",
    });
  });

  test("takes the third connect timeout in a row for an outage", () => {
    const classes = [1, 2, 3, 4].map(
      (connectTimeoutsInRow) =>
        classifyNodeError(coded("UND_ERR_CONNECT_TIMEOUT"), { ...UNSENT, connectTimeoutsInRow })
          .classified?.class,
    );
    expect(classes).toEqual(["transient", "transient", "unavailable", "unavailable"]);
  });

  test("takes the third malformed answer for a broken contract", () => {
    const classes = [1, 2, 3].map(
      (attempt) =>
        classifyNodeError(coded("HPE_INVALID_CONSTANT"), { ...SENT, attempt }).classified?.class,
    );
    expect(classes).toEqual(["transient", "transient", "defect"]);
  });

  test("never confuses the own deadline with the caller's abort, whatever the error says", () => {
    for (const error of [
      coded("UND_ERR_ABORTED"),
      new DOMException("x", "AbortError"),
      coded("EPIPE"),
    ]) {
      const own = classifyNodeError(error, { ...SENT, abortedBy: "deadline" });
      const theirs = classifyNodeError(error, { ...SENT, abortedBy: "caller" });
      expect(own.classified).toMatchObject({ class: "transient", reasonCode: "NET:DEADLINE" });
      expect(theirs.classified).toMatchObject({ class: "cancelled", reasonCode: "NET:ABORTED" });
    }
    const timeout = classifyNodeError(new DOMException("x", "TimeoutError"), SENT);
    expect(timeout.classified?.class).toBe("transient");
    expect(classifyNodeError(new DOMException("x", "AbortError"), SENT).classified?.class).toBe(
      "cancelled",
    );
  });

  test.each([
    ["a cause", new TypeError("fetch failed", { cause: coded("ECONNREFUSED") })],
    [
      "a cause of a cause",
      new Error("a", { cause: new Error("b", { cause: coded("ECONNREFUSED") }) }),
    ],
    ["gathered errors", new AggregateError([coded("EHOSTUNREACH"), coded("ECONNREFUSED")])],
    ["a renamed code", Object.assign(coded("ESOCKET"), { originalCode: "ECONNREFUSED" })],
    [
      "words beside a name that the library gives to all alike",
      Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:25"), { code: "ESOCKET" }),
    ],
    ["words only", new Error("connect ECONNREFUSED 127.0.0.1:80")],
  ])("finds a code in %s", (_where, error) => {
    const { classified, rule } = classifyNodeError(error, UNSENT);
    expect(classified).toMatchObject({ class: "unavailable", reasonCode: "NET:REFUSED" });
    expect(rule).toEqual({ source: "table", id: "node/refused", version: 2 });
  });

  test.each(["socket hang up", "other side closed", "terminated", "fetch failed"])(
    "knows a lost connection by its words: %s",
    (message) => {
      expect(classifyNodeError(new TypeError(message), SENT).classified).toMatchObject({
        class: "transient",
        reasonCode: "NET:CONNECTION_LOST",
      });
    },
  );

  test("knows mistakes in code by their names", () => {
    const { classified } = classifyNodeError(new TypeError("x is not a function"), UNSENT);
    expect(classified).toMatchObject({ class: "defect", origin: "code", reasonCode: "CODE:CODE" });
  });

  test("takes a refused HTTP/2 stream for never sent, and no other reset", () => {
    const refused = coded(
      "ERR_HTTP2_STREAM_ERROR",
      "closed with error code NGHTTP2_REFUSED_STREAM",
    );
    expect(classifyNodeError(refused, SENT).classified?.effect).toBe("never");
    const declared = Object.assign(coded("ERR_HTTP2_STREAM_ERROR"), { rstCode: 7 });
    expect(classifyNodeError(declared, SENT).classified?.effect).toBe("never");
    expect(classifyNodeError(declared, { ...SENT, callCount: 2 }).classified?.effect).toBe("maybe");
    const internal = Object.assign(coded("ERR_HTTP2_STREAM_ERROR"), { rstCode: 2 });
    expect(classifyNodeError(internal, SENT).classified?.effect).toBe("maybe");
    const elsewhere = Object.assign(coded("ECONNRESET"), { rstCode: 7 });
    expect(classifyNodeError(elsewhere, SENT).classified?.effect).toBe("maybe");
  });

  test.each([new Error("no idea"), coded("ERP_DOWN"), "a string", null, undefined, 7, { a: 1 }])(
    "claims nothing of what it does not know: %s",
    (error) => {
      const { classified, rule, evidence } = classifyNodeError(error, SENT);
      expect([classified, rule]).toEqual([null, null]);
      expect(evidence).toMatchObject({ phase: "sent", callCount: 1 });
    },
  );

  test("ends on a chain of causes that is a circle, and keeps its message short", () => {
    const error = new Error("x".repeat(2_000));
    error.cause = error;
    const { evidence } = classifyNodeError(error, SENT);
    expect(evidence.message).toHaveLength(500);
  });
});

/** As the failure model lists them; `*` and "of these" written out. */
const TABLE_2_4 = `ERR_INVALID_URL ERR_INVALID_ARG_VALUE UND_ERR_INVALID_ARG UND_ERR_NOT_SUPPORTED
  UND_ERR_REQ_CONTENT_LENGTH_MISMATCH ENOTFOUND EAI_AGAIN EAI_FAIL ESERVFAIL ETIMEOUT ECONNREFUSED
  EHOSTUNREACH ENETUNREACH EHOSTDOWN ENETDOWN UND_ERR_CONNECT_TIMEOUT ETIMEDOUT EADDRNOTAVAIL EMFILE
  ENFILE ENOBUFS ENOMEM UND_ERR_BPL_MISSING_UPSTREAM UND_ERR_MAX_ORIGINS_REACHED CERT_HAS_EXPIRED
  ERR_TLS_CERT_ALTNAME_INVALID DEPTH_ZERO_SELF_SIGNED_CERT SELF_SIGNED_CERT_IN_CHAIN
  UNABLE_TO_VERIFY_LEAF_SIGNATURE UNABLE_TO_GET_ISSUER_CERT_LOCALLY CERT_REVOKED CERT_NOT_YET_VALID
  EPROTO ERR_SSL_WRONG_VERSION_NUMBER UND_ERR_PRX_CONN UND_ERR_PRX_TLS UND_ERR_SOCKS5 UND_ERR_CLOSED
  UND_ERR_DESTROYED ECONNRESET EPIPE ECONNABORTED UND_ERR_SOCKET UND_ERR_INFO
  ERR_STREAM_PREMATURE_CLOSE ESOCKETTIMEDOUT UND_ERR_HEADERS_TIMEOUT UND_ERR_BODY_TIMEOUT
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH UND_ERR_HEADERS_OVERFLOW HPE_INVALID_CONSTANT HTTPParserError
  UND_ERR_RES_EXCEEDED_MAX_SIZE ERR_BUFFER_TOO_LARGE AbortError ABORT_ERR UND_ERR_ABORTED TimeoutError
  ERR_HTTP2_STREAM_ERROR ERR_HTTP2_GOAWAY_SESSION ENOSPC EDQUOT EACCES EPERM EROFS ENOENT EBUSY ETXTBSY
  EAGAIN ESTALE EIO EXDEV EISDIR ENOTDIR ENAMETOOLONG EINVAL ERR_OUT_OF_RANGE TypeError ReferenceError
  SyntaxError RangeError AssertionError ERR_WORKER_OUT_OF_MEMORY DeadlinePassed HTTP_BODY_UNREADABLE
  HTTP_REQUEST_TOO_LARGE HTTP_REDIRECT_REFUSED ERR_INVALID_ARG_TYPE`.split(/\s+/u);
