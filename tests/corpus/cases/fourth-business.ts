/** Customers, orders and stock: CRM, ERP over OData and others, e-commerce, in the forms that they document. */
import type { Scenario } from "../case.ts";
import type { Counterpart } from "../start-counterpart.ts";
import { answered, answerScenarios, words, type Answered } from "./fourth-answer.ts";

const MEND = "this record is refused as it stands: somebody must mend it";
const RACE = "somebody else changed it meanwhile: to be read anew";
const RULE = "a rule of the business forbids it";
const SPENT = "used up; only the calendar or money brings it back";
const SPLIT = "some items are done, and some are not";

const salesforce = (errorCode: string, fields: readonly string[] = []) => [
  { errorCode, message: "See the reference.", fields },
];
const hubspot = (category: string, more: object = {}) => ({
  status: "error",
  message: "See the reference.",
  correlationId: "aeb5f871-7f07-4993-9211-075dc63e7cbf",
  category,
  ...more,
});
const odata = (code: string, message = "See the reference.") => ({ error: { code, message } });
const sap = (code: string, value: string) => ({
  error: {
    code,
    message: { lang: "en", value },
    innererror: { transactionid: "1", errordetails: [{ code, message: value, severity: "error" }] },
  },
});
const odoo = (name: string, code = 200) => ({
  jsonrpc: "2.0",
  id: 7,
  error: {
    code,
    message: "Odoo Server Error",
    data: { name, message: "See the log.", arguments: [] },
  },
});
const quickbooks = (code: string, Message: string) => ({
  Fault: { Error: [{ Message, Detail: "See the reference.", code }], type: "ValidationFault" },
  time: "2026-11-30T00:00:00.000-08:00",
});
const shopify = (code: string) => ({
  errors: [
    { message: "See the reference.", extensions: { code, documentation: "https://example.org" } },
  ],
});
const amazon = (code: string) => ({
  errors: [{ code, message: "See the reference.", details: "" }],
});
const commercetools = (statusCode: number, code: string, more: object = {}) => ({
  statusCode,
  message: "See the reference.",
  errors: [{ code, message: "See the reference.", ...more }],
});

const CRM: readonly Answered[] = [
  answered(
    "Salesforce, locked for approval",
    400,
    salesforce("ENTITY_IS_LOCKED"),
    "never",
    ["policy", "contention"],
    "the record waits for somebody's approval",
  ),
  answered(
    "Salesforce, not found",
    404,
    salesforce("NOT_FOUND"),
    "never",
    ["permanent", "data", "misconfigured"],
    "the address names nothing: route or record, it does not say",
  ),
  answered(
    "Salesforce, composite rolled back as one",
    200,
    {
      compositeResponse: [
        { body: salesforce("PROCESSING_HALTED"), httpStatusCode: 400, referenceId: "account" },
        {
          body: salesforce("REQUIRED_FIELD_MISSING", ["LastName"]),
          httpStatusCode: 400,
          referenceId: "contact",
        },
      ],
    },
    "never",
    "data",
    "200, but every part says that it failed: nothing is kept",
    { done: 0 },
  ),
  answered(
    "Salesforce, one of two records",
    200,
    [
      { id: "001xx000003DGbYAAW", success: true, errors: [] },
      {
        success: false,
        errors: [{ statusCode: "DUPLICATES_DETECTED", message: "See the reference.", fields: [] }],
      },
    ],
    "partial",
    "data",
    SPLIT,
    { done: 1 },
  ),
  answered(
    "HubSpot, contact is there",
    409,
    hubspot("CONFLICT"),
    "never",
    ["data", "contention"],
    "a contact with this address is there already",
  ),
  answered(
    "HubSpot, calls of the day",
    429,
    hubspot("RATE_LIMITS", { errorType: "RATE_LIMIT", policyName: "DAILY" }),
    "never",
    ["exhausted", "throttled"],
    SPENT,
  ),
  answered(
    "HubSpot, account moves house",
    477,
    hubspot("MIGRATION_IN_PROGRESS"),
    "never",
    ["unavailable", "throttled", "transient"],
    "the account is being moved, for up to a day",
    { headers: { "retry-after": "3600" }, or: [["maybe", "unavailable"]] },
  ),
];

const ERP: readonly Answered[] = [
  answered(
    "SAP, stock is short",
    400,
    sap("M7/021", "Deficit of SL Unrestricted-use 5 PC : 4711 1010 101A"),
    "never",
    ["data", "contention"],
    "there is not so much of it in stock",
  ),
  answered(
    "SAP, posting period",
    400,
    sap("M7/053", "Posting only possible in periods 2026/11 and 2026/10 in company code 1010"),
    "never",
    "policy",
    "the period is closed",
  ),
  answered(
    "OData batch, changeset refused as one",
    202,
    [
      "--b1",
      "Content-Type: application/http",
      "",
      "HTTP/1.1 400 Bad Request",
      "Content-Type: application/json",
      "",
      '{"error":{"code":"SY/530","message":{"lang":"en","value":"Enter a valid sold-to party"}}}',
      "--b1--",
      "",
    ].join("\r\n"),
    "never",
    "data",
    "202 is the envelope's; inside, the changeset is refused as a whole",
    {
      done: 0,
      headers: { "content-type": "multipart/mixed; boundary=b1" },
      or: [
        ["maybe", "data"],
        ["maybe", "ambiguous"],
      ],
    },
  ),
  answered(
    "OData batch, one of two requests",
    200,
    {
      responses: [
        { id: "1", status: 201, body: { id: "77" } },
        { id: "2", status: 429, headers: { "Retry-After": "10" }, body: odata("TooManyRequests") },
      ],
    },
    "partial",
    "throttled",
    SPLIT,
    { done: 1 },
  ),
  answered(
    "Business Central, dialog of an extension",
    400,
    odata("Application_DialogException", "The credit limit of customer 10000 is exceeded."),
    "never",
    ["policy", "data"],
    RULE,
    words,
  ),
  answered(
    "Odoo, no access",
    200,
    odoo("odoo.exceptions.AccessError"),
    "never",
    ["misconfigured", "policy"],
    "200, but the user may not do this",
  ),
  answered(
    "Odoo, lost race",
    200,
    odoo("psycopg2.errors.SerializationFailure"),
    "never",
    "contention",
    "200, but its transaction lost a race and is undone",
  ),
  answered(
    "Odoo, bug of a module after its work",
    200,
    odoo("builtins.KeyError"),
    "maybe",
    ["transient", "permanent"],
    "200, but their code broke, and what it had done outside is not said",
    { works: true },
  ),
  answered("Xero, calls of the day", 429, "", "never", ["exhausted", "throttled"], SPENT, {
    headers: { "x-rate-limit-problem": "day", "retry-after": "43200" },
  }),
  answered(
    "QuickBooks, stale object",
    400,
    quickbooks("5010", "Stale Object Error"),
    "never",
    "contention",
    RACE,
  ),
  answered(
    "QuickBooks, books are closed",
    400,
    quickbooks("6210", "Account Period Closed"),
    "never",
    "policy",
    "the books of this period are closed",
  ),
];

const SHOP: readonly Answered[] = [
  answered(
    "Shopify, errors of the user",
    200,
    {
      data: {
        orderCreate: {
          order: null,
          userErrors: [
            {
              field: ["order", "lineItems"],
              message: "Line items must be present",
              code: "INVALID",
            },
          ],
        },
      },
    },
    "never",
    "data",
    "200, but no order: its input is refused",
  ),
  answered(
    "Shopify, throttled",
    200,
    shopify("THROTTLED"),
    "never",
    "throttled",
    "200, but go slower, it says",
  ),
  answered(
    "Shopify, query costs too much",
    200,
    shopify("MAX_COST_EXCEEDED"),
    "never",
    "defect",
    "200, but our query costs more than any may: it has to be cut up",
  ),
  answered(
    "Shopify, internal error after the order",
    200,
    shopify("INTERNAL_SERVER_ERROR"),
    "maybe",
    "transient",
    "200, but it failed, and says nothing of the order",
    { works: true },
  ),
  answered(
    "Amazon, quota of seconds",
    429,
    amazon("QuotaExceeded"),
    "never",
    ["throttled", "exhausted"],
    "its quota is a rate: the header says one in two seconds",
    { headers: { "x-amzn-ratelimit-limit": "0.5" } },
  ),
  answered(
    "eBay, business",
    409,
    {
      errors: [
        {
          errorId: 25604,
          domain: "API_INVENTORY",
          category: "BUSINESS",
          message: "See the reference.",
        },
      ],
    },
    "never",
    ["data", "policy"],
    "a rule about this offer refuses it",
  ),
  answered(
    "commercetools, over capacity",
    503,
    commercetools(503, "OverCapacity"),
    "never",
    ["throttled", "unavailable"],
    "it takes no more for now",
    {
      or: [
        ["maybe", "throttled"],
        ["maybe", "unavailable"],
      ],
    },
  ),
  answered(
    "commercetools, price changed",
    409,
    commercetools(409, "PriceChanged", { lineItems: ["li1"] }),
    "never",
    ["contention", "data"],
    RACE,
  ),
  answered(
    "UPS, a number for an error",
    400,
    {
      response: {
        errors: [{ code: "120202", message: "Missing or invalid ship to address line 1" }],
      },
    },
    "never",
    "data",
    MEND,
  ),
];

export const businessScenarios = (counterpart: Counterpart): readonly Scenario[] => [
  ...answerScenarios(counterpart, "crm", "node:http in the forms of CRMs", CRM),
  ...answerScenarios(counterpart, "erp", "node:http in the forms of ERPs", ERP),
  ...answerScenarios(counterpart, "shop", "node:http in the forms of shops", SHOP),
];
