/** Stores of objects with their XML, functions and queues of clouds, and token endpoints of OAuth. */
import type { Scenario } from "../case.ts";
import type { Counterpart } from "../start-counterpart.ts";
import { answered, answerScenarios, words, XML, type Answered } from "./fourth-answer.ts";

const SETTING = "every call fails alike until a setting changes";
const RACE = "somebody else was first, or has it now";
const DAMAGED = "what arrived is not what was sent: it is refused, and the same bytes may pass";
const RULE = "a rule about this object forbids it";

const xml = (code: string, more = ""): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>See the reference.</Message>${more}<RequestId>4442587FB7D0A2F9</RequestId></Error>`;
const s3 = (
  name: string,
  status: number,
  code: string,
  ...[effect, reasons, why, more]: readonly [
    Answered["effect"],
    Answered["reasons"],
    string,
    Answered["more"]?,
  ]
): Answered =>
  answered(`S3, ${name}`, status, xml(code), effect, reasons, why, {
    headers: XML,
    expect: "text",
    ...more,
  });
const azure = (
  name: string,
  status: number,
  code: string,
  ...[effect, reasons, why, more]: readonly [
    Answered["effect"],
    Answered["reasons"],
    string,
    Answered["more"]?,
  ]
): Answered =>
  answered(`Azure, ${name}`, status, xml(code), effect, reasons, why, {
    headers: { ...XML, "x-ms-error-code": code },
    ...more,
  });

const CLOUDS: readonly Answered[] = [
  s3(
    "an error in the body of a 200",
    200,
    "InternalError",
    "maybe",
    "transient",
    "200 left before the parts were joined; then that failed, at an unknown point",
  ),
  s3(
    "account problem",
    403,
    "AccountProblem",
    "never",
    ["misconfigured", "exhausted"],
    "the account is shut until somebody settles it",
  ),
  s3("another operation on it", 409, "OperationAborted", "never", "contention", RACE),
  s3("digest", 400, "BadDigest", "never", ["transient", "defect", "data"], DAMAGED),
  s3(
    "body too slow",
    400,
    "RequestTimeout",
    "never",
    "transient",
    "our body came too slowly to be taken",
  ),
  s3(
    "upload is gone",
    404,
    "NoSuchUpload",
    "maybe",
    ["data", "expired", "ambiguous"],
    "the upload was given up, or is finished already: it does not say",
    {
      or: [
        ["never", "data"],
        ["never", "expired"],
      ],
    },
  ),
  s3(
    "bucket being moved",
    307,
    "TemporaryRedirect",
    "never",
    ["misconfigured", "transient"],
    "for now the bucket is at another address",
    { headers: { ...XML, location: "https://bucket.s3-eu.invalid/orders" } },
  ),
  s3(
    "store of a tenant is full",
    403,
    "QuotaExceeded",
    "never",
    "exhausted",
    "no room until somebody buys some",
  ),
  s3(
    "unavailable",
    503,
    "ServiceUnavailable",
    "maybe",
    ["unavailable", "throttled"],
    "the service as a whole is away; what it did before is not said",
    {
      or: [
        ["never", "unavailable"],
        ["never", "throttled"],
      ],
    },
  ),
  azure("kept by a policy", 409, "BlobImmutableDueToPolicy", "never", "policy", RULE),
  azure(
    "container being deleted",
    409,
    "ContainerBeingDeleted",
    "never",
    ["contention", "transient", "unavailable"],
    "it is free again when the deletion is over",
  ),
  answered(
    "function, its code failed after its work",
    200,
    {
      errorType: "Runtime.ExitError",
      errorMessage: "RequestId: 1 Error: Runtime exited without providing a reason",
    },
    "maybe",
    ["transient", "permanent"],
    "200 is the envelope's; the function broke at an unknown point",
    { works: true, headers: { "x-amz-function-error": "Unhandled" } },
  ),
  answered(
    "queue, whole batch by a fault of theirs",
    200,
    {
      Successful: [],
      Failed: [
        { Id: "a", SenderFault: false, Code: "InternalError" },
        { Id: "b", SenderFault: false, Code: "InternalError" },
      ],
    },
    "maybe",
    "transient",
    "neither is confirmed, and the fault is theirs",
    { done: 0, or: [["never", "transient"]] },
  ),
  answered(
    "table, items not processed",
    200,
    { UnprocessedItems: { orders: [{ PutRequest: { Item: { id: { S: "2" } } } }] } },
    "partial",
    "throttled",
    "the items that it names were too many for now",
    { done: 1 },
  ),
  answered(
    "warehouse, one bad row stops all",
    200,
    {
      kind: "bigquery#tableDataInsertAllResponse",
      insertErrors: [
        { index: 0, errors: [{ reason: "invalid", location: "amount" }] },
        { index: 1, errors: [{ reason: "stopped" }] },
      ],
    },
    "never",
    "data",
    "200, but a bad row stopped every other",
    { done: 0 },
  ),
  answered(
    "search, one of two documents",
    200,
    {
      took: 3,
      errors: true,
      items: [
        { index: { _id: "1", status: 201, result: "created" } },
        { index: { _id: "2", status: 429, error: { type: "es_rejected_execution_exception" } } },
      ],
    },
    "partial",
    "throttled",
    "one is kept, the other was too much for now",
    { done: 1 },
  ),
  answered(
    "search, read only for want of room",
    403,
    {
      error: {
        type: "cluster_block_exception",
        reason:
          "index [orders] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark]",
      },
      status: 403,
    },
    "never",
    ["exhausted", "misconfigured", "unavailable"],
    "its disks are full: no room until somebody makes some",
    words,
  ),
];

const token = (error: string, more: object = {}) => ({
  error,
  error_description: "See the reference.",
  ...more,
});
const oauth = (
  name: string,
  error: string,
  ...[reasons, why, more, fields]: readonly [
    Answered["reasons"],
    string,
    Answered["more"]?,
    object?,
  ]
): Answered => answered(name, 400, token(error, fields), "never", reasons, why, more);
const PERSON = "a person has to agree first";

const OAUTH: readonly Answered[] = [
  oauth(
    "grant not known",
    "unsupported_grant_type",
    ["defect", "misconfigured", "permanent"],
    "our client asks for a grant that is not served",
  ),
  answered(
    "secret is over",
    401,
    token("invalid_client", { error_codes: [7000222] }),
    "never",
    "misconfigured",
    SETTING,
  ),
  oauth(
    "second factor",
    "interaction_required",
    ["policy", "misconfigured"],
    PERSON,
    {},
    { error_codes: [50076], suberror: "basic_action" },
  ),
  oauth(
    "not agreed yet",
    "authorization_pending",
    ["policy", "transient", "throttled"],
    "the person has not agreed yet; asking again is right",
  ),
  oauth("person says no", "access_denied", "policy", "the person has refused"),
  answered(
    "nonce wanted",
    400,
    token("use_dpop_nonce"),
    "never",
    ["transient", "defect"],
    "the same passes with the nonce that the answer gives",
    { headers: { "dpop-nonce": "eyJ7S_zG" } },
  ),
  answered(
    "an error under 200",
    200,
    token("bad_verification_code"),
    "never",
    ["data", "expired", "misconfigured"],
    "200, but no token: the code is wrong or over",
  ),
  answered(
    "resource wants a fresher login",
    401,
    "",
    "never",
    ["policy", "misconfigured"],
    PERSON,
    {
      headers: {
        "www-authenticate": 'Bearer error="insufficient_user_authentication", acr_values="urn:2fa"',
      },
    },
  ),
];

export const cloudScenarios = (counterpart: Counterpart): readonly Scenario[] => [
  ...answerScenarios(counterpart, "cloud", "node:http in the forms of clouds", CLOUDS),
  ...answerScenarios(counterpart, "oauth", "node:http as a token endpoint", OAUTH),
];
