/** Payment providers and banks, in the forms of error that they document. */
import type { Scenario } from "../case.ts";
import type { Counterpart } from "../start-counterpart.ts";
import { answered, answerScenarios, words, type Answered } from "./fourth-answer.ts";

const MEND = "this payment is refused as it stands: somebody must mend it";
const SETTING = "every payment fails alike until a setting changes";
const OPEN = "the provider failed, and says nothing of the payment";
const RULE = "somebody with authority forbids it, or has to agree first";

const adyen = (errorCode: string, errorType: string, message: string, status = 422) => ({
  status,
  errorCode,
  message,
  errorType,
  pspReference: "852596000000001A",
});
const paypal = (name: string, ...issues: readonly string[]) => ({
  name,
  message: "The request could not be completed.",
  debug_id: "90957fca61718",
  details: issues.map((issue) => ({ issue, description: "See the reference." })),
});
const square = (category: string, code: string, field?: string) => ({
  errors: [
    { category, code, detail: "See the reference.", ...(field === undefined ? {} : { field }) },
  ],
});
const stripe = (type: string, code: string, more: object = {}) => ({
  error: { type, code, message: "See the reference.", ...more },
});
const bank = (code: string, more: object = {}) => ({
  tppMessages: [{ category: "ERROR", code, text: "See the reference.", ...more }],
});

const CASES: readonly Answered[] = [
  answered(
    "Adyen, refused by the card's bank",
    200,
    {
      pspReference: "852596000000001B",
      resultCode: "Refused",
      refusalReason: "Refused",
      refusalReasonCode: "2",
    },
    "never",
    ["data", "policy"],
    "200, but its result says that nothing was paid: the customer needs another card",
  ),
  answered(
    "Adyen, refused as a fraud",
    200,
    {
      pspReference: "852596000000001C",
      resultCode: "Refused",
      refusalReason: "FRAUD",
      refusalReasonCode: "20",
    },
    "never",
    ["policy", "data"],
    "200, but its result says that a check for fraud refused it",
  ),
  answered(
    "Adyen, error at the card's bank",
    200,
    {
      pspReference: "852596000000001D",
      resultCode: "Error",
      refusalReason: "Issuer Unavailable",
      refusalReasonCode: "9",
    },
    "never",
    "transient",
    "200, but no payment: the card's bank could not be reached, which passes",
    {
      or: [
        ["maybe", "transient"],
        ["never", "unavailable"],
      ],
    },
  ),
  answered(
    "Adyen, merchant account",
    403,
    adyen("901", "security", "Invalid Merchant Account", 403),
    "never",
    "misconfigured",
    SETTING,
  ),
  answered(
    "Adyen, processed already or in progress",
    422,
    adyen("704", "validation", "request already processed or in progress"),
    "maybe",
    ["transient", "contention"],
    "a request with our reference is at work or done: only a look-up tells which",
    { works: true },
  ),
  answered(
    "PayPal, instrument declined",
    422,
    paypal("UNPROCESSABLE_ENTITY", "INSTRUMENT_DECLINED"),
    "never",
    ["data", "policy"],
    MEND,
  ),
  answered(
    "PayPal, compliance",
    422,
    paypal("UNPROCESSABLE_ENTITY", "COMPLIANCE_VIOLATION"),
    "never",
    "policy",
    RULE,
  ),
  answered(
    "PayPal, account restricted",
    422,
    paypal("UNPROCESSABLE_ENTITY", "PAYEE_ACCOUNT_RESTRICTED"),
    "never",
    ["misconfigured", "policy"],
    "our own account is restricted: no payment passes until that is settled",
  ),
  answered(
    "PayPal, internal error after the capture",
    500,
    paypal("INTERNAL_SERVER_ERROR", "INTERNAL_SERVICE_ERROR"),
    "maybe",
    "transient",
    OPEN,
    { works: true },
  ),
  answered(
    "PayPal, unavailable",
    503,
    paypal("SERVICE_UNAVAILABLE"),
    "maybe",
    "unavailable",
    "the service as a whole is away; what it did before is not said",
    { or: [["never", "unavailable"]] },
  ),
  answered(
    "Square, insufficient funds",
    402,
    square("PAYMENT_METHOD_ERROR", "INSUFFICIENT_FUNDS"),
    "never",
    ["data", "policy"],
    "this customer's card has no funds: another one is needed",
  ),
  answered(
    "Square, key used for another payment",
    400,
    square("INVALID_REQUEST_ERROR", "IDEMPOTENCY_KEY_REUSED", "idempotency_key"),
    "never",
    "defect",
    "our keys are made wrongly: this one names another payment",
  ),
  answered(
    "Mollie, amount too high",
    422,
    {
      status: 422,
      title: "Unprocessable Entity",
      detail: "The amount is higher than the maximum",
      field: "amount",
    },
    "never",
    ["data", "policy"],
    MEND,
    { headers: { "content-type": "application/hal+json" } },
  ),
  answered(
    "GoCardless, our key has made it already",
    409,
    {
      error: {
        type: "invalid_state",
        code: 409,
        errors: [
          {
            reason: "idempotent_creation_conflict",
            message: "A resource has already been created with this idempotency key",
            links: { conflicting_resource_id: "PM000123" },
          },
        ],
      },
    },
    "surely",
    "ambiguous",
    "it names what our key has made: done, by a request that somebody repeated on the way",
    {
      works: true,
      or: [
        ["maybe", "ambiguous"],
        ["maybe", "transient"],
      ],
    },
  ),
  answered(
    "Stripe, the cardholder has to confirm",
    402,
    stripe("card_error", "authentication_required", { decline_code: "authentication_required" }),
    "never",
    ["policy", "data"],
    "the holder of the card has to agree first",
  ),
  answered(
    "Stripe, processing error of the card's bank",
    402,
    stripe("card_error", "processing_error"),
    "never",
    "transient",
    "the bank failed on it and nothing was charged; the same may pass later",
    {
      or: [
        ["maybe", "transient"],
        ["never", "data"],
      ],
    },
  ),
  answered(
    "Stripe, balance of our account",
    400,
    stripe("invalid_request_error", "balance_insufficient"),
    "never",
    "exhausted",
    "our own balance is spent: only money helps",
  ),
  answered(
    "Stripe, refunded already",
    400,
    stripe("invalid_request_error", "charge_already_refunded"),
    "never",
    "data",
    "the charge is not in the state that the order takes for granted",
    { or: [["maybe", "ambiguous"]] },
  ),
  answered(
    "bank, consent is over",
    401,
    bank("CONSENT_EXPIRED"),
    "never",
    ["policy", "misconfigured", "expired"],
    "the holder of the account has to consent again",
  ),
  answered(
    "bank, accesses of the day",
    429,
    bank("ACCESS_EXCEEDED"),
    "never",
    ["exhausted", "throttled"],
    "the accesses that were agreed for a day are used up",
  ),
  answered(
    "bank, execution date in the past",
    400,
    bank("EXECUTION_DATE_INVALID"),
    "never",
    ["data", "expired"],
    "the day of the payment is over, or none of the bank's",
  ),
  answered(
    "transfer, rejected for want of balance",
    201,
    { type: "BALANCE", status: "REJECTED", errorCode: "transfer.insufficient_funds" },
    "never",
    ["exhausted", "data"],
    "201, but rejected: our balance is spent",
  ),
  answered(
    "Plaid, the bank is down",
    400,
    {
      error_type: "INSTITUTION_ERROR",
      error_code: "INSTITUTION_DOWN",
      display_message: "not responding",
      request_id: "m8MDnv9okwxFNBW",
    },
    "never",
    ["unavailable", "transient"],
    "the bank behind it is away; the aggregator refuses meanwhile",
    { or: [["maybe", "unavailable"]] },
  ),
  answered(
    "card terminal, refused in a sentence",
    400,
    { message: "The merchant of record is not allowed to sell this category of goods." },
    "never",
    ["policy", "data"],
    RULE,
    words,
  ),
];

export const paymentScenarios = (counterpart: Counterpart): readonly Scenario[] =>
  answerScenarios(counterpart, "payment", "node:http in the forms of payment providers", CASES);
