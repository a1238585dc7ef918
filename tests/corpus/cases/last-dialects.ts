/** How named services word their refusals: statuses, headers and bodies after their public manuals. */
import type { Proof, Reason } from "../case.ts";
import { MORE_DIALECTS } from "./last-dialects-more.ts";
import type { StatusCase } from "./http-statuses.ts";

type Rest = Pick<StatusCase, "headers" | "works"> & { readonly body?: unknown };
const row = (
  name: string,
  status: number,
  effect: Proof,
  reason: Reason,
  why: string,
  body: unknown,
  rest: Rest = {},
): StatusCase => ({
  name: `${name} ${String(status)}`,
  status,
  effect,
  reason,
  why,
  body,
  ...rest,
});

const MEND = "this payload is refused: somebody must mend the data";
const SETTING = "every call fails alike until a setting or a secret is changed";
const SLOWER = "go slower, says the service; nothing was done";
const SPENT = "used up; only the calendar or money brings it back";
const OPEN = "the service failed and says nothing of its work";
const DOWN = "the service says that it is down as a whole";
const LOST_RACE = "somebody else was first: to be read anew and done again";
const XML = { "content-type": "application/xml" };
const aws = (type: string, message: string) => ({ __type: type, message });
const google = (code: number, status: string, reason: string) => ({
  error: { code, status, message: reason, errors: [{ reason }] },
});
const stripe = (type: string, code: string) => ({ error: { type, code, message: code } });

export const DIALECT_CASES: readonly StatusCase[] = [
  row(
    "dynamo conditional",
    400,
    "never",
    "contention",
    LOST_RACE,
    aws("ConditionalCheckFailedException", "The conditional request failed"),
  ),
  row(
    "dynamo conflict",
    400,
    "never",
    "contention",
    LOST_RACE,
    aws("TransactionConflictException", "Transaction is ongoing for the item"),
  ),
  row(
    "dynamo throughput",
    400,
    "never",
    "throttled",
    SLOWER,
    aws("ProvisionedThroughputExceededException", "Rate of requests exceeds the throughput"),
  ),
  row(
    "dynamo validation",
    400,
    "never",
    "data",
    MEND,
    aws("ValidationException", "One or more parameter values were invalid"),
  ),
  row(
    "dynamo no table",
    400,
    "never",
    "misconfigured",
    SETTING,
    aws("ResourceNotFoundException", "Requested resource not found"),
  ),
  row(
    "aws access denied",
    400,
    "never",
    "misconfigured",
    SETTING,
    aws("AccessDeniedException", "not authorized to perform dynamodb:PutItem"),
  ),
  row(
    "aws bad signature",
    403,
    "never",
    "misconfigured",
    SETTING,
    "<Error><Code>SignatureDoesNotMatch</Code></Error>",
    { headers: XML },
  ),
  row(
    "aws clock",
    403,
    "never",
    "misconfigured",
    SETTING,
    "<Error><Code>RequestTimeTooSkewed</Code></Error>",
    { headers: XML },
  ),
  row(
    "s3 no bucket",
    404,
    "never",
    "misconfigured",
    SETTING,
    "<Error><Code>NoSuchBucket</Code></Error>",
    { headers: XML },
  ),
  row(
    "s3 precondition",
    412,
    "never",
    "contention",
    LOST_RACE,
    "<Error><Code>PreconditionFailed</Code></Error>",
    { headers: XML },
  ),
  row(
    "s3 internal",
    500,
    "maybe",
    "transient",
    OPEN,
    "<Error><Code>InternalError</Code><Message>Please try again.</Message></Error>",
    { headers: XML, works: true },
  ),
  row("s3 too large", 400, "never", "data", MEND, "<Error><Code>EntityTooLarge</Code></Error>", {
    headers: XML,
  }),
  row(
    "sqs queue missing",
    400,
    "never",
    "misconfigured",
    SETTING,
    aws("com.amazonaws.sqs#QueueDoesNotExist", "The specified queue does not exist."),
  ),
  row("lambda too many", 429, "never", "throttled", SLOWER, {
    Reason: "ReservedFunctionConcurrentInvocationLimitExceeded",
    Type: "User",
  }),
  row(
    "google rate",
    403,
    "never",
    "throttled",
    SLOWER,
    google(403, "PERMISSION_DENIED", "userRateLimitExceeded"),
  ),
  row(
    "google disabled",
    403,
    "never",
    "misconfigured",
    SETTING,
    google(403, "PERMISSION_DENIED", "accessNotConfigured"),
  ),
  row(
    "google exhausted",
    429,
    "never",
    "throttled",
    SLOWER,
    google(429, "RESOURCE_EXHAUSTED", "rateLimitExceeded"),
  ),
  row(
    "google precondition",
    400,
    "never",
    "data",
    MEND,
    google(400, "FAILED_PRECONDITION", "failedPrecondition"),
  ),
  row("google aborted", 409, "never", "contention", LOST_RACE, google(409, "ABORTED", "aborted")),
  row(
    "google backend",
    503,
    "maybe",
    "unavailable",
    DOWN,
    google(503, "UNAVAILABLE", "backendError"),
  ),
  row(
    "google deadline",
    504,
    "maybe",
    "transient",
    OPEN,
    google(504, "DEADLINE_EXCEEDED", "deadlineExceeded"),
    { works: true },
  ),
  row("azure etag", 412, "never", "contention", LOST_RACE, {
    error: {
      code: "UpdateConditionNotSatisfied",
      message: "The update condition was not satisfied.",
    },
  }),
  row("azure lease", 409, "never", "contention", LOST_RACE, {
    error: { code: "LeaseAlreadyPresent", message: "There is already a lease present." },
  }),
  row(
    "azure busy",
    503,
    "never",
    "throttled",
    SLOWER,
    { error: { code: "ServerBusy", message: "The server is busy." } },
    { headers: { "retry-after": "5" } },
  ),
  row(
    "azure cosmos rate",
    429,
    "never",
    "throttled",
    SLOWER,
    { code: "429", message: "Request rate is large" },
    { headers: { "x-ms-retry-after-ms": "1200" } },
  ),
  row("azure tenant", 403, "never", "misconfigured", SETTING, {
    error: { code: "AuthorizationFailed", message: "The client does not have authorization" },
  }),
  row(
    "graph throttle",
    429,
    "never",
    "throttled",
    SLOWER,
    { error: { code: "TooManyRequests", message: "Please retry after" } },
    { headers: { "retry-after": "10" } },
  ),
  row("graph token", 401, "never", "misconfigured", SETTING, {
    error: {
      code: "InvalidAuthenticationToken",
      message: "Lifetime validation failed, the token is expired.",
    },
  }),
  row("graph quota", 507, "never", "exhausted", SPENT, {
    error: { code: "quotaLimitReached", message: "The user has reached their quota limit." },
  }),
  row(
    "stripe declined",
    402,
    "never",
    "data",
    "the customer's card is refused: another one is needed",
    stripe("card_error", "card_declined"),
  ),
  row(
    "stripe parameter",
    400,
    "never",
    "data",
    MEND,
    stripe("invalid_request_error", "parameter_invalid_integer"),
  ),
  row(
    "stripe key reuse",
    400,
    "never",
    "defect",
    "the same key with another payload: our keys are wrong",
    stripe("idempotency_error", "idempotency_key_in_use_with_other_parameters"),
  ),
  row(
    "stripe lock",
    429,
    "never",
    "contention",
    LOST_RACE,
    stripe("invalid_request_error", "lock_timeout"),
    { headers: { "stripe-should-retry": "true" } },
  ),
  row("stripe rate", 429, "never", "throttled", SLOWER, stripe("rate_limit_error", "rate_limit")),
  row("stripe failed", 500, "maybe", "transient", OPEN, stripe("api_error", "internal"), {
    works: true,
  }),
  ...MORE_DIALECTS,
];
