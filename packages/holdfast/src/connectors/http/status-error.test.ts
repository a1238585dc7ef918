import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { classifyStatus, isSuccess, type AnswerFacts } from "./status-error.ts";

function facts(status: number, over: Partial<AnswerFacts> = {}): AnswerFacts {
  return { status, method: "POST", headers: {}, reason: null, callCount: 1, nowMs: 0, ...over };
}

/** Class and effect as the table alone says. */
function table(status: number, over: Partial<AnswerFacts> = {}): string {
  const { table: told, echo } = classifyStatus(facts(status, over));
  return told === null
    ? "ok"
    : `${told.says.class} ${told.says.effect ?? "-"}${echo ? " echo" : ""}`;
}

/** What the strongest source says. */
function strongest(status: number, over: Partial<AnswerFacts> = {}): string | undefined {
  const { signal, table: told } = classifyStatus(facts(status, over));
  return (signal ?? told)?.says.class;
}

function wait(status: number, headers: AnswerFacts["headers"]): number | undefined {
  return classifyStatus(facts(status, { headers })).evidence.retryAfterMs;
}

function ianaType(name: string): string {
  return `https://iana.org/assignments/http-problem-types#${name}`;
}

/**
 * Failure model 2.5, line by line; where it names two classes, the one without further knowledge.
 * 405 is as 2.2 defines it, 302 and 304 prove nothing, 521 and 522 are as Cloudflare documents them (decision 0031).
 */
const TABLE_2_5: readonly (readonly [readonly number[], string])[] = [
  [[200, 201, 203, 204, 205, 206], "ok"],
  [[202], "ambiguous maybe"],
  [[207], "ambiguous partial"],
  [[301, 307, 308], "misconfigured never"],
  [[302, 304], "misconfigured maybe"],
  [[303], "transient surely"],
  [[400], "data never"],
  [[401, 403, 407, 511], "misconfigured never"],
  [[402, 507], "exhausted never"],
  [[404, 413, 416, 422, 424], "data never"],
  [[406, 411, 414, 415, 417, 426, 428, 431, 505, 506], "defect never"],
  [[408], "transient maybe"],
  [[409], "data never echo"],
  [[405, 410, 501, 510], "permanent never"],
  [[412], "contention never echo"],
  [[421, 425], "transient never"],
  [[423], "contention never"],
  [[429, 529], "throttled never"],
  [[444, 499, 500, 502, 504, 520, 524], "transient maybe"],
  [[451], "policy never"],
  [[503, 522], "unavailable maybe"],
  [[508], "defect maybe"],
  [[521, 523, 525, 526], "unavailable never"],
  [[418, 420, 460], "data maybe"],
  [[530, 599], "transient maybe"],
  [[399], "misconfigured maybe"],
  [[600, 999], "defect maybe"],
];

describe("classifyStatus", () => {
  test.each(
    TABLE_2_5.flatMap(([statuses, says]) => statuses.map((status) => [status, says] as const)),
  )("%i: %s", (status, says) => {
    expect(table(status)).toBe(says);
  });

  test("has an answer for every status, and counts a success by the status alone", () => {
    for (let status = 100; status <= 999; status += 1) {
      expect(table(status) === "ok").toBe(isSuccess(status));
    }
    expect([200, 299, 202, 207, 303].map(isSuccess)).toEqual([true, true, false, false, false]);
  });

  test("claims never only of the attempt's only call", () => {
    for (let status = 100; status <= 599; status += 1) {
      expect(table(status, { callCount: 2 })).not.toContain("never");
    }
  });

  test("takes gone, missing, changed and duplicate for our own success where that may be", () => {
    expect(table(404, { method: "DELETE" })).toBe("data never echo");
    expect(table(410, { method: "DELETE" })).toBe("permanent never echo");
    expect(table(422, { reason: "invoice_already_exists" })).toBe("data never echo");
    expect(table(409, { reason: "version_mismatch" })).toBe("contention never echo");
    expect(table(404)).not.toContain("echo");
    expect(table(422, { reason: "amount_invalid" })).not.toContain("echo");
  });

  test.each([
    "idempotency_key_in_use",
    "https://api.example/problems/idempotency",
    "request_in_progress",
  ])("waits while the first request with our key is at work: 409 %s", (reason) => {
    const { table: told, echo } = classifyStatus(facts(409, { reason }));
    expect(told?.says).toMatchObject({ class: "throttled", effect: "maybe", scope: "key" });
    expect(told?.rule.id).toBe("http-status/409-outstanding");
    expect(echo).toBe(false);
  });

  test("waits where a conflict says when to come again, unless it says what it is about", () => {
    const headers = { "retry-after": "7" };
    const bare = classifyStatus(facts(409, { headers }));
    expect(bare.table?.says).toMatchObject({ class: "throttled", scope: "key", effect: "never" });
    expect(bare).toMatchObject({ echo: false, signal: null, evidence: { retryAfterMs: 7_000 } });
    const told = (reason: string) => classifyStatus(facts(409, { headers, reason })).table?.rule.id;
    expect(told("version_mismatch")).toBe("http-status/409-version");
    expect(told("request_in_progress")).toBe("http-status/409-outstanding");
  });

  test.each([
    [422, "https://developer.example.com/idempotency"],
    [400, "idempotency_error"],
    [400, "IdempotentParameterMismatch"],
    [409, "idempotency_key_reused"],
  ])("stops where our key came with another request: %i %s", (status, reason) => {
    expect(table(status, { reason })).toBe("defect never");
  });

  test("tells a used-up quota from a rate by what the answer says", () => {
    expect(table(429, { reason: "insufficient_quota" })).toBe("exhausted never");
    const headers = { "retry-after": "20" };
    expect(strongest(429, { reason: "quota_exceeded", headers })).toBe("throttled");
    expect(strongest(429)).toBe("throttled");
    const limit = { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "60" };
    expect(strongest(403, { headers: limit })).toBe("throttled");
    expect(strongest(403, { headers: { "retry-after": "60" } })).toBe("throttled");
    expect(strongest(403, { headers: { ...limit, "x-ratelimit-remaining": "9" } })).toBe(
      "misconfigured",
    );
  });

  test("hears Retry-After of a 503 and a 413, and leaves the effect what the status proves", () => {
    const headers = { "retry-after": "3" };
    for (const [status, effect] of [
      [503, "maybe"],
      [413, "never"],
    ] as const) {
      const { signal, table: told, evidence } = classifyStatus(facts(status, { headers }));
      expect(signal?.says).toEqual({
        class: "throttled",
        scope: "dependency",
        origin: "remote",
        reasonCode: `HTTP:STATUS_${String(status)}`,
      });
      expect(signal?.rule).toEqual({ source: "signal", id: "http-signal/wait", version: 4 });
      expect(told?.says.effect).toBe(effect);
      expect(evidence.retryAfterMs).toBe(3_000);
    }
  });

  test("keeps a wait that other failures ask for, and no limit that has not refused us", () => {
    expect(wait(500, { "retry-after": "4" })).toBe(4_000);
    expect(wait(500, { "x-ratelimit-reset": "60" })).toBeUndefined();
    expect(wait(429, { "x-ratelimit-reset": "60" })).toBe(60_000);
  });

  test("hears should-retry either way, but not where somebody must act first", () => {
    const no = { headers: { "stripe-should-retry": "false" } };
    const yes = { headers: { "x-should-retry": "true" } };
    expect(strongest(500, no)).toBe("permanent");
    expect(strongest(409, yes)).toBe("transient");
    expect(strongest(401, yes)).toBe("misconfigured");
    expect(strongest(400, { ...yes, reason: "idempotency_error" })).toBe("defect");
    expect(classifyStatus(facts(200, yes)).signal).toBeNull();
  });

  test("hears the problem types that IANA lists", () => {
    expect(strongest(503, { reason: ianaType("temporary-reduced-capacity") })).toBe("throttled");
    expect(strongest(429, { reason: ianaType("abnormal-usage-detected") })).toBe("policy");
  });

  test.each([
    ["https://api.example/errors/out-of-credit", "HTTP:OUT_OF_CREDIT"],
    ["https://api.example/errors/out-of-credit/", "HTTP:OUT_OF_CREDIT"],
    ["urn:problem-type:creditLimit", "HTTP:CREDIT_LIMIT"],
    ["card_declined", "HTTP:CARD_DECLINED"],
    ["E-17", "HTTP:E_17"],
    ["###", "HTTP:STATUS_400"],
    [null, "HTTP:STATUS_400"],
  ])("groups %s as %s", (reason, reasonCode) => {
    expect(classifyStatus(facts(400, { reason })).table?.says.reasonCode).toBe(reasonCode);
  });

  test.each([
    [403, "REQUEST_LIMIT_EXCEEDED", "exhausted"],
    [400, "daily_volume", "exhausted"],
    [429, "LimitExceededException", "exhausted"],
    [403, "rateLimitExceeded", "throttled"],
    [403, "activityLimitReached", "throttled"],
    [409, "credit_hold", "policy"],
    [403, "above_limit", "policy"],
    [402, "insufficient_funds", "policy"],
    [402, "insufficient_credits", "exhausted"],
    [422, "order_cut_off", "expired"],
    [410, "quote_expired", "expired"],
    [400, "expired_token", "misconfigured"],
    [400, "FST_ERR_CTP_EMPTY_JSON_BODY", "defect"],
    [400, "parameter_unknown", "defect"],
    [422, "version_mismatch", "contention"],
    [409, "OperationAborted", "contention"],
    [400, "MailFromDomainNotVerifiedException", "misconfigured"],
  ])("reads %i %s as %s", (status, reason, failureClass) => {
    expect(strongest(status, { reason })).toBe(failureClass);
  });

  // Each has a word of one of the lists in it, and means something else.
  test.each([
    [400, "PERIOD_REQUIRED"],
    [422, "CREDIT_CARD_NUMBER_INVALID"],
    [400, "HOLD_DATE_INVALID"],
    [422, "MONTHLY_AMOUNT_MISSING"],
    [400, "TOKEN_COUNT_TOO_HIGH"],
    [400, "DEVICE_TOKEN_INVALID"],
    [422, "CARD_TOKEN_INVALID"],
    [422, "LIMIT_EXCEEDED"],
    [409, "LIMIT_EXCEEDED"],
    [422, "EXPIRY_DATE_INVALID"],
    [400, "ORDER_NOT_FOUND"],
  ])("leaves %i %s to the data", (status, reason) => {
    expect(strongest(status, { reason })).toBe("data");
  });

  test("never fails and never claims both echo and certainty, whatever comes", () => {
    const header = fc.dictionary(
      fc.constantFrom("retry-after", "x-should-retry", "ratelimit", "x-ratelimit-remaining"),
      fc.string(),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 100, max: 999 }),
        header,
        fc.option(fc.string()),
        fc.constantFrom("GET", "POST", "DELETE"),
        (status, headers, reason, method) => {
          const {
            table: told,
            signal,
            echo,
          } = classifyStatus(facts(status, { headers, reason, method }));
          expect(echo && told?.says.effect === "surely").toBe(false);
          // A signal says whose move it is; what happened is for the status to prove.
          expect(signal?.says.effect).toBeUndefined();
        },
      ),
    );
  });
});
