/** Errors as clients throw them, without one of our connectors between. */
import { describe, expect, test } from "vitest";
import type { Evidence } from "./core/failure.ts";
import { classifyForeign } from "./foreign-errors.ts";
import { CallFailed } from "./workflow/attempt.ts";

function thrown(fields: object, message = "it failed"): Error {
  return Object.assign(new Error(message), fields);
}

const thrownWith = (evidence: Evidence) => new CallFailed({ message: "no", evidence });

const NOW_MS = Date.UTC(2026, 10, 30);

/** Class, effect and rule of what an error says. */
function said(error: unknown, seen = {}): string | null {
  const known = classifyForeign(error, seen, NOW_MS);
  if (known === null) return null;
  const { says, id } = known.input;
  return `${says?.class ?? "-"} ${says?.effect ?? "-"} ${id}`;
}

function scopeOf(error: Error, seen = {}): string | undefined {
  return classifyForeign(error, seen, NOW_MS)?.input.says?.scope;
}

describe("an error that a client has thrown", () => {
  test.each([
    ["pg", { code: "40P01", severity: "ERROR" }, "contention never sqlstate/contention"],
    [
      "pg in a cause",
      { cause: thrown({ code: "23505", severity: "ERROR" }) },
      "data never sqlstate/duplicate",
    ],
    [
      "mysql2",
      { code: "ER_LOCK_DEADLOCK", errno: 1213, sqlState: "40001" },
      "contention never mysql/deadlock",
    ],
    ["node:sqlite", { code: "ERR_SQLITE_ERROR", errcode: 5 }, "contention never sqlite/contention"],
    [
      "grpc-js",
      { code: 14, details: "no connection", metadata: {} },
      "unavailable maybe grpc/unavailable",
    ],
    ["an SDK with a status", { status: 429 }, "throttled never http-status/429"],
    [
      "axios",
      { response: { status: 422, headers: {}, data: { code: "CREDIT_HOLD" } } },
      "policy never http-signal/says-rule",
    ],
    [
      "nodemailer",
      { code: "EAUTH", responseCode: 535, response: "535 5.7.8 no", command: "AUTH" },
      "misconfigured never smtp/auth-refused",
    ],
    ["fetch", { cause: thrown({ code: "ECONNREFUSED" }) }, "unavailable maybe node/refused-sent"],
  ])("%s means what its protocol says", (_client, fields, expected) => {
    expect(said(thrown(fields))).toBe(expected);
  });

  test.each([
    ["pg", { code: "23505", severity: "ERROR" }],
    ["an SDK", { status: 409 }],
    ["grpc-js", { code: 6, details: "it exists", metadata: {} }],
    ["an SDK with a duplicate", { status: 422, body: { code: "duplicate" } }],
  ])("is an echo where its row says so: %s", (_client, fields) => {
    expect(classifyForeign(thrown(fields), {}, NOW_MS)?.input.echo).toBe(true);
  });

  test("stops no calls of others where nobody watched whose it was", () => {
    const card = thrown({ statusCode: 402, type: "StripeCardError", code: "card_declined" });
    expect(said(card)).toBe("policy never http-signal/says-declined");
    expect(scopeOf(thrown({ status: 401 }))).toBe("item");
    expect(scopeOf(thrown({ status: 401 }), { phase: "answered", callCount: 1 })).toBe(
      "dependency",
    );
  });

  test("keeps the wait that its answer asks for", () => {
    const error = thrown({ status: 503, headers: { "retry-after": "90" } });
    const { evidence } = classifyForeign(error, { message: "busy" }, NOW_MS) ?? {};
    expect(evidence).toEqual({ message: "busy", status: 503, retryAfterMs: 90_000 });
  });

  test("proves no success: it may be about another call", () => {
    expect(said(thrown({ status: 303 }))).toMatch(/^transient maybe/u);
  });

  test.each([
    ["an error of the user's own", thrown({ code: "E_STOCK", errno: "7" })],
    ["a text", "no"],
    ["nothing", undefined],
    ["a code that a database could have", thrown({ code: "23505" })],
  ])("is unknown if it is %s", (_what, error) => {
    expect(said(error)).toBeNull();
  });
});

describe("what a connector throws that has no table of its own", () => {
  test.each([
    [{ status: 422 }, "data never http-status/422"],
    [{ status: 429, retryAfterMs: 90_000 }, "throttled never http-signal/wait"],
    [{ status: 429, code: "insufficient_quota" }, "exhausted never llm/quota"],
    [{ status: 503, headers: { "retry-after": "90" } }, "throttled maybe http-signal/wait"],
    [{ status: 200 }, null],
    [{ code: "ECONNREFUSED" }, null],
  ])("means by %j what HTTP says of the status", (evidence, expected) => {
    expect(said(thrownWith(evidence), evidence)).toBe(expected);
  });

  test("keeps what it has said, and its wait", () => {
    const evidence = { phase: "answered", status: 503, callCount: 1, retryAfterMs: 500 } as const;
    expect(classifyForeign(thrownWith(evidence), evidence, NOW_MS)?.evidence).toEqual(evidence);
  });

  test("is an echo where it says so, or the status does", () => {
    const gone = new CallFailed({ message: "gone", evidence: { status: 404 }, echo: true });
    expect(classifyForeign(gone, gone.evidence, NOW_MS)?.input.echo).toBe(true);
    expect(classifyForeign(thrownWith({ status: 409 }), {}, NOW_MS)?.input.echo).toBe(true);
    expect(classifyForeign(thrownWith({ status: 404 }), {}, NOW_MS)?.input.echo).toBe(false);
  });
});
