/** Held-out HTTP: Fastify and Flask as their users write them, with the answers that they make by themselves. */
import { heldLabel, type Proof, type Reason, type Scenario } from "../case.ts";
import type { Counterpart } from "../start-counterpart.ts";
import { at, idOf, send, type Sent } from "./last-send.ts";

type Reasons = Reason | readonly [Reason, ...Reason[]];
interface Case extends Sent {
  readonly name: string;
  readonly effect: Proof;
  readonly reasons: Reasons;
  readonly why: string;
  readonly told?: "words";
}

const one = (
  name: string,
  effect: Proof,
  reasons: Reasons,
  why: string,
  sent: Sent & { readonly told?: "words" } = {},
): Case => ({ name, effect, reasons, why, ...sent });

/** What the handler does, and what it refuses with. */
const asks = (text: string): Sent => ({ headers: { "x-case": text } });
const hook = (text: string): Sent => ({ headers: { "x-hook": text } });
const code = (status: number, word: string): Sent => asks(`refuses|${String(status)}|${word}`);
const worded = { told: "words" } as const;

const MEND = "the order itself is refused: somebody must mend it";
const BUILT = "the request that we built cannot be read";
const SETTING = "every call fails alike until a setting changes";
const NO_ROUTE = "this operation does not exist there";
const RULE = "a rule or an authority forbids it";
const OPEN = "the server failed, and says nothing of its work";
const RACE = "somebody else was first: to be read anew and done again";
const DONE = "done, says the status; its result is lost";
const SPENT = "used up; only the calendar or money brings it back";
const SLOWER = "go slower, it says";
const ORDER = '{"customer":"c1","amount":10}';

const FASTIFY: readonly Case[] = [
  one("a field is missing", "never", "data", MEND, { body: '{"amount":1}' }),
  one("an amount below nothing", "never", "data", MEND, { body: '{"customer":"c","amount":-1}' }),
  one("not of the list", "never", "data", MEND, {
    body: '{"customer":"c","amount":1,"terms":"net90"}',
  }),
  one("half a json", "never", "defect", BUILT, { body: '{"customer":' }),
  one("an empty body", "never", "defect", BUILT, { body: "" }),
  one("another media type", "never", ["defect", "permanent"], BUILT, {
    headers: { "content-type": "text/csv" },
  }),
  one("a body too large", "never", ["data", "permanent"], "this order is larger than it takes", {
    body: JSON.stringify({ customer: "c".repeat(5_000), amount: 1 }),
  }),
  one("no such route", "never", "permanent", NO_ROUTE, { path: "/v1/orders", ...worded }),
  one("fields too large", "never", "defect", BUILT, { headers: { "x-long": "x".repeat(20_000) } }),
  one("no token", "never", "misconfigured", SETTING, hook("401|TOKEN_MISSING")),
  one("old token", "never", "misconfigured", SETTING, hook("401|TOKEN_TOO_OLD")),
  one("no right", "never", "misconfigured", SETTING, hook("403|SCOPE_MISSING")),
  one("rate", "never", "throttled", SLOWER, hook('429|SLOW|{"retry-after":"2"}')),
  one("rate without a word", "never", "throttled", SLOWER, hook("429|")),
  one("maintenance", "maybe", "throttled", SLOWER, hook('503|MAINTENANCE|{"retry-after":"600"}')),
  one("database down", "maybe", "unavailable", "it is down as a whole", hook("503|DATABASE_DOWN")),
  one("plan of the month", "never", "exhausted", SPENT, code(429, "MONTHLY_QUOTA_REACHED")),
  one("plan unpaid", "never", "exhausted", SPENT, code(402, "SUBSCRIPTION_PAST_DUE")),
  one("daily volume", "never", "exhausted", SPENT, code(400, "DAILY_VOLUME_EXCEEDED")),
  one("no room", "never", "exhausted", SPENT, code(507, "STORAGE_FULL")),
  one("unknown order", "never", "data", MEND, code(404, "ORDER_NOT_FOUND")),
  one("unknown customer", "never", "data", MEND, code(422, "CUSTOMER_UNKNOWN")),
  one("currency", "never", "data", MEND, code(400, "CURRENCY_NOT_SUPPORTED")),
  one("there already", "never", "data", MEND, code(409, "ORDER_EXISTS")),
  one("out of stock", "never", "data", MEND, code(409, "OUT_OF_STOCK")),
  one("above a limit", "never", "policy", RULE, code(403, "ORDER_ABOVE_APPROVAL_LIMIT")),
  one("second pair of eyes", "never", "policy", RULE, code(403, "APPROVAL_REQUIRED")),
  one("credit hold", "never", "policy", RULE, code(409, "CUSTOMER_ON_CREDIT_HOLD")),
  one("period closed", "never", "policy", RULE, code(409, "PERIOD_CLOSED")),
  one("compliance", "never", "policy", RULE, code(403, "SUPPLIER_BLOCKED_BY_COMPLIANCE")),
  one("no consent", "never", "policy", RULE, code(422, "CONSENT_WITHDRAWN")),
  one("by law", "never", "policy", RULE, code(451, "LEGAL")),
  one("cut off", "never", ["expired", "policy"], "too late for today", code(422, "CUT_OFF_PASSED")),
  one("version", "never", "contention", RACE, code(409, "VERSION_OUTDATED")),
  one("match", "never", "contention", RACE, code(412, "PRECONDITION_FAILED")),
  one("locked by somebody", "never", "contention", RACE, code(423, "LOCKED_BY_USER")),
  one("changed meanwhile", "never", "contention", RACE, code(409, "CONCURRENT_UPDATE")),
  one(
    "our key is at work",
    "maybe",
    ["transient", "throttled", "contention"],
    "the first request with this key is not over",
    code(409, "IDEMPOTENCY_KEY_IN_PROGRESS"),
  ),
  one(
    "our key with another order",
    "never",
    "defect",
    "our keys are made wrongly",
    code(422, "IDEMPOTENCY_KEY_REUSED"),
  ),
  one("operation gone", "never", "permanent", NO_ROUTE, code(410, "API_VERSION_REMOVED")),
  one("operation not built", "never", "permanent", NO_ROUTE, code(501, "NOT_YET")),
  one("endpoint unknown", "never", "permanent", NO_ROUTE, code(404, "ENDPOINT_NOT_FOUND")),
  one("throws before its work", "maybe", "transient", OPEN, asks("throws")),
  one("throws after its work", "maybe", "transient", OPEN, asks("works, then throws")),
  one("deadlock after its work", "maybe", ["transient", "contention"], OPEN, {
    ...asks(
      'works, problem|500|{"type":"https://shop.example/errors/deadlock","title":"Deadlock"}',
    ),
  }),
  one("partner fails", "maybe", "transient", OPEN, asks("works|502|PARTNER_FAILED")),
  one("partner is slow", "maybe", "transient", OPEN, asks("works|504|PARTNER_TIMEOUT")),
  one("drops before its work", "maybe", "transient", "the connection was lost", asks("drops")),
  one(
    "drops after its work",
    "maybe",
    "transient",
    "the connection was lost",
    asks("works, drops"),
  ),
  one("hangs", "maybe", "transient", "no answer in time", {
    ...asks("hangs"),
    options: { headersTimeoutMs: 700 },
  }),
  one("hangs after its work", "maybe", "transient", "no answer in time", {
    ...asks("works, hangs"),
    options: { headersTimeoutMs: 700 },
  }),
  one("breaks off", "surely", "ambiguous", DONE, asks("works, breaks off")),
  one("a page for an answer", "surely", "ambiguous", DONE, asks("works, no json")),
  one("taken for later", "maybe", "ambiguous", "taken to be done later", asks("accepts|202|LATER")),
  one("moved", "never", "misconfigured", SETTING, {
    ...asks('moves|308||{"location":"https://new.invalid/orders"}'),
  }),
];

/** Fastify's server comes first: its own checks are made before any handler. */
export function fastifyScenarios(counterpart: Counterpart, port: number): readonly Scenario[] {
  return FASTIFY.map((each) => scenario("fastify", "Fastify", counterpart, port, each));
}

const gives = (status: number): Sent => asks(`aborts ${String(status)}`);

const FLASK: readonly Case[] = [
  one("bad request", "never", ["data", "defect"], MEND, gives(400)),
  // The three answers are alike to the byte: what they have in common is what can be told.
  one("half a json", "never", ["data", "defect"], BUILT, { body: '{"a":' }),
  one("another media type", "never", ["defect", "permanent"], BUILT, {
    headers: { "content-type": "text/plain" },
  }),
  one("a field of a form", "never", ["data", "defect"], MEND, asks("reads a field")),
  one("a body too large", "never", ["data", "permanent"], "this order is larger than it takes", {
    body: JSON.stringify({ a: "x".repeat(5_000) }),
  }),
  one("no such route", "never", "permanent", NO_ROUTE, { path: "/v1/orders", ...worded }),
  one("only to be read", "never", "permanent", NO_ROUTE, { path: "/orders/4711" }),
  one("without its slash", "never", "misconfigured", SETTING, { path: "/folder" }),
  one("log in first", "never", "misconfigured", SETTING, { path: "/login-first" }),
  one("unauthorized", "never", "misconfigured", SETTING, gives(401)),
  one("forbidden", "never", "misconfigured", SETTING, gives(403)),
  one("conflict", "never", ["contention", "data"], RACE, gives(409)),
  one("gone", "never", "permanent", NO_ROUTE, gives(410)),
  one("unprocessable", "never", "data", MEND, gives(422)),
  one("locked", "never", "contention", RACE, gives(423)),
  one("a step before failed", "never", ["data", "permanent"], MEND, gives(424)),
  one("condition wanted", "never", "defect", BUILT, gives(428)),
  one("too many", "never", "throttled", SLOWER, gives(429)),
  one("not built", "never", "permanent", NO_ROUTE, gives(501)),
  one("bad gateway", "maybe", "transient", OPEN, gives(502)),
  one("not now", "maybe", "unavailable", "it is down as a whole", gives(503)),
  one("gateway is slow", "maybe", "transient", OPEN, gives(504)),
  one("throws", "maybe", "transient", OPEN, asks("throws")),
  one("throws after its work", "maybe", "transient", OPEN, asks("works, throws")),
  one("throws in a stream", "surely", "ambiguous", DONE, asks("works, stream")),
  one("hold in a sentence", "never", "policy", RULE, { ...asks("says 400"), ...worded }),
];

export function flaskScenarios(counterpart: Counterpart, port: number): readonly Scenario[] {
  return FLASK.map((each) => scenario("flask", "Flask", counterpart, port, each));
}

function scenario(
  group: string,
  server: string,
  counterpart: Counterpart,
  port: number,
  { name, effect, reasons, why, told, ...sent }: Case,
): Scenario {
  const id = idOf(group, name);
  return {
    id,
    protocol: "http",
    server,
    fault: name,
    label: heldLabel(effect, reasons, why, told),
    play: async () => {
      const seen = await send(id, at(port), { body: ORDER, ...sent });
      return { seen, ledger: counterpart.done(id) };
    },
  };
}
