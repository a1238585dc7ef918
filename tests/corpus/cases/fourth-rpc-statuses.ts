/** Statuses that the application of a gRPC server ends a call with, with and without details about them. */
import type { FourthMore, Proof } from "../case.ts";
import type { RpcCall } from "../fourth-rpc.ts";
import { message, statusDetails, type Fields } from "../rpc-details.ts";
import type { Reasons } from "./fourth-answer.ts";

const SLOWER = "go slower, it says, and when to come again";
const SPENT = "a quota is used up; only the calendar or money brings it back";
const SETTING = "every call fails alike until a setting changes";
const REFUSED = "the application has answered, and refuses it";
export const OPEN = "it failed, and says nothing of its work";

export interface RpcCase {
  readonly name: string;
  readonly effect: Proof;
  readonly reasons: Reasons;
  readonly why: string;
  readonly call: Partial<Omit<RpcCall, "key">>;
  readonly more: FourthMore;
}

export const rpcCase = (
  name: string,
  effect: Proof,
  reasons: Reasons,
  why: string,
  call: RpcCase["call"],
  more: FourthMore = {},
): RpcCase => ({ name, effect, reasons, why, call, more });

/** A status of the application with messages of `google.rpc` about it. */
const detailed = (code: number, ...details: readonly (readonly [string, Fields])[]) => ({
  case: {
    code,
    says: "See the details.",
    fields: { "grpc-status-details-bin": statusDetails(code, ...details) },
  },
});
const errorInfo = (reason: string, domain = "googleapis.com"): readonly [string, Fields] => [
  "ErrorInfo",
  { 1: reason, 2: domain },
];
const retryAfter = (seconds: number): readonly [string, Fields] => [
  "RetryInfo",
  { 1: message({ 1: seconds }) },
];
const plainStatus = (code: number, says: string, works = false) => ({
  case: { code, says, works },
});
const words = { told: "words" } as const;

export const RPC_STATUSES: readonly RpcCase[] = [
  rpcCase(
    "exhausted, with a time to come again",
    "never",
    "throttled",
    SLOWER,
    detailed(8, retryAfter(5)),
  ),
  rpcCase(
    "exhausted, with the name of a rate",
    "never",
    "throttled",
    "a rate is exceeded, it says",
    detailed(8, errorInfo("RATE_LIMIT_EXCEEDED")),
  ),
  rpcCase(
    "exhausted, with a violated quota of the day",
    "never",
    "exhausted",
    SPENT,
    detailed(8, [
      "QuotaFailure",
      { 1: [message({ 1: "clientproject:shop", 2: "Daily limit for orders exceeded" })] },
    ]),
    words,
  ),
  rpcCase(
    "exhausted, without a word",
    "never",
    ["throttled", "exhausted"],
    "too much, for now or for good: it does not say",
    plainStatus(8, ""),
  ),
  rpcCase(
    "exhausted, disk of the server",
    "never",
    ["exhausted", "throttled"],
    "its disk is full",
    plainStatus(8, "No space left on device"),
    words,
  ),
  rpcCase(
    "unavailable, with a time to come again",
    "maybe",
    ["unavailable", "throttled"],
    OPEN,
    detailed(14, retryAfter(30)),
  ),
  rpcCase("unavailable after its work, with a time", "maybe", ["unavailable", "throttled"], OPEN, {
    case: {
      code: 14,
      says: "See the details.",
      works: true,
      fields: { "grpc-status-details-bin": statusDetails(14, retryAfter(31)) },
    },
  }),
  rpcCase(
    "argument, with the field",
    "never",
    "data",
    REFUSED,
    detailed(3, [
      "BadRequest",
      { 1: [message({ 1: "order.lines[0].amount", 2: "must be above 0" })] },
    ]),
  ),
  rpcCase(
    "argument, but it is our key",
    "never",
    "misconfigured",
    SETTING,
    detailed(3, errorInfo("API_KEY_INVALID")),
  ),
  rpcCase(
    "precondition, terms to be agreed to",
    "never",
    ["policy", "misconfigured"],
    "somebody has to agree to the terms first",
    detailed(9, [
      "PreconditionFailure",
      { 1: [message({ 1: "TOS", 2: "shop.example", 3: "Terms not accepted" })] },
    ]),
  ),
  rpcCase(
    "precondition, without a word",
    "never",
    ["data", "policy", "contention"],
    REFUSED,
    plainStatus(9, ""),
  ),
  rpcCase(
    "permission, service switched off",
    "never",
    "misconfigured",
    SETTING,
    detailed(7, errorInfo("SERVICE_DISABLED")),
  ),
  rpcCase(
    "permission, bill not paid",
    "never",
    ["misconfigured", "exhausted"],
    SETTING,
    detailed(7, errorInfo("BILLING_DISABLED")),
  ),
  rpcCase(
    "permission, a rule of the organization",
    "never",
    ["policy", "misconfigured"],
    "a rule of the organization forbids it",
    detailed(7, errorInfo("ORG_RESTRICTION_VIOLATION")),
  ),
  rpcCase(
    "permission, blocked in words",
    "never",
    ["policy", "misconfigured"],
    "this customer is blocked, it says",
    plainStatus(7, "customer 77 is on a sanctions list"),
    words,
  ),
  rpcCase(
    "aborted, etag",
    "never",
    "contention",
    "somebody else was first",
    detailed(10, errorInfo("ETAG_MISMATCH", "shop.example")),
  ),
  rpcCase(
    "exists already, with the resource",
    "never",
    "data",
    "what is to be made is there already",
    detailed(6, ["ResourceInfo", { 1: "shop.example/Order", 2: "orders/4711" }]),
    { or: [["maybe", "ambiguous"]] },
  ),
  rpcCase("internal after its work, with a stack", "maybe", "transient", OPEN, {
    case: {
      code: 13,
      says: "See the details.",
      works: true,
      fields: {
        "grpc-status-details-bin": statusDetails(13, [
          "DebugInfo",
          { 1: ["at place"].map((line) => Buffer.from(line)) },
        ]),
      },
    },
  }),
  rpcCase(
    "deadline of the server after its work",
    "maybe",
    "transient",
    OPEN,
    plainStatus(4, "backend took too long", true),
  ),
  rpcCase(
    "cancelled by the server",
    "maybe",
    "transient",
    OPEN,
    plainStatus(1, "the operation was cancelled"),
  ),
  rpcCase(
    "pushed back for good",
    "never",
    ["throttled", "exhausted"],
    "too much, and not to be repeated for now",
    {
      case: { code: 8, says: "", fields: { "grpc-retry-pushback-ms": "-1" } },
    },
  ),
];
