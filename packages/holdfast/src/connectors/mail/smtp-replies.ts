/** Replies of a mail server, by the table of the protocol. */
import type { Classified, RuleReference } from "../../core/failure.ts";
import { consult } from "../../core/protocol-table.ts";
import { SMTP_TABLE, type SmtpStage } from "../../core/protocols/smtp.ts";

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
  const enhanced = /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b/u.exec(reply.text)?.[1] ?? null;
  const verdict = consult(SMTP_TABLE, {
    code: enhanced,
    status: reply.code,
    phase: reply.stage,
    attempt: 1,
    holds: () => false,
  });
  if (verdict === null || verdict.says === null) return null;
  return { says: verdict.says, rule: verdict.rule, isSlow: verdict.row.isSlow ?? false };
}
