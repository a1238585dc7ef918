/**
 * Replies of a mail server and what they mean (failure model 2.8).
 *
 * A refusal is an answer: that recipient, or the whole message, was not taken. What ends without a
 * reply is judged by how far the message had got (smtp-failure.ts).
 * docs/reference/classification.md is checked against this table.
 */
import type { Classified, FailureClass, FailureScope, RuleReference } from "../../core/failure.ts";

/** Stamped on every classification; raise it when a row changes its meaning. */
export const SMTP_REPLIES_VERSION = 1;

/** What was asked for when the reply came. `message` is the final dot. */
export type SmtpStage = "connect" | "auth" | "sender" | "recipient" | "data" | "message";

export interface SmtpReplyRow {
  /** Stable id of the rule: `smtp/` and this. */
  readonly id: string;
  /** Reply codes, and ranges with both ends included. */
  readonly codes: readonly (number | readonly [number, number])[];
  /** Start of the enhanced status (RFC 3463), for example `5.1.`. */
  readonly enhanced?: string;
  readonly stages?: readonly SmtpStage[];
  readonly class: FailureClass;
  readonly scope: FailureScope;
  /** True if the sender should stay away for minutes: greylisting counts earlier tries as rude. */
  readonly isSlow?: true;
  readonly note?: string;
}

const ALL_ENDINGS = [[400, 599]] as const;

/** The first row that matches counts. */
export const SMTP_REPLIES: readonly SmtpReplyRow[] = [
  {
    id: "auth-refused",
    codes: ALL_ENDINGS,
    stages: ["auth"],
    class: "misconfigured",
    scope: "dependency",
    note: "454, 534, 535, 538 and all others: no second try, it may lock the account",
  },
  {
    id: "auth-needed",
    codes: [530, 534, 535, 538],
    class: "misconfigured",
    scope: "dependency",
  },
  {
    id: "no-service",
    codes: [421, 521, 554],
    stages: ["connect"],
    class: "unavailable",
    scope: "dependency",
    note: "the greeting refuses us",
  },
  { id: "closing", codes: [421], class: "throttled", scope: "dependency", isSlow: true },
  {
    id: "greylisted",
    codes: [[400, 499]],
    enhanced: "4.7.",
    class: "throttled",
    scope: "item",
    isSlow: true,
  },
  {
    id: "mailbox-busy",
    codes: [450, 451, 452],
    stages: ["recipient"],
    class: "throttled",
    scope: "item",
    isSlow: true,
    note: "this recipient, not the server",
  },
  {
    id: "server-busy",
    codes: [450, 451, 452],
    class: "throttled",
    scope: "dependency",
    isSlow: true,
  },
  { id: "later", codes: [[400, 499]], class: "transient", scope: "item" },
  { id: "bad-command", codes: [[500, 504], 555], class: "defect", scope: "item" },
  {
    id: "mailbox-full",
    codes: [[500, 599]],
    enhanced: "5.2.2",
    class: "exhausted",
    scope: "item",
    note: "data, if it lasts for three days",
  },
  { id: "too-large", codes: [[500, 599]], enhanced: "5.3.4", class: "data", scope: "item" },
  {
    id: "refused-by-policy",
    codes: [[500, 599]],
    enhanced: "5.7.",
    class: "policy",
    scope: "item",
  },
  {
    id: "bad-address",
    codes: [[500, 599]],
    enhanced: "5.1.",
    class: "data",
    scope: "item",
    note: "put it on the suppression list",
  },
  { id: "unknown-mailbox", codes: [550, 551, 553, 556], class: "data", scope: "item" },
  { id: "over-quota", codes: [552], class: "exhausted", scope: "item" },
  { id: "rejected", codes: [554], class: "policy", scope: "item", note: "spam or other policy" },
  { id: "refused", codes: [[500, 599]], class: "permanent", scope: "item" },
];

export interface SmtpReply {
  readonly code: number;
  /** The whole line, for example `550 5.1.1 no such user`. */
  readonly text: string;
  readonly stage: SmtpStage;
}

export interface ReplyVerdict {
  readonly says: Classified;
  readonly rule: RuleReference;
  readonly isSlow: boolean;
}

/** Null if the reply is no refusal (below 400) and so proves nothing. */
export function classifyReply(reply: SmtpReply): ReplyVerdict | null {
  const row = SMTP_REPLIES.find((each) => covers(each, reply));
  if (row === undefined) return null;
  return {
    says: {
      class: row.class,
      scope: row.scope,
      effect: "never",
      origin: "remote",
      reasonCode: `SMTP:${row.id.replaceAll("-", "_").toUpperCase()}`,
    },
    rule: { source: "table", id: `smtp/${row.id}`, version: SMTP_REPLIES_VERSION },
    isSlow: row.isSlow ?? false,
  };
}

function covers(row: SmtpReplyRow, reply: SmtpReply): boolean {
  const enhanced = /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b/u.exec(reply.text)?.[1] ?? "";
  return (
    row.codes.some((each) =>
      typeof each === "number"
        ? each === reply.code
        : reply.code >= each[0] && reply.code <= each[1],
    ) &&
    (row.enhanced === undefined || enhanced.startsWith(row.enhanced)) &&
    (row.stages === undefined || row.stages.includes(reply.stage))
  );
}
