/** Services that send mail, text messages and chat for others, in the forms that they document. */
import type { Scenario } from "../case.ts";
import type { Counterpart } from "../start-counterpart.ts";
import { answered, answerScenarios, words, type Answered } from "./fourth-answer.ts";

const ADDRESS = "somebody must mend the address";
const SETTING = "nothing of ours is sent until a setting changes";
const SPENT = "used up; only the calendar or money brings it back";
const WISH = "the recipient has asked for no more";

const sendgrid = (message: string, field: string | null = null) => ({
  errors: [{ message, field, help: null }],
});
const postmark = (ErrorCode: number, Message = "See the reference.") => ({ ErrorCode, Message });
const twilio = (code: number, status = 400) => ({
  code,
  message: "See the reference.",
  more_info: `https://www.twilio.com/docs/errors/${String(code)}`,
  status,
});
const vonage = (...statuses: readonly string[]) => ({
  "message-count": String(statuses.length),
  messages: statuses.map((status) => ({
    to: "447700900000",
    status,
    "error-text": "See the reference.",
  })),
});
const slack = (error: string) => ({ ok: false, error });
const meta = (code: number, more: object = {}) => ({
  error: {
    message: `(#${String(code)}) See the reference.`,
    type: "OAuthException",
    code,
    fbtrace_id: "Az8or2yhqkZfEZ-",
    ...more,
  },
});
const OWN_WORDS = "200, but not ok: it was refused";

const CASES: readonly Answered[] = [
  answered(
    "SendGrid, credits",
    401,
    sendgrid("Maximum credits exceeded"),
    "never",
    ["exhausted", "misconfigured"],
    SPENT,
    words,
  ),
  answered(
    "Mailgun, limit of the hour",
    429,
    {
      message:
        "Domain mg.example.org is not allowed to send: recipient limit exceeded, try again after 23h",
    },
    "never",
    ["exhausted", "throttled"],
    SPENT,
    words,
  ),
  answered("Postmark, inactive recipient", 422, postmark(406), "never", ["policy", "data"], WISH),
  answered("Postmark, no credits", 422, postmark(405), "never", "exhausted", SPENT),
  answered(
    "Postmark, one of a batch",
    200,
    [{ ErrorCode: 0, Message: "OK", MessageID: "b7bc2f4a" }, postmark(406)],
    "partial",
    ["policy", "data"],
    "one is sent, and one recipient wants no more",
    { done: 1 },
  ),
  answered("Twilio, region is not enabled", 400, twilio(21408), "never", "misconfigured", SETTING),
  answered("Twilio, messages of the day", 429, twilio(63038, 429), "never", "exhausted", SPENT),
  answered(
    "Vonage, throttled",
    200,
    vonage("1"),
    "never",
    "throttled",
    "200, but go slower, it says",
  ),
  answered(
    "Vonage, its own error",
    200,
    vonage("5"),
    "maybe",
    "transient",
    "200, but it failed while it had the message in hand",
    { works: true },
  ),
  answered(
    "Vonage, one of two parts",
    200,
    vonage("0", "1"),
    "partial",
    "throttled",
    "one part is sent, the other was too fast",
    { done: 1 },
  ),
  answered(
    "Slack, no such channel",
    200,
    slack("channel_not_found"),
    "never",
    ["data", "misconfigured"],
    OWN_WORDS,
  ),
  answered(
    "Slack, fatal error after its work",
    200,
    slack("fatal_error"),
    "maybe",
    "transient",
    "200, but it broke, and some of it may be done, as its documents say",
    { works: true },
  ),
  answered(
    "Slack, cut request",
    200,
    slack("request_timeout"),
    "never",
    ["transient", "defect"],
    "200, but our request came in cut, so it did not read it",
  ),
  answered(
    "Telegram, blocked by the user",
    403,
    { ok: false, error_code: 403, description: "Forbidden: bot was blocked by the user" },
    "never",
    ["policy", "data"],
    WISH,
    words,
  ),
  answered(
    "Firebase, device is gone",
    404,
    {
      error: {
        code: 404,
        message: "Requested entity was not found.",
        status: "NOT_FOUND",
        details: [
          {
            "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError",
            errorCode: "UNREGISTERED",
          },
        ],
      },
    },
    "never",
    "data",
    ADDRESS,
  ),
  answered(
    "WhatsApp, later than a day",
    400,
    meta(131047),
    "never",
    ["policy", "expired"],
    "after a day only approved texts may be sent",
  ),
  answered(
    "Meta, passing trouble",
    500,
    meta(2, { is_transient: true }),
    "maybe",
    ["transient", "unavailable"],
    "it failed for now, and says nothing of its work",
  ),
];

export const messageScenarios = (counterpart: Counterpart): readonly Scenario[] =>
  answerScenarios(counterpart, "message", "node:http in the forms of senders of messages", CASES);
