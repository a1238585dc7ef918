/** What the mail connector throws when a message could not be delivered to everybody. */
import type { Classified, Evidence, Phase } from "../../core/failure.ts";
import { CallFailed, type Attempt, type CallFailedOptions } from "../../workflow/attempt.ts";
import { withoutSecrets } from "../secrets.ts";
import { classifyNodeError } from "../http/node-error.ts";
import { consult } from "../../core/protocol-table.ts";
import { SMTP_TABLE, type SmtpStage } from "../../core/protocols/smtp.ts";
import { classifyReply } from "./smtp-replies.ts";

/** A failed delivery, with the recipients on either side of it. */
export class MailCallFailed extends CallFailed {
  /** Recipients that the server took the message for. */
  readonly accepted: readonly string[];
  readonly rejected: readonly string[];

  constructor(
    options: CallFailedOptions,
    recipients: { readonly accepted: readonly string[]; readonly rejected: readonly string[] },
  ) {
    super(options);
    this.accepted = recipients.accepted;
    this.rejected = recipients.rejected;
  }
}

export interface FailedDelivery {
  readonly attempt: Attempt;
  /** How far the message got: `sent` from the first byte of its content on. */
  readonly phase: Phase;
  readonly recipients: readonly string[];
  readonly abortedBy?: "deadline" | "caller";
  /** Milliseconds to stay away after a "not now". */
  readonly slowWaitMs: number;
  /** Masked in whatever the server has said. */
  readonly secrets: readonly string[];
}

/** What nodemailer adds to its errors. */
interface SmtpErrorFields {
  readonly code: string;
  readonly command: string;
  readonly message: string;
  readonly responseCode: number | null;
  readonly response: string;
}

/** The whole message failed: refused by a reply, or cut off. */
export function failureOfDelivery(error: unknown, delivery: FailedDelivery): MailCallFailed {
  const fields = fieldsOf(error, delivery.secrets);
  // Before the content was asked for every refusal ends the message, whatever it answers.
  const stage = stageOf(fields) ?? (isUnsent(delivery) ? "sender" : null);
  const refusal =
    stage === null || fields.responseCode === null || delivery.abortedBy !== undefined
      ? null
      : classifyReply({ code: fields.responseCode, text: fields.response, stage });
  const recipients = { accepted: [], rejected: delivery.recipients };
  if (refusal !== null) {
    const evidence = {
      ...evidenceOf(delivery, fields),
      // Only the reply to the final dot answers the message itself.
      phase: stage === "message" ? ("answered" as const) : delivery.phase,
      ...(refusal.isSlow ? { retryAfterMs: delivery.slowWaitMs } : {}),
    };
    const table = { says: guarded(refusal.says, delivery.attempt), rule: refusal.rule };
    return new MailCallFailed(
      { message: `mail refused: ${fields.response}`, evidence, table, cause: error },
      recipients,
    );
  }
  return new MailCallFailed(cutOff(error, fields, delivery), recipients);
}

/** The message was taken for some recipients and not for others. */
export function partialFailure(
  delivery: FailedDelivery,
  accepted: readonly string[],
  refusals: readonly unknown[],
): MailCallFailed {
  const rejected = delivery.recipients.filter((address) => !accepted.includes(address));
  const fields = fieldsOf(refusals[0], delivery.secrets);
  const refusal = classifyReply({
    code: fields.responseCode ?? 550,
    text: fields.response,
    stage: "recipient",
  });
  const count = `${String(rejected.length)} of ${String(delivery.recipients.length)}`;
  const message = `mail refused for ${count} recipients: ${fields.response}`;
  return new MailCallFailed(
    {
      message,
      evidence: { ...evidenceOf(delivery, fields), phase: "answered" },
      table: {
        says: {
          class: refusal?.says.class ?? "data",
          effect: "partial",
          ...partsOf(delivery.recipients, accepted),
          origin: "remote",
          reasonCode: "SMTP:PARTIAL",
        },
        rule: refusal?.rule ?? {
          source: "table",
          id: "smtp/partial",
          version: SMTP_TABLE.version,
        },
      },
    },
    { accepted, rejected },
  );
}

/** Of a message to more recipients they are not told one by one. */
const RECIPIENTS_TOLD_MAX = 1_000;

/** By their place and not by their address: the name of a part is shown everywhere. */
function partsOf(
  recipients: readonly string[],
  accepted: readonly string[],
): Pick<Classified, "parts"> {
  if (recipients.length > RECIPIENTS_TOLD_MAX) return {};
  const parts = recipients.map((address, at) => {
    const effect = accepted.includes(address) ? ("surely" as const) : ("never" as const);
    return { name: `recipient ${String(at + 1)}`, effect };
  });
  return { parts };
}

/** No reply says how it ended: judged by the phase, like every broken connection. */
function cutOff(
  error: unknown,
  fields: SmtpErrorFields,
  delivery: FailedDelivery,
): CallFailedOptions {
  const evidence = evidenceOf(delivery, fields);
  const message = `mail not sent: ${evidence.message ?? "no reply"}`;
  return { message, evidence, table: verdictWithoutReply(error, fields, delivery), cause: error };
}

type Verdict = NonNullable<CallFailedOptions["table"]>;

function verdictWithoutReply(
  error: unknown,
  fields: SmtpErrorFields,
  delivery: FailedDelivery,
): Verdict {
  const isSent = !isUnsent(delivery);
  const known = classifyNodeError(error, {
    phase: delivery.phase,
    callCount: delivery.attempt.calls.count,
    attempt: delivery.attempt.number,
    isHostKnown: delivery.attempt.sentAt !== null,
    ...(delivery.abortedBy === undefined ? {} : { abortedBy: delivery.abortedBy }),
  });
  if (
    known.classified !== null &&
    known.rule !== null &&
    (!isSent || delivery.abortedBy === "caller")
  ) {
    return { says: known.classified, rule: known.rule };
  }
  const end = consult(SMTP_TABLE, {
    code: fields.code,
    status: null,
    phase: isSent ? "message" : "connect",
    attempt: delivery.attempt.number,
    holds: (condition) => condition === "no-reply" || isNotOffered(fields),
  });
  if (end === null || end.says === null) throw new Error("the table has a row for every such end");
  return { says: guarded(end.says, delivery.attempt), rule: end.rule };
}

/** Nodemailer has refused the message itself: nothing of it was asked of the server. */
function isNotOffered({ code, command }: SmtpErrorFields): boolean {
  return code === "EMESSAGE" || (code === "EENVELOPE" && command === "API");
}

function isUnsent({ phase }: FailedDelivery): boolean {
  return phase === "none" || phase === "created";
}

const MESSAGE_CHARS_MAX = 500;

function evidenceOf(delivery: FailedDelivery, fields: SmtpErrorFields): Evidence {
  const said = fields.response === "" ? fields.message : fields.response;
  return {
    phase: delivery.phase,
    ...(fields.responseCode === null ? {} : { status: fields.responseCode }),
    ...(fields.code === "" ? {} : { code: fields.code }),
    message: said.slice(0, MESSAGE_CHARS_MAX),
    callCount: delivery.attempt.calls.count,
  };
}

/** A second call of the same attempt may have done what this one did not. */
function guarded(says: Classified, attempt: Attempt): Classified {
  return says.effect === "never" && attempt.calls.count > 1 ? { ...says, effect: "maybe" } : says;
}

/**
 * What the reply answers, or null if the error is no reply to a command: a line that came unasked,
 * or one that was cut off with the connection, proves nothing.
 */
function stageOf({ code, command }: SmtpErrorFields): SmtpStage | null {
  if (code === "EAUTH") return "auth";
  if (code === "EMESSAGE") return "message";
  if (code === "EPROTOCOL") return command === "CONN" ? "connect" : null;
  if (code !== "EENVELOPE") return null;
  if (command === "MAIL FROM") return "sender";
  return command === "RCPT TO" ? "recipient" : "data";
}

function fieldsOf(error: unknown, secrets: readonly string[]): SmtpErrorFields {
  const field = (name: string): unknown =>
    typeof error === "object" && error !== null ? Reflect.get(error, name) : undefined;
  const text = (name: string): string => {
    const value = field(name);
    return typeof value === "string" ? value : "";
  };
  const responseCode = field("responseCode");
  return {
    code: text("code"),
    command: text("command"),
    message: withoutSecrets(text("message"), secrets),
    responseCode: typeof responseCode === "number" ? responseCode : null,
    response: withoutSecrets(text("response"), secrets),
  };
}
