/**
 * Replies of a mail server (failure model 2.8). A refusal is an answer: that recipient, or the whole
 * message, was not taken. What ends without a reply is never until the server has asked for the
 * content, and maybe from then on (RFC 1047). The first row that matches counts; the code is the
 * enhanced status of RFC 3463.
 */
import type { FailureClass, FailureScope } from "../failure.ts";
import { protocolTable, type ProtocolRow } from "../protocol-table.ts";
import type { StatusRange } from "../rule-match.ts";

/** What was asked for when the reply came. `message` is the final dot. */
export type SmtpStage = "connect" | "auth" | "sender" | "recipient" | "data" | "message";
type SmtpCondition = "no-reply" | "not-offered";
type Row = ProtocolRow<SmtpStage, SmtpCondition>;

const REPLIES = "RFC 5321 4.2";
const ENHANCED = "RFC 3463 3";
const AUTH = "RFC 4954 6";

function row(
  id: string,
  when: { readonly status: readonly StatusRange[] } & Pick<Row["when"], "code" | "phase">,
  failureClass: FailureClass,
  scope: FailureScope,
  rest: Pick<Row, "source"> & Partial<Pick<Row, "isSlow" | "note">>,
): Row {
  return { id, when, effect: "never", class: failureClass, scope, ...rest };
}

const FOUR: readonly StatusRange[] = [[400, 499]];
const FIVE: readonly StatusRange[] = [[500, 599]];
const BUSY = [450, 451, 452];
/** Of the address that it goes to, not of the sender's. 5.1.10: the domain takes no mail. */
const RECIPIENT = ["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"];
/** Registered for failed authentication of mail, 5.7.20 to 5.7.26, and a sender that takes no mail, 5.7.27. */
const UNPROVED = [20, 21, 22, 23, 24, 25, 26, 27].map((detail) => `5.7.${String(detail)}`);
/**
 * The sender's own side: 5.1.7 and 5.1.8 name its address; Exchange Online's 5.7.50x to 5.7.7xx name
 * its authentication, addresses of servers that are banned, its tenant.
 */
const SENDER = ["5.1.7", "5.1.8", "5.7.5*", "5.7.6*", "5.7.7*"];

export const SMTP_TABLE = protocolTable<SmtpStage, SmtpCondition>({
  id: "smtp",
  title: "Mail: what a reply means",
  prefix: "smtp",
  version: 3,
  pick: "first",
  reason: { domain: "SMTP", by: "id" },
  origin: "remote",
  phases: {
    connect: { evidence: "created", means: "the greeting" },
    auth: { evidence: "created", means: "AUTH" },
    sender: { evidence: "created", means: "MAIL FROM" },
    recipient: { evidence: "created", means: "RCPT TO" },
    data: { evidence: "created", means: "DATA" },
    message: { evidence: "sent", means: "the content and its final dot" },
  },
  phaseAssumed: "message",
  conditions: {
    "no-reply": "the connection ended, or its time was up, without a reply",
    "not-offered": "our own client found the message not fit to be offered",
  },
  rows: [
    {
      id: "reply-lost",
      when: { phase: ["message"], is: ["no-reply"] },
      effect: "by-phase",
      class: "ambiguous",
      scope: "item",
      origin: "network",
      source: "RFC 1047",
      note: "the server may have the whole message; duplicates come of repeating it",
    },
    {
      id: "auth-impossible",
      when: { code: ["EAUTH"], is: ["no-reply"] },
      effect: "by-phase",
      reasonCode: "SMTP:AUTH_REFUSED",
      class: "misconfigured",
      scope: "dependency",
      origin: "network",
      source: "Nodemailer, error codes",
      note: "the client has no credentials or no method that the server takes",
    },
    {
      id: "invalid-message",
      when: { is: ["no-reply", "not-offered"] },
      effect: "by-phase",
      class: "data",
      scope: "item",
      origin: "network",
      source: "Nodemailer, error codes",
      note: "no recipient, or a content that cannot be read",
    },
    {
      id: "unreachable",
      when: { is: ["no-reply"] },
      effect: "by-phase",
      reasonCode: "SMTP:NO_SERVICE",
      class: "unavailable",
      scope: "dependency",
      origin: "network",
      source: REPLIES,
      note: "the connection broke before the content was asked for",
    },
    row("auth-refused", { status: [[400, 599]], phase: ["auth"] }, "misconfigured", "dependency", {
      source: AUTH,
      note: "454, 534, 535, 538 and all others: no second try, it may lock the account",
    }),
    row("auth-needed", { status: [530, 534, 535, 538] }, "misconfigured", "dependency", {
      source: AUTH,
    }),
    row(
      "too-many",
      { status: [421], code: ["4.7.*"], phase: ["connect"] },
      "throttled",
      "dependency",
      {
        source: "RFC 3463 3.8",
        isSlow: true,
        note: "it would take the same message later: too many connections, deferred",
      },
    ),
    row(
      "no-service",
      { status: [421, 521, 554], phase: ["connect"] },
      "unavailable",
      "dependency",
      {
        source: "RFC 5321 3.1, RFC 7504 3",
        note: "the greeting refuses us",
      },
    ),
    row("closing", { status: [421] }, "throttled", "dependency", { source: REPLIES, isSlow: true }),
    row("greylisted", { status: FOUR, code: ["4.7.*"] }, "throttled", "item", {
      source: "RFC 6647 2",
      isSlow: true,
    }),
    row("mailbox-busy", { status: BUSY, phase: ["recipient"] }, "throttled", "item", {
      source: REPLIES,
      isSlow: true,
      note: "this recipient, not the server",
    }),
    row("server-busy", { status: BUSY }, "throttled", "dependency", {
      source: REPLIES,
      isSlow: true,
    }),
    row("later", { status: FOUR }, "transient", "item", { source: REPLIES }),
    row("bad-recipient", { status: FIVE, code: RECIPIENT }, "data", "item", {
      source: ENHANCED,
      note: "whatever the reply before it; put it on the suppression list",
    }),
    row("bad-command", { status: [[500, 504], 555] }, "defect", "item", { source: REPLIES }),
    row("bad-argument", { status: FIVE, code: ["5.5.2", "5.5.4"] }, "defect", "item", {
      source: "RFC 3463 3.6",
    }),
    row("sender-quota", { status: FIVE, code: ["5.4.5"] }, "exhausted", "dependency", {
      source: "Google Workspace, SMTP error reference",
      note: "what this account may send in a day is used up",
    }),
    row("mailbox-full", { status: FIVE, code: ["5.2.2*"] }, "exhausted", "item", {
      source: ENHANCED,
      note: "data, if it lasts for three days",
    }),
    row("too-large", { status: FIVE, code: ["5.2.3", "5.3.4*"] }, "data", "item", {
      source: ENHANCED,
    }),
    row("sender-refused", { status: FIVE, code: SENDER }, "misconfigured", "dependency", {
      source: "RFC 3463 3.2; Microsoft, Exchange Online NDRs",
      note: "every message from this sender fails alike until a setting changes",
    }),
    row("sender-unproved", { status: FIVE, code: UNPROVED }, "misconfigured", "dependency", {
      source: "RFC 7372 3, RFC 7505 4.2",
      note: "SPF, DKIM or reverse DNS of ours: every message fails alike",
    }),
    row("refused-by-policy", { status: FIVE, code: ["5.7.*"] }, "policy", "item", {
      source: ENHANCED,
    }),
    row("bad-address", { status: FIVE, code: ["5.1.*"] }, "data", "item", { source: ENHANCED }),
    row("bad-content", { status: FIVE, code: ["5.6.*"] }, "data", "item", { source: ENHANCED }),
    row("routing", { status: [554], code: ["5.4.*"] }, "misconfigured", "item", {
      source: ENHANCED,
      note: "too many hops, a loop: on the way to this recipient",
    }),
    row("unknown-mailbox", { status: [550, 551, 553, 556] }, "data", "item", { source: REPLIES }),
    row("over-quota", { status: [552] }, "exhausted", "item", { source: REPLIES }),
    row("rejected", { status: [554] }, "policy", "item", {
      source: REPLIES,
      note: "spam or other policy",
    }),
    row("refused", { status: FIVE }, "permanent", "item", { source: REPLIES }),
  ],
  examples: {
    "4.7.*": "4.7.1",
    "5.2.2*": "5.2.2",
    "5.3.4*": "5.3.4",
    "5.7.*": "5.7.1",
    "5.1.*": "5.1.9",
    "5.7.5*": "5.7.509",
    "5.7.6*": "5.7.606",
    "5.7.7*": "5.7.708",
    "5.4.*": "5.4.6",
    "5.6.*": "5.6.0",
  },
});
