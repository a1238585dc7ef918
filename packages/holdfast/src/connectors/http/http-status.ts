/**
 * Answers: what each HTTP status proves about the effect of a write, and whose move it is.
 *
 * The first row that matches counts. Rows of source `signal` are looked at on their own and say what
 * the other side has said in so many words (Retry-After, a problem type); they outrank the rows of
 * source `table`, which say what the status alone means.
 *
 * Source: failure model 2.5. docs/reference/classification.md is checked against this table.
 */
import type { EffectProof, FailureClass, FailureScope } from "../../core/failure.ts";

/** Stamped on every classification; raise it when a row changes its meaning. */
export const HTTP_STATUS_VERSION = 1;

/** What an answer must say besides its status for a row to match. */
export const STATUS_CONDITIONS = {
  delete: "the method is DELETE",
  wait: "the answer says how long to wait",
  limit: "the answer says how long to wait, or that a rate limit has nothing left",
  quota: "the reason names a quota, a budget or billing, and no wait is given",
  "key-reused": "the reason says that our key came with another request",
  outstanding: "the reason says that a request with our key is still at work",
  version: "the reason names a version, a lock or a concurrent change",
  duplicate: "the reason says that it exists or was done already",
  "should-retry": "x-should-retry or stripe-should-retry is true",
  "should-not-retry": "x-should-retry or stripe-should-retry is false",
  "type-capacity": "the problem type is temporary-reduced-capacity (IANA)",
  "type-abuse": "the problem type is abnormal-usage-detected (IANA)",
} as const;
export type StatusCondition = keyof typeof STATUS_CONDITIONS;

/** The id of its rule is `http-status/` and the status, or `http-signal/` and the condition. */
export interface StatusRow {
  readonly source: "table" | "signal";
  /** Statuses, and ranges with both ends included. */
  readonly statuses: readonly (number | readonly [number, number])[];
  readonly when?: StatusCondition;
  /** Null: not a failure. */
  readonly class: FailureClass | null;
  /** Left out by a signal that says nothing about it. */
  readonly effect?: EffectProof;
  readonly scope?: FailureScope;
  /** "Already done": on a later attempt this is our own earlier success. */
  readonly echo?: true;
  readonly note?: string;
}

type Rest = Pick<StatusRow, "when" | "scope" | "echo" | "note">;

function row(
  statuses: StatusRow["statuses"],
  effect: EffectProof,
  failureClass: FailureClass | null,
  rest: Rest = {},
): StatusRow {
  return { source: "table", statuses, effect, class: failureClass, scope: "item", ...rest };
}

function signal(
  statuses: StatusRow["statuses"],
  when: StatusCondition,
  failureClass: FailureClass,
  rest: Pick<StatusRow, "scope" | "effect" | "note"> = {},
): StatusRow {
  return { source: "signal", statuses, when, class: failureClass, ...rest };
}

const DEPENDENCY = { scope: "dependency" } as const;

const SIGNAL_ROWS: readonly StatusRow[] = [
  signal([[500, 599], 408, 409, 429], "should-not-retry", "permanent", {
    note: "the effect stays what the status proves; only repeating is pointless",
  }),
  signal([[500, 599], 400, 404, 408, 409, 410], "should-retry", "transient"),
  signal([503], "type-capacity", "throttled", DEPENDENCY),
  signal([403, 429], "type-abuse", "policy", DEPENDENCY),
  signal([413, 429, 503], "wait", "throttled", DEPENDENCY),
  signal([403], "limit", "throttled", { ...DEPENDENCY, note: "a secondary rate limit" }),
];

const TABLE_ROWS: readonly StatusRow[] = [
  row([202], "maybe", "ambiguous", {
    note: "accepted, not done: a failure only where the call did not say `accept202`",
  }),
  row([207], "partial", "ambiguous", { note: "each item has its own status; to be split" }),
  row([[200, 299]], "surely", null, {
    note: "an unreadable body is a defect after which the result is looked up, never a repeat",
  }),
  row([303], "surely", "transient", {
    note: "followed by a GET; a failure only where that GET failed: it happened, the result is lost",
  }),
  row([300, 301, 302, 304, 305, 307, 308], "never", "misconfigured", {
    ...DEPENDENCY,
    note: "a write is never sent on to another address",
  }),
  row([400, 409, 422], "never", "defect", {
    when: "key-reused",
    note: "our key derivation is broken: stop and alert",
  }),
  row([400], "never", "data", { note: "a defect, if nearly all items of a step get it" }),
  row([401], "never", "misconfigured", {
    ...DEPENDENCY,
    note: "after at most one refresh of the credentials; never in a loop (lock-out)",
  }),
  row([402], "never", "exhausted", { ...DEPENDENCY, note: "policy, if a payment was declined" }),
  row([403], "never", "misconfigured", {
    ...DEPENDENCY,
    note: "policy, if a business rule refused",
  }),
  row([404], "never", "data", { when: "delete", echo: true, note: "already gone" }),
  row([404], "never", "data", {
    note: "a missing reference; misconfigured, if the route is wrong",
  }),
  row([405, 406, 411, 414, 415, 417, 426, 428, 431, 505, 506], "never", "defect"),
  row([407, 511], "never", "misconfigured", {
    scope: "system",
    note: "a proxy or portal on our side",
  }),
  row([408], "maybe", "transient", {
    note: "never by RFC 9110, but gateways send it when their backend was too slow",
  }),
  row([409], "maybe", "throttled", {
    when: "outstanding",
    scope: "key",
    note: "the first request with this key is still at work: ask again with the same key",
  }),
  row([409], "never", "contention", { when: "version", scope: "key", echo: true }),
  row([409], "never", "data", { echo: true, note: "duplicates and other conflicts" }),
  row([410], "never", "permanent", { when: "delete", echo: true }),
  row([410], "never", "permanent"),
  row([412], "never", "contention", {
    scope: "key",
    echo: true,
    note: "our own write may have moved the ETag",
  }),
  row([413], "never", "data"),
  row([416], "never", "data"),
  row([421], "never", "transient", { note: "may be repeated on another connection (RFC 9110)" }),
  row([422], "never", "data", { when: "duplicate", echo: true }),
  row([422], "never", "data"),
  row([423], "never", "contention", { scope: "key" }),
  row([424], "never", "data"),
  row([425], "never", "transient", { note: "refused as early data (RFC 8470)" }),
  row([429], "never", "exhausted", { ...DEPENDENCY, when: "quota" }),
  row([429], "never", "throttled", DEPENDENCY),
  row([444, 499], "maybe", "transient", { note: "as a proxy logs it" }),
  row([451], "never", "policy"),
  row([[400, 499]], "maybe", "data", { note: "any other 4xx: as 400, nothing proved" }),
  row([500], "maybe", "transient", {
    note: "a stored 500 is replayed for the same key: it never heals by itself",
  }),
  row([501, 510], "never", "permanent"),
  row([502, 504], "maybe", "transient", { note: "feeds the breaker" }),
  row([503], "maybe", "unavailable", {
    ...DEPENDENCY,
    note: "proxies say so after the origin was reached; never only where the integration says so",
  }),
  row([507], "never", "exhausted", DEPENDENCY),
  row([508], "maybe", "defect"),
  row([520, 524], "maybe", "transient", { note: "Cloudflare: the origin was reached" }),
  row([522, 523, 525, 526], "never", "unavailable", {
    ...DEPENDENCY,
    note: "Cloudflare: no connection to the origin",
  }),
  row([529], "never", "throttled", { ...DEPENDENCY, note: "overloaded (Anthropic)" }),
  row([[500, 599]], "maybe", "transient", { note: "any other 5xx: as 500" }),
  row([[300, 399]], "maybe", "misconfigured", { ...DEPENDENCY, note: "any other 3xx" }),
  row([[100, 999]], "maybe", "defect", { ...DEPENDENCY, note: "no status of RFC 9110" }),
];

export const HTTP_STATUSES: readonly StatusRow[] = [...SIGNAL_ROWS, ...TABLE_ROWS];
