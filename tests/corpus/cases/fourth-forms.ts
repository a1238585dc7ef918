/** Forms that many services share: GraphQL, JSON:API, problem details, gRPC-Web, batches; work taken for later, and redirects. */
import type { Scenario } from "../case.ts";
import type { Counterpart } from "../start-counterpart.ts";
import { answered, answerScenarios, PROBLEM, words, XML, type Answered } from "./fourth-answer.ts";

const MEND = "the order is refused as it stands: somebody must mend it";
const OPEN = "it failed, and says nothing of its work";
const SPLIT = "some items are done, and some are not";
const LATER = "taken to be done later; whether it will be is not said";

const graphql = (code: string, data: unknown = null) => ({
  data,
  errors: [{ message: "See the reference.", path: ["placeOrder"], extensions: { code } }],
});
const problem = (type: string, status: number, more: object = {}) => ({
  type,
  title: "See the reference.",
  status,
  ...more,
});
const registered = (name: string): string =>
  `https://iana.org/assignments/http-problem-types#${name}`;

const GRAPHQL: readonly Answered[] = [
  answered(
    "graphql, input",
    200,
    graphql("BAD_USER_INPUT"),
    "never",
    "data",
    "200, but its input is refused",
  ),
  answered(
    "graphql, query not kept",
    200,
    {
      errors: [
        { message: "PersistedQueryNotFound", extensions: { code: "PERSISTED_QUERY_NOT_FOUND" } },
      ],
    },
    "never",
    ["defect", "transient"],
    "200, but nothing was run: it wants the whole query",
  ),
  answered(
    "graphql, second of two mutations",
    200,
    {
      data: { first: { id: "1" }, second: null },
      errors: [
        { message: "See the reference.", path: ["second"], extensions: { code: "BAD_USER_INPUT" } },
      ],
    },
    "partial",
    "data",
    SPLIT,
    { done: 1 },
  ),
  answered(
    "graphql, a field of what was made",
    200,
    {
      data: { placeOrder: { id: "77", invoice: null } },
      errors: [
        {
          message: "See the reference.",
          path: ["placeOrder", "invoice"],
          extensions: { code: "INTERNAL_SERVER_ERROR" },
        },
      ],
    },
    "surely",
    "ambiguous",
    "the order is there with its number; only a field of the answer is lost",
    { works: true },
  ),
  answered(
    "graphql, only a sentence",
    200,
    {
      data: { placeOrder: null },
      errors: [{ message: "Customer is blocked for deliveries.", path: ["placeOrder"] }],
    },
    "never",
    ["policy", "data"],
    "200, but no order: the customer is blocked",
    {
      told: "words",
      or: [
        ["maybe", "ambiguous"],
        ["maybe", "transient"],
        ["maybe", "policy"],
      ],
    },
  ),
];

const ERRORS: readonly Answered[] = [
  answered(
    "json api, a parameter of ours",
    400,
    {
      errors: [
        { status: "400", source: { parameter: "include" }, title: "Invalid query parameter" },
      ],
    },
    "never",
    "defect",
    "our request asks for what is not served",
    { headers: { "content-type": "application/vnd.api+json" }, or: [["never", "data"]] },
  ),
  answered(
    "json api, several errors at once",
    500,
    {
      errors: [
        { status: "422", source: { pointer: "/data/attributes/vat" } },
        { status: "500", title: "Something broke" },
      ],
    },
    "maybe",
    ["transient", "data"],
    OPEN,
    { works: true, headers: { "content-type": "application/vnd.api+json" } },
  ),
  answered(
    "problem, quota exceeded",
    429,
    problem(registered("quota-exceeded"), 429, { "violated-policies": ["daily"] }),
    "never",
    ["exhausted", "throttled"],
    "a policy of quotas is violated: it comes back with the calendar",
    { headers: PROBLEM },
  ),
  answered(
    "problem, reduced capacity",
    503,
    problem(registered("temporary-reduced-capacity"), 503, { "violated-policies": ["hourly"] }),
    "never",
    ["throttled", "unavailable"],
    "for now it takes less than it has promised",
    {
      headers: { ...PROBLEM, "retry-after": "30" },
      or: [
        ["maybe", "throttled"],
        ["maybe", "unavailable"],
      ],
    },
  ),
  answered(
    "problem, our clock",
    400,
    problem(registered("date"), 400),
    "never",
    ["misconfigured", "defect"],
    "our clock is wrong: every request is refused until it is set",
    { headers: PROBLEM },
  ),
  answered(
    "problem, credit is spent",
    403,
    problem("https://example.com/probs/out-of-credit", 403, {
      balance: 30,
      accounts: ["/account/12345"],
    }),
    "never",
    ["exhausted", "policy", "data"],
    "the credit of this account is spent",
    { headers: PROBLEM },
  ),
  answered(
    "problem in xml",
    422,
    '<?xml version="1.0"?><problem xmlns="urn:ietf:rfc:7807"><type>https://example.com/probs/unknown-article</type><title>See the reference.</title><status>422</status></problem>',
    "never",
    "data",
    MEND,
    { headers: { "content-type": "application/problem+xml" } },
  ),
  answered(
    "problem without a type",
    409,
    problem("about:blank", 409, { detail: "The delivery has left the house." }),
    "never",
    ["data", "contention"],
    "the order is no longer in the state that ours takes for granted",
    { headers: PROBLEM, ...words },
  ),
  answered(
    "soap, code of a business",
    500,
    '<soap:Envelope xmlns:soap="http://www.w3.org/2003/05/soap-envelope"><soap:Body><soap:Fault><soap:Code><soap:Value>soap:Sender</soap:Value><soap:Subcode><soap:Value>ord:InvalidOrder</soap:Value></soap:Subcode></soap:Code></soap:Fault></soap:Body></soap:Envelope>',
    "never",
    ["data", "defect"],
    "the sender's fault, it says: refused before its work",
    {
      headers: { "content-type": "application/soap+xml" },
      or: [
        ["maybe", "data"],
        ["maybe", "defect"],
      ],
    },
  ),
];

/** A frame of trailers, in the form that is text. */
const frame = (text: string): string =>
  Buffer.from(`\u0080\0\0\0${String.fromCodePoint(text.length)}${text}`, "latin1").toString(
    "base64",
  );
const RPC_WEB = { "content-type": "application/grpc-web+proto" };
const RPC_WEB_TEXT = { "content-type": "application/grpc-web-text+proto" };

const RPC: readonly Answered[] = [
  answered(
    "grpc web, argument in the head",
    200,
    "",
    "never",
    "data",
    "200 is the envelope's: the argument is refused",
    {
      expect: "text",
      headers: { ...RPC_WEB, "grpc-status": "3", "grpc-message": "bad%20article" },
    },
  ),
  answered(
    "grpc web, unavailable in the head",
    200,
    "",
    "maybe",
    "unavailable",
    "200 is the envelope's: away, and what it did before is not said",
    { expect: "text", headers: { ...RPC_WEB, "grpc-status": "14", "grpc-message": "" } },
  ),
  answered(
    "grpc web, exhausted in the head",
    200,
    "",
    "never",
    ["throttled", "exhausted"],
    "200 is the envelope's: too much for now",
    {
      expect: "text",
      headers: { ...RPC_WEB, "grpc-status": "8", "grpc-retry-pushback-ms": "2000" },
    },
  ),
  answered(
    "grpc web, aborted in a frame",
    200,
    frame("grpc-status:10\r\ngrpc-message:lost\r\n"),
    "never",
    "contention",
    "200 is the envelope's: somebody else was first",
    {
      headers: RPC_WEB_TEXT,
      expect: "text",
      or: [
        ["maybe", "ambiguous"],
        ["maybe", "contention"],
      ],
    },
  ),
];

const MORE: readonly Answered[] = [
  answered(
    "webdav, one of two",
    207,
    '<?xml version="1.0"?><D:multistatus xmlns:D="DAV:"><D:response><D:href>/a</D:href><D:status>HTTP/1.1 201 Created</D:status></D:response><D:response><D:href>/b</D:href><D:status>HTTP/1.1 423 Locked</D:status></D:response></D:multistatus>',
    "partial",
    "contention",
    SPLIT,
    { done: 1, headers: XML },
  ),
  answered(
    "batch, all refused",
    207,
    {
      items: [
        { id: "a", status: 422, code: "VAT_UNKNOWN" },
        { id: "b", status: 422, code: "VAT_UNKNOWN" },
      ],
    },
    "never",
    "data",
    "207, but every item is refused",
    { done: 0 },
  ),
  answered("taken, with a place to look", 202, "", "maybe", "ambiguous", LATER, {
    headers: { "operation-location": "/operations/77", "retry-after": "10" },
  }),
  answered(
    "taken, and failed at once",
    202,
    { id: "op-77", status: "Failed", error: { code: "InvalidSku" } },
    "never",
    "data",
    "202, but its operation is over and has failed on the order",
    {
      or: [
        ["maybe", "ambiguous"],
        ["maybe", "data"],
      ],
    },
  ),
  answered(
    "moved after its work, as old pages do",
    302,
    "",
    "maybe",
    ["ambiguous", "misconfigured", "transient"],
    "302 to a page of thanks or of login: it does not say which",
    { works: true, headers: { location: "https://shop.invalid/thanks" } },
  ),
  answered(
    "moved without a place",
    307,
    "",
    "never",
    ["misconfigured", "permanent"],
    "to be sent elsewhere, unchanged, but it does not say where",
  ),
  answered(
    "moved to itself",
    308,
    "",
    "never",
    "misconfigured",
    "it points at itself: to be sent elsewhere, unchanged, for ever",
    { headers: { location: "/orders" } },
  ),
  answered(
    "nothing has changed",
    304,
    "",
    "maybe",
    ["defect", "permanent", "ambiguous"],
    "304 is no answer to what we sent",
  ),
  answered(
    "made, but only a part of the answer",
    206,
    { id: "77" },
    "surely",
    "ambiguous",
    "done, says the status; the answer is a part of one",
    { works: true, headers: { "content-range": "bytes 0-10/2000" } },
  ),
  answered(
    "made, and only its place told",
    201,
    "",
    "surely",
    "ambiguous",
    "made, says the status; its number has to be read from its place",
    { works: true, expect: "text", headers: { location: "/orders/77" } },
  ),
  answered(
    "stream of events that ends in an error",
    200,
    'event: accepted\ndata: {"id":"77"}\n\nevent: error\ndata: {"code":"overloaded"}\n\n',
    "maybe",
    ["transient", "ambiguous", "throttled"],
    "200 left first; then it gave up in the middle",
    {
      expect: "text",
      headers: { "content-type": "text/event-stream" },
    },
  ),
];

export const formScenarios = (counterpart: Counterpart): readonly Scenario[] => [
  ...answerScenarios(counterpart, "form", "node:http in the form of GraphQL", GRAPHQL),
  ...answerScenarios(counterpart, "form", "node:http in forms of errors", ERRORS),
  ...answerScenarios(counterpart, "form", "node:http in the form of gRPC-Web", RPC),
  ...answerScenarios(counterpart, "form", "node:http", MORE),
];
