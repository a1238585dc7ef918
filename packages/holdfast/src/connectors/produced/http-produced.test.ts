/** Every status and signal of the tables, answered by a real server and read by our own client. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EffectProof, FailureClass } from "../../core/failure.ts";
import { fakeAttempt } from "../fake-attempt.test-support.ts";
import { answer, FaultServer } from "../http/fault-server.test-support.ts";
import { httpClient } from "../http/http-client.ts";
import type { HttpMethod } from "../http/outgoing-request.ts";
import { expectFailure, failureOf, thrownBy } from "./produced.test-support.ts";

let server: FaultServer;
let client: ReturnType<typeof httpClient>;
beforeAll(async () => {
  // The path says what is to be answered: status, fields, body.
  server = await FaultServer.start({
    onRequest: ({ socket, text }) => {
      const path = decodeURIComponent(/ \/(\S*) HTTP/u.exec(text)?.[1] ?? "");
      const [status = "500", fields = "", body = ""] = path.split("|");
      socket.write(answer(Number(status), body, fields === "" ? "" : `${fields}\r\n`));
    },
  });
  client = httpClient({ baseUrl: server.url() });
});
afterAll(() => server.close());

interface Case {
  readonly method?: HttpMethod;
  readonly fields?: string;
  readonly body?: object;
  /** In the place of `body`, for what is no JSON. */
  readonly text?: string;
}

async function answered(status: number, { method = "POST", fields = "", body, ...rest }: Case) {
  const text = body === undefined ? (rest.text ?? "") : JSON.stringify(body);
  const type = body === undefined ? "" : "content-type: application/json";
  const head = [fields, type].filter((each) => each !== "").join("\r\n");
  const path = `/${encodeURIComponent(`${String(status)}|${head}|${text}`)}`;
  const call = { method, path, ...(method === "DELETE" ? {} : { json: {} }) };
  return failureOf(await thrownBy(client.request(fakeAttempt(), call)));
}

const STATUSES: readonly (readonly [number, FailureClass, EffectProof, string])[] = [
  [202, "ambiguous", "maybe", "http-status/202"],
  [207, "ambiguous", "partial", "http-status/207"],
  [300, "misconfigured", "never", "http-status/300"],
  [301, "misconfigured", "never", "http-status/301"],
  [302, "misconfigured", "maybe", "http-status/302"],
  [304, "misconfigured", "maybe", "http-status/304"],
  [305, "misconfigured", "never", "http-status/305"],
  [307, "misconfigured", "never", "http-status/307"],
  [308, "misconfigured", "never", "http-status/308"],
  [399, "misconfigured", "maybe", "http-status/3xx"],
  [400, "data", "never", "http-status/400"],
  [401, "misconfigured", "never", "http-status/401"],
  [402, "exhausted", "never", "http-status/402"],
  [403, "misconfigured", "never", "http-status/403"],
  [404, "data", "never", "http-status/404"],
  [405, "permanent", "never", "http-status/405"],
  [407, "misconfigured", "never", "http-status/407"],
  [408, "transient", "maybe", "http-status/408"],
  [409, "data", "never", "http-status/409"],
  [410, "permanent", "never", "http-status/410"],
  [412, "contention", "never", "http-status/412"],
  [413, "data", "never", "http-status/413"],
  [416, "data", "never", "http-status/416"],
  [418, "data", "maybe", "http-status/4xx"],
  [421, "transient", "never", "http-status/421"],
  [422, "data", "never", "http-status/422"],
  [423, "contention", "never", "http-status/423"],
  [424, "data", "never", "http-status/424"],
  [425, "transient", "never", "http-status/425"],
  [429, "throttled", "never", "http-status/429"],
  [444, "transient", "maybe", "http-status/444"],
  [451, "policy", "never", "http-status/451"],
  [500, "transient", "maybe", "http-status/500"],
  [501, "permanent", "never", "http-status/501"],
  [502, "transient", "maybe", "http-status/502"],
  [503, "unavailable", "maybe", "http-status/503"],
  [507, "exhausted", "never", "http-status/507"],
  [508, "defect", "maybe", "http-status/508"],
  [520, "transient", "maybe", "http-status/520"],
  [521, "unavailable", "never", "http-status/521"],
  [522, "unavailable", "maybe", "http-status/522"],
  [529, "throttled", "never", "http-status/529"],
  [599, "transient", "maybe", "http-status/5xx"],
  [600, "defect", "maybe", "http-status/other"],
];

/** Codes as services word them, where the status alone is shared by several reasons. */
const CODES: readonly (readonly [string, number, object, FailureClass, EffectProof])[] = [
  ["http-signal/says-slower", 503, { error: { code: "ServerBusy" } }, "throttled", "maybe"],
  [
    "http-signal/says-lost-race",
    400,
    { __type: "com.example#ConditionalCheckFailedException" },
    "contention",
    "never",
  ],
  [
    "http-signal/says-used-up",
    403,
    { error: { code: 403, errors: [{ reason: "dailyLimitExceeded" }] } },
    "exhausted",
    "never",
  ],
  ["http-signal/says-setting", 400, { error: "invalid_grant" }, "misconfigured", "never"],
  ["http-signal/says-rule", 403, { code: "PERIOD_CLOSED" }, "policy", "never"],
  ["http-signal/says-declined", 402, { error: { code: "card_declined" } }, "policy", "never"],
  ["http-signal/says-too-late", 422, { code: "CUT_OFF_PASSED" }, "expired", "never"],
  ["http-signal/says-no-route", 404, { code: "ROUTE_NOT_FOUND" }, "permanent", "never"],
  [
    "http-signal/says-malformed",
    400,
    { errors: [{ extensions: { code: "GRAPHQL_VALIDATION_FAILED" } }] },
    "defect",
    "never",
  ],
];

describe("what the code of an answer says, where its status has several reasons", () => {
  test.each(CODES)("%s", async (rule, status, body, failureClass, effect) => {
    expectFailure(await answered(status, { body }), rule, failureClass, effect);
  });

  test("read from XML as well", async () => {
    const fields = "content-type: application/xml";
    const text = "<Error><Code>NoSuchBucket</Code></Error>";
    const failure = await answered(404, { fields, text });
    expectFailure(failure, "http-signal/says-setting", "misconfigured", "never");
  });

  // Each has a word of one of the rows in it, and means something else.
  test.each([
    "ACCOUNT_LOCKED",
    "LIMIT_TOO_HIGH",
    "PAYMENT_METHOD_NOT_FOUND",
    "DINING_TABLE_NOT_FOUND",
  ])("but not from %s, which is about the data", async (code) => {
    expect((await answered(400, { body: { code } })).rule.id).toBe("http-status/400");
  });
});

test.each(STATUSES)("an answer of %i is %s, %s", async (status, failureClass, effect, rule) => {
  expectFailure(await answered(status, {}), rule, failureClass, effect);
});

const SAID: readonly (readonly [string, number, Case, FailureClass, EffectProof])[] = [
  ["http-status/404-delete", 404, { method: "DELETE" }, "data", "never"],
  ["http-status/410-delete", 410, { method: "DELETE" }, "permanent", "never"],
  [
    "http-status/422-key-reused",
    422,
    { body: { code: "IDEMPOTENCY_KEY_REUSED" } },
    "defect",
    "never",
  ],
  [
    "http-status/409-outstanding",
    409,
    { body: { code: "IDEMPOTENCY_KEY_IN_USE" } },
    "throttled",
    "maybe",
  ],
  ["http-status/409-version", 409, { body: { code: "VERSION_STALE" } }, "contention", "never"],
  ["http-status/422-duplicate", 422, { body: { code: "ALREADY_EXISTS" } }, "data", "never"],
  ["http-status/429-quota", 429, { body: { code: "QUOTA_EXCEEDED" } }, "exhausted", "never"],
  ["http-signal/should-not-retry", 500, { fields: "x-should-retry: false" }, "permanent", "maybe"],
  ["http-signal/should-retry", 409, { fields: "stripe-should-retry: true" }, "transient", "never"],
  [
    "http-signal/type-capacity",
    503,
    { body: { code: "temporary-reduced-capacity" } },
    "throttled",
    "maybe",
  ],
  ["http-signal/type-abuse", 403, { body: { code: "abnormal-usage-detected" } }, "policy", "never"],
  ["http-signal/overloaded", 503, { fields: "x-envoy-overloaded: true" }, "throttled", "maybe"],
  ["http-signal/wait", 503, { fields: "retry-after: 5" }, "throttled", "maybe"],
  [
    "http-signal/limit",
    403,
    { fields: "x-ratelimit-remaining: 0\r\nx-ratelimit-reset: 60" },
    "throttled",
    "never",
  ],
];

describe("what the other system has said in so many words", () => {
  test.each(SAID)("%s", async (rule, status, given, failureClass, effect) => {
    expectFailure(await answered(status, given), rule, failureClass, effect);
  });
});

test("a 303 whose page cannot be had was done all the same", async () => {
  const failure = await answered(303, { fields: "location: /500%7C%7C" });
  expect(failure.effect).toBe("surely");
});
